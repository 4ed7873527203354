//! What is refused whatever speaks for it, and what is let through for a while.

use std::time::{SystemTime, UNIX_EPOCH};

use postern_policy::{Dane, DeliveryRequest, HostFacts};
use postern_tls::NotSecured;
use rustls_pki_types::UnixTime;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::home::{BASE, Home};

/// The moment so many days from now, as the configuration writes it.
pub(crate) fn in_days(days: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = OffsetDateTime::from_unix_timestamp(now.as_secs().try_into().unwrap()).unwrap();
    (now + Duration::days(days)).format(&Rfc3339).unwrap()
}

const PARTNERS: &str = r#"
[[partner]]
name = "Ministry"
domains = ["ministry.example"]

[partner.outbound]
trust = ["ministry-ca.pem"]

[partner.inbound]
require = "encrypted"

[[partner]]
name = "Beginner"
domains = ["beginner.example"]
stage = "observe"

[partner.outbound]

[partner.inbound]
require = "encrypted"
"#;

fn exception(rest: &str, days: i64) -> String {
    let until = in_days(days);
    format!(
        "{BASE}{PARTNERS}\n[[break-glass]]\nreason = \"it is on fire\"\napproved-by = \"J. Doe\"\n\
         until = \"{until}\"\n{rest}\n"
    )
}

#[track_caller]
fn check(rest: &str, days: i64, expected: &str) {
    let warnings = Home::new().warnings(&exception(rest, days));
    let told = matches!(warnings.as_slice(), [warning] if warning.contains(expected));
    assert!(told, "{warnings:?}");
}

#[test]
fn an_exception_is_made_and_warned_of() {
    let ministry = "partner = \"Ministry\"\nallow = \"any\"";
    check(
        ministry,
        2,
        "the rule of Ministry is not in force; remove it as soon as",
    );
    check(ministry, 29, "the rule of Ministry is not in force");

    let home = Home::new();
    let plain = |text: &str| {
        let policy = home.load(text).unwrap().settings.policy;
        let to = "ministry.example".parse().unwrap();
        let plan = policy.plan_delivery(&DeliveryRequest::to(&to), UnixTime::now());
        let host = HostFacts::configured("mx1.ministry.example".parse().unwrap());
        let verdict = plan.for_host(&host);
        verdict
            .judge(Err(&NotSecured::NotOffered), UnixTime::now())
            .is_ok()
    };
    assert!(plain(&exception(ministry, 2)));
    assert!(!plain(&exception(ministry, -2)));
    let inward = format!("{ministry}\ndirection = \"inbound\"");
    assert!(!plain(&exception(&inward, 2)));
}

#[test]
fn an_exception_without_effect_is_warned_of() {
    let ministry = "partner = \"Ministry\"\nallow = ";
    check(&format!("{ministry}\"any\""), -1, "ended on ");
    let inward = "\"encrypted\"\ndirection = \"inbound\"";
    check(
        &format!("{ministry}{inward}"),
        1,
        "has no effect: the rule of Ministry demands no more than that",
    );
    check(
        "partner = \"Beginner\"\nallow = \"any\"",
        1,
        "has no effect: the rule of Beginner is at stage \"observe\"",
    );
}

#[test]
fn an_exception_is_short() {
    let errors = Home::new().errors(&exception("partner = \"Ministry\"\nallow = \"any\"", 31));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("break-glass.until: "), "{errors:?}");
    assert!(
        errors[0].ends_with(
            "is more than 30 days ahead; give an earlier end, or change the partner's rule"
        ),
        "{errors:?}"
    );
}

#[test]
fn domains_are_excepted() {
    let text = format!("{BASE}{PARTNERS}").replace(
        "domains = [\"ministry.example\"]",
        "domains = [\"*.ministry.example\"]\nexcept = [\"old.ministry.example\"]",
    );
    let text = text.replace(
        "trust = [\"ministry-ca.pem\"]",
        "trust = [\"ministry-ca.pem\"]\ndane = true",
    );
    let policy = Home::new().load(&text).unwrap().settings.policy;
    let partner = policy.partners().next().unwrap();
    assert_eq!(partner.outbound().dane, Dane::Demanded);
    let known = |domain: &str| policy.partner_of(&domain.parse().unwrap()).is_some();
    assert!(known("new.ministry.example"));
    assert!(!known("old.ministry.example"));
}

#[test]
fn what_is_denied_reaches_the_policy() {
    let text = format!(
        "{BASE}[[deny]]\nserial = \"d4:3a\"\nissuer = \"CN=Ministry CA\"\nreason = \"stolen\"\n\n\
         [[deny]]\nserial = \"d4:3a\"\nreason = \"a copy\"\n"
    );
    let policy = Home::new().load(&text).unwrap().settings.policy;
    let policy = format!("{policy:?}");
    assert!(policy.contains("d43a"), "{policy}");
    assert!(
        policy.contains("stolen") && policy.contains("a copy"),
        "{policy}"
    );
}
