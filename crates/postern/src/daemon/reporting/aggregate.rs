//! A judged message in the words of an aggregate report (RFC 9990 §3.1.1).

use postern_authentication::{
    Alignment, DkimOutcome, DkimResult, DmarcPolicy, DmarcRecordFacts, DmarcResult, Override,
    SpfOutcome, SpfResult, Verdict,
};
use postern_inbound::{Done, JudgedMail, LetBe};
use postern_reports::dmarc::{
    self, AlignedResult, AppliedDisposition, AuthResults, Discovery, DkimAuthResult, Evaluated,
    Identifiers, OverrideKind, OverrideReason, PublishedPolicy, RequestedPolicy, Row,
    SpfAuthResult, SpfScope,
};

/// What is counted of a message for the domain whose policy applies to it. Nothing where nobody
/// wants to know, and where DMARC could not be evaluated: such a message comes again, or says
/// nothing about its author.
pub(super) fn judged(mail: &JudgedMail<'_>) -> Option<dmarc::JudgedMail> {
    let JudgedMail { verdict, done, .. } = mail;
    let record = verdict.dmarc.record.as_ref()?;
    let passed = match verdict.dmarc.result {
        DmarcResult::Pass => true,
        DmarcResult::Fail => false,
        DmarcResult::None | DmarcResult::TempError | DmarcResult::PermError => return None,
    };
    let author = verdict.author.domain()?;
    if record.rua.is_empty() || *done == Done::PutOff {
        return None;
    }
    let aligned = |yes| match yes {
        true => AlignedResult::Pass,
        false => AlignedResult::Fail,
    };
    Some(dmarc::JudgedMail {
        at: mail.at,
        policy_domain: record.domain.clone(),
        policy: published(record),
        rua: record.rua.clone(),
        row: Row {
            source_ip: verdict.client,
            evaluated: Evaluated {
                disposition: disposition(verdict.dmarc.policy, passed, *done),
                dkim: aligned(verdict.dmarc.dkim_aligned),
                spf: aligned(verdict.dmarc.spf_aligned),
                reasons: reasons(record, passed, *done),
            },
            identifiers: Identifiers {
                header_from: author.to_string(),
                envelope_from: mail.reverse_path.domain().map(ToString::to_string),
                envelope_to: None,
            },
            auth_results: results(verdict),
        },
    })
}

/// RFC 9990 §3.1.1.9.
fn disposition(policy: DmarcPolicy, passed: bool, done: Done<'_>) -> AppliedDisposition {
    match (done, passed, policy) {
        (Done::Refused, _, _) => AppliedDisposition::Reject,
        (Done::Quarantined, _, _) => AppliedDisposition::Quarantine,
        (
            Done::Taken | Done::LetBe(_) | Done::PutOff,
            true,
            DmarcPolicy::Quarantine | DmarcPolicy::Reject,
        ) => AppliedDisposition::Pass,
        (Done::Taken | Done::LetBe(_) | Done::PutOff, _, _) => AppliedDisposition::None,
    }
}

fn published(record: &DmarcRecordFacts) -> PublishedPolicy {
    let alignment = |mode| match mode {
        Alignment::Relaxed => dmarc::Alignment::Relaxed,
        Alignment::Strict => dmarc::Alignment::Strict,
    };
    let fo: Vec<_> = record
        .fo
        .iter()
        .map(|option| option.letter().to_string())
        .collect();
    PublishedPolicy {
        p: requested(record.p),
        sp: record.sp.map(requested),
        np: record.np.map(requested),
        adkim: alignment(record.adkim),
        aspf: alignment(record.aspf),
        testing: record.testing,
        discovery_method: Some(Discovery::TreeWalk),
        fo: (!fo.is_empty()).then(|| fo.join(":")),
    }
}

