use std::{sync::LazyLock, time::Duration};

use postern_dns::FixedZone;
use postern_policy::StsPolicy;
use postern_testkit::{Authority, Leaf};
use postern_tls::{CertificateSummary, SpkiPin};
use rustls_pki_types::UnixTime;

use super::*;
use crate::{Data, DkimFacts, DmarcPolicy, OurCertificate, Record, domain_records, host_records};

fn day(day: u64) -> Date {
    Date(UnixTime::since_unix_epoch(Duration::from_secs(
        day * 86_400,
    )))
}

fn now() -> Date {
    day(1000)
}

fn key(selector: &str, from: Option<Date>, until: Option<Date>) -> DkimFacts {
    DkimFacts {
        selector: selector.to_owned(),
        record: format!("v=DKIM1; k=ed25519; p=key+{selector}"),
        from,
        until,
    }
}

/// One key for all tests, which hold records against it.
static CERTIFICATE: LazyLock<OurCertificate> = LazyLock::new(|| {
    let leaf = Leaf::named("mx1.example.org").and_named("mta-sts.example.org");
    let issued = Authority::new("CA").issue(&leaf);
    let summary = CertificateSummary::of(issued.leaf());
    OurCertificate {
        name: "default".to_owned(),
        names: vec![
            "mx1.example.org".to_owned(),
            "mta-sts.example.org".to_owned(),
        ],
        chain: vec![issued.leaf().to_vec()],
        key: summary.contents.unwrap().spki_pin,
        next_key: Some(SpkiPin::of_spki(b"next")),
    }
});

/// Everything is set, and strict.
fn facts() -> Facts {
    let policy = b"version: STSv1\nmode: enforce\nmx: mx1.example.org\nmax_age: 86400\n";
    let domain = OurDomain {
        name: "example.org".parse().unwrap(),
        keys: vec![
            key("gone", None, Some(day(900))),
            key("ended", None, Some(day(999))),
            key("current", Some(day(999)), None),
            key("next", Some(day(1100)), None),
        ],
        sts: Some(StsPolicy::parse(policy).unwrap()),
    };
    let reports: postern_mail::Mailbox = "reports@example.org".parse().unwrap();
    Facts {
        addresses: vec!["192.0.2.1".parse().unwrap()],
        senders: vec!["192.0.2.1".parse().unwrap()],
        certificates: vec![CERTIFICATE.clone()],
        dmarc: DmarcPolicy::Reject,
        dmarc_below: DmarcPolicy::Reject,
        dmarc_reports: vec![reports.clone()],
        tls_reports: vec![reports],
        caa: vec!["ca.example".to_owned()],
        domains: vec![domain],
        ..Facts::of("mx1.example.org".parse().unwrap())
    }
}

/// Records as a zone for tests has them.
fn line(record: &Record) -> String {
    let Record { owner, data, .. } = record;
    match data {
        Data::Caa(caa) => {
            let value = String::from_utf8_lossy(&caa.value);
            format!("{owner} CAA 0 {} {value}", caa.tag)
        }
        data => format!("{owner} {} {data}", data.kind()),
    }
}

/// All that is printed for the facts.
fn printed(facts: &Facts) -> Vec<String> {
    let domains = facts.domains.iter();
    let records = domains.flat_map(|domain| domain_records(facts, domain, now()));
    let records: Vec<_> = records.chain(host_records(facts)).collect();
    records.iter().map(line).collect()
}

async fn look_at(facts: &Facts, lines: &[String], proof: &str) -> Report {
    let zone: FixedZone = format!("$PROOF {proof}\n{}", lines.join("\n"))
        .parse()
        .unwrap();
    let mut findings = check_hosts(&zone, facts, now()).await;
    for domain in &facts.domains {
        findings.extend(check_domain(&zone, facts, domain, now()).await);
    }
    Report::of(findings)
}

