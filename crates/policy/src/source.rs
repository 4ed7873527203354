//! Where a demand comes from.

use std::{fmt, sync::Arc};

use postern_mail::{Domain, Foreign, Host};
use serde::Serialize;

use crate::PartnerName;

/// Whose demand a contribution is.
///
/// The sources that the network speaks through (TLSA records, MTA-STS policies, REQUIRETLS) need
/// no rule of precedence: a join cannot lower anything, whoever says it (RFC 8461 §2,
/// RFC 8689 §4.1).
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
    /// What is left of the rule of this partner while somebody has broken the glass.
    BreakGlass(PartnerName),
    /// The list of certificates that are refused.
    Denylist,
    /// The MTA-STS policy of this domain.
    MtaSts(Domain),
    /// The TLSA records of this host.
    Dane(Host),
    /// The sender, by REQUIRETLS.
    RequireTls,
}

impl Source {
    /// Whether the operator of this machine says it. What the network says can add to that and
    /// never takes from it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Default
            | Self::ListenerFloor(_)
            | Self::RouteFloor(_)
            | Self::PartnerRule(_)
            | Self::BreakGlass(_)
            | Self::Denylist => true,
            Self::MtaSts(_) | Self::Dane(_) | Self::RequireTls => false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::ListenerFloor(label) => write!(f, "listener {label}"),
            Self::RouteFloor(label) => write!(f, "route {label}"),
            Self::PartnerRule(name) => write!(f, "partner {name}"),
            Self::BreakGlass(name) => write!(f, "break-glass for partner {name}"),
            Self::Denylist => f.write_str("the list of refused certificates"),
            Self::MtaSts(domain) => write!(f, "MTA-STS of {domain}"),
            Self::Dane(host) => write!(f, "DANE of {host}"),
            Self::RequireTls => f.write_str("REQUIRETLS of the sender"),
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
