//! Signed zones below a signed root, and what is not as it should be in them.

use std::io::Write;

use postern_dns::{
    Cause, Dns, LookupError, Name, Proof, Resolver, ResolverError, TrustAnchors, Validation,
};
use postern_testkit::signed_zone::{DnsTree, Signing, Transport, Zone};

use crate::{assert_cause, name, serve, settings};

/// A signed zone, one without a DS, one whose DS belongs to another key, and one that is old.
pub(crate) fn tree() -> DnsTree {
    DnsTree::new()
        .zone(
            Signing::Good,
            "secure.",
            &[
                "secure. MX 10 mx.secure.",
                "mx.secure. A 192.0.2.1",
                "_25._tcp.mx.secure. TLSA 3 1 1 00ff",
                "inside.secure. CNAME mx.secure.",
                "outside.secure. CNAME mx.insecure.",
                "nowhere.secure. CNAME absent.insecure.",
                "spoilt.secure. CNAME mx.bogus.",
            ],
        )
        .zone(
            Signing::None,
            "insecure.",
            &[
                "insecure. MX 10 mx.secure.",
                "mx.insecure. A 192.0.2.2",
                "inside.insecure. CNAME mx.secure.",
            ],
        )
        .zone(Signing::OtherKey, "bogus.", &["mx.bogus. A 192.0.2.3"])
        .zone(Signing::Expired, "expired.", &["mx.expired. A 192.0.2.1"])
}

fn tlsa_owner(host: &str) -> Name {
    name(host).tlsa_owner(25).unwrap()
}

#[tokio::test]
async fn answers_say_how_well_they_are_proven() {
    let (_server, dns) = serve(tree()).await;
    let mx = dns.mx(&name("secure")).await.unwrap();
    assert_eq!(mx.proof, Proof::Secure);
    let tlsa = dns.tlsa(&tlsa_owner("mx.secure")).await.unwrap();
    assert_eq!(tlsa.proof, Proof::Secure);
    let insecure = dns.mx(&name("insecure")).await.unwrap();
    assert_eq!(insecure.proof, Proof::Insecure);
}

#[tokio::test]
async fn a_chain_is_as_good_as_its_worst_step() {
    let (_server, dns) = serve(tree()).await;
    for (asked, proof, steps) in [
        ("inside.secure", Proof::Secure, &[Proof::Secure][..]),
        ("outside.secure", Proof::Insecure, &[Proof::Secure]),
        ("inside.insecure", Proof::Insecure, &[Proof::Insecure]),
    ] {
        let answer = dns.addresses(&name(asked)).await.ipv4.unwrap();
        let walked: Vec<_> = answer.aliases.iter().map(|alias| alias.proof).collect();
        assert_eq!((answer.proof, walked.as_slice()), (proof, steps), "{asked}");
    }
    let spoilt = dns.addresses(&name("spoilt.secure")).await.ipv4;
    assert_cause(spoilt, Cause::Bogus);
}

#[tokio::test]
async fn denials_say_how_well_they_are_proven() {
    let (_server, dns) = serve(tree()).await;
    for (asked, ends_at, exists, proof) in [
        ("mx.secure", "mx.secure", true, Proof::Secure),
        ("absent.secure", "absent.secure", false, Proof::Secure),
        ("inside.secure", "mx.secure", true, Proof::Secure),
        ("mx.insecure", "mx.insecure", true, Proof::Insecure),
        ("absent.insecure", "absent.insecure", false, Proof::Insecure),
        ("nowhere.secure", "absent.insecure", false, Proof::Insecure),
        ("inside.insecure", "mx.secure", true, Proof::Insecure),
    ] {
        let (found, denial) = match dns.tlsa(&name(asked)).await {
            Err(LookupError::NoData(denial)) => (true, denial),
            Err(LookupError::NoSuchDomain(denial)) => (false, denial),
            other => panic!("{asked}: {other:?}"),
        };
        assert_eq!(
            (found, denial.name, denial.proof),
            (exists, name(ends_at), proof),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn a_validated_denial_is_remembered() {
    let (server, dns) = serve(tree()).await;
    for _ in 0..5 {
        assert!(dns.tlsa(&tlsa_owner("absent.secure")).await.is_err());
    }
    let question = "_25._tcp.absent.secure.";
    assert_eq!(server.times(Transport::Udp, question, "TLSA"), 1);
}

#[tokio::test]
async fn what_signatures_do_not_bear_out_is_not_known() {
    let (_server, dns) = serve(tree()).await;
    for host in ["mx.bogus", "absent.bogus", "mx.expired"] {
        assert_cause(dns.addresses(&name(host)).await.ipv4, Cause::Bogus);
    }
}

#[tokio::test]
async fn trust_anchors_come_from_a_file_that_holds_some() {
    let (server, _) = serve(tree()).await;
    let with_file = |text: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let anchors = TrustAnchors::File(file.path().to_owned());
        Resolver::new(&settings(server.address(), Validation::With(anchors)))
    };
    for text in [
        "",
        "; no DNSKEY here\n",
        ". IN A 192.0.2.1\n",
        ". IN DNSKEY 257 3\n",
    ] {
        let error = with_file(text).unwrap_err();
        assert!(
            matches!(error, ResolverError::Anchors { .. }),
            "{text:?}: {error}"
        );
    }
    let other_root = Zone::new(Signing::Good, ".", &[]);
    let dns = with_file(&other_root.anchor()).unwrap();
    assert_cause(dns.mx(&name("secure")).await, Cause::Bogus);
    let absent = Validation::With(TrustAnchors::File("/nonexistent/root.key".into()));
    let error = Resolver::new(&settings(server.address(), absent)).unwrap_err();
    assert!(matches!(error, ResolverError::Unreadable(..)), "{error}");
}

#[tokio::test]
async fn zones_lie_below_zones_and_below_names_that_are_none() {
    let lines = |zone: &str| {
        [
            format!("{zone} MX 10 mx.{zone}"),
            format!("mx.{zone} A 192.0.2.1"),
        ]
    };
    let mut tree = DnsTree::new().zone(Signing::Good, "gov.", &[]);
    for (signing, zone) in [
        (Signing::Good, "signed.gov."),
        (Signing::None, "plain.gov."),
        (Signing::Good, "signed.example."),
        (Signing::None, "plain.example."),
        (Signing::OtherKey, "bogus.example."),
    ] {
        let lines = lines(zone);
        tree = tree.zone(signing, zone, &lines.each_ref().map(String::as_str));
    }
    let (_tree, dns) = serve(tree).await;
    for (zone, expected) in [
        ("signed.gov", Proof::Secure),
        ("plain.gov", Proof::Insecure),
        ("signed.example", Proof::Secure),
        ("plain.example", Proof::Insecure),
    ] {
        assert_eq!(dns.mx(&name(zone)).await.unwrap().proof, expected, "{zone}");
        let denial = dns.tlsa(&tlsa_owner(&format!("mx.{zone}"))).await;
        assert_eq!(denial.unwrap_err().proof(), Some(expected), "{zone}");
    }
    assert_cause(dns.mx(&name("bogus.example")).await, Cause::Bogus);
}