/// `severity owner kind: wrong` for everything that is not fine.
fn wrong(report: &Report) -> Vec<String> {
    let told = |finding: &Finding| {
        let text = finding.text();
        let place = format!("{} {}", finding.owner, finding.kind);
        match &finding.outcome {
            Outcome::Fine(_) => None,
            Outcome::Unknown(_) => Some(format!("unknown {place}: {text}")),
            Outcome::Found {
                severity, right, ..
            } => {
                assert!(!right.is_empty(), "{text} says not what to do");
                Some(format!("{severity} {place}: {text}"))
            }
        }
    };
    report.findings.iter().filter_map(told).collect()
}

/// Leaves out what begins with `without`, adds lines, and expects just these findings.
async fn check(without: &str, with: &[&str], expected: &[&str]) {
    let facts = facts();
    let mut lines = printed(&facts);
    let before = lines.len();
    lines.retain(|line| without.is_empty() || !line.starts_with(without));
    assert!(
        without.is_empty() || lines.len() < before,
        "nothing begins with {without}"
    );
    lines.extend(with.iter().map(|line| (*line).to_owned()));
    let report = look_at(&facts, &lines, "secure").await;
    let (mut found, mut expected) = (wrong(&report), expected.to_vec());
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "without {without:?}, with {with:?}");
}

#[tokio::test]
async fn what_is_printed_passes() {
    check("", &[], &[]).await;
    let facts = Facts {
        domains: vec![OurDomain::named("example.org".parse().unwrap())],
        ..Facts::of("mx1.example.org".parse().unwrap())
    };
    let mut lines = printed(&facts);
    lines.push("mx1.example.org A 192.0.2.1".to_owned());
    lines.push("1.2.0.192.in-addr.arpa PTR mx1.example.org".to_owned());
    let report = look_at(&facts, &lines, "secure").await;
    assert!(!report.is_incomplete());
    assert_ne!(
        report.worst(),
        Some(Severity::Broken),
        "{:?}",
        wrong(&report)
    );
}

#[tokio::test]
async fn mx_records_lead_here() {
    check("example.org MX", &[], &[
        "broken example.org MX: there is no MX record, so mail goes to the address of the domain, \
         if it has one",
    ]).await;
    check(
        "example.org MX",
        &["example.org MX 0 ."],
        &["broken example.org MX: the MX record says that the domain takes no mail (RFC 7505)"],
    )
    .await;
    check(
        "example.org MX",
        &["example.org MX 5 mx.other.example"],
        &[
            "weak example.org MX: no MX record names us; mail goes to mx.other.example",
            "broken example.org MX: our MTA-STS policy does not list mx.other.example",
        ],
    )
    .await;
}

#[tokio::test]
async fn hosts_have_addresses_and_names() {
    check("mx1.example.org A", &["mta-sts.example.org A NONE"], &[
        "broken mx1.example.org A: mx1.example.org has no address",
            "broken mx1.example.org TXT: mail from 192.0.2.1 gets `fail`",
        "broken 1.2.0.192.in-addr.arpa PTR: 192.0.2.1 is called mx1.example.org, which does not \
         lead back to it",
        "weak mta-sts.example.org A: the policy host has no address, so nobody can fetch our policy",
    ]).await;
    check("1.2.0.192.in-addr.arpa", &[], &[
        "broken 1.2.0.192.in-addr.arpa PTR: 192.0.2.1 has no name, and many refuse mail from such \
         addresses",
    ]).await;
    check(
        "1.2.0.192.in-addr.arpa",
        &[
            "1.2.0.192.in-addr.arpa PTR dsl.example",
            "dsl.example A 192.0.2.1",
        ],
        &[
            "weak 1.2.0.192.in-addr.arpa PTR: 192.0.2.1 is called dsl.example, and we greet as \
           mx1.example.org",
        ],
    )
    .await;
    check(
        "",
        &["mx1.example.org A 198.51.100.9"],
        &["note mx1.example.org A: mx1.example.org is at 198.51.100.9 too"],
    )
    .await;
}

const KEY: &str = "current._domainkey.example.org";

async fn check_key(record: &str, fault: &str) {
    let line = format!("{KEY} TXT {record}");
    let expected = format!("broken {KEY} TXT: {fault}");
    check(KEY, &[&line], &[&expected]).await;
}

