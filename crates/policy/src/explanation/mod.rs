//! A requirement told to people and programs.

mod next_hop;
mod rule;

use std::fmt;

use postern_mail::Domain;
use serde::Serialize;

pub use next_hop::{DaneExplanation, NextHopExplanation};
pub use rule::{Effect, RuleExplanation};

use crate::{
    Contribution, Direction, Partner, PartnerName, Requirement, Source, Stage, WhyMeasured,
};

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
    /// Whose the domain would be, were it not excepted.
    pub excepted: Option<Excepted>,
    /// What all rules together demand.
    pub demanded: Demanded,
    /// What is in force, where that is less: because of a stage, broken glass, a policy under
    /// test, or a sender who waives it.
    pub in_force: Option<Demanded>,
    /// Every rule that took part.
    pub rules: Vec<RuleExplanation>,
    /// What is known of the next hop, where one was looked at.
    pub next_hop: Option<NextHopExplanation>,
    /// What came of it, in the words of logs and notices; none before a channel was judged.
    pub outcome: Vec<String>,
    /// What would have come of it if every rule were in force, where that is something else.
    pub if_enforced: Option<String>,
}

/// A domain that a partner's patterns match, and that is not the partner's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Excepted {
    /// The partner.
    pub partner: PartnerName,
    /// The exception, as it is written.
    pub by: String,
}

impl Excepted {
    pub(crate) fn of(partner: &Partner, domain: &Domain) -> Option<Self> {
        Some(Self {
            partner: partner.name().clone(),
            by: partner.exception(domain)?.to_string(),
        })
    }
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

impl Explanation {
    /// `measured` says why what a source demands is not in force; it is asked about what is not.
    pub(crate) fn new(
        direction: Direction,
        full: &Requirement,
        enforced: &Requirement,
        measured: impl Fn(&Source) -> Option<WhyMeasured>,
    ) -> Self {
        Self {
            direction,
            domain: None,
            partner: None,
            stage: None,
            excepted: None,
            demanded: Demanded::by(full),
            in_force: (full != enforced).then(|| Demanded::by(enforced)),
            rules: full
                .contributions()
                .map(|contribution| RuleExplanation::of(contribution, enforced, &measured))
                .collect(),
            next_hop: None,
            outcome: Vec::new(),
            if_enforced: None,
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

    pub(crate) fn excepted(mut self, excepted: Option<Excepted>) -> Self {
        self.excepted = excepted;
        self
    }

    pub(crate) fn at(mut self, next_hop: NextHopExplanation) -> Self {
        self.next_hop = Some(next_hop);
        self
    }

    pub(crate) fn if_enforced(mut self, told: Option<String>) -> Self {
        self.if_enforced = told;
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
        if let Some(Excepted { partner, by }) = &self.excepted {
            writeln!(f, "excepted from the domains of partner {partner} by {by}")?;
        }
        write!(f, "{}", self.demanded)?;
        if let Some(in_force) = &self.in_force {
            write!(f, "of which is in force:\n{in_force}")?;
        }
        writeln!(f, "rules that took part:")?;
        for rule in &self.rules {
            writeln!(f, "  {rule}")?;
        }
        if let Some(next_hop) = &self.next_hop {
            write!(f, "{next_hop}")?;
        }
        for outcome in &self.outcome {
            writeln!(f, "outcome: {outcome}")?;
        }
        match &self.if_enforced {
            Some(told) => writeln!(f, "if every rule were in force: {told}"),
            None => Ok(()),
        }
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
