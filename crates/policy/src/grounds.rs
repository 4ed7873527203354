//! What a rule stands on: where it is written, who published it, and for how long it counts.

use std::sync::Arc;

use postern_tls::Date;
use serde::Serialize;

use crate::{BreakGlass, DaneRecords, Direction, KnownPolicy, Lowered, Stage, StsMode};

/// What a rule stands on. It is kept with the rule, and put into words only when somebody asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Told")]
pub enum Grounds {
    /// The configuration, under this key.
    Configuration(Key),
    /// An exception that the configuration makes for a while.
    BrokenGlass(Arc<BreakGlass>),
    /// A policy that the recipient's domain publishes.
    MtaSts(Arc<KnownPolicy>),
    /// The TLSA records of the next hop.
    Tlsa(DaneRecords),
    /// Nothing: what it would stand on could not be found out, or is not there.
    Nothing,
    /// The message itself.
    Message,
}

/// Where in the configuration a rule is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// `[tls]`
    Tls,
    /// `[[listener]]`
    Listener,
    /// `[[route]]`
    Route,
    /// `[partner.outbound]` or `[partner.inbound]`
    Partner(Direction),
}

impl Key {
    /// The heading as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "[tls]",
            Self::Listener => "[[listener]]",
            Self::Route => "[[route]]",
            Self::Partner(Direction::Outbound) => "[partner.outbound]",
            Self::Partner(Direction::Inbound) => "[partner.inbound]",
        }
    }
}

/// Why a rule is judged and not in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyMeasured {
    /// The partner is at this stage.
    Stage(Stage),
    /// The glass is broken.
    BrokenGlass,
    /// The policy is in testing mode (RFC 8461 §5).
    Testing,
    /// The sender wants the mail delivered whatever the recipient's domain publishes
    /// (`TLS-Required: No`, RFC 8689 §3).
    Waived,
}

impl std::fmt::Display for WhyMeasured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stage(stage) => write!(f, "stage {stage}"),
            Self::BrokenGlass => f.write_str("the glass is broken"),
            Self::Testing => f.write_str("testing mode"),
            Self::Waived => f.write_str("TLS-Required: No"),
        }
    }
}

/// What programs are told; moments are as people are told them.
#[derive(Serialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
enum Told {
    Configuration {
        key: &'static str,
    },
    BreakGlass {
        allow: Lowered,
        reason: Arc<str>,
        approved_by: Arc<str>,
        until: String,
    },
    MtaSts {
        domain: String,
        id: String,
        mode: StsMode,
        mx: Vec<String>,
        fetched: String,
        expires: String,
    },
    Tlsa {
        base: String,
        records: Vec<String>,
    },
    Nothing,
    Message,
}

impl From<Grounds> for Told {
    fn from(grounds: Grounds) -> Self {
        match grounds {
            Grounds::Configuration(key) => Self::Configuration { key: key.as_str() },
            Grounds::BrokenGlass(broken) => Self::BreakGlass {
                allow: broken.allow,
                reason: Arc::clone(&broken.reason),
                approved_by: Arc::clone(&broken.approved_by),
                until: Date(broken.until).to_string(),
            },
            Grounds::MtaSts(known) => Self::MtaSts {
                domain: known.domain.to_string(),
                id: known.id.to_string(),
                mode: known.policy.mode(),
                mx: known.policy.mx().iter().map(ToString::to_string).collect(),
                fetched: Date(known.fetched).to_string(),
                expires: Date(known.expires).to_string(),
            },
            Grounds::Tlsa(found) => Self::Tlsa {
                base: found.base.to_string(),
                records: found.records.records().map(ToString::to_string).collect(),
            },
            Grounds::Nothing => Self::Nothing,
            Grounds::Message => Self::Message,
        }
    }
}

/// What a sentence about the rule ends with: since when and until when it counts. Nothing where
/// the rest of the sentence says all.
impl std::fmt::Display for Grounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Configuration(key) => write!(f, " ({})", key.as_str()),
            Self::BrokenGlass(broken) => write!(f, ", until {}", Date(broken.until)),
            Self::MtaSts(known) => {
                let (fetched, expires) = (Date(known.fetched), Date(known.expires));
                write!(f, ", fetched {fetched}, expires {expires}")
            }
            Self::Tlsa(found) => write!(f, ", published at {}", found.base),
            Self::Nothing | Self::Message => Ok(()),
        }
    }
}
