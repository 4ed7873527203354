//! Records, and what becomes of them.

use postern_dns::FixedZone;

use super::*;

#[track_caller]
fn check_uri(text: &str, expected: Result<&str, ReportUriError>) {
    let uri = text.parse::<ReportUri>().map(|it| it.to_string());
    assert_eq!(uri, expected.map(str::to_owned), "{text}");
}

#[test]
fn addresses_are_read() {
    check_uri("mailto:a@b.example", Ok("mailto:a@b.example"));
    check_uri(" MAILTO:A.B+c@B.Example ", Ok("mailto:A.B+c@b.example"));
    check_uri("a@b.example", Ok("mailto:a@b.example"));
    check_uri("mailto:a@b.example!10m", Ok("mailto:a@b.example"));
    check_uri("mailto:a@b.example?subject=x", Ok("mailto:a@b.example"));
    check_uri("mailto:a%21b@b.example", Ok("mailto:a!b@b.example"));
    check_uri("https://b.example/x", Ok("https://b.example/x"));
    check_uri("http://b.example/x", Err(ReportUriError::Scheme));
    check_uri("https:b.example", Err(ReportUriError::Scheme));
    check_uri("ftp://a@b.example", Err(ReportUriError::Scheme));
    check_uri("b.example", Err(ReportUriError::Scheme));
    check_uri("mailto:", Err(ReportUriError::Mailbox));
    check_uri("mailto:a@[192.0.2.1]", Err(ReportUriError::Mailbox));
    check_uri(
        "mailto:a@b.example,c@d.example",
        Err(ReportUriError::Mailbox),
    );
    check_uri(
        "mailto:a%0d%0abcc:x@b.example",
        Err(ReportUriError::Mailbox),
    );
    check_uri("mailto:a%C3%A9@b.example", Err(ReportUriError::Mailbox));
    check_uri("mailto:a%4@b.example", Err(ReportUriError::Mailbox));
    check_uri("mailto:a @b.example", Err(ReportUriError::Character));
    let long = format!("mailto:{}@b.example", "a".repeat(3000));
    check_uri(&long, Err(ReportUriError::TooLong));
}

async fn destinations(zone: &str, domain: &str, addresses: &[&str]) -> Destinations {
    let zone: FixedZone = zone.parse().unwrap();
    let addresses: Vec<String> = addresses.iter().map(|it| (*it).to_owned()).collect();
    dmarc_destinations(&zone, &domain.parse().unwrap(), &addresses, ReportTag::Rua).await
}

