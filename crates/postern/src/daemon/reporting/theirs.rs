//! Reports of others as the control interface is shown them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postern_admin::{
    self as admin, ReportFact, ReportFailure, ReportKind, ReportLine, ReportPolicy, ReportTrouble,
    ReportWay, Timestamp,
};
use postern_reports::{
    dmarc::AggregateReport,
    received::{FailureFacts, ReceivedReport, Report, SenderProof, Summary},
    tlsrpt::{PolicyAndResults, TlsReportFile},
};

use super::{Reporting, receiving::Received, view};
use crate::failure::chain;

impl Reporting {
    /// The reports that others sent, the newest first. Reads files, and so blocks.
    pub(super) fn received(&self) -> Result<Vec<ReportLine>, ReportTrouble> {
        let listed = self.received.reports.list();
        let listed = listed.map_err(|error| failed(&error))?;
        Ok(listed.iter().map(line).collect())
    }

    /// One of them.
    pub(super) async fn received_one(
        &self,
        id: &str,
    ) -> Result<Option<admin::Report>, ReportTrouble> {
        let (received, id) = (std::sync::Arc::clone(&self.received), id.to_owned());
        blocking(move || one(&received, &id)).await
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReportTrouble> + Send + 'static,
) -> Result<T, ReportTrouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_panic| Err(ReportTrouble::Failed("reading failed: see the log".into())))
}

fn failed(error: &dyn std::error::Error) -> ReportTrouble {
    ReportTrouble::Failed(chain(error))
}

fn one(received: &Received, id: &str) -> Result<Option<admin::Report>, ReportTrouble> {
    let Some(found) = received.reports.show(id).map_err(|error| failed(&error))? else {
        return Ok(None);
    };
    let bare = view::bare(line(&found.summary()));
    Ok(Some(match &found.report {
        Report::Dmarc(report) => dmarc(bare, report, &found),
        Report::Tls(report) => tls(bare, report),
        Report::Failure(facts) => failure(bare, facts),
    }))
}

fn line(summary: &Summary) -> ReportLine {
    let (kind, word) = match &*summary.kind {
        "dmarc" => (ReportKind::Dmarc, "kept"),
        "tls" => (ReportKind::Tls, "kept"),
        "failure" => (ReportKind::Failure, "kept"),
        _ => (ReportKind::Unrecognised, "kept"),
    };
    let proof = match (&summary.author, summary.proof) {
        (Some(author), SenderProof::PassedDmarc) => format!("{word}, proven to be from {author}"),
        (_, SenderProof::PassedDmarc | SenderProof::None) => {
            format!("{word}, anybody may have sent it")
        }
    };
    ReportLine {
        id: summary.id.clone(),
        kind,
        way: ReportWay::Received,
        domain: summary.domain.clone(),
        other: summary.reporter.clone(),
        begin: summary.begin.into(),
        end: summary.end.into(),
        state: proof,
        passed: summary.total.saturating_sub(summary.failed),
        failed: summary.failed,
    }
}

fn fact(name: &str, value: &impl ToString) -> ReportFact {
    ReportFact {
        name: name.to_owned(),
        value: value.to_string(),
    }
}

fn dmarc(bare: admin::Report, report: &AggregateReport, found: &ReceivedReport) -> admin::Report {
    let metadata = &report.metadata;
    let mut facts = vec![
        fact("received", &Timestamp::from(found.received_at)),
        fact("contact", &metadata.email),
        fact("name", &metadata.report_id),
        fact("policy", &report.policy.p),
    ];
    facts.extend(metadata.error.iter().map(|error| fact("error", error)));
    let cut = report.rows.len().saturating_sub(view::ROWS);
    let left_out = cut.saturating_add(found.rows_left_out);
    admin::Report {
        facts,
        sources: report
            .rows
            .iter()
            .take(view::ROWS)
            .map(view::source)
            .collect(),
        left_out: u64::try_from(left_out).unwrap_or(u64::MAX),
        ..bare
    }
}

fn tls(bare: admin::Report, report: &TlsReportFile) -> admin::Report {
    admin::Report {
        facts: vec![
            fact("contact", &report.contact_info),
            fact("name", &report.report_id),
        ],
        policies: report
            .policies
            .iter()
            .take(view::ROWS)
            .map(policy)
            .collect(),
        ..bare
    }
}

fn policy(counted: &PolicyAndResults) -> ReportPolicy {
    let failures = counted.failure_details.iter().take(view::ROWS);
    let host = |it: &Option<String>, other: &Option<String>| {
        it.clone().or_else(|| other.clone()).unwrap_or_default()
    };
    ReportPolicy {
        policy_type: counted.policy.policy_type.clone(),
        domain: counted.policy.policy_domain.clone(),
        successful: counted.summary.total_successful_session_count,
        failed: counted.summary.total_failure_session_count,
        failures: failures
            .map(|it| ReportFailure {
                result_type: it.result_type.clone(),
                sessions: it.failed_session_count,
                host: host(&it.receiving_mx_hostname, &it.receiving_ip),
                reason: it.failure_reason_code.clone().unwrap_or_default(),
            })
            .collect(),
    }
}

fn failure(bare: admin::Report, facts: &FailureFacts) -> admin::Report {
    let mut told = vec![
        fact("complaint", &facts.feedback_type),
        fact("failure", &facts.auth_failure),
        fact("became", &facts.delivery_result),
    ];
    let optional = [
        ("source", &facts.source_ip),
        ("sender", &facts.original_mail_from),
        ("signature", &facts.dkim_domain),
        ("selector", &facts.dkim_selector),
        ("program", &facts.user_agent),
    ];
    for (name, value) in optional {
        told.extend(value.iter().map(|value| fact(name, value)));
    }
    let arrival = facts.arrival.and_then(|at| u64::try_from(at).ok());
    let arrival = arrival.and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at)));
    told.extend(arrival.map(|at: SystemTime| fact("arrived", &Timestamp::from(at))));
    let results = facts.authentication_results.iter();
    told.extend(results.map(|text| fact("results", text)));
    admin::Report {
        facts: told,
        ..bare
    }
}
