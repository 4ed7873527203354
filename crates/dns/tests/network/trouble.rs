//! Whatever goes wrong with MX, address or TLSA records ends in *not knowing* (RFC 7672 §2.1.2):
//! a look-up that fails never looks like one that found nothing, and mail waits rather than
//! travels in the clear.

use postern_dns::{Cause, Dns, LookupError, Proof, Resolver};
use postern_testkit::signed_zone::{DnsTree, NameServer, Scripted, Signing, Zone, record};

use crate::{name, serve, validating};

/// What a next hop publishes, in a zone of this name.
fn lines(zone: &str) -> [String; 3] {
    [
        format!("{zone} MX 10 mx.{zone}"),
        format!("mx.{zone} A 192.0.2.1"),
        format!("_25._tcp.mx.{zone} TLSA 3 1 1 00ff"),
    ]
}

/// What became of the three look-ups that DANE needs, in a zone below the root.
async fn three(dns: &Resolver, zone: &str) -> [Result<Proof, LookupError>; 3] {
    let host = name(&format!("mx.{zone}"));
    let owner = host.tlsa_owner(25).unwrap();
    [
        dns.mx(&name(zone)).await.map(|answer| answer.proof),
        dns.addresses(&host).await.ipv4.map(|answer| answer.proof),
        dns.tlsa(&owner).await.map(|answer| answer.proof),
    ]
}

#[track_caller]
fn check(outcomes: &[Result<Proof, LookupError>; 3], expected: Cause, what: &str) {
    for (outcome, kind) in outcomes.iter().zip(["MX", "A", "TLSA"]) {
        match outcome {
            Err(LookupError::Temporary(failure)) => {
                assert_eq!(failure.cause, expected, "{what}, {kind}: {failure}");
            }
            other => panic!("{what}, {kind}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_zone_whose_signatures_do_not_hold_is_never_an_answer() {
    for signing in [
        Signing::Expired,
        Signing::Future,
        Signing::OtherKey,
        Signing::Stripped,
    ] {
        let lines = lines("zone.");
        let lines = lines.each_ref().map(String::as_str);
        let (_tree, dns) = serve(DnsTree::new().zone(signing, "zone.", &lines)).await;
        check(
            &three(&dns, "zone").await,
            Cause::Bogus,
            &format!("{signing:?}"),
        );
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_never_an_answer() {
    for (trouble, cause) in [
        (Scripted::ServFail, Cause::ServerFailure),
        (Scripted::Refused, Cause::Refused),
        (Scripted::Silence, Cause::Timeout),
        // Nothing at all, without the proof that there is nothing.
        (Scripted::answer(&[]), Cause::Bogus),
        // The denial of a signed zone, its proof and signatures left out.
        (
            Scripted::denial(&["zone. SOA ns.test. admin.test. 1 3600 600 86400 300"]),
            Cause::Bogus,
        ),
    ] {
        let what = format!("{trouble:?}");
        let lines = lines("zone.");
        let lines = lines.each_ref().map(String::as_str);
        let tree = DnsTree::new()
            .zone(Signing::Good, "zone.", &lines)
            .answer("zone.", "MX", trouble.clone())
            .answer("mx.zone.", "A", trouble.clone())
            .answer("_25._tcp.mx.zone.", "TLSA", trouble);
        let (_tree, dns) = serve(tree).await;
        check(&three(&dns, "zone").await, cause, &what);
    }
}

#[tokio::test]
async fn records_changed_on_the_way_are_never_an_answer() {
    let lines = lines("zone.");
    let lines = lines.each_ref().map(String::as_str);
    let zone = Zone::new(Signing::Good, "zone.", &lines);
    let root = Zone::with_records(Signing::Good, ".", zone.delegation());
    let anchor = root.anchor();
    // The signatures are real ones of the zone, for other data.
    let changed = |honest: &str, forged: &str| {
        let signature = zone.sign(&[record(honest)]);
        Scripted::Sections([vec![record(forged), signature], vec![], vec![]])
    };
    let answers = vec![
        ("zone.", "MX", changed(lines[0], "zone. MX 10 evil.zone.")),
        ("mx.zone.", "A", changed(lines[1], "mx.zone. A 192.0.2.66")),
        (
            "_25._tcp.mx.zone.",
            "TLSA",
            changed(lines[2], "_25._tcp.mx.zone. TLSA 3 1 1 ff00"),
        ),
    ];
    let server = NameServer::start(vec![root, zone], answers).await;
    let dns = validating(server.address(), &anchor);
    check(&three(&dns, "zone").await, Cause::Bogus, "other data");
}

#[tokio::test]
async fn without_proof_that_a_delegation_is_unsigned_nothing_below_it_counts() {
    let lines = lines("zone.");
    let lines = lines.each_ref().map(String::as_str);
    let honest = DnsTree::new().zone(Signing::None, "zone.", &lines);
    let (_tree, dns) = serve(honest).await;
    let proofs = three(&dns, "zone").await.map(Result::unwrap);
    assert_eq!(proofs, [Proof::Insecure; 3]);
    for denial in [
        Scripted::answer(&[]),
        Scripted::denial(&[". SOA ns.test. admin.test. 1 3600 600 86400 300"]),
        Scripted::denial(&["zone. SOA ns.test. admin.test. 1 3600 600 86400 300"]),
    ] {
        let what = format!("{denial:?}");
        let tree = DnsTree::new()
            .zone(Signing::None, "zone.", &lines)
            .answer("zone.", "DS", denial);
        let (_tree, dns) = serve(tree).await;
        check(&three(&dns, "zone").await, Cause::Bogus, &what);
    }
}

#[tokio::test]
async fn trouble_at_the_parent_is_trouble_below_it() {
    for trouble in [Scripted::ServFail, Scripted::Silence, Scripted::Refused] {
        let what = format!("{trouble:?}");
        for signing in [Signing::Good, Signing::None] {
            let lines = lines("zone.");
            let lines = lines.each_ref().map(String::as_str);
            let tree = DnsTree::new().zone(signing, "zone.", &lines).answer(
                "zone.",
                "DS",
                trouble.clone(),
            );
            let (_tree, dns) = serve(tree).await;
            for outcome in three(&dns, "zone").await {
                assert!(
                    matches!(outcome, Err(LookupError::Temporary(_))),
                    "{what}, {signing:?}: {outcome:?}"
                );
            }
        }
    }
}
