//! What should be published, computed from the facts alone.

pub(crate) mod hosts;
pub(crate) mod texts;

use postern_dns::Name;
use postern_mail::Domain;
use postern_tls::Date;

pub use self::hosts::host_records;
use crate::{Data, DkimFacts, Facts, KeyPhase, OurDomain, Record, Severity};

/// What the zone of a domain should have.
pub fn domain_records(facts: &Facts, domain: &OurDomain, now: Date) -> Vec<Record> {
    let mut records = Records::default();
    records.mx(facts, domain);
    records.text(
        domain.name.as_str(),
        texts::spf(facts),
        "who may send for the domain",
        Severity::Weak,
    );
    for key in &domain.keys {
        records.key(facts, domain, key, now);
    }
    records.dmarc(facts, domain);
    records.sts(facts, domain);
    records.tls_reports(facts, domain);
    records.0
}

/// Records as they come together. An owner that would be too long for a name is nobody's: its
/// record is left out, since no zone could hold it.
#[derive(Default)]
struct Records(Vec<Record>);

impl Records {
    fn add(&mut self, owner: &str, data: Data, why: impl Into<String>, severity: Severity) {
        if let Ok(owner) = owner.parse() {
            self.0.push(Record {
                owner,
                data,
                why: why.into(),
                severity,
            });
        }
    }

    fn text(&mut self, owner: &str, text: String, why: impl Into<String>, severity: Severity) {
        self.add(owner, Data::Txt(text), why, severity);
    }

    fn mx(&mut self, facts: &Facts, domain: &OurDomain) {
        for (host, preference) in facts.hosts.iter().zip((10..).step_by(10)) {
            if let Some(exchange) = name_of(host) {
                let data = Data::Mx {
                    preference,
                    exchange,
                };
                let why = format!("mail for {} comes to {host}", domain.name);
                self.add(domain.name.as_str(), data, why, Severity::Broken);
            }
        }
    }

    fn key(&mut self, facts: &Facts, domain: &OurDomain, key: &DkimFacts, now: Date) {
        let (why, severity) = match key.phase(facts, now) {
            KeyPhase::Current => (
                "our mail is signed with this key".to_owned(),
                Severity::Broken,
            ),
            KeyPhase::Coming(from) => (
                format!("our mail will be signed with this key from {from} on"),
                Severity::Weak,
            ),
            KeyPhase::Ending(until) => (
                format!("mail that was signed with this key is under way until {until}"),
                Severity::Weak,
            ),
            KeyPhase::Over(_) => return,
        };
        let owner = format!("{}._domainkey.{}", key.selector, domain.name);
        self.text(&owner, key.record.clone(), why, severity);
    }

    fn dmarc(&mut self, facts: &Facts, domain: &OurDomain) {
        let why = "what receivers should do with mail that only claims to be from here";
        let owner = format!("_dmarc.{}", domain.name);
        self.text(&owner, texts::dmarc(facts), why, Severity::Weak);
        let mut places: Vec<_> = facts
            .dmarc_reports
            .iter()
            .filter_map(|it| it.domain())
            .collect();
        places.dedup();
        for place in places {
            if texts::is_elsewhere(place, &domain.name) {
                let owner = format!("{}._report._dmarc.{place}", domain.name);
                let why = format!(
                    "{place} agrees to get the DMARC reports about {}",
                    domain.name
                );
                self.text(&owner, "v=DMARC1;".to_owned(), why, Severity::Weak);
            }
        }
    }

    fn sts(&mut self, facts: &Facts, domain: &OurDomain) {
        let Some(policy) = &domain.sts else { return };
        let why = "an MTA-STS policy is to be had; the id changes with the policy";
        let owner = format!("_mta-sts.{}", domain.name);
        self.text(&owner, texts::sts(policy), why, Severity::Weak);
        if let Some(target) = name_of(&facts.hostname) {
            let owner = format!("mta-sts.{}", domain.name);
            let why = "the MTA-STS policy is fetched from there; A and AAAA will do as well";
            self.add(&owner, Data::Cname(target), why, Severity::Weak);
        }
    }

    fn tls_reports(&mut self, facts: &Facts, domain: &OurDomain) {
        if let Some(text) = texts::tls_reports(facts) {
            let why = "where others report of TLS trouble with us";
            let owner = format!("_smtp._tls.{}", domain.name);
            self.text(&owner, text, why, Severity::Note);
        }
    }
}

pub(crate) fn name_of(domain: &Domain) -> Option<Name> {
    domain.as_str().parse().ok()
}

#[cfg(test)]
mod tests;
