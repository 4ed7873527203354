//! Partners for people.

use std::fmt::Write as _;

use postern_admin::{
    BreakGlassStatus, DirectionLine, Measured, Partner, PartnerDirection, PartnerLine,
    ReadinessVerdict, RevocationListStatus,
};
use postern_mail::Foreign;

use crate::{output::Table, words};

/// How many characters a bar is wide.
const BAR: u64 = 10;

/// What mail that comes in is called.
const INBOUND: &str = "inbound";

/// What keeps a failure of mail that comes in from being the partner's fault.
const STRANGERS: &str = "anybody may use the partner's name: \
    failures of hosts that are not the partner's count too";

/// A line for each partner.
pub(super) fn list(partners: &[PartnerLine]) -> Table<6> {
    let head = ["PARTNER", "STAGE", "OUTBOUND", "MET", "INBOUND", "MET"];
    let mut table = Table::new(head);
    for partner in partners {
        table.row([
            partner.name.clone(),
            partner.stage.clone(),
            in_brief(&partner.outbound),
            progress(&partner.outbound),
            in_brief(&partner.inbound),
            progress(&partner.inbound),
        ]);
    }
    table
}

/// What is demanded, and whether it can be.
fn in_brief(direction: &DirectionLine) -> String {
    let glass = if direction.break_glass {
        ", GLASS BROKEN"
    } else {
        ""
    };
    let readiness = match direction.readiness.verdict {
        ReadinessVerdict::NotMeasured => "not measured",
        ReadinessVerdict::Failing => "failing",
        ReadinessVerdict::TooFew => "too early to say",
        ReadinessVerdict::Safe => "safe to enforce",
    };
    format!("{}: {readiness}{glass}", direction.require)
}

/// `########..  96 of 120`: rounded down, so that a full bar means all.
fn progress(direction: &DirectionLine) -> String {
    let DirectionLine { attempts, met, .. } = direction;
    if *attempts == 0 {
        return "-".to_owned();
    }
    let full = met.saturating_mul(BAR) / attempts;
    let bar: String = (0..BAR)
        .map(|at| if at < full { '#' } else { '.' })
        .collect();
    format!("{bar}  {met} of {attempts}")
}

/// All about one partner.
pub(super) fn show(partner: &Partner) -> String {
    let mut page = Page::default();
    page.line("partner", &partner.name);
    page.line("stage", &partner.stage);
    page.line("domains", &partner.domains.join(", "));
    if !partner.except.is_empty() {
        page.line("except", &partner.except.join(", "));
    }
    if let Some(contact) = &partner.contact {
        page.line("contact", contact);
    }
    page.direction("outbound", "connection", &partner.outbound);
    page.direction(INBOUND, "message", &partner.inbound);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    /// What is foreign stays on its line.
    fn line(&mut self, name: &str, value: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{name:<13} {}", Foreign::new(value));
    }

    /// A direction, under its rule; `each` is what is counted as one attempt.
    fn direction(&mut self, name: &str, each: &str, direction: &PartnerDirection) {
        self.0.push('\n');
        let terms = direction.terms.iter().map(|term| format!(", {term}"));
        let demand: String = std::iter::once(direction.require.clone())
            .chain(terms)
            .collect();
        self.line(name, &demand);
        self.line("  readiness", &direction.readiness.text);
        for entry in &direction.break_glass {
            self.line("  glass", &broken(entry));
        }
        for list in &direction.revocation {
            self.line("  revocation", &revocation(list));
        }
        match &direction.measured {
            Some(measured) => {
                self.measured(each, measured);
                self.failures(measured);
                if name == INBOUND && measured.last_failure.is_some() {
                    self.line("  note", STRANGERS);
                }
            }
            None => self.line("  measured", "nothing yet: no attempt was made"),
        }
    }

    fn measured(&mut self, each: &str, measured: &Measured) {
        let Measured {
            attempts,
            met,
            would_have_failed,
            failed,
            under_break_glass,
            ..
        } = measured;
        let noun = if *attempts == 1 {
            "attempt"
        } else {
            "attempts"
        };
        let counts = format!(
            "{attempts} {noun}, one for each {each}, from {} to {}",
            measured.since, measured.last_attempt
        );
        self.line("  measured", &counts);
        let rule = measured.rule.as_deref();
        let rule = rule.unwrap_or("not known, an earlier version measured it");
        if measured.present {
            self.line("  rule", rule);
        } else {
            self.line("  rule", &format!("ANOTHER than the present one: {rule}"));
        }
        let outcome = format!("{met} met, {would_have_failed} would have failed, {failed} failed");
        self.line("  outcome", &outcome);
        if *under_break_glass > 0 {
            let were = if *under_break_glass == 1 {
                "was"
            } else {
                "were"
            };
            let text = format!("{under_break_glass} of the attempts {were} made under it");
            self.line("  glass", &text);
        }
        self.line(
            "  last",
            &format!("{}: {}", measured.last_peer, measured.last_basis),
        );
        if let Some(identity) = &measured.last_identity {
            self.line("  identity", identity);
        }
        if let Some(expiry) = &measured.certificate_expiry {
            let text = format!(
                "of {} ends at {}, {} days from now",
                expiry.peer, expiry.not_after, expiry.days_left
            );
            self.line("  certificate", &text);
        }
    }

    fn failures(&mut self, measured: &Measured) {
        for reason in &measured.reasons {
            let peer = reason.last_peer.as_deref();
            let peer = peer.map_or_else(String::new, |peer| format!(", last with {peer}"));
            let text = format!(
                "{} from {} to {}{peer}: {}",
                words::times(reason.count),
                reason.first_seen,
                reason.last_seen,
                reason.reason
            );
            self.line("  failure", &text);
        }
        if measured.other_reasons > 0 {
            let text = format!("{} for other reasons", words::times(measured.other_reasons));
            self.line("  failure", &text);
        }
    }
}

