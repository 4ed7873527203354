use std::time::Duration;

use postern_policy::StsPolicy;
use postern_tls::SpkiPin;
use rustls_pki_types::UnixTime;

use super::*;
use crate::{OurCertificate, ZoneLine};

fn now() -> Date {
    day(1000)
}

fn day(day: u64) -> Date {
    Date(UnixTime::since_unix_epoch(Duration::from_secs(
        day * 86_400,
    )))
}

fn facts() -> Facts {
    let mut facts = Facts::of("mx1.example.org".parse().unwrap());
    facts.addresses = vec!["192.0.2.1".parse().unwrap()];
    facts.senders = vec!["192.0.2.1".parse().unwrap()];
    facts.dmarc_reports = vec!["reports@example.org".parse().unwrap()];
    facts.tls_reports = vec!["reports@example.org".parse().unwrap()];
    facts.caa = vec!["ca.example".to_owned()];
    facts.certificates = vec![OurCertificate {
        name: "default".to_owned(),
        names: vec!["mx1.example.org".to_owned()],
        chain: Vec::new(),
        key: SpkiPin::of_spki(b"now"),
        next_key: Some(SpkiPin::of_spki(b"next")),
    }];
    facts
}

fn key(selector: &str, from: Option<Date>, until: Option<Date>) -> DkimFacts {
    DkimFacts {
        selector: selector.to_owned(),
        record: format!("v=DKIM1; k=ed25519; p={selector}"),
        from,
        until,
    }
}

fn line(record: &Record) -> String {
    let ttl = Duration::from_secs(3600);
    ZoneLine { record, ttl }.to_string()
}

#[track_caller]
fn check(records: &[Record], expected: &[&str]) {
    let lines: Vec<_> = records.iter().map(line).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_domain_has_all_that_mail_needs() {
    let mut domain = OurDomain::named("example.org".parse().unwrap());
    let text = b"version: STSv1\nmode: testing\nmx: mx1.example.org\nmax_age: 86400\n";
    let policy = StsPolicy::parse(text).unwrap();
    let announced = format!(
        "_mta-sts.example.org. 3600 IN TXT \"v=STSv1; id={};\"",
        texts::sts_id(&policy)
    );
    domain.sts = Some(policy);
    domain.keys = vec![
        key("gone", None, Some(day(900))),
        key("ended", None, Some(day(999))),
        key("current", Some(day(999)), Some(day(1100))),
        key("next", Some(day(1100)), None),
    ];
    check(
        &domain_records(&facts(), &domain, now()),
        &[
            "example.org. 3600 IN MX 10 mx1.example.org.",
            "example.org. 3600 IN TXT \"v=spf1 ip4:192.0.2.1 ~all\"",
            "ended._domainkey.example.org. 3600 IN TXT \"v=DKIM1; k=ed25519; p=ended\"",
            "current._domainkey.example.org. 3600 IN TXT \"v=DKIM1; k=ed25519; p=current\"",
            "next._domainkey.example.org. 3600 IN TXT \"v=DKIM1; k=ed25519; p=next\"",
            "_dmarc.example.org. 3600 IN TXT \"v=DMARC1; p=none; rua=mailto:reports@example.org\"",
            &announced,
            "mta-sts.example.org. 3600 IN CNAME mx1.example.org.",
            "_smtp._tls.example.org. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:reports@example.org\"",
        ],
    );
}

#[test]
fn a_key_says_why_it_is_there() {
    let mut domain = OurDomain::named("example.org".parse().unwrap());
    domain.keys = vec![
        key("ended", None, Some(day(999))),
        key("current", None, None),
        key("next", Some(day(1100)), None),
    ];
    let records = domain_records(&facts(), &domain, now());
    let why = |selector: &str| {
        let is_it = |record: &&Record| record.owner.to_string().starts_with(selector);
        let found = records.iter().find(is_it).unwrap();
        (found.why.clone(), found.severity)
    };
    let expected = format!(
        "mail that was signed with this key is under way until {}",
        day(1011)
    );
    assert_eq!(why("ended"), (expected, Severity::Weak));
    let expected = "our mail is signed with this key".to_owned();
    assert_eq!(why("current"), (expected, Severity::Broken));
    let expected = format!(
        "our mail will be signed with this key from {} on",
        day(1100)
    );
    assert_eq!(why("next"), (expected, Severity::Weak));
}

#[test]
fn reports_to_another_organization_need_its_agreement() {
    let domain = OurDomain::named("other.example".parse().unwrap());
    let records = domain_records(&facts(), &domain, now());
    let agreed: Vec<_> = records
        .into_iter()
        .filter(|it| it.owner.to_string().contains("_report"))
        .collect();
    check(
        &agreed,
        &["other.example._report._dmarc.example.org. 3600 IN TXT \"v=DMARC1;\""],
    );
    let below = OurDomain::named("sub.example.org".parse().unwrap());
    let records = domain_records(&facts(), &below, now());
    assert!(
        !records
            .iter()
            .any(|it| it.owner.to_string().contains("_report"))
    );
}

#[test]
fn hosts_have_addresses_keys_and_names() {
    check(
        &host_records(&facts()),
        &[
            "mx1.example.org. 3600 IN A 192.0.2.1",
            "_25._tcp.mx1.example.org. 3600 IN TLSA 3 1 1 \
             ed5eb9a37e2d8231af3388319b941995f6dc8755c56043d0cc52b5fe405a87de",
            "_25._tcp.mx1.example.org. 3600 IN TLSA 3 1 1 \
             c6c1c9a9c8543f1e4cd980064cf1625eeb61a90703b2464fff039f21682508b3",
            "mx1.example.org. 3600 IN CAA 0 issue \"ca.example\"",
            "mx1.example.org. 3600 IN TXT \"v=spf1 a -all\"",
            "1.2.0.192.in-addr.arpa. 3600 IN PTR mx1.example.org.",
        ],
    );
}

#[test]
fn keys_of_other_hosts_are_not_ours_to_publish() {
    let mut facts = facts();
    facts.hosts = vec![
        "mx1.example.org".parse().unwrap(),
        "mx2.example.org".parse().unwrap(),
    ];
    let records = host_records(&facts);
    let of_other = |record: &&Record| record.owner.to_string().contains("mx2");
    assert_eq!(records.iter().find(of_other).map(line), None);
    facts.certificates[0]
        .names
        .push("mx2.example.org".to_owned());
    let records = host_records(&facts);
    assert_eq!(records.iter().filter(of_other).count(), 3);
}

#[test]
fn a_key_that_is_in_use_is_not_coming() {
    let mut facts = facts();
    facts.certificates[0].next_key = Some(SpkiPin::of_spki(b"now"));
    let host = "mx1.example.org".parse().unwrap();
    let keys = hosts::keys(&facts, &host);
    assert_eq!(
        keys,
        [(SpkiPin::of_spki(b"now"), "default", hosts::Time::Now)]
    );
}
