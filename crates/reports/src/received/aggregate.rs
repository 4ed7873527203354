//! From the library's words for an aggregate report to ours.

use mail_auth::report::{
    self as theirs, ActionDisposition, DKIMAuthResult, Disposition, Record, SPFAuthResult,
    SPFDomainScope,
};

use crate::{
    dmarc::{
        AggregateReport, AlignedResult, Alignment, AppliedDisposition, AuthResults, CountedRow,
        Discovery, DkimAuthResult, DkimResult, Evaluated, Identifiers, MOST_RESULTS, OverrideKind,
        OverrideReason, PublishedPolicy, ReportMetadata, RequestedPolicy, Row, SpfAuthResult,
        SpfResult, SpfScope,
    },
    journal::text::shown,
};

/// The report, with texts escaped and cut, and how many rows are left out because they have no
/// address.
pub(super) fn report(report: &theirs::Report) -> (AggregateReport, usize) {
    let all = report.record.len();
    let rows: Vec<CountedRow> = report.record.iter().filter_map(row).collect();
    let metadata = &report.report_metadata;
    let optional = |text: &Option<String>| text.as_deref().map(shown);
    let ours = AggregateReport {
        metadata: ReportMetadata {
            org_name: shown(&metadata.org_name),
            email: shown(&metadata.email),
            extra_contact_info: optional(&metadata.extra_contact_info),
            report_id: shown(&metadata.report_id),
            begin: metadata.date_range.begin,
            end: metadata.date_range.end,
            error: (!metadata.error.is_empty()).then(|| shown(&metadata.error.join("; "))),
            generator: optional(&metadata.generator),
        },
        policy_domain: shown(&report.policy_published.domain),
        policy: policy(&report.policy_published),
        rows,
    };
    let left_out = all - ours.rows.len();
    (ours, left_out)
}

fn policy(policy: &theirs::PolicyPublished) -> PublishedPolicy {
    PublishedPolicy {
        p: requested(policy.p).unwrap_or(RequestedPolicy::None),
        sp: requested(policy.sp),
        np: requested(policy.np),
        adkim: alignment(policy.adkim),
        aspf: alignment(policy.aspf),
        testing: policy.testing,
        discovery_method: match policy.discovery_method {
            theirs::Discovery::Psl => Some(Discovery::Psl),
            theirs::Discovery::Treewalk => Some(Discovery::TreeWalk),
            theirs::Discovery::Unspecified => None,
        },
        fo: policy.fo.as_deref().map(shown),
    }
}

fn requested(policy: Disposition) -> Option<RequestedPolicy> {
    match policy {
        Disposition::None => Some(RequestedPolicy::None),
        Disposition::Quarantine => Some(RequestedPolicy::Quarantine),
        Disposition::Reject => Some(RequestedPolicy::Reject),
        Disposition::Unspecified => None,
    }
}

fn alignment(mode: theirs::Alignment) -> Alignment {
    match mode {
        theirs::Alignment::Strict => Alignment::Strict,
        theirs::Alignment::Relaxed | theirs::Alignment::Unspecified => Alignment::Relaxed,
    }
}

fn row(record: &Record) -> Option<CountedRow> {
    let domain = |text: &String| (!text.is_empty()).then(|| text.clone());
    let results = &record.auth_results;
    let evaluated = &record.row.policy_evaluated;
    let row = Row {
        source_ip: record.row.source_ip?,
        evaluated: Evaluated {
            disposition: disposition(evaluated.disposition),
            dkim: aligned(evaluated.dkim),
            spf: aligned(evaluated.spf),
            reasons: evaluated
                .reason
                .iter()
                .take(MOST_RESULTS)
                .map(reason)
                .collect(),
        },
        identifiers: Identifiers {
            header_from: record.identifiers.header_from.clone(),
            envelope_from: domain(&record.identifiers.envelope_from),
            envelope_to: record.identifiers.envelope_to.as_ref().and_then(domain),
        },
        auth_results: AuthResults {
            dkim: results.dkim.iter().take(MOST_RESULTS).map(dkim).collect(),
            spf: results.spf.iter().take(MOST_RESULTS).map(spf).collect(),
        },
    };
    Some(CountedRow {
        row: row.bounded(),
        count: u64::from(record.row.count),
    })
}

fn disposition(disposition: ActionDisposition) -> AppliedDisposition {
    match disposition {
        ActionDisposition::Pass => AppliedDisposition::Pass,
        ActionDisposition::Quarantine => AppliedDisposition::Quarantine,
        ActionDisposition::Reject => AppliedDisposition::Reject,
        ActionDisposition::None | ActionDisposition::Unspecified => AppliedDisposition::None,
    }
}

fn aligned(result: theirs::DmarcResult) -> AlignedResult {
    match result {
        theirs::DmarcResult::Pass => AlignedResult::Pass,
        theirs::DmarcResult::Fail | theirs::DmarcResult::Unspecified => AlignedResult::Fail,
    }
}

fn reason(reason: &theirs::PolicyOverrideReason) -> OverrideReason {
    OverrideReason {
        kind: match reason.type_ {
            theirs::PolicyOverride::LocalPolicy => OverrideKind::LocalPolicy,
            theirs::PolicyOverride::MailingList => OverrideKind::MailingList,
            theirs::PolicyOverride::PolicyTestMode => OverrideKind::PolicyTestMode,
            theirs::PolicyOverride::TrustedForwarder => OverrideKind::TrustedForwarder,
            theirs::PolicyOverride::Other => OverrideKind::Other,
        },
        comment: reason.comment.clone(),
    }
}

fn dkim(result: &DKIMAuthResult) -> DkimAuthResult {
    DkimAuthResult {
        domain: result.domain.clone(),
        selector: result.selector.clone(),
        result: match result.result {
            theirs::DkimResult::None => DkimResult::None,
            theirs::DkimResult::Pass => DkimResult::Pass,
            theirs::DkimResult::Fail => DkimResult::Fail,
            theirs::DkimResult::Policy => DkimResult::Policy,
            theirs::DkimResult::Neutral => DkimResult::Neutral,
            theirs::DkimResult::TempError => DkimResult::TempError,
            theirs::DkimResult::PermError => DkimResult::PermError,
        },
        human_result: result.human_result.clone(),
    }
}

fn spf(result: &SPFAuthResult) -> SpfAuthResult {
    SpfAuthResult {
        domain: result.domain.clone(),
        scope: match result.scope {
            SPFDomainScope::Helo => Some(SpfScope::Helo),
            SPFDomainScope::MailFrom => Some(SpfScope::MailFrom),
            SPFDomainScope::Unspecified => None,
        },
        result: match result.result {
            theirs::SpfResult::None => SpfResult::None,
            theirs::SpfResult::Neutral => SpfResult::Neutral,
            theirs::SpfResult::Pass => SpfResult::Pass,
            theirs::SpfResult::Fail => SpfResult::Fail,
            theirs::SpfResult::SoftFail => SpfResult::SoftFail,
            theirs::SpfResult::TempError => SpfResult::TempError,
            theirs::SpfResult::PermError => SpfResult::PermError,
        },
        human_result: result.human_result.clone(),
    }
}
