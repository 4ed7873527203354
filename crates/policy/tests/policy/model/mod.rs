//! Every verdict of a small world, held against a page that says what it should be.
//!
//! The pages ([`outbound::needs`], [`inbound::objections`]) are written from the RFCs and the
//! decisions of the product, and share nothing with the policy: no join, no constraint, no
//! stage that changes what a requirement holds. They may be read as its truth table.

mod inbound;
mod outbound;

use postern_policy::{BreakGlass, ChannelLevel, IdentityTerms, Lowered, Partner, Policy, Stage};
use rustls_pki_types::UnixTime;

use crate::{
    peers::{PINS, now},
    policies,
};

/// A partner's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Any,
    Encrypted,
    /// By the name that the right certificate is for.
    Name,
    /// By the name that the other certificate is for.
    OtherName,
    /// By the key that the right certificate holds.
    Key,
    /// By a key that nobody here holds.
    OtherKey,
    /// By TLSA records.
    Dane,
}

impl Rule {
    fn level(self) -> ChannelLevel {
        match self {
            Self::Any => ChannelLevel::Any,
            Self::Encrypted => ChannelLevel::Encrypted,
            Self::Name | Self::OtherName | Self::Key | Self::OtherKey | Self::Dane => {
                ChannelLevel::Authenticated
            }
        }
    }

    fn identity(self) -> IdentityTerms {
        let pin = |pin| IdentityTerms {
            pins: vec![pin],
            ..IdentityTerms::default()
        };
        match self {
            Self::Any | Self::Encrypted | Self::Dane => IdentityTerms::default(),
            Self::Name => policies::names(&["mx1.ministry.example"]),
            Self::OtherName => policies::names(&["mx.evil.test"]),
            Self::Key => pin(PINS[0]),
            Self::OtherKey => pin(PINS[1]),
        }
    }
}

/// Somebody at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Plain,
    SelfSigned,
    Right,
    /// A sound certificate for another name.
    Other,
}

const CHANNELS: [Channel; 4] = [
    Channel::Plain,
    Channel::SelfSigned,
    Channel::Right,
    Channel::Other,
];

impl Channel {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "offers no STARTTLS",
            Self::SelfSigned => "self-signed",
            Self::Right => "right",
            Self::Other => "other name",
        }
    }
}

const STAGES: [Stage; 3] = [Stage::Observe, Stage::Warn, Stage::Enforce];
const GLASS: [Option<Lowered>; 3] = [None, Some(Lowered::Encrypted), Some(Lowered::Any)];

/// A policy with this partner, and this much of its glass broken.
fn policy(partners: Vec<Partner>, glass: Option<Lowered>) -> Policy {
    let until = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now().as_secs() + 3600));
    let broken = glass.map(|allow| BreakGlass {
        partner: "Ministry of Examples".parse().unwrap(),
        direction: None,
        allow,
        reason: "it must be".into(),
        approved_by: "A. Officer".into(),
        until,
    });
    let policy = policies::policy(partners);
    policy
        .with_broken_glass(broken.into_iter().collect())
        .unwrap()
}

/// All of `first` with all of `second`.
fn with<A: Copy, B: Copy>(first: &[A], second: &[B]) -> Vec<(A, B)> {
    let pairs = first.iter().flat_map(|a| second.iter().map(|b| (*a, *b)));
    pairs.collect()
}
