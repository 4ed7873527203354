//! Reports for people.

use std::fmt::Write as _;

use postern_admin::{
    Report, ReportKind, ReportLine, ReportPolicy, ReportSource, ReportWay, ReportsSent,
};
use postern_mail::Foreign;

use crate::output::Table;

/// A line for each report.
pub(super) fn list(reports: &[ReportLine]) -> Table<8> {
    let head = [
        "ID",
        "DAY",
        "ABOUT",
        "DOMAIN",
        "FROM OR TO",
        "PASSED",
        "FAILED",
        "STATE",
    ];
    let mut table = Table::new(head);
    for report in reports {
        table.row([
            report.id.clone(),
            day(report),
            kind(report.kind).to_owned(),
            report.domain.clone(),
            other(report),
            report.passed.to_string(),
            report.failed.to_string(),
            report.state.clone(),
        ]);
    }
    table
}

/// The day on which what it covers began.
fn day(report: &ReportLine) -> String {
    let begin = report.begin.to_string();
    begin.split('T').next().unwrap_or(&begin).to_owned()
}

fn kind(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Dmarc => "dmarc",
        ReportKind::Tls => "tls",
        ReportKind::Failure => "failure",
        ReportKind::Unrecognised => "?",
    }
}

fn other(report: &ReportLine) -> String {
    match report.way {
        ReportWay::Ours => format!("to {}", report.other),
        ReportWay::Received => format!("from {}", report.other),
    }
}

/// All about one report.
pub(super) fn show(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<10} {}", Foreign::new(value));
    };
    let head = &report.line;
    line("report", &head.id);
    line("about", &format!("{} of {}", kind(head.kind), head.domain));
    line("covers", &format!("{} to {}", head.begin, head.end));
    match head.way {
        ReportWay::Ours => line("for", &head.other),
        ReportWay::Received => line("from", &head.other),
    }
    line("state", &head.state);
    line(
        "outcome",
        &format!("{} passed, {} failed", head.passed, head.failed),
    );
    for fact in &report.facts {
        line(&fact.name, &fact.value);
    }
    if !report.sources.is_empty() {
        let _ = write!(text, "\n{}", sources(&report.sources));
    }
    if !report.policies.is_empty() {
        let _ = write!(text, "\n{}", policies(&report.policies));
    }
    if report.policies.iter().any(|it| !it.failures.is_empty()) {
        let _ = write!(text, "\n{}", failures(&report.policies));
    }
    if report.left_out > 0 {
        let _ = writeln!(text, "\nand {} more", report.left_out);
    }
    text
}

fn sources(sources: &[ReportSource]) -> Table<6> {
    let head = [
        "SOURCE",
        "MESSAGES",
        "AUTHOR",
        "DKIM",
        "SPF",
        "WHAT BECAME OF IT",
    ];
    let mut table = Table::new(head);
    for source in sources {
        table.row([
            source.address.clone(),
            source.messages.to_string(),
            source.author.clone(),
            source.dkim.clone(),
            source.spf.clone(),
            source.disposition.clone(),
        ]);
    }
    table
}

fn policies(policies: &[ReportPolicy]) -> Table<4> {
    let mut table = Table::new(["POLICY", "OF", "SUCCESSFUL", "FAILED"]);
    for policy in policies {
        table.row([
            policy.policy_type.clone(),
            policy.domain.clone(),
            policy.successful.to_string(),
            policy.failed.to_string(),
        ]);
    }
    table
}

fn failures(policies: &[ReportPolicy]) -> Table<5> {
    let mut table = Table::new(["POLICY", "FAILURE", "SESSIONS", "HOST", "REASON"]);
    for policy in policies {
        for failure in &policy.failures {
            table.row([
                policy.policy_type.clone(),
                failure.result_type.clone(),
                failure.sessions.to_string(),
                failure.host.clone(),
                failure.reason.clone(),
            ]);
        }
    }
    table
}

/// What became of an order.
pub(super) fn sent(sent: &ReportsSent) -> String {
    let mut text = String::new();
    let mut table = Table::new(["DAY", "ABOUT", "DOMAIN", "TO", "OUTCOME"]);
    for report in &sent.reports {
        table.row([
            report.day.clone(),
            kind(report.kind).to_owned(),
            report.domain.clone(),
            report.to.clone(),
            report.outcome.clone(),
        ]);
    }
    if table.is_empty() {
        text.push_str("no reports\n");
    } else {
        text.push_str(&table.to_string());
    }
    for note in &sent.notes {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", Foreign::new(note));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use postern_admin::{ReportFact, ReportFailure};

    use super::*;

    fn line(kind: ReportKind, way: ReportWay) -> ReportLine {
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_392_000);
        ReportLine {
            id: "r1".to_owned(),
            kind,
            way,
            domain: "example.org".to_owned(),
            other: "reporter.example".to_owned(),
            begin: begin.into(),
            end: (begin + Duration::from_secs(86_399)).into(),
            state: "kept".to_owned(),
            passed: 12,
            failed: 3,
        }
    }

    #[test]
    fn a_list_tells_whose_reports_they_are() {
        let ours = line(ReportKind::Dmarc, ReportWay::Ours);
        let theirs = line(ReportKind::Tls, ReportWay::Received);
        let shown = list(&[ours, theirs]).to_string();
        let expected = "\
ID  DAY         ABOUT  DOMAIN       FROM OR TO             PASSED  FAILED  STATE
r1  2026-11-23  dmarc  example.org  to reporter.example    12      3       kept
r1  2026-11-23  tls    example.org  from reporter.example  12      3       kept
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_others_wrote_stays_on_its_line() {
        let failure = ReportFailure {
            result_type: "starttls-not-supported".to_owned(),
            sessions: 3,
            host: "mx.example.org".to_owned(),
            reason: "a\r\nreport     forged".to_owned(),
        };
        let report = Report {
            line: line(ReportKind::Tls, ReportWay::Received),
            facts: vec![ReportFact {
                name: "contact".to_owned(),
                value: "a\nb".to_owned(),
            }],
            sources: Vec::new(),
            policies: vec![ReportPolicy {
                policy_type: "sts".to_owned(),
                domain: "example.org".to_owned(),
                successful: 12,
                failed: 3,
                failures: vec![failure],
            }],
            left_out: 2,
        };
        let shown = show(&report);
        for expected in [
            "about      tls of example.org\n",
            "from       reporter.example\n",
            "contact    a\\nb\n",
            "sts     example.org  12          3\n",
            "starttls-not-supported  3         mx.example.org  a\\r\\nreport     forged\n",
            "\nand 2 more\n",
        ] {
            assert!(
                shown.contains(expected),
                "{expected:?} is missing:\n{shown}"
            );
        }
    }
}
