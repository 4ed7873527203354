//! Servers that answer something other than what was asked, or would have us believe that a
//! signed zone has nothing to say. Whoever sits on the way to a server can be such a server.

use postern_dns::{Cause, Dns, LookupError, Name, Proof, Resolver};
use postern_testkit::signed_zone::{NameServer, Scripted, ServedTree, Signing, Zone, records};

use crate::{assert_cause, name, serve, signed, unvalidated};

#[tokio::test]
async fn records_off_the_chain_of_aliases_do_not_count() {
    let answer = |lines: &[&str]| Scripted::answer(lines);
    let additional = |lines: &[&str]| Scripted::Sections([vec![], vec![], records(lines)]);
    let server = NameServer::start(
        vec![Zone::new(Signing::None, "plain.test.", &[])],
        vec![
            (
                "a.plain.test.",
                "MX",
                answer(&["b.plain.test. MX 10 evil.test."]),
            ),
            (
                "c.plain.test.",
                "MX",
                additional(&["c.plain.test. MX 10 evil.test."]),
            ),
            (
                "d.plain.test.",
                "MX",
                answer(&[
                    "d.plain.test. MX 10 good.test.",
                    "e.plain.test. MX 5 evil.test.",
                ]),
            ),
            (
                "g.plain.test.",
                "MX",
                answer(&[
                    "g.plain.test. CNAME h.plain.test.",
                    "i.plain.test. MX 5 evil.test.",
                ]),
            ),
        ],
    )
    .await;
    let dns = unvalidated(&server);
    for asked in ["a.plain.test", "c.plain.test", "g.plain.test"] {
        let outcome = dns.mx(&name(asked)).await;
        assert!(outcome.is_err(), "{asked}: {outcome:?}");
    }
    let honest = dns.mx(&name("d.plain.test")).await.unwrap();
    assert_eq!(honest.records.len(), 1);
    assert_eq!(honest.records[0].exchange, name("good.test"));
}

fn tlsa_owner() -> Name {
    name("mx.secure").tlsa_owner(25).unwrap()
}

async fn serve_denial(authorities: &[&str]) -> (ServedTree, Resolver) {
    let denial = Scripted::denial(authorities);
    serve(signed::tree().answer("_25._tcp.mx.secure.", "TLSA", denial)).await
}

#[tokio::test]
async fn a_forged_denial_does_not_make_tlsa_records_disappear() {
    const DATA: &str = "SOA ns.test. admin.test. 1 3600 600 86400 300";
    for owner in [
        "secure.",
        "mx.secure.",
        "_tcp.mx.secure.",
        "_25._tcp.mx.secure.",
        "insecure.",
        "x.insecure.",
        "test.",
        ".",
    ] {
        let (_server, dns) = serve_denial(&[&format!("{owner} {DATA}")]).await;
        let outcome = dns.tlsa(&tlsa_owner()).await;
        assert!(
            matches!(&outcome, Err(LookupError::Temporary(_))),
            "SOA of {owner}: {outcome:?}"
        );
    }
    let (_server, dns) = serve_denial(&["insecure. NS ns.test."]).await;
    let outcome = dns.tlsa(&tlsa_owner()).await;
    assert!(
        matches!(&outcome, Err(LookupError::Temporary(_))),
        "{outcome:?}"
    );
    let (_server, dns) = serve_denial(&[]).await;
    let outcome = dns.tlsa(&tlsa_owner()).await;
    assert!(
        matches!(&outcome, Err(LookupError::Temporary(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_unsigned_record_in_a_signed_zone_is_bogus() {
    let forged = Scripted::answer(&["secure. MX 10 evil.test."]);
    let (_server, dns) = serve(signed::tree().answer("secure.", "MX", forged)).await;
    assert_cause(dns.mx(&name("secure")).await, Cause::Bogus);
}

#[tokio::test]
async fn an_unsigned_alias_in_a_signed_zone_is_never_secure() {
    let forged = Scripted::answer(&[
        "alias.secure. CNAME mx.insecure.",
        "mx.insecure. MX 1 evil.test.",
    ]);
    let (_server, dns) = serve(signed::tree().answer("alias.secure.", "MX", forged)).await;
    match dns.mx(&name("alias.secure")).await {
        Err(LookupError::Temporary(_)) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(dns.mx(&name("secure")).await.unwrap().proof, Proof::Secure);
}