#[track_caller]
fn mailboxes(found: &Destinations) -> Vec<String> {
    found.mailboxes.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn one_organization_needs_no_consent() {
    let org =
        "_dmarc.example.org TXT v=DMARC1; p=reject\n_dmarc.a.example.org TXT v=DMARC1; p=none";
    for (domain, address) in [
        ("example.org", "mailto:r@example.org"),
        ("example.org", "mailto:r@reports.example.org"),
        ("a.example.org", "mailto:r@example.org"),
        ("a.example.org", "mailto:r@b.example.org"),
    ] {
        let found = destinations(org, domain, &[address]).await;
        assert_eq!(found.refused, [], "{domain} {address}");
        assert_eq!(found.mailboxes.len(), 1);
    }
}

#[tokio::test]
async fn two_organizations_below_one_suffix_are_two() {
    let zone = "_dmarc.suffix.example TXT v=DMARC1; p=none; psd=y
                _dmarc.a.suffix.example TXT v=DMARC1; p=none
                _dmarc.b.suffix.example TXT v=DMARC1; p=none";
    let found = destinations(zone, "a.suffix.example", &["mailto:r@b.suffix.example"]).await;
    let expected = NotADestination::Unconsented("b.suffix.example".parse().unwrap());
    assert_eq!(found.refused[0].1, expected);
    // The walk of the one ends below itself, where its owner says that it is an organization.
    let zone = "_dmarc.example.org TXT v=DMARC1; p=none
                _dmarc.a.example.org TXT v=DMARC1; p=none; psd=n";
    let found = destinations(zone, "a.example.org", &["mailto:r@b.example.org"]).await;
    assert_eq!(found.mailboxes, []);
}

#[tokio::test]
async fn a_top_level_domain_is_nobodys_own() {
    let found = destinations("com MX 10 mx.com", "example.com", &["mailto:r@com"]).await;
    assert_eq!(found.mailboxes, []);
    let found = destinations("com MX 10 mx.com", "com", &["mailto:r@example.com"]).await;
    assert_eq!(found.mailboxes, []);
}

const FOREIGN: &str = "mailto:r@reports.example.net";
const CONSENT: &str = "example.org._report._dmarc.reports.example.net";

#[tokio::test]
async fn another_organization_must_want_them() {
    for (record, wanted) in [
        ("TXT v=DMARC1", true),
        ("TXT v=DMARC1;", true),
        ("TXT v=DMARC1; p=none", true),
        ("TXT v=DMARC2", false),
        ("TXT p=none; v=DMARC1", false),
        ("TXT something else", false),
        ("NONE", false),
    ] {
        let zone = format!("{CONSENT} {record}");
        let found = destinations(&zone, "example.org", &[FOREIGN]).await;
        assert_eq!(found.mailboxes.len(), usize::from(wanted), "{record}");
        assert!(!found.is_unclear());
    }
    let several = format!("{CONSENT} TXT nothing\n{CONSENT} TXT v=DMARC1");
    let found = destinations(&several, "example.org", &[FOREIGN]).await;
    assert_eq!(mailboxes(&found), ["r@reports.example.net"]);
    let unclear = format!("{CONSENT} FAIL servfail");
    let found = destinations(&unclear, "example.org", &[FOREIGN]).await;
    assert!(found.is_unclear() && found.mailboxes.is_empty());
}

#[tokio::test]
async fn the_other_organization_may_name_another_mailbox_of_its_own() {
    let zone = format!(
        "{CONSENT} TXT v=DMARC1; rua=mailto:x@reports.example.net!1m,mailto:y@reports.example.net"
    );
    let found = destinations(&zone, "example.org", &[FOREIGN]).await;
    assert_eq!(
        mailboxes(&found),
        ["x@reports.example.net", "y@reports.example.net"]
    );
    let zone = format!("{CONSENT} TXT v=DMARC1; rua=mailto:x@victim.example");
    let found = destinations(&zone, "example.org", &[FOREIGN]).await;
    assert_eq!(found.mailboxes, []);
    assert!(matches!(
        found.refused[0].1,
        NotADestination::SentElsewhere(_)
    ));
}

#[tokio::test]
async fn names_too_long_for_dns_consent_to_nothing() {
    let long = format!("{}example.org", "a123456789.".repeat(20));
    let found = destinations("example.net A 192.0.2.1", &long, &[FOREIGN]).await;
    assert!(matches!(
        found.refused[0].1,
        NotADestination::Unconsented(_)
    ));
}

#[tokio::test]
async fn of_many_addresses_some_are_used() {
    let addresses: Vec<String> = (0..9).map(|n| format!("mailto:r{n}@example.org")).collect();
    let mut all: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let found = destinations("example.org A 192.0.2.1", "example.org", &all).await;
    assert_eq!(found.mailboxes.len(), MOST_URIS);
    assert_eq!(found.refused.len(), 4);
    assert!(
        found
            .refused
            .iter()
            .all(|(_, why)| *why == NotADestination::TooMany)
    );
    all = vec![
        "mailto:r@example.org",
        "mailto:r@example.org",
        "https://example.org/",
    ];
    let found = destinations("example.org A 192.0.2.1", "example.org", &all).await;
    assert_eq!(mailboxes(&found), ["r@example.org"]);
    assert_eq!(found.refused[0].1, NotADestination::NotMail);
}

#[track_caller]
fn texts(found: Result<Vec<ReportUri>, postern_dns::Failure>) -> Vec<String> {
    found.unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_domain_has_one_tlsrpt_record_or_none() {
    let domain = "example.org".parse().unwrap();
    for (zone, expected) in [
        (
            "_smtp._tls.example.org TXT v=TLSRPTv1; rua=mailto:t@example.net",
            &["mailto:t@example.net"][..],
        ),
        (
            "_smtp._tls.example.org TXT v=TLSRPTv1;rua=mailto:t@example.net,https://example.com/t, mailto:t@example.net",
            &["mailto:t@example.net", "https://example.com/t"],
        ),
        (
            "_smtp._tls.example.org TXT v=TLSRPTv1; rua=ftp://example.com/",
            &[],
        ),
        ("_smtp._tls.example.org TXT v=TLSRPTv1", &[]),
        ("_smtp._tls.example.org TXT v=TLSRPTv1; nothing=here", &[]),
        (
            "_smtp._tls.example.org TXT rua=mailto:t@example.net; v=TLSRPTv1",
            &[],
        ),
        (
            "_smtp._tls.example.org TXT v=TLSRPTv1; rua=mailto:t@a.example\n_smtp._tls.example.org TXT v=TLSRPTv1; rua=mailto:t@b.example",
            &[],
        ),
        (
            "_smtp._tls.example.org TXT other\n_smtp._tls.example.org TXT v=TLSRPTv1; rua=mailto:t@b.example",
            &["mailto:t@b.example"],
        ),
        ("example.org A 192.0.2.1", &[]),
    ] {
        let zone: FixedZone = zone.parse().unwrap();
        assert_eq!(texts(tlsrpt_destinations(&zone, &domain).await), expected);
    }
    let zone: FixedZone = "_smtp._tls.example.org FAIL timeout".parse().unwrap();
    assert!(tlsrpt_destinations(&zone, &domain).await.is_err());
}
