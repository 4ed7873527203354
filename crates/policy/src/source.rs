//! Where a demand comes from.

use std::{fmt, sync::Arc};

use postern_mail::Foreign;
use serde::Serialize;

use crate::PartnerName;

/// Whose demand a contribution is.
///
/// Sources that the network speaks through (TLSA records, MTA-STS policies, REQUIRETLS) are
/// further variants when they come. They need no rule of precedence: a join cannot lower
/// anything, whoever says it (RFC 8461 §2, RFC 8689 §4.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// What holds for everybody.
    Default,
    /// The listener that the peer came to.
    ListenerFloor(Label),
    /// The route that the message takes.
    RouteFloor(Label),
    /// The rule of this partner.
    PartnerRule(PartnerName),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::ListenerFloor(label) => write!(f, "listener {label}"),
            Self::RouteFloor(label) => write!(f, "route {label}"),
            Self::PartnerRule(name) => write!(f, "partner {name}"),
        }
    }
}

/// How the configuration tells one route or one listener from another: its domains, its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Label(Arc<str>);

impl Label {
    /// A label of this text, which is made to stay on its line.
    pub fn new(text: &str) -> Self {
        Self(Foreign::new(text).to_string().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
