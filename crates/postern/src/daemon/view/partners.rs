//! Partners: what their rules demand, and how these fared.

use postern_admin::{
    BreakGlassStatus, CertificateExpiry, DirectionLine, FailureReason, Measured, NoSuchPartner,
    Partner, PartnerDirection, PartnerDomains, PartnerLine, PartnerPage, Readiness,
    ReadinessVerdict,
};
use postern_policy::{ChannelLevel, Dane, Direction, Exclusivity, IdentityTerms, PartnerName};
use postern_reports::ledger::{self, PartnerStanding};

use super::{View, nearest::nearest};
use crate::{whose::partner_domains, words};

/// The most partners in one answer.
const PAGE: usize = 500;

impl View<'_> {
    /// The partners from the place `from` on.
    pub(in super::super) fn partners(&self, from: usize) -> PartnerPage {
        let mut partners = self.policy.partners().skip(from);
        let page = partners.by_ref().take(PAGE).map(|it| self.line(it));
        PartnerPage {
            partners: page.collect(),
            next: partners.next().map(|_| from.saturating_add(PAGE)),
        }
    }

    /// The partner of this name.
    pub(in super::super) fn partner(&self, name: &str) -> Result<Partner, NoSuchPartner> {
        let parsed: Option<PartnerName> = name.parse().ok();
        let found = parsed.and_then(|name| self.policy.partner(&name));
        let Some(partner) = found else {
            return Err(self.no_such_partner(name));
        };
        let strings = |patterns: &[postern_mail::DomainPattern]| {
            patterns.iter().map(ToString::to_string).collect()
        };
        let standings = self.standings(partner);
        let direction = |direction| self.direction(partner, direction, &standings);
        Ok(Partner {
            name: partner.name().to_string(),
            stage: partner.stage().as_str().to_owned(),
            domains: strings(partner.domains()),
            except: strings(partner.except()),
            contact: partner.contact().map(ToString::to_string),
            outbound: direction(Direction::Outbound),
            inbound: direction(Direction::Inbound),
        })
    }

    /// Which domains the partner's mail is for.
    pub(in super::super) fn partner_domains(
        &self,
        name: &str,
    ) -> Result<PartnerDomains, NoSuchPartner> {
        partner_domains(self.policy, name).ok_or_else(|| self.no_such_partner(name))
    }

    fn no_such_partner(&self, name: &str) -> NoSuchPartner {
        let names = self.policy.partners().map(|it| it.name().as_str());
        NoSuchPartner {
            name: name.to_owned(),
            nearest: nearest(name, names),
        }
    }

    fn standings(&self, partner: &postern_policy::Partner) -> Vec<PartnerStanding> {
        let name = partner.name().as_str();
        self.holdings.ledger.partner(name, self.now)
    }

    fn line(&self, partner: &postern_policy::Partner) -> PartnerLine {
        let standings = self.standings(partner);
        let line = |direction| {
            let rule = partner.rule_in_words(direction);
            let standing = standing(&standings, direction);
            let record = standing.map(|it| &it.record);
            let record = record.filter(|it| it.is_under(rule));
            DirectionLine {
                require: Terms::of(partner, direction).require.to_string(),
                attempts: record.map_or(0, |it| it.attempts),
                met: record.map_or(0, |it| it.met),
                not_met: record.map_or(0, |it| it.would_have_failed + it.failed),
                break_glass: self
                    .broken_glass(partner, direction)
                    .any(|entry| entry.active),
                readiness: readiness(standing, rule),
            }
        };
        PartnerLine {
            name: partner.name().to_string(),
            stage: partner.stage().as_str().to_owned(),
            outbound: line(Direction::Outbound),
            inbound: line(Direction::Inbound),
        }
    }

    fn direction(
        &self,
        partner: &postern_policy::Partner,
        direction: Direction,
        standings: &[PartnerStanding],
    ) -> PartnerDirection {
        let terms = Terms::of(partner, direction);
        let lists = terms.identity.revocation.iter();
        let lists = lists.flat_map(|check| check.sources());
        let standing = standing(standings, direction);
        let rule = partner.rule_in_words(direction);
        PartnerDirection {
            require: terms.require.to_string(),
            terms: terms.in_words(partner, direction),
            break_glass: self.broken_glass(partner, direction).collect(),
            revocation: lists.map(|source| self.revocation_list(source)).collect(),
            measured: standing.map(|it| measured(it, rule)),
            readiness: readiness(standing, rule),
        }
    }

    fn broken_glass(
        &self,
        partner: &postern_policy::Partner,
        direction: Direction,
    ) -> impl Iterator<Item = BreakGlassStatus> {
        let now = self.unix_time();
        let name = partner.name().clone();
        let entries = self.policy.exceptions().into_iter();
        entries
            .filter(move |entry| entry.partner == name && entry.covers(direction))
            .map(move |entry| words::break_glass(entry, now))
    }
}