fn requested(policy: DmarcPolicy) -> RequestedPolicy {
    match policy {
        DmarcPolicy::None => RequestedPolicy::None,
        DmarcPolicy::Quarantine => RequestedPolicy::Quarantine,
        DmarcPolicy::Reject => RequestedPolicy::Reject,
    }
}

/// Why less was done than the record asks for.
fn reasons(record: &DmarcRecordFacts, passed: bool, done: Done<'_>) -> Vec<OverrideReason> {
    let testing = (record.testing && !passed).then_some((OverrideKind::PolicyTestMode, None));
    let let_be = match done {
        Done::LetBe(why) => Some(match why {
            // The registered reasons have no word for a chain; RFC 8617 §7.2.2 puts it so.
            LetBe::Overridden(Override::TrustedSealer(sealer)) => {
                let comment = format!("arc=pass as {sealer} says");
                (OverrideKind::LocalPolicy, Some(comment))
            }
            LetBe::Overridden(Override::TrustedForwarder(_)) => {
                (OverrideKind::TrustedForwarder, None)
            }
            LetBe::Proven => {
                let comment = "the client's certificate is the domain's own".to_owned();
                (OverrideKind::LocalPolicy, Some(comment))
            }
            LetBe::Marked | LetBe::PutOffEnough => (OverrideKind::LocalPolicy, None),
        }),
        Done::Taken | Done::Quarantined | Done::Refused | Done::PutOff => None,
    };
    let reasons = testing.into_iter().chain(let_be);
    reasons
        .map(|(kind, comment)| OverrideReason { kind, comment })
        .collect()
}

fn results(verdict: &Verdict) -> AuthResults {
    AuthResults {
        dkim: verdict.dkim.iter().filter_map(dkim).collect(),
        spf: vec![spf(verdict.spf())],
    }
}

/// A signature that does not say whose it is cannot be told of (RFC 9990 §3.1.1.12).
fn dkim(outcome: &DkimOutcome) -> Option<DkimAuthResult> {
    Some(DkimAuthResult {
        domain: outcome.domain.as_ref()?.to_string(),
        selector: outcome.selector.clone()?,
        result: match outcome.result {
            DkimResult::Pass => dmarc::DkimResult::Pass,
            DkimResult::Fail => dmarc::DkimResult::Fail,
            DkimResult::Policy => dmarc::DkimResult::Policy,
            DkimResult::Neutral => dmarc::DkimResult::Neutral,
            DkimResult::TempError => dmarc::DkimResult::TempError,
            DkimResult::PermError => dmarc::DkimResult::PermError,
        },
        human_result: outcome.reason.clone(),
    })
}

