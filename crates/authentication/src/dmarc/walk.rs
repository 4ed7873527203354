//! The tree walk: from a domain up to the top, looking for records (RFC 9989 §4.10).

use postern_mail::Domain;

use super::record::{Boundary, Record};
use crate::answers::{self, Missing, Questions};

/// Where a name of many labels is cut, so that no walk takes more than eight look-ups.
const LABELS: usize = 7;

/// The records on the way up from a domain, the lowest one first.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    start: Domain,
    found: Vec<Record>,
}

/// Walks up from `start`.
///
/// # Errors
/// Says why a record on the way is not known: without it neither the policy nor the organisation
/// is.
pub(crate) async fn walk(questions: &Questions, start: &Domain) -> Result<Walk, String> {
    let mut found = Vec::new();
    let mut here = Some(start.clone());
    while let Some(domain) = here {
        if let Some(record) = record(questions, &domain).await? {
            let stops = record.boundary != Boundary::Unknown;
            found.push(record);
            if stops {
                break;
            }
        }
        here = above(&domain);
    }
    Ok(Walk {
        start: start.clone(),
        found,
    })
}

/// The next domain on the way up.
fn above(domain: &Domain) -> Option<Domain> {
    let mut next = domain.parent()?;
    while next.labels().count() > LABELS {
        next = next.parent()?;
    }
    Some(next)
}

/// The one record of a domain. Several are as none (RFC 9989 §4.10).
async fn record(questions: &Questions, domain: &Domain) -> Result<Option<Record>, String> {
    let Ok(name) = answers::name(&format!("_dmarc.{domain}")) else {
        return Ok(None);
    };
    let texts = match questions.txt(&name).await {
        Ok(texts) => texts,
        Err(Missing::NoSuchName | Missing::NoData) => return Ok(None),
        Err(Missing::Unknown(why)) => return Err(why),
    };
    let mut records = texts.iter().filter_map(|text| Record::parse(text, domain));
    let record = records.next();
    Ok(record.filter(|_| records.next().is_none()))
}

impl Walk {
    /// The organisation that the domain belongs to (RFC 9989 §4.10.2).
    pub(super) fn organisation(&self) -> Domain {
        for record in &self.found {
            let domain = &record.facts.domain;
            match record.boundary {
                Boundary::Organisation => return domain.clone(),
                Boundary::PublicSuffix if *domain != self.start => {
                    return below(domain, &self.start);
                }
                Boundary::PublicSuffix | Boundary::Unknown => {}
            }
        }
        let highest = self.found.last();
        highest.map_or_else(|| self.start.clone(), |it| it.facts.domain.clone())
    }

    /// The record that applies: the domain's own, else its organisation's, else the public
    /// suffix's (RFC 9989 §4.10.1).
    pub(super) fn record(&self) -> Option<&Record> {
        let organisation = self.organisation();
        let of = |domain: &Domain| self.found.iter().find(|it| it.facts.domain == *domain);
        let suffix = || {
            self.found
                .iter()
                .find(|it| it.boundary == Boundary::PublicSuffix)
        };
        of(&self.start)
            .or_else(|| of(&organisation))
            .or_else(suffix)
    }
}

/// The domain one label below `suffix` on the way to `start`.
fn below(suffix: &Domain, start: &Domain) -> Domain {
    let mut here = start.clone();
    while let Some(parent) = here.parent() {
        if parent == *suffix {
            break;
        }
        here = parent;
    }
    here
}
