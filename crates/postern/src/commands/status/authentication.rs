//! How mail was judged and signed, for people: a line for each thing that there is something to
//! say about.

use postern_admin::{AuthenticationStatus, ReportsStatus, VerdictCount};

use crate::output;

/// Lines with their names.
pub(super) fn lines(status: &AuthenticationStatus) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if status.judged > 0 {
        let counts = counts(&status.dispositions);
        lines.push(("judged", format!("{} messages: {counts}", status.judged)));
        for (name, verdicts) in [
            ("spf", &status.spf),
            ("dkim", &status.dkim),
            ("dmarc", &status.dmarc),
            ("arc", &status.arc),
        ] {
            if !verdicts.is_empty() {
                lines.push((name, self::counts(verdicts)));
            }
        }
    }
    lines.extend(reports(&status.reports));
    lines
}

/// `pass 7, fail 2`
fn counts(verdicts: &[VerdictCount]) -> String {
    let each = verdicts
        .iter()
        .map(|it| format!("{} {}", it.verdict, it.messages));
    output::list(each, "none")
}

fn reports(status: &ReportsStatus) -> Vec<(&'static str, String)> {
    let ReportsStatus {
        due,
        sent,
        given_up,
        received,
        unrecognised,
        ..
    } = status;
    let mut lines = Vec::new();
    if !status.sends.is_empty() || due + sent + given_up > 0 {
        let sends = output::list(&status.sends, "no kind");
        let text = format!("{sends} sent; {due} due, {sent} handed over, {given_up} given up");
        lines.push(("reports", text));
    }
    if let Some(trouble) = &status.trouble {
        lines.push(("", trouble.clone()));
    }
    if received + unrecognised > 0 {
        let text = format!("{received} of others are kept, {unrecognised} messages were none");
        lines.push(("reports in", text));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_what_is_not_there() {
        assert_eq!(lines(&AuthenticationStatus::default()), []);
    }

    #[test]
    fn each_verdict_is_told_with_its_number() {
        let count = |verdict: &str, messages| VerdictCount {
            verdict: verdict.to_owned(),
            messages,
        };
        let status = AuthenticationStatus {
            judged: 3,
            dispositions: vec![count("accepted", 2), count("refused", 1)],
            dmarc: vec![count("pass", 2), count("fail", 1)],
            reports: ReportsStatus {
                sends: vec!["dmarc".to_owned(), "tls".to_owned()],
                due: 4,
                unrecognised: 1,
                ..ReportsStatus::default()
            },
            ..AuthenticationStatus::default()
        };
        let expected = [
            ("judged", "3 messages: accepted 2, refused 1"),
            ("dmarc", "pass 2, fail 1"),
            (
                "reports",
                "dmarc, tls sent; 4 due, 0 handed over, 0 given up",
            ),
            ("reports in", "0 of others are kept, 1 messages were none"),
        ];
        assert_eq!(
            lines(&status),
            expected.map(|(name, text)| (name, text.to_owned()))
        );
    }
}
