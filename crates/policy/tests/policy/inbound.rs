//! The judgement at MAIL FROM: replies, exclusive certificates, bounces, listeners.

use std::sync::Arc;

use postern_mail::ReversePath;
use postern_policy::{
    ChannelLevel, ClientUsage, Consequence, Denied, DeniedCertificate, Exclusivity, InboundTerms,
    InboundVerdict, Label, ListenerFloor, Partner, Policy, PolicyError, Stage,
};
use postern_tls::{ClientCertificates, CrlSource, NotSecured, RevocationCheck, UnknownStatus};

use crate::{
    peers::{self, PINS, Peer, now},
    policies::{self, ministry, names},
};

fn path(text: &str) -> ReversePath {
    let (path, rest) = ReversePath::parse_prefix(text).unwrap();
    assert_eq!(rest, "");
    path
}

fn judged(policy: &Policy, from: &str, peer: &Peer) -> InboundVerdict {
    policy.judge_mail(&(&path(from)).into(), None, peer.security.as_ref(), now())
}

/// `accepted, VERDICT` or the reply.
fn told(verdict: &InboundVerdict) -> String {
    match verdict.consequence() {
        Consequence::Accept => format!("accepted, {}", verdict.basis()),
        Consequence::Refuse(reply) => reply.to_string(),
    }
}

#[track_caller]
fn check(policy: &Policy, from: &str, peer: &str, expected: &str) {
    let told = told(&judged(policy, from, &peers::client(peer)));
    assert!(told.starts_with(expected), "{from} by {peer}: {told}");
    assert!(told.len() < 500, "a reply fits a line: {told}");
}

fn authenticated(names_: &[&str]) -> InboundTerms {
    InboundTerms {
        identity: names(names_),
        ..InboundTerms::requiring(ChannelLevel::Authenticated)
    }
}

fn exclusive(names_: &[&str]) -> InboundTerms {
    InboundTerms {
        exclusive: Exclusivity::Exclusive,
        ..authenticated(names_)
    }
}

fn partner(name: &str, domain: &str, terms: InboundTerms) -> Partner {
    Partner::builder(name.parse().unwrap(), Stage::Enforce)
        .domain(domain.parse().unwrap())
        .inbound(terms)
        .build()
        .unwrap()
}

#[test]
fn a_partner_is_told_what_its_client_lacks() {
    let policy = policies::inbound(Stage::Enforce, authenticated(&["mx1.ministry.example"]));
    let cases = [
        (
            "right",
            "accepted, authenticated as mx1.ministry.example by ministry.pem, TLSv1.3 ",
        ),
        ("offers no STARTTLS", "530 5.7.10 the channel is plain: "),
        (
            "no certificate",
            "530 5.7.0 the peer showed no certificate; partner Ministry of Examples demands a \
             channel authenticated as mx1.ministry.example by ministry.pem",
        ),
        (
            "other name",
            "550 5.7.1 the certificate is not for mx1.ministry.example; it is for mx.",
        ),
        ("other authority", "550 5.7.1 the certificate leads to "),
        (
            "expired, right key",
            "550 5.7.1 the certificate expired on ",
        ),
        (
            "stolen certificate",
            "550 5.7.1 the peer did not prove that it holds the key",
        ),
    ];
    for (peer, expected) in cases {
        check(&policy, "<clerk@ministry.example>", peer, expected);
        check(&policy, "<clerk@a.b.ministry.example>", peer, expected);
    }
}

#[test]
fn strangers_are_not_asked_for_anything() {
    let policy = policies::inbound(Stage::Enforce, authenticated(&["mx1.ministry.example"]));
    for from in [
        "<a@stranger.test>",
        "<>",
        "<a@[192.0.2.1]>",
        "<a@ministry.example.test>",
    ] {
        check(&policy, from, "offers no STARTTLS", "accepted, plain (");
        check(
            &policy,
            from,
            "no certificate",
            "accepted, encrypted (unauthenticated), TLSv1.3 ",
        );
        check(
            &policy,
            from,
            "other authority",
            "accepted, encrypted (unauthenticated), ",
        );
    }
}

