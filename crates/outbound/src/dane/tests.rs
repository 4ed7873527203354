use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use postern_dns::FixedZone;
use postern_mail::NextHop;

use super::*;
use crate::{
    host::{PrivateTargets, Surroundings, locate},
    settings::AddressFamilies,
};

const SECURE_MX: Provenance = Provenance::Dns(DnsProof::Secure);

/// What is known of the TLSA records of `host`, in short.
async fn facts(zone: &str, host: &str, provenance: Provenance, asked: AtConfiguredHops) -> String {
    let zone: FixedZone = zone.parse().unwrap();
    let hostname = "us.example".parse().unwrap();
    let surroundings = Surroundings {
        dns: &zone,
        hostname: &hostname,
        own_addresses: &[SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1)],
        families: AddressFamilies::Any,
        private_targets: PrivateTargets::Refused,
        mx_port: 25,
    };
    let host = MailHost {
        next_hop: host.parse::<NextHop>().unwrap(),
        provenance,
    };
    let located = locate(&host, &surroundings).await;
    match gather(&host, located.as_ref(), asked, &zone).await.facts {
        DaneFacts::NotApplicable(reason) => format!("not applicable: {reason}"),
        DaneFacts::Absent => "absent".to_owned(),
        DaneFacts::Records(found) => format!("{}: {}", found.base, found.records),
        DaneFacts::Unknown(reason) => format!("unknown: {reason}"),
    }
}

async fn check(zone: &str, expected: &str) {
    let found = facts(zone, "mx.example", SECURE_MX, AtConfiguredHops::NotAsked).await;
    assert_eq!(found, expected, "{zone}");
}

const HOST: &str = "$PROOF secure\nmx.example A 192.88.98.1\n";

#[tokio::test]
async fn records_of_a_secure_host_are_found() {
    check(
        &format!("{HOST}_25._tcp.mx.example TLSA 3 1 1 00"),
        "mx.example: 3 1 1 00",
    )
    .await;
    check(HOST, "absent").await;
}

#[tokio::test]
async fn what_cannot_be_found_out_is_not_nothing() {
    for (cause, told) in [
        ("bogus", "DNSSEC shows the answer to be false"),
        ("servfail", "the name server failed"),
        ("timeout", "no answer in time"),
    ] {
        let zone = format!("{HOST}_25._tcp.mx.example TLSA FAIL {cause}");
        let expected = format!(
            "unknown: the TLSA records of mx.example could not be found out: {told}: \
             TLSA of _25._tcp.mx.example"
        );
        check(&zone, &expected).await;
        let zone = format!("$PROOF secure\nmx.example A FAIL {cause}");
        let expected = format!(
            "unknown: the addresses of mx.example could not be found out: {told}: \
             A of mx.example"
        );
        check(&zone, &expected).await;
    }
}

/// RFC 7672 §2.2.1, §2.2.2: nothing is asked where what led there is not proven.
#[tokio::test]
async fn an_insecure_step_is_no_matter_for_dane() {
    let tlsa = "_25._tcp.mx.example TLSA 3 1 1 00";
    check(
        &format!("$PROOF insecure\nmx.example A 192.88.98.1\n$PROOF secure\n{tlsa}"),
        "not applicable: the addresses of mx.example are insecure",
    )
    .await;
    check(
        &format!("{HOST}$PROOF insecure\n{tlsa}"),
        "not applicable: the TLSA answer for mx.example is insecure",
    )
    .await;
    check(
        &format!("$PROOF insecure\nmx.example CNAME a.example\n{tlsa}\n$PROOF secure\na.example A 192.88.98.1"),
        "not applicable: the alias mx.example or its addresses are insecure",
    )
    .await;
    let zone = format!("{HOST}{tlsa}");
    for (provenance, expected) in [
        (
            Provenance::Dns(DnsProof::Insecure),
            "not applicable: the MX answer is insecure",
        ),
        (
            Provenance::Dns(DnsProof::Indeterminate),
            "not applicable: the MX answer is indeterminate",
        ),
        (
            Provenance::Configured,
            "not applicable: the next hop is configured",
        ),
    ] {
        let found = facts(&zone, "mx.example", provenance, AtConfiguredHops::NotAsked).await;
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_partner_rule_has_configured_hosts_asked_about_at_their_port() {
    let zone = format!("{HOST}_2525._tcp.mx.example TLSA 3 1 1 00");
    let asked = AtConfiguredHops::Asked;
    let found = facts(&zone, "mx.example:2525", Provenance::Configured, asked).await;
    assert_eq!(found, "mx.example: 3 1 1 00");
    let found = facts(&zone, "[192.88.98.1]", Provenance::Configured, asked).await;
    assert_eq!(found, "not applicable: the next hop is an address");
}

/// RFC 7672 §2.2.2: the name at the end of the aliases first, then the name itself.
#[tokio::test]
async fn an_alias_has_two_base_domains() {
    let alias = "$PROOF secure\nmx.example CNAME a.example\na.example A 192.88.98.1\n";
    let (original, expanded) = (
        "_25._tcp.mx.example TLSA 3 1 1 00\n",
        "_25._tcp.a.example TLSA 3 1 1 ff\n",
    );
    check(
        &format!("{alias}{original}{expanded}"),
        "a.example: 3 1 1 ff",
    )
    .await;
    check(&format!("{alias}{original}"), "mx.example: 3 1 1 00").await;
    check(alias, "absent").await;
    check(
        &format!("{alias}{original}_25._tcp.a.example TLSA FAIL bogus"),
        "unknown: the TLSA records of a.example could not be found out: \
         DNSSEC shows the answer to be false: TLSA of _25._tcp.a.example",
    )
    .await;
}

/// The signed zone of an alias speaks for the alias, though not for what it leads to.
#[tokio::test]
async fn a_secure_alias_to_an_insecure_host_has_its_own_records() {
    let zone = "
        $PROOF secure
        mx.example         CNAME a.elsewhere
        _25._tcp.mx.example TLSA 3 1 1 00
        $PROOF insecure
        a.elsewhere        A 192.88.98.1
        _25._tcp.a.elsewhere TLSA 3 1 1 ff
    ";
    check(zone, "mx.example: 3 1 1 00").await;
}