/// An exception in a sentence.
pub(crate) fn broken(entry: &BreakGlassStatus) -> String {
    let BreakGlassStatus {
        allow,
        reason,
        approved_by,
        until,
        ..
    } = entry;
    let direction = entry.direction.as_deref().unwrap_or("both directions");
    let state = if entry.active {
        "BROKEN: "
    } else {
        "over, without effect: "
    };
    format!("{state}{direction} may be {allow} until {until}, approved by {approved_by}: {reason}")
}

/// A revocation list in a sentence.
pub(crate) fn revocation(list: &RevocationListStatus) -> String {
    let mut text = match (&list.issuer, &list.next_update) {
        (Some(issuer), Some(next)) => {
            let due = if list.in_date { "due" } else { "OVERDUE since" };
            let entries = list.entries.unwrap_or_default();
            format!(
                "{}: by {issuer}, {entries} entries, next {due} {next}",
                list.label
            )
        }
        (Some(_), None) | (None, _) => format!("{}: NO LIST YET", list.label),
    };
    if let Some(trouble) = &list.trouble {
        text.push_str(&format!("; {trouble}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use postern_admin::{FailureReason, Readiness};

    use super::*;

    #[track_caller]
    fn check(attempts: u64, met: u64, expected: &str) {
        let line = DirectionLine {
            require: "authenticated".to_owned(),
            attempts,
            met,
            not_met: attempts - met,
            break_glass: false,
            readiness: Readiness {
                verdict: ReadinessVerdict::TooFew,
                text: String::new(),
            },
        };
        assert_eq!(progress(&line), expected);
        assert_eq!(in_brief(&line), "authenticated: too early to say");
    }

    #[test]
    fn a_full_bar_means_all() {
        check(0, 0, "-");
        check(3, 0, "..........  0 of 3");
        check(1000, 999, "#########.  999 of 1000");
        check(20, 20, "##########  20 of 20");
    }

    fn measured() -> Measured {
        let seen = postern_admin::Timestamp::from(std::time::SystemTime::UNIX_EPOCH);
        Measured {
            rule: Some("authenticated, name a.example".to_owned()),
            present: true,
            since: seen,
            last_attempt: seen,
            attempts: 1,
            met: 0,
            would_have_failed: 1,
            failed: 0,
            under_break_glass: 0,
            last_failure: Some(seen),
            reasons: vec![FailureReason {
                reason: "not offered".to_owned(),
                count: 1,
                first_seen: seen,
                last_seen: seen,
                last_peer: Some("192.0.2.1".to_owned()),
            }],
            other_reasons: 0,
            last_peer: "192.0.2.1".to_owned(),
            last_basis: "plain".to_owned(),
            last_identity: None,
            certificate_expiry: None,
        }
    }

    fn page(name: &str, measured: Measured) -> String {
        let mut page = Page::default();
        let direction = PartnerDirection {
            require: "authenticated".to_owned(),
            terms: Vec::new(),
            break_glass: Vec::new(),
            revocation: Vec::new(),
            measured: Some(measured),
            readiness: Readiness {
                verdict: ReadinessVerdict::Failing,
                text: "failing".to_owned(),
            },
        };
        page.direction(name, "message", &direction);
        page.0
    }

    /// An operator who reads of a failure must not take a stranger's for the partner's.
    #[test]
    fn a_failure_of_mail_that_comes_in_may_be_a_strangers() {
        let inbound = page(INBOUND, measured());
        assert!(
            inbound.contains(", last with 192.0.2.1: not offered\n"),
            "{inbound}"
        );
        assert!(inbound.contains(STRANGERS), "{inbound}");
        for words in ["  1 attempt, one for each message", "  once from "] {
            assert!(inbound.contains(words), "{inbound}");
        }
        assert!(!page("outbound", measured()).contains(STRANGERS));
        let met = Measured {
            last_failure: None,
            reasons: Vec::new(),
            ..measured()
        };
        assert!(!page(INBOUND, met).contains(STRANGERS));
    }

    #[test]
    fn the_rule_that_was_measured_is_told_from_the_present_one() {
        let told = |rule: Option<&str>, present| {
            let rule = rule.map(str::to_owned);
            let shown = page(
                "outbound",
                Measured {
                    rule,
                    present,
                    ..measured()
                },
            );
            let line = shown.lines().find(|line| line.starts_with("  rule"));
            line.unwrap().get(14..).unwrap().to_owned()
        };
        assert_eq!(told(Some("encrypted"), true), "encrypted");
        assert_eq!(
            told(Some("encrypted"), false),
            "ANOTHER than the present one: encrypted"
        );
        assert_eq!(
            told(None, false),
            "ANOTHER than the present one: not known, an earlier version measured it"
        );
    }
}