/// A bounce has no domain to speak for, and the certificate is recognised all the same.
#[test]
fn a_certificate_is_recognised_behind_a_null_reverse_path() {
    let policy = policies::inbound(Stage::Enforce, exclusive(&["mx1.ministry.example"]));
    let verdict = judged(&policy, "<>", &peers::client("right"));
    assert!(told(&verdict).starts_with("accepted, authenticated as mx1.ministry.example by "));
    assert_eq!(
        verdict.partner().map(|partner| partner.name().as_str()),
        None
    );
    let holders: Vec<_> = verdict.certificate_holders().map(Partner::name).collect();
    assert_eq!(holders[0].as_str(), "Ministry of Examples");
}

#[test]
fn an_exclusive_certificate_sends_for_no_other_domain() {
    let policy = policies::inbound(Stage::Enforce, exclusive(&["mx1.ministry.example"]));
    let refused = "550 5.7.1 the certificate is that of Ministry of Examples, and ";
    check(
        &policy,
        "<a@ministry.example>",
        "right",
        "accepted, authenticated ",
    );
    check(&policy, "<a@stranger.test>", "right", refused);
    check(&policy, "<a@[192.0.2.1]>", "right", refused);
    check(&policy, "<a@stranger.test>", "wildcard", refused);
    // It is the proof that binds, not the name in it.
    check(
        &policy,
        "<a@stranger.test>",
        "other authority",
        "accepted, encrypted ",
    );
    check(
        &policy,
        "<a@stranger.test>",
        "stolen certificate",
        "accepted, encrypted ",
    );
    // And a certificate that is not exclusive sends for whom it likes.
    let policy = policies::inbound(Stage::Enforce, authenticated(&["mx1.ministry.example"]));
    check(
        &policy,
        "<a@stranger.test>",
        "right",
        "accepted, authenticated as mx1.ministry.example",
    );
}

#[test]
fn the_stage_of_an_exclusive_partner_counts() {
    for stage in [Stage::Observe, Stage::Warn] {
        let policy = policies::inbound(stage, exclusive(&["mx1.ministry.example"]));
        let verdict = judged(&policy, "<a@stranger.test>", &peers::client("right"));
        assert_eq!(*verdict.consequence(), Consequence::Accept);
        assert_eq!(verdict.findings().len(), 1);
        assert_eq!(verdict.findings()[0].stage, stage);
    }
}

/// Partner A's certificate with partner B's domain (CVE-2024-7208).
#[test]
fn one_partner_does_not_speak_for_another() {
    let policy = policies::policy(vec![
        partner(
            "Ministry",
            "ministry.example",
            authenticated(&["mx1.ministry.example"]),
        ),
        partner("Bank", "bank.example", authenticated(&["mx.bank.example"])),
    ]);
    check(
        &policy,
        "<a@bank.example>",
        "right",
        "550 5.7.1 the certificate is not for mx.bank.",
    );
    check(
        &policy,
        "<a@ministry.example>",
        "right",
        "accepted, authenticated as mx1.",
    );
}

/// The more specific partner owns the domain, whatever the other's pattern covers.
#[test]
fn an_exclusive_certificate_stops_at_a_domain_that_is_another_partners() {
    let bank = Partner::builder("Bank".parse().unwrap(), Stage::Enforce)
        .domain("bank.ministry.example".parse().unwrap())
        .build()
        .unwrap();
    let ministry = ministry(Stage::Enforce)
        .inbound(exclusive(&["mx1.ministry.example"]))
        .build()
        .unwrap();
    let policy = policies::policy(vec![ministry, bank]);
    check(
        &policy,
        "<a@bank.ministry.example>",
        "right",
        "550 5.7.1 the certificate is that of ",
    );
    check(
        &policy,
        "<a@office.ministry.example>",
        "right",
        "accepted, ",
    );
}

#[test]
fn an_exclusive_identity_is_no_other_partners() {
    let partners = vec![
        partner("Ministry", "ministry.example", exclusive(&["out.example"])),
        partner("Bank", "bank.example", authenticated(&["out.example"])),
    ];
    let errors = Policy::new(policies::defaults(), partners).unwrap_err();
    assert_eq!(
        errors,
        [PolicyError::ExclusiveShared {
            partner: "Ministry".parse().unwrap(),
            other: "Bank".parse().unwrap(),
            identity: "out.example".to_owned(),
        }]
    );
    assert_eq!(errors[0].key(), "inbound.exclusive");
}