#[tokio::test]
async fn keys_are_there_and_ours() {
    let ours = "v=DKIM1; k=ed25519; p=key+current";
    check(KEY, &[], &[
        "broken current._domainkey.example.org TXT: the key that our mail is signed with is not \
         there",
    ]).await;
    check_key("v=DKIM1; k=ed25519; p=", "the key is revoked: p= is empty").await;
    check_key(
        "v=DKIM1; k=ed25519; p=other",
        "the record holds another key than ours",
    )
    .await;
    check_key(
        "v=DKIM1; p=key+current",
        "the record is for a key of type rsa, ours is ed25519",
    )
    .await;
    check_key(
        "k=ed25519; v=DKIM1; p=key+current",
        "v=DKIM1 does not stand first",
    )
    .await;
    check_key("v=DKIM1; k=ed25519", "the record has no key").await;
    check_key(
        "v=DKIM1; k=ed25519; p",
        "the record cannot be read: \"p\" is not name=value",
    )
    .await;
    let hash = format!("{ours}; h=sha1");
    check_key(&hash, "h=sha1 rules out signatures of mail with this key").await;
    let service = format!("{ours}; s=tlsrpt");
    check_key(
        &service,
        "s=tlsrpt rules out signatures of mail with this key",
    )
    .await;
    // Folded, padded, and in the order that it came to be in.
    let folded = format!("{KEY} TXT k=ed25519; p=key +current==; s=tlsrpt:email");
    check(KEY, &[&folded], &[]).await;
    let twice = format!("{KEY} TXT {ours}");
    check("", &[&twice], &[
        "broken current._domainkey.example.org TXT: there are several records, of which verifiers \
         take any",
    ]).await;
    let testing = format!("{KEY} TXT {ours}; t=s:y");
    check(
        KEY,
        &[&testing],
        &[
            "weak current._domainkey.example.org TXT: t=y says that signatures are a test, and \
         verifiers may take them for none",
        ],
    )
    .await;
}

#[tokio::test]
async fn keys_are_there_in_time_and_long_enough() {
    check(
        "next._domainkey",
        &[],
        &[&format!(
            "weak next._domainkey.example.org TXT: the key that signs from {} on is not there yet",
            day(1100)
        )],
    )
    .await;
    check("ended._domainkey", &[], &[&format!(
        "weak ended._domainkey.example.org TXT: the key is gone, and mail that it signed is under \
         way until {}",
        day(1011)
    )]).await;
    check("", &["gone._domainkey.example.org TXT v=DKIM1; p=x"], &[&format!(
        "note gone._domainkey.example.org TXT: the key is still there; since {} nothing needs it",
        day(912)
    )]).await;
    check("", &["gone._domainkey.example.org TXT v=DKIM1; p="], &[]).await;
}

const DMARC: &str = "_dmarc.example.org";

async fn check_dmarc(record: &str, expected: &[&str]) {
    let line = format!("{DMARC} TXT {record}");
    let expected = expected.iter().map(|it| format!("weak {DMARC} TXT: {it}"));
    let other = "note _dmarc.example.org TXT: the record is not the one of this configuration";
    let expected: Vec<_> = expected.chain([other.to_owned()]).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    check(DMARC, &[&line], &expected).await;
}

#[tokio::test]
async fn a_policy_asks_for_something() {
    let rua = "rua=mailto:reports@example.org";
    check(
        DMARC,
        &[],
        &["weak _dmarc.example.org TXT: there is no DMARC record: anybody can write as the domain"],
    )
    .await;
    let none = "p=none asks nothing of receivers: forged mail is delivered";
    check_dmarc(&format!("v=DMARC1; p=none; {rua}"), &[none]).await;
    let unusable = "there is no usable p=, so that the policy counts as none";
    check_dmarc(&format!("v=DMARC1; p=deny; {rua}"), &[unusable]).await;
    let below = "sp=none asks nothing for names below the domain";
    check_dmarc(&format!("v=DMARC1; p=reject; sp=none; {rua}"), &[below]).await;
    let test = "t=y says that the policy is a test: receivers do one step less than it asks";
    check_dmarc(&format!("v=DMARC1; p=reject; t=y; {rua}"), &[test]).await;
    let untold = "there is no rua=, so nobody tells how mail of the domain fares";
    check_dmarc("v=DMARC1; p=reject", &[untold]).await;
    let nowhere = "no report can be sent to reports@example.org";
    check_dmarc("v=DMARC1; p=reject; rua=reports@example.org", &[nowhere]).await;
    let two = "_dmarc.example.org TXT v=DMARC1; p=none";
    check(
        "",
        &[two],
        &["weak _dmarc.example.org TXT: there are several DMARC records, so none of them counts"],
    )
    .await;
}

