//! What is known of a next hop, and whether it is dialled.

use std::fmt;

use serde::Serialize;

use crate::{DaneFacts, Provenance};

/// A next hop with the facts that its plan stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NextHopExplanation {
    /// Its name or address.
    pub host: String,
    /// Who says that it takes the mail.
    pub provenance: Provenance,
    /// What DANE says of it.
    pub dane: DaneExplanation,
    /// Why it is not dialled, if so.
    pub refused: Option<String>,
    /// Why it would not be dialled if every rule were in force, if so.
    pub refused_if_enforced: Option<String>,
}

/// What DANE says of a next hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum DaneExplanation {
    /// Nothing, for this reason.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// It was proven that there are no records.
    Absent,
    /// These records count, or show at least that there is TLS.
    Records {
        /// The TLSA base domain.
        base: String,
        /// The records that count.
        usable: Vec<String>,
        /// The records that cannot be used, with why.
        unusable: Vec<String>,
    },
    /// It could not be found out, for this reason.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl From<&DaneFacts> for DaneExplanation {
    fn from(facts: &DaneFacts) -> Self {
        match facts {
            DaneFacts::NotApplicable(reason) => Self::NotApplicable {
                reason: reason.to_string(),
            },
            DaneFacts::Absent => Self::Absent,
            DaneFacts::Records(found) => {
                let unusable = found.records.unusable();
                Self::Records {
                    base: found.base.to_string(),
                    usable: found.records.usable().map(ToString::to_string).collect(),
                    unusable: unusable
                        .map(|(record, fault)| format!("{record}: {fault}"))
                        .collect(),
                }
            }
            DaneFacts::Unknown(reason) => Self::Unknown {
                reason: reason.to_string(),
            },
        }
    }
}

impl fmt::Display for NextHopExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "next hop {} ({}; {})",
            self.host, self.provenance, self.dane
        )?;
        match (&self.refused, &self.refused_if_enforced) {
            (Some(refused), _) => writeln!(f, "  is not dialled: {refused}"),
            (None, Some(refused)) => {
                writeln!(
                    f,
                    "  would not be dialled if every rule were in force: {refused}"
                )
            }
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for DaneExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotApplicable { reason } => write!(f, "no DANE: {reason}"),
            Self::Absent => f.write_str("no TLSA records"),
            Self::Records {
                base,
                usable,
                unusable,
            } => {
                write!(f, "TLSA of {base}: ")?;
                match (usable.as_slice(), unusable.as_slice()) {
                    ([], unusable) => write!(f, "none usable: {}", unusable.join("; ")),
                    (usable, []) => f.write_str(&usable.join(", ")),
                    (usable, unusable) => {
                        write!(
                            f,
                            "{}; not usable: {}",
                            usable.join(", "),
                            unusable.join("; ")
                        )
                    }
                }
            }
            Self::Unknown { reason } => write!(f, "DANE unknown: {reason}"),
        }
    }
}
