//! Whether a partner's rule is in force: its stage, and breaking the glass, which is the one
//! thing that takes an enforced rule out of force.

use std::sync::Arc;

use rustls_pki_types::UnixTime;
use serde::Serialize;

use crate::{
    ChannelDemand, ChannelLevel, Contribution, Direction, Grounds, Partner, PartnerName,
    Requirement, Source, Stage, WhyMeasured, rules::Rules,
};

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
    /// Whether it is for mail that goes this way.
    pub fn covers(&self, direction: Direction) -> bool {
        self.direction.is_none_or(|only| only == direction)
    }

    /// Whether it is for mail of this partner in this direction, at `now`.
    pub(crate) fn holds(&self, partner: &PartnerName, direction: Direction, now: UnixTime) -> bool {
        self.partner == *partner && self.covers(direction) && now < self.until
    }
}

/// Why the rule of a partner is not in force, if so.
pub(crate) fn measured(stage: Stage, broken: Option<&Arc<BreakGlass>>) -> Option<WhyMeasured> {
    match (stage, broken) {
        (Stage::Observe | Stage::Warn, _) => Some(WhyMeasured::Stage(stage)),
        (Stage::Enforce, Some(_)) => Some(WhyMeasured::BrokenGlass),
        (Stage::Enforce, None) => None,
    }
}

/// What would be in force if the partner's rule were, and what is: `full` holds the rule, and
/// `without` what there is without it. What is left while the glass is broken is part of both, so
/// that nothing is in force that does not take part.
pub(crate) fn in_force(
    rules: &Rules,
    direction: Direction,
    broken: Option<&Arc<BreakGlass>>,
    full: Arc<Requirement>,
    without: impl FnOnce() -> Arc<Requirement>,
) -> (Arc<Requirement>, Arc<Requirement>) {
    if measured(rules.partner.stage(), broken).is_none() {
        return (Arc::clone(&full), full);
    }
    match lowered(&rules.partner, direction, broken).map(Requirement::from) {
        None => (full, without()),
        Some(left) => (Arc::new(full.join(&left)), Arc::new(without().join(&left))),
    }
}

/// What is left of an enforced rule while the glass is broken; of a rule at an earlier stage
/// there is nothing in force that could be lowered. It never demands more than the rule does.
fn lowered(
    partner: &Partner,
    direction: Direction,
    broken: Option<&Arc<BreakGlass>>,
) -> Option<Contribution> {
    let broken = broken.filter(|_| partner.stage().stops_mail())?;
    let rule = match direction {
        Direction::Outbound => partner.outbound().require,
        Direction::Inbound => partner.inbound().require,
    };
    let channel = match (broken.allow, rule) {
        (Lowered::Any, _) | (_, ChannelLevel::Any) => ChannelDemand::Any,
        (Lowered::Encrypted, ChannelLevel::Encrypted | ChannelLevel::Authenticated) => {
            ChannelDemand::Encrypted
        }
    };
    let source = Source::BreakGlass(broken.partner.clone());
    let reason = format!("approved by {}: {}", broken.approved_by, broken.reason);
    let grounds = Grounds::BrokenGlass(Arc::clone(broken));
    Some(Contribution::new(source, channel, &reason, grounds))
}