#[tokio::test]
async fn a_policy_may_stand_above_and_reports_go_elsewhere() {
    let above = "_dmarc.org TXT v=DMARC1; p=reject; sp=reject";
    check(DMARC, &[above], &[
        "note _dmarc.example.org TXT: there is no DMARC record; that of org counts, with its sp=",
    ]).await;
    let line = format!("{DMARC} TXT v=DMARC1; p=reject; rua=mailto:a@reports.example");
    let other = "note _dmarc.example.org TXT: the record is not the one of this configuration";
    check(DMARC, &[&line], &[
        other,
        "weak example.org._report._dmarc.reports.example TXT: reports.example does not say that \
         it takes reports about example.org: none are sent",
    ]).await;
    let agreed = "example.org._report._dmarc.reports.example TXT v=DMARC1";
    check(DMARC, &[&line, agreed], &[other]).await;
}

const TLSA: &str = "_25._tcp.mx1.example.org";

#[tokio::test]
async fn keys_of_hosts_are_those_that_are_shown() {
    let facts = facts();
    let [ours, next] = [facts.certificates[0].key, SpkiPin::of_spki(b"next")]
        .map(|pin| postern_tls::TlsaRecord::of_key(pin).to_string());
    let stranger = postern_tls::TlsaRecord::of_key(SpkiPin::of_spki(b"stranger")).to_string();
    let line = |record: &str| format!("{TLSA} TLSA {record}");
    let not_next = "weak _25._tcp.mx1.example.org TLSA: the next key of certificate default is not \
                    there yet";
    let left_over = format!("note {TLSA} TLSA: {stranger} speaks of no key of ours");

    check(TLSA, &[], &[
        "weak _25._tcp.mx1.example.org TLSA: the zone of mx1.example.org is signed and has no keys \
         of it: DANE is not to be had",
    ]).await;
    check(TLSA, &[&line(&ours)], &[not_next]).await;
    check(TLSA, &[&line(&stranger)], &[
        "broken _25._tcp.mx1.example.org TLSA: no record speaks of the key of certificate default: \
         senders that verify DANE do not deliver",
        not_next,
        &left_over,
    ]).await;
    // Other forms speak of the same certificate: in whole, by its key.
    let whole = facts.certificates[0].chain[0].clone();
    let whole: String = whole.iter().map(|octet| format!("{octet:02x}")).collect();
    check(TLSA, &[&line(&format!("3 0 0 {whole}")), &line(&next)], &[]).await;
    check(TLSA, &[&line(&ours), &line(&next), &line("1 1 1 00")], &[
        "weak _25._tcp.mx1.example.org TLSA: 1 1 1 00 cannot be used: usages 0 and 1 are not for \
         SMTP (RFC 7672 §3.1.3)",
    ]).await;
}

#[tokio::test]
async fn without_dnssec_keys_count_for_nothing() {
    let facts = facts();
    let lines = printed(&facts);
    let report = look_at(&facts, &lines, "insecure").await;
    assert_eq!(
        wrong(&report),
        [
            "weak _25._tcp.mx1.example.org TLSA: there are keys of mx1.example.org in a zone without \
         DNSSEC: they count for nothing",
            "note example.org MX: the zone is not signed: nobody can rely on what it says, and DANE is \
         not to be had",
        ]
    );
    let without: Vec<_> = lines
        .into_iter()
        .filter(|it| !it.starts_with(TLSA))
        .collect();
    let report = look_at(&facts, &without, "insecure").await;
    assert_eq!(report.worst(), Some(Severity::Note), "{:?}", wrong(&report));
}

const STS: &str = "_mta-sts.example.org";

