//! From what SPF and DKIM found to what DMARC says (RFC 9989 §4.10, §5).

use mail_auth::{
    DkimOutput, DmarcResult as Library, DnsError, Error, SpfOutput, SpfResult as LibrarySpf,
    dkim::Signature,
};

use super::{
    DmarcOutcome, DmarcPolicy, DmarcResult,
    record::asked,
    records::{Claims, Judged, Records},
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
    /// SPF for the reverse-path, or for the name of the client where that is null
    /// (RFC 9989 §4.4.2).
    pub(crate) spf: &'a SpfOutcome,
    pub(crate) dkim: &'a [DkimOutcome],
}

/// What the author domain says. `records` are those on the way up from it, if there is one author
/// domain.
pub(crate) async fn judge(
    questions: &Questions,
    evidence: Evidence<'_>,
    records: Option<Records>,
) -> DmarcOutcome {
    // Nobody may pass who cannot be named (RFC 9989 §5.3.1). For mail-auth such a message has no
    // policy at all.
    let Some(mut records) = records else {
        return without_record(DmarcResult::Fail, &evidence.author.to_string());
    };
    let signatures = signatures(evidence.dkim);
    let dkim: Vec<_> = signatures
        .iter()
        .map(|(it, result)| result.of(it))
        .collect();
    let spf = spf(evidence.spf);
    let claims = Claims {
        spf: &spf,
        dkim: &dkim,
    };
    let Some(judged) = records.judge(questions, &claims).await else {
        return without_record(DmarcResult::TempError, "the evaluation does not end");
    };
    let found = outcome(questions, judged, &records, evidence.spf).await;
    match records.judge_alone(&claims) {
        Some(alone) if found.result == DmarcResult::TempError => {
            let alone = outcome(questions, alone, &records, evidence.spf).await;
            despite_unknown(found, alone, evidence)
        }
        Some(_) | None => found,
    }
}

/// What is certain although something could not be found out, such as whose organization the
/// author domain belongs to. Its own record is the one that counts, whatever stands above it, and
/// what passes for that very domain is aligned in any mode (RFC 9989 §4.4).
fn despite_unknown(
    found: DmarcOutcome,
    alone: DmarcOutcome,
    evidence: Evidence<'_>,
) -> DmarcOutcome {
    let author = evidence.author.domain();
    let of_author = |domain: &str| author.is_some_and(|author| author.as_str() == domain);
    let spf = evidence.spf.result == SpfResult::Pass && of_author(&evidence.spf.domain);
    let signed = |it: &DkimOutcome| {
        let domain = it.domain.as_ref();
        it.result == DkimResult::Pass && domain.is_some_and(|domain| of_author(domain.as_str()))
    };
    if alone.result == DmarcResult::Pass && (spf || evidence.dkim.iter().any(signed)) {
        return alone;
    }
    DmarcOutcome {
        policy: alone.policy,
        record: alone.record,
        ..found
    }
}

async fn outcome(
    questions: &Questions,
    judged: Judged,
    records: &Records,
    spf: &SpfOutcome,
) -> DmarcOutcome {
    let output = &judged.output;
    let record = output.dmarc_record_cloned();
    let found = record.as_ref().and_then(|it| records.find(it));
    let (result, reason) = match output.result() {
        Library::Pass => (DmarcResult::Pass, None),
        Library::TempError(error) => (DmarcResult::TempError, Some(unknown(&error, spf))),
        Library::PermError(error) => (DmarcResult::PermError, Some(error.to_string())),
        Library::Fail(_) => {
            let why = "neither SPF nor DKIM passes for the author domain";
            (DmarcResult::Fail, Some(why.to_owned()))
        }
        // Without a policy and without an address for reports, mail-auth knows no record.
        Library::None if records.any_for_author() => {
            let why = "the record has neither a valid policy nor an address for reports";
            (DmarcResult::PermError, Some(why.to_owned()))
        }
        Library::None => {
            let why = "the author domain has no record";
            (DmarcResult::None, Some(why.to_owned()))
        }
    };
    let policy = match found {
        Some((_, record)) if judged.depends_on_existence && !exists(questions, records).await => {
            record.policy_for_nothing()
        }
        Some(_) | None => asked(output.policy()),
    };
    DmarcOutcome {
        result,
        policy,
        reason: reason.as_deref().map(printable),
        record: found.map(|(domain, record)| record.facts(domain.clone())),
        spf_aligned: *output.spf_result() == Library::Pass,
        dkim_aligned: *output.dkim_result() == Library::Pass,
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

/// Whether there is anything at the author domain. Where that is not known, there is.
async fn exists(questions: &Questions, records: &Records) -> bool {
    let Ok(name) = answers::name(records.author().as_str()) else {
        return true;
    };
    match questions.txt(&name).await {
        Err(Missing::NoSuchName) => false,
        Ok(_) | Err(Missing::NoData | Missing::Unknown(_)) => true,
    }
}

/// What could not be found out. mail-auth does not say why SPF could not.
fn unknown(error: &Error, spf: &SpfOutcome) -> String {
    match error {
        Error::Dns(DnsError::Resolver(why)) if why.is_empty() => {
            format!("SPF: {}", spf.reason.as_deref().unwrap_or_default())
        }
        Error::Dns(DnsError::Resolver(why)) => why.clone(),
        error => error.to_string(),
    }
}

/// A result of DKIM that DMARC asks about.
enum Held {
    Passes,
    /// It may pass, for all that is known.
    Unknown(String),
}

impl Held {
    fn of<'a>(&self, signature: &'a Signature) -> DkimOutput<'a> {
        let output = match self {
            Self::Passes => DkimOutput::pass(),
            Self::Unknown(why) => {
                DkimOutput::temp_err(Error::Dns(DnsError::Resolver(format!("DKIM: {why}"))))
            }
        };
        output.with_signature(signature)
    }
}

/// The signatures that may speak for the author domain, those that hold first: the look-ups that
/// others cause must not be missed by them. What covers a part of the body only, or breaks
/// another rule of ours, is not among them.
fn signatures(outcomes: &[DkimOutcome]) -> Vec<(Signature, Held)> {
    let held = |outcome: &DkimOutcome| match outcome.result {
        DkimResult::Pass => Some(Held::Passes),
        DkimResult::TempError => Some(Held::Unknown(outcome.reason.clone().unwrap_or_default())),
        DkimResult::Fail | DkimResult::Policy | DkimResult::Neutral | DkimResult::PermError => None,
    };
    let mut signatures: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| {
            let signature = Signature {
                d: outcome.domain.as_ref()?.to_string(),
                ..Signature::default()
            };
            Some((signature, held(outcome)?))
        })
        .collect();
    signatures.sort_by_key(|(_, held)| !matches!(held, Held::Passes));
    signatures
}

fn spf(outcome: &SpfOutcome) -> SpfOutput {
    let result = match outcome.result {
        SpfResult::Pass => LibrarySpf::Pass,
        SpfResult::Fail => LibrarySpf::Fail,
        SpfResult::SoftFail => LibrarySpf::SoftFail,
        SpfResult::Neutral => LibrarySpf::Neutral,
        SpfResult::None => LibrarySpf::None,
        SpfResult::TempError => LibrarySpf::TempError,
        SpfResult::PermError => LibrarySpf::PermError,
    };
    SpfOutput::new(outcome.domain.clone()).with_result(result)
}