fn spf(outcome: &SpfOutcome) -> SpfAuthResult {
    SpfAuthResult {
        domain: outcome.domain.clone(),
        scope: Some(SpfScope::MailFrom),
        result: match outcome.result {
            SpfResult::Pass => dmarc::SpfResult::Pass,
            SpfResult::Fail => dmarc::SpfResult::Fail,
            SpfResult::SoftFail => dmarc::SpfResult::SoftFail,
            SpfResult::Neutral => dmarc::SpfResult::Neutral,
            SpfResult::None => dmarc::SpfResult::None,
            SpfResult::TempError => dmarc::SpfResult::TempError,
            SpfResult::PermError => dmarc::SpfResult::PermError,
        },
        human_result: outcome.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use postern_authentication::{
        ArcOutcome, ArcResult, Author, DmarcOutcome, IprevOutcome, IprevResult,
    };
    use postern_mail::ReversePath;

    use super::*;

    fn verdict(result: DmarcResult, policy: DmarcPolicy) -> Verdict {
        Verdict {
            client: "192.0.2.1".parse().unwrap(),
            iprev: IprevOutcome {
                result: IprevResult::PermError,
                name: None,
                reason: None,
            },
            helo: SpfOutcome {
                result: SpfResult::None,
                domain: "mx.example".to_owned(),
                reason: None,
            },
            mail_from: None,
            dkim: Vec::new(),
            arc: ArcOutcome {
                result: ArcResult::None,
                sets: 0,
                sealer: None,
                sealers: Vec::new(),
                reason: None,
                claims_dmarc_pass: false,
            },
            dmarc: DmarcOutcome {
                result,
                policy,
                reason: None,
                record: Some(DmarcRecordFacts {
                    domain: "example.org".parse().unwrap(),
                    p: policy,
                    sp: None,
                    np: None,
                    adkim: Alignment::Relaxed,
                    aspf: Alignment::Strict,
                    testing: false,
                    public_suffix: false,
                    rua: vec!["mailto:dmarc@example.org".to_owned()],
                    ruf: Vec::new(),
                    fo: Vec::new(),
                }),
                spf_aligned: false,
                dkim_aligned: result == DmarcResult::Pass,
            },
            author: Author::One("www.example.org".parse().unwrap()),
            overridden: None,
        }
    }

    fn told(verdict: &Verdict, done: Done<'_>) -> Option<dmarc::JudgedMail> {
        judged(&JudgedMail {
            verdict,
            done,
            reverse_path: &ReversePath::Null,
            recipients: &[],
            header: b"",
            queue_id: None,
            at: SystemTime::now(),
        })
    }

    #[track_caller]
    fn check(verdict: &Verdict, done: Done<'_>, disposition: &str, reasons: &[&str]) {
        let judged = told(verdict, done).unwrap();
        assert_eq!(judged.policy_domain.as_str(), "example.org");
        assert_eq!(judged.row.identifiers.header_from, "www.example.org");
        let evaluated = judged.row.evaluated;
        assert_eq!(evaluated.disposition.to_string(), disposition);
        let kinds = evaluated.reasons.iter().map(|it| it.kind.to_string());
        assert_eq!(kinds.collect::<Vec<_>>(), reasons);
    }

    #[test]
    fn what_was_done_is_told_with_why_it_was_not_more() {
        use DmarcPolicy::{None, Quarantine, Reject};
        let pass = |policy| verdict(DmarcResult::Pass, policy);
        let fail = |policy| verdict(DmarcResult::Fail, policy);
        check(&pass(None), Done::Taken, "none", &[]);
        check(&pass(Reject), Done::Taken, "pass", &[]);
        check(&fail(None), Done::Taken, "none", &[]);
        check(&fail(Reject), Done::Refused, "reject", &[]);
        check(&fail(Quarantine), Done::Quarantined, "quarantine", &[]);
        let marked = Done::LetBe(LetBe::Marked);
        check(&fail(Reject), marked, "none", &["local_policy"]);
        let proven = Done::LetBe(LetBe::Proven);
        check(&fail(Reject), proven, "none", &["local_policy"]);
        let sealer = Override::TrustedSealer("lists.example".parse().unwrap());
        let sealed = Done::LetBe(LetBe::Overridden(&sealer));
        check(&fail(Reject), sealed, "none", &["local_policy"]);
        let forwarder = Override::TrustedForwarder("192.0.2.0/24".parse().unwrap());
        let forwarded = Done::LetBe(LetBe::Overridden(&forwarder));
        check(&fail(Quarantine), forwarded, "none", &["trusted_forwarder"]);
    }

    #[test]
    fn nobody_is_told_of_what_was_not_found_out_or_not_asked_for() {
        for result in [
            DmarcResult::None,
            DmarcResult::TempError,
            DmarcResult::PermError,
        ] {
            let unknown = verdict(result, DmarcPolicy::Reject);
            assert_eq!(told(&unknown, Done::Taken), None);
        }
        let mut silent = verdict(DmarcResult::Fail, DmarcPolicy::Reject);
        assert!(told(&silent, Done::Refused).is_some());
        if let Some(record) = &mut silent.dmarc.record {
            record.rua.clear();
        }
        assert_eq!(told(&silent, Done::Refused), None);
    }
}