#[test]
fn server_certificates_pass_for_clients_unless_the_rule_says_otherwise() {
    let strict = InboundTerms {
        usage: Some(ClientUsage::ClientAuthOnly),
        ..authenticated(&["mx1.ministry.example"])
    };
    let policy = policies::inbound(Stage::Enforce, strict);
    let from = "<clerk@ministry.example>";
    check(
        &policy,
        from,
        "for servers only",
        "550 5.7.1 the certificate is for serverAuth, not for",
    );
    check(
        &policy,
        from,
        "for clients only",
        "accepted, authenticated ",
    );
}

#[test]
fn a_partner_without_names_is_known_by_its_domains() {
    let terms = || InboundTerms::requiring(ChannelLevel::Authenticated);
    let policy = policies::policy(vec![partner("Host", "mx1.ministry.example", terms())]);
    check(
        &policy,
        "<a@mx1.ministry.example>",
        "right",
        "accepted, authenticated as mx1.",
    );
    check(
        &policy,
        "<a@mx1.ministry.example>",
        "other name",
        "550 5.7.1 ",
    );
}

#[test]
fn a_listener_that_requires_tls_takes_part() {
    let policy = policies::policy(vec![]);
    let listener = ListenerFloor::encrypted(Label::new("10.0.0.1:25"));
    let from = path("<a@stranger.test>");
    let verdict = policy.judge_mail(
        &(&from).into(),
        Some(&listener),
        Err(&NotSecured::NotOffered),
        now(),
    );
    let told = told(&verdict);
    assert!(told.starts_with("530 5.7.10 "), "{told}");
    assert!(
        told.ends_with("listener 10.0.0.1:25 demands an encrypted channel"),
        "{told}"
    );
    assert_eq!(verdict.findings()[0].partner, None);
    let explained = policy
        .explain_mail(&(&from).into(), Some(&listener), now())
        .to_string();
    assert!(
        explained.contains("channel   encrypted  (listener 10.0.0.1:25)"),
        "{explained}"
    );
}

/// What nobody would look at need not be asked for, and sessions can be resumed then.
#[test]
fn clients_are_asked_for_a_certificate_where_it_could_matter() {
    let strangers = || policies::policy(vec![]);
    let asking = ClientCertificates::NotRequested;
    assert_eq!(strangers().client_certificates(), asking);
    let asking = ClientCertificates::Requested;
    let denied = Denied {
        what: DeniedCertificate::Key(PINS[0]),
        reason: "stolen".into(),
    };
    let denying = strangers().with_denied(vec![denied]);
    assert_eq!(denying.client_certificates(), asking);
    let terms = InboundTerms::requiring(ChannelLevel::Encrypted);
    let observing = policies::inbound(Stage::Observe, terms);
    assert_eq!(observing.client_certificates(), asking);
}

/// Whether a certificate is revoked is for us to find out: what we do not know is no reason for
/// the partner's mail to bounce.
#[test]
fn mail_waits_while_nobody_knows_whether_a_certificate_is_revoked() {
    let revocation = |unknown| {
        let source = Arc::new(CrlSource::new("ministry.crl"));
        RevocationCheck::new([source], unknown)
    };
    let policy = |unknown| {
        let mut terms = authenticated(&["mx1.ministry.example"]);
        terms.identity.revocation = Some(revocation(unknown));
        policies::inbound(Stage::Enforce, terms)
    };
    let from = "<clerk@ministry.example>";
    check(
        &policy(UnknownStatus::Refuse),
        from,
        "right",
        "451 4.7.5 it is not known whether the certificate was revoked: there is no",
    );
    let accepted = told(&judged(
        &policy(UnknownStatus::Accept),
        from,
        &peers::client("right"),
    ));
    let told = "accepted, authenticated as mx1.ministry.example by ministry.pem (revocation \
                unknown: there is no revocation list of O=Postern tests, CN=Ministry CA; \
                nothing has been loaded from ministry.crl), TLSv1.3 ";
    assert!(accepted.starts_with(told), "{accepted}");
}
