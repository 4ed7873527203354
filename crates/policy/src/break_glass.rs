//! Breaking the glass: the one thing that takes a partner's rule out of force.

use std::sync::Arc;

use rustls_pki_types::UnixTime;
use serde::Serialize;

use crate::{Direction, PartnerName};

/// `[[break-glass]]`: for a while, and for a reason that somebody answers for, mail with a partner
/// may travel over less than its rule demands.
///
/// The rule is judged in full all the same, and what it would have refused is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// Whose rule it is.
    pub partner: PartnerName,
    /// Which way mail goes; both where nothing is said.
    pub direction: Option<Direction>,
    /// What is still demanded.
    pub allow: Lowered,
    /// Why.
    pub reason: Arc<str>,
    /// Who answers for it.
    pub approved_by: Arc<str>,
    /// Until when. After that the rule is in force again, without anybody doing anything.
    pub until: UnixTime,
}

/// What is left of a rule while the glass is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lowered {
    /// TLS, with anybody.
    Encrypted,
    /// Nothing.
    Any,
}

impl BreakGlass {
    /// Whether it is for mail of this partner in this direction, at `now`.
    pub(crate) fn holds(&self, partner: &PartnerName, direction: Direction, now: UnixTime) -> bool {
        self.partner == *partner
            && self.direction.is_none_or(|only| only == direction)
            && now < self.until
    }
}
