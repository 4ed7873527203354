//! Where mail goes, and what keeps it from going there.

use postern_mail::{Domain, DomainPattern};
use serde::{Deserialize, Serialize};

use crate::{Failure, NoSuchPartner, Timestamp};

/// The destinations that are served or cannot be reached now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Destinations {
    /// A thousand at most: those that cannot be reached first.
    pub destinations: Vec<Destination>,
    /// How many more there are.
    pub left_out: usize,
}

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Destination {
    /// Where connections go: next hops, or whose MX records name them.
    pub to: String,
    /// How many connections stand.
    pub connections: usize,
    /// How many it may have at present.
    pub allowed: usize,
    /// How many messages are in line for it.
    pub in_line: usize,
    /// Its limits by the configuration; nothing while no mail is under way to it.
    pub limits: Option<Limits>,
    /// Why nothing goes there, where it cannot be reached.
    pub down: Option<Down>,
}

/// How fast a destination is given mail, at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Messages over one connection.
    pub messages_per_connection: Option<u32>,
    /// Messages within a time, as `600/m`.
    pub rate: Option<String>,
}

/// A destination could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Down {
    /// Since when.
    pub since: Timestamp,
    /// When the next message looks whether it can be reached again. The others wait for that.
    pub next_probe: Timestamp,
    /// How many attempts to reach it have failed in a row.
    pub attempts: u32,
    /// Why the last one did.
    pub failure: Failure,
}

/// Mail for some domains waits, because an operator said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Frozen {
    /// Which domains.
    pub domain: DomainPattern,
    /// The partner that was frozen, if it was a partner.
    pub partner: Option<String>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// All that is frozen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Freezer {
    /// What is frozen, in the order in which it was.
    pub frozen: Vec<Frozen>,
    /// What is wrong with the file that remembers it: something may have thawed that should not.
    pub trouble: Option<String>,
}

/// What is frozen, thawed or flushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// Mail for a domain, or for all below one.
    Domain(DomainPattern),
    /// Mail for a partner, by its name in the configuration.
    Partner(String),
    /// All mail.
    All,
}

/// An order to freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FreezeOrder {
    /// What. All mail cannot be frozen: that is what stopping the daemon is for.
    pub whose: Whose,
    /// Why. Whose mail is late is told so.
    pub reason: String,
}

/// An order to thaw, or to flush.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WhoseOrder {
    /// What.
    pub whose: Whose,
}

/// What keeps mail for a domain from going.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Delay {
    /// The domain.
    pub domain: Domain,
    /// It is frozen.
    pub frozen: Option<Frozen>,
    /// Where its mail goes cannot be reached.
    pub down: Option<DownDestination>,
}

impl Delay {
    /// Whether anything does.
    pub fn is_one(&self) -> bool {
        self.frozen.is_some() || self.down.is_some()
    }
}

/// Where a domain's mail goes, which cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DownDestination {
    /// Where connections go.
    pub to: String,
    /// Since when, and why.
    #[serde(flatten)]
    pub down: Down,
}

/// Why something could not be frozen, thawed or flushed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FreezeTrouble {
    /// There is no such partner.
    #[error(transparent)]
    NoSuchPartner(#[from] NoSuchPartner),
    /// What was asked for makes no sense.
    #[error("{0}")]
    BadOrder(String),
    /// It could not be written down, and so was not done: a restart would undo it.
    #[error("{0}")]
    Failed(String),
}