#[tokio::test]
async fn a_policy_is_announced_and_to_be_had() {
    check(STS, &[], &[
        "weak _mta-sts.example.org TXT: our MTA-STS policy is not announced, so nobody asks for it",
    ]).await;
    check(STS, &["_mta-sts.example.org TXT v=STSv1; id=1;"], &[
        "weak _mta-sts.example.org TXT: the id is 1, and our policy has another: senders that know \
         one under this id do not ask for ours",
    ]).await;
    check("", &["_mta-sts.example.org TXT v=STSv1; id=1;"], &[
        "weak _mta-sts.example.org TXT: there is more than one MTA-STS record, which counts as none",
    ]).await;
    check(
        "mta-sts.example.org",
        &["mta-sts.example.org A 198.51.100.9"],
        &["weak mta-sts.example.org A: the policy host is at none of our addresses"],
    )
    .await;
}

#[tokio::test]
async fn reports_about_tls_have_a_place() {
    const TLS: &str = "_smtp._tls.example.org";
    check(
        TLS,
        &[],
        &["note _smtp._tls.example.org TXT: nobody is asked to report TLS trouble with us"],
    )
    .await;
    let place = "_smtp._tls.example.org TXT v=TLSRPTv1; rua=";
    let fine = format!("{place}https://reports.example/tls,mailto:a@example.org");
    check(TLS, &[&fine], &[]).await;
    let bad = format!("{place}http://reports.example/tls");
    check(
        TLS,
        &[&bad],
        &["weak _smtp._tls.example.org TXT: no report can be sent to http://reports.example/tls"],
    )
    .await;
    let second = format!("{place}mailto:b@example.org");
    check(
        "",
        &[&second],
        &["weak _smtp._tls.example.org TXT: there are several records, so none of them counts"],
    )
    .await;
}

#[tokio::test]
async fn the_authority_in_use_may_certify() {
    const CAA: &str = "mx1.example.org CAA";
    check(
        CAA,
        &[],
        &["note mx1.example.org CAA: any authority may certify mx1.example.org"],
    )
    .await;
    let parent = "example.org CAA 0 issue other.example; account=7";
    check(
        CAA,
        &[parent],
        &[
            "weak mx1.example.org CAA: CAA at example.org keeps ca.example from certifying \
         mx1.example.org: renewal will fail",
        ],
    )
    .await;
    check(
        CAA,
        &[parent, "example.org CAA 0 issue ca.example; x=y"],
        &[],
    )
    .await;
    check("", &["mx1.example.org CAA 128 novel x"], &[
        "weak mx1.example.org CAA: the critical property novel at mx1.example.org is unknown, so \
         nobody may certify",
    ]).await;
    check(
        CAA,
        &["org CAA 0 iodef mailto:x@example.org"],
        &["note mx1.example.org CAA: CAA at org does not say who may certify mx1.example.org"],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_neither_fine_nor_wrong() {
    let facts = facts();
    for (name, kind) in [
        ("example.org", "MX"),
        ("example.org", "TXT"),
        (KEY, "TXT"),
        (DMARC, "TXT"),
        (TLSA, "TLSA"),
        (STS, "TXT"),
        ("_smtp._tls.example.org", "TXT"),
        ("mx1.example.org", "CAA"),
        ("1.2.0.192.in-addr.arpa", "PTR"),
    ] {
        let mut lines = printed(&facts);
        lines.push(format!("{name} {kind} FAIL timeout"));
        let report = look_at(&facts, &lines, "secure").await;
        let expected = format!("unknown {name} {kind}: no answer in time: {kind} of {name}");
        assert_eq!(wrong(&report), [expected]);
        assert!(report.is_incomplete() && report.worst().is_none());
    }
}

#[tokio::test]
async fn a_policy_above_that_cannot_be_looked_up_is_not_called_absent() {
    let facts = facts();
    let mut lines = printed(&facts);
    lines.retain(|line| !line.starts_with(DMARC));
    lines.push("_dmarc.org TXT FAIL timeout".to_owned());
    let report = look_at(&facts, &lines, "secure").await;
    let expected = "unknown _dmarc.example.org TXT: no answer in time: TXT of _dmarc.org";
    assert_eq!(wrong(&report), [expected]);
}
