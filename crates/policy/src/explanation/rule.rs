//! One rule of those that took part.

use std::fmt;

use serde::Serialize;

use crate::{Contribution, Grounds, Requirement, Source, WhyMeasured};

/// What one rule contributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RuleExplanation {
    /// Whose rule it is.
    pub source: Source,
    /// Why it took part.
    pub reason: String,
    /// What it stands on: where it is written, or what was published, and until when it counts.
    pub grounds: Grounds,
    /// Whether it is in force or only measured.
    pub effect: Effect,
    /// Why it is only measured, if so.
    pub measured_because: Option<WhyMeasured>,
    /// The level it demands.
    pub channel: String,
    /// The identity it demands.
    pub identity: Option<String>,
    /// The crypto profile it demands.
    pub profile: Option<String>,
    /// The hosts it allows, where it does not allow all.
    pub hosts: Option<String>,
}

/// Whether a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// A channel must meet it.
    InForce,
    /// It is judged, and a failure stops nothing.
    Measured,
}

impl RuleExplanation {
    pub(super) fn of(
        rule: &Contribution,
        enforced: &Requirement,
        measured: impl Fn(&Source) -> Option<WhyMeasured>,
    ) -> Self {
        let in_force = enforced.contributions().any(|other| other == rule);
        let (effect, measured_because) = if in_force {
            (Effect::InForce, None)
        } else {
            (Effect::Measured, measured(rule.source()))
        };
        Self {
            source: rule.source().clone(),
            reason: rule.reason().to_owned(),
            grounds: rule.grounds().clone(),
            effect,
            measured_because,
            channel: rule.channel().level().to_string(),
            identity: rule.channel().identity().map(ToString::to_string),
            profile: rule.profile().map(|profile| profile.name().to_owned()),
            hosts: (!rule.hosts().is_any()).then(|| rule.hosts().to_string()),
        }
    }
}

impl fmt::Display for RuleExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: channel {}", self.source, self.channel)?;
        let others = [
            ("identity", &self.identity),
            ("profile", &self.profile),
            ("hosts", &self.hosts),
        ];
        for (name, demand) in others {
            if let Some(demand) = demand {
                write!(f, ", {name} {demand}")?;
            }
        }
        write!(f, "; {}{}", self.reason, self.grounds)?;
        match (self.effect, &self.measured_because) {
            (Effect::InForce, _) => Ok(()),
            (Effect::Measured, None) => f.write_str(", measured only"),
            (Effect::Measured, Some(why)) => write!(f, ", measured only: {why}"),
        }
    }
}