/// What one direction of a partner demands.
struct Terms<'a> {
    require: ChannelLevel,
    identity: &'a IdentityTerms,
}

impl<'a> Terms<'a> {
    fn of(partner: &'a postern_policy::Partner, direction: Direction) -> Self {
        let (require, identity) = match direction {
            Direction::Outbound => (partner.outbound().require, &partner.outbound().identity),
            Direction::Inbound => (partner.inbound().require, &partner.inbound().identity),
        };
        Self { require, identity }
    }

    fn in_words(&self, partner: &postern_policy::Partner, direction: Direction) -> Vec<String> {
        let identity = self.identity;
        let mut words = Vec::new();
        let mut add = |what: &str, values: Vec<String>| {
            if !values.is_empty() {
                words.push(format!("{what} {}", values.join(" or ")));
            }
        };
        add(
            "name",
            identity.names.iter().map(ToString::to_string).collect(),
        );
        add(
            "key",
            identity.pins.iter().map(ToString::to_string).collect(),
        );
        add(
            "trust",
            identity
                .trust
                .iter()
                .map(|it| it.label().to_owned())
                .collect(),
        );
        add(
            "certificates",
            identity
                .revocation
                .iter()
                .map(ToString::to_string)
                .collect(),
        );
        let profile = partner.profile();
        add(
            "profile",
            profile.iter().map(|it| it.name().to_string()).collect(),
        );
        match direction {
            Direction::Outbound => {
                let hosts = &partner.outbound().hosts;
                add("hosts", hosts.iter().map(ToString::to_string).collect());
                if partner.outbound().dane == Dane::Demanded {
                    words.push("DANE".to_owned());
                }
            }
            Direction::Inbound => {
                if partner.inbound().exclusive == Exclusivity::Exclusive {
                    words.push("exclusive".to_owned());
                }
            }
        }
        words
    }
}

fn standing(standings: &[PartnerStanding], direction: Direction) -> Option<&PartnerStanding> {
    let wanted = match direction {
        Direction::Outbound => ledger::Direction::Outbound,
        Direction::Inbound => ledger::Direction::Inbound,
    };
    standings.iter().find(|it| it.record.direction == wanted)
}

/// What can be said of `rule`, which may be another than the one that was measured.
fn readiness(standing: Option<&PartnerStanding>, rule: &str) -> Readiness {
    if standing.is_some_and(|it| !it.record.is_under(rule)) {
        return Readiness {
            verdict: ReadinessVerdict::NotMeasured,
            text: "not measured yet under the present rule".to_owned(),
        };
    }
    let readiness = standing.map_or(&ledger::Readiness::NotMeasured, |it| &it.readiness);
    Readiness {
        verdict: match readiness {
            ledger::Readiness::NotMeasured => ReadinessVerdict::NotMeasured,
            ledger::Readiness::Failing { .. } => ReadinessVerdict::Failing,
            ledger::Readiness::TooFew { .. } => ReadinessVerdict::TooFew,
            ledger::Readiness::Safe { .. } => ReadinessVerdict::Safe,
        },
        text: readiness.to_string(),
    }
}

fn measured(standing: &PartnerStanding, rule: &str) -> Measured {
    let record = &standing.record;
    let reason = |it: &ledger::FailureReason| FailureReason {
        reason: it.reason.clone(),
        count: it.count,
        first_seen: it.first_seen.into(),
        last_seen: it.last_seen.into(),
        last_peer: it.last_peer.clone(),
    };
    Measured {
        rule: record.rule.clone(),
        present: record.is_under(rule),
        since: record.measured_since.into(),
        last_attempt: record.last_attempt.into(),
        attempts: record.attempts,
        met: record.met,
        would_have_failed: record.would_have_failed,
        failed: record.failed,
        under_break_glass: record.under_break_glass,
        last_failure: record.last_failure.map(Into::into),
        reasons: record.reasons.iter().map(reason).collect(),
        other_reasons: record.other_reasons,
        last_peer: record.last_peer.clone(),
        last_basis: record.last_basis.clone(),
        last_identity: record.last_identity.clone(),
        certificate_expiry: standing
            .certificate_expiry
            .as_ref()
            .map(|it| CertificateExpiry {
                peer: it.peer.clone(),
                not_after: it.not_after.into(),
                days_left: it.days,
            }),
    }
}
