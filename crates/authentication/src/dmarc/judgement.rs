//! From what SPF and DKIM found to what DMARC says (RFC 9989 §4.10, §5).

use std::collections::HashMap;

use postern_mail::Domain;

use super::{
    Alignment, DmarcOutcome, DmarcPolicy, DmarcRecordFacts, DmarcResult, Walk, record::Record, walk,
};
use crate::{
    Author,
    answers::{self, Missing, Questions},
    dkim::{DkimOutcome, DkimResult},
    reason::printable,
    spf::{SpfOutcome, SpfResult},
};

/// What was found out about a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) author: &'a Author,
    pub(crate) spf: &'a SpfOutcome,
    pub(crate) dkim: &'a [DkimOutcome],
}

/// What the author domain says. `walked` is the way up from it, if there is one author domain.
pub(crate) async fn judge(
    questions: &Questions,
    evidence: Evidence<'_>,
    walked: Option<&Result<Walk, String>>,
) -> DmarcOutcome {
    let (author, walked) = match (evidence.author.domain(), walked) {
        (Some(author), Some(Ok(walked))) => (author, walked),
        (Some(_), Some(Err(why))) => return without_record(DmarcResult::TempError, why),
        // Nobody may pass who cannot be named (RFC 9989 §5.3.1).
        (None, _) | (_, None) => {
            return without_record(DmarcResult::Fail, &evidence.author.to_string());
        }
    };
    let Some(record) = walked.record() else {
        return without_record(DmarcResult::None, "the author domain has no record");
    };
    if !record.applies {
        let why = "the record has neither a valid policy nor an address for reports";
        return without_record(DmarcResult::PermError, why);
    }
    let mut comparison = Comparison {
        questions,
        author,
        organisation: walked.organisation(),
        organisations: HashMap::new(),
    };
    let spf = comparison.spf(evidence.spf, record.facts.aspf).await;
    let dkim = comparison.dkim(evidence.dkim, record.facts.adkim).await;
    let (result, reason) = match (&spf, &dkim) {
        (Agreement::Passes, _) | (_, Agreement::Passes) => (DmarcResult::Pass, None),
        (Agreement::Unknown(why), _) | (_, Agreement::Unknown(why)) => {
            (DmarcResult::TempError, Some(printable(why)))
        }
        (Agreement::Absent, Agreement::Absent) => {
            let why = "neither SPF nor DKIM passes for the author domain";
            (DmarcResult::Fail, Some(why.to_owned()))
        }
    };
    DmarcOutcome {
        result,
        policy: policy(questions, record, author).await,
        reason,
        record: Some(record.facts.clone()),
        spf_aligned: matches!(spf, Agreement::Passes),
        dkim_aligned: matches!(dkim, Agreement::Passes),
    }
}

fn without_record(result: DmarcResult, reason: &str) -> DmarcOutcome {
    DmarcOutcome {
        result,
        policy: DmarcPolicy::None,
        reason: Some(printable(reason)),
        record: None,
        spf_aligned: false,
        dkim_aligned: false,
    }
}

/// What one method says for the author domain.
enum Agreement {
    /// It passes, for a domain that is aligned.
    Passes,
    Absent,
    /// It might pass, had we been able to find out.
    Unknown(String),
}

struct Comparison<'a> {
    questions: &'a Questions,
    author: &'a Domain,
    organisation: Domain,
    /// The organisations of other domains, each found out once.
    organisations: HashMap<Domain, Result<Domain, String>>,
}

impl Comparison<'_> {
    async fn spf(&mut self, spf: &SpfOutcome, alignment: Alignment) -> Agreement {
        let Ok(domain) = spf.domain.parse() else {
            return Agreement::Absent;
        };
        match spf.result {
            SpfResult::Pass => self.passes(&domain, alignment).await,
            SpfResult::TempError if self.may_be_aligned(&domain, alignment) => {
                let why = spf.reason.as_deref().unwrap_or_default();
                Agreement::Unknown(format!("SPF: {why}"))
            }
            SpfResult::TempError
            | SpfResult::Fail
            | SpfResult::SoftFail
            | SpfResult::Neutral
            | SpfResult::None
            | SpfResult::PermError => Agreement::Absent,
        }
    }

    async fn dkim(&mut self, signatures: &[DkimOutcome], alignment: Alignment) -> Agreement {
        let mut unknown = None;
        for signature in signatures {
            let Some(domain) = &signature.domain else {
                continue;
            };
            match signature.result {
                DkimResult::Pass => match self.passes(domain, alignment).await {
                    Agreement::Passes => return Agreement::Passes,
                    Agreement::Unknown(why) => unknown = Some(why),
                    Agreement::Absent => {}
                },
                DkimResult::TempError if self.may_be_aligned(domain, alignment) => {
                    let why = signature.reason.as_deref().unwrap_or_default();
                    unknown = Some(format!("DKIM: {why}"));
                }
                DkimResult::TempError
                | DkimResult::Fail
                | DkimResult::Policy
                | DkimResult::Neutral
                | DkimResult::PermError => {}
            }
        }
        unknown.map_or(Agreement::Absent, Agreement::Unknown)
    }

    /// Whether a domain can be aligned at all, told without asking anybody: it belongs to no
    /// organisation that it is not below. Whoever only claims a domain causes no more look-ups.
    fn may_be_aligned(&self, domain: &Domain, alignment: Alignment) -> bool {
        let may_belong = || *domain == self.organisation || domain.is_below(&self.organisation);
        domain == self.author || (alignment == Alignment::Relaxed && may_belong())
    }

    /// Whether a domain is aligned with the author domain (RFC 9989 §4.10.2).
    async fn passes(&mut self, domain: &Domain, alignment: Alignment) -> Agreement {
        if domain == self.author {
            return Agreement::Passes;
        }
        if !self.may_be_aligned(domain, alignment) {
            return Agreement::Absent;
        }
        if !self.organisations.contains_key(domain) {
            let walked = walk(self.questions, domain).await;
            let organisation = walked.map(|walked| walked.organisation());
            self.organisations.insert(domain.clone(), organisation);
        }
        match self.organisations.get(domain) {
            Some(Ok(organisation)) if *organisation == self.organisation => Agreement::Passes,
            Some(Err(why)) => Agreement::Unknown(why.clone()),
            Some(Ok(_)) | None => Agreement::Absent,
        }
    }
}

/// What is asked for this author domain (RFC 9989 §4.7).
async fn policy(questions: &Questions, record: &Record, author: &Domain) -> DmarcPolicy {
    let facts = &record.facts;
    let asked = if facts.domain == *author {
        facts.p
    } else {
        of_subdomain(questions, facts, author).await
    };
    match (facts.testing, asked) {
        (true, DmarcPolicy::Reject) => DmarcPolicy::Quarantine,
        (true, DmarcPolicy::Quarantine | DmarcPolicy::None) => DmarcPolicy::None,
        (false, asked) => asked,
    }
}

/// `np` where the author domain does not exist, else `sp`, else `p`. Whether it exists is asked
/// only where that makes a difference, and where it is not known, it does.
async fn of_subdomain(
    questions: &Questions,
    facts: &DmarcRecordFacts,
    author: &Domain,
) -> DmarcPolicy {
    let existing = facts.sp.unwrap_or(facts.p);
    let absent = facts.np.unwrap_or(existing);
    if absent == existing {
        return existing;
    }
    let Ok(name) = answers::name(author.as_str()) else {
        return existing;
    };
    match questions.txt(&name).await {
        Err(Missing::NoSuchName) => absent,
        Ok(_) | Err(Missing::NoData | Missing::Unknown(_)) => existing,
    }
}
