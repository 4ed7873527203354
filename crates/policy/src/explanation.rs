//! A requirement told to people and programs.

use std::fmt;

use serde::Serialize;

use crate::{Contribution, Direction, Partner, PartnerName, Requirement, Source, Stage};

/// What was decided, by which rules, and why.
///
/// It is read off the requirement that was judged, not worked out again. [`fmt::Display`] is for
/// people, [`Serialize`] for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// Which way the mail goes.
    pub direction: Direction,
    /// The domain that the rules were looked up for; none for the null reverse-path.
    pub domain: Option<String>,
    /// The partner that the domain belongs to.
    pub partner: Option<PartnerName>,
    /// How far that partner's rules have been rolled out.
    pub stage: Option<Stage>,
    /// What all rules together demand.
    pub demanded: Demanded,
    /// What is in force, where the stage makes that less.
    pub in_force: Option<Demanded>,
    /// Every rule that took part.
    pub rules: Vec<RuleExplanation>,
    /// What came of it, in the words of logs and notices; none before a channel was judged.
    pub outcome: Vec<String>,
}

/// A requirement, axis by axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Demanded {
    /// The level.
    pub channel: Axis,
    /// Who the peer must prove to be.
    pub identity: Axis,
    /// The crypto profile.
    pub profile: Axis,
    /// The hosts that mail may be handed to.
    pub hosts: Axis,
}

/// What is demanded on one axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Axis {
    /// The demand.
    pub demand: String,
    /// The rules that made it so.
    pub decided_by: Vec<Source>,
}

/// What one rule contributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RuleExplanation {
    /// Whose rule it is.
    pub source: Source,
    /// Why it took part.
    pub reason: String,
    /// Whether it is in force or only measured.
    pub effect: Effect,
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

impl Explanation {
    pub(crate) fn new(direction: Direction, full: &Requirement, enforced: &Requirement) -> Self {
        Self {
            direction,
            domain: None,
            partner: None,
            stage: None,
            demanded: Demanded::by(full),
            in_force: (full != enforced).then(|| Demanded::by(enforced)),
            rules: full
                .contributions()
                .map(|contribution| RuleExplanation::of(contribution, enforced))
                .collect(),
            outcome: Vec::new(),
        }
    }

    pub(crate) fn about(mut self, domain: String) -> Self {
        self.domain = Some(domain);
        self
    }

    pub(crate) fn of_partner(mut self, partner: Option<&Partner>) -> Self {
        self.partner = partner.map(|partner| partner.name().clone());
        self.stage = partner.map(Partner::stage);
        self
    }

    /// The same, with what came of it: a basis, a refusal.
    #[must_use]
    pub fn with_outcome(mut self, outcome: impl fmt::Display) -> Self {
        self.outcome.push(outcome.to_string());
        self
    }
}

impl Demanded {
    fn by(requirement: &Requirement) -> Self {
        let level = requirement.level();
        let channel = Axis {
            demand: level.to_string(),
            decided_by: requirement.sources(|rule| rule.channel().level() == level),
        };
        let identity = Axis {
            demand: requirement
                .identity()
                .map_or_else(|| "anybody".to_owned(), ToString::to_string),
            decided_by: requirement.sources(|rule| rule.channel().identity().is_some()),
        };
        let hosts = Axis {
            demand: requirement.hosts().to_string(),
            decided_by: requirement.sources(|rule| !rule.hosts().is_any()),
        };
        Self {
            channel,
            identity,
            profile: profile(requirement),
            hosts,
        }
    }
}

/// A rule whose profile is the whole intersection decided it alone; otherwise all did together.
fn profile(requirement: &Requirement) -> Axis {
    let is_all = |rule: &Contribution| {
        rule.profile()
            .is_some_and(|profile| profile.bounds() == requirement.bounds())
    };
    let alone = requirement.contributions().any(is_all);
    let decided = |rule: &Contribution| {
        if alone {
            is_all(rule)
        } else {
            rule.profile().is_some()
        }
    };
    let names: Vec<_> = requirement
        .contributions()
        .filter(|rule| decided(rule))
        .filter_map(|rule| Some(rule.profile()?.name()))
        .collect();
    Axis {
        demand: names.join(" and "),
        decided_by: requirement.sources(decided),
    }
}

impl RuleExplanation {
    fn of(rule: &Contribution, enforced: &Requirement) -> Self {
        let in_force = enforced.contributions().any(|other| other == rule);
        Self {
            source: rule.source().clone(),
            reason: rule.reason().to_owned(),
            effect: if in_force {
                Effect::InForce
            } else {
                Effect::Measured
            },
            channel: rule.channel().level().to_string(),
            identity: rule.channel().identity().map(ToString::to_string),
            profile: rule.profile().map(|profile| profile.name().to_owned()),
            hosts: (!rule.hosts().is_any()).then(|| rule.hosts().to_string()),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preposition = match self.direction {
            Direction::Outbound => "to",
            Direction::Inbound => "from",
        };
        let domain = self.domain.as_deref().unwrap_or("<>");
        match (&self.partner, self.stage) {
            (Some(partner), Some(stage)) => {
                writeln!(
                    f,
                    "{preposition} {domain}: partner {partner}, stage {stage}"
                )?;
            }
            (Some(_), None) | (None, _) => writeln!(f, "{preposition} {domain}: no partner")?,
        }
        write!(f, "{}", self.demanded)?;
        if let Some(in_force) = &self.in_force {
            write!(f, "of which is in force:\n{in_force}")?;
        }
        writeln!(f, "rules that took part:")?;
        for rule in &self.rules {
            writeln!(f, "  {rule}")?;
        }
        for outcome in &self.outcome {
            writeln!(f, "outcome: {outcome}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Demanded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes = [
            ("channel", &self.channel),
            ("identity", &self.identity),
            ("profile", &self.profile),
            ("hosts", &self.hosts),
        ];
        for (name, axis) in axes {
            writeln!(f, "  {name:<9} {axis}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.demand)?;
        for (at, source) in self.decided_by.iter().enumerate() {
            write!(f, "{}{source}", if at == 0 { "  (" } else { ", " })?;
        }
        f.write_str(if self.decided_by.is_empty() { "" } else { ")" })
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
        let effect = match self.effect {
            Effect::InForce => "",
            Effect::Measured => ", measured only",
        };
        write!(f, "; {}{effect}", self.reason)
    }
}
