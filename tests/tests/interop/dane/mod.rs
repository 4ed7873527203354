//! DANE (RFC 7672 with RFC 7671), from signed zones to the message that is handed over or not.
//!
//! Every destination of the table is judged three times: BIND's validator says whether its records
//! are what they claim, Postfix's own client says what it would do, and Postern does it.

mod destination;
mod destinations;
mod world;

use postern_tests::configuration::{Configuration, Partner, Rule};
use postern_tests::fault::Fault;
use postern_tests::posttls_finger;
use postern_tests::programs::Program;
use postern_tests::zones::Proof;

use crate::Scenario;
use crate::handover::{self, Outcome};
use destinations::{DESTINATIONS, EXPIRED, FORGED, LOST, OTHER_KEY};

pub(crate) use destinations::{NEXT, NEXT_AT, NULL_MX, OURSELVES, OURSELVES_AT};
pub(crate) use world::{World, end, shared};

/// What all scenarios need.
pub(crate) const NEEDS: &[Program] = &[
    Program::Nsd,
    Program::Unbound,
    Program::LdnsSignzone,
    Program::Delv,
    Program::Postfix,
    Program::PosttlsFinger,
    Program::Unshare,
    Program::Swaks,
];

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "the_zones_are_what_they_claim",
        needs: NEEDS,
        run: zones_are_what_they_claim,
    },
    Scenario {
        name: "postfix_agrees",
        needs: NEEDS,
        run: postfix_agrees,
    },
    Scenario {
        name: "mail_is_handed_over_as_the_records_allow",
        needs: NEEDS,
        run: mail_is_handed_over_as_the_records_allow,
    },
    Scenario {
        name: "a_probe_tells_what_mail_would_meet",
        needs: NEEDS,
        run: a_probe_tells_what_mail_would_meet,
    },
    Scenario {
        name: "a_validating_resolver_makes_no_difference",
        needs: NEEDS,
        run: a_validating_resolver_makes_no_difference,
    },
    Scenario {
        name: "without_signatures_mail_waits_and_the_operator_is_told",
        needs: NEEDS,
        run: without_signatures_mail_waits,
    },
    Scenario {
        name: "a_partner_held_to_dane_must_have_records_that_can_be_used",
        needs: NEEDS,
        run: a_partner_must_have_records,
    },
];

fn zones_are_what_they_claim() -> Result<(), Fault> {
    let world = shared()?;
    let relaying = world.dns.relaying();
    for (name, kind, proof) in [
        ("ee.secure.example", "MX", Proof::Secure),
        ("mx.ee.secure.example", "A", Proof::Secure),
        ("_25._tcp.mx.ee.secure.example", "TLSA", Proof::Secure),
        (
            "_25._tcp.mx.none.secure.example",
            "TLSA",
            Proof::SecurelyAbsent,
        ),
        ("nsec3.example", "MX", Proof::Secure),
        ("_25._tcp.mx.nsec3.example", "TLSA", Proof::SecurelyAbsent),
        ("mx.insecure.example", "MX", Proof::Insecure),
        ("mx.host-insecure.insecure.example", "A", Proof::Insecure),
        (
            "_25._tcp.mx.host-insecure.insecure.example",
            "TLSA",
            Proof::Insecure,
        ),
        (EXPIRED, "MX", Proof::Bogus),
        (OTHER_KEY, "MX", Proof::Bogus),
        (FORGED, "MX", Proof::Bogus),
        ("mx.forged.example", "A", Proof::Secure),
        (LOST, "MX", Proof::Failed),
        ("mx.expired-tlsa.secure.example", "A", Proof::Secure),
        (
            "_25._tcp.mx.expired-tlsa.secure.example",
            "TLSA",
            Proof::Bogus,
        ),
        (
            "_25._tcp.mx.lost-tlsa.secure.example",
            "TLSA",
            Proof::Failed,
        ),
    ] {
        assert_eq!(
            world.dns.proof(relaying, name, kind)?,
            proof,
            "{name} {kind}"
        );
    }
    let stripped = world
        .dns
        .proof(world.dns.stripping(), "ee.secure.example", "MX")?;
    assert_eq!(stripped, Proof::Bogus);
    Ok(())
}

fn postfix_agrees() -> Result<(), Fault> {
    let world = shared()?;
    let mut wrong = Vec::new();
    for destination in DESTINATIONS {
        destination.check_explained();
        let finding = posttls_finger::judge(destination.domain, world.dns.validating())?;
        if finding.verdict != destination.postfix {
            wrong.push(format!(
                "{}: {:?} instead of {:?}:\n{}",
                destination.domain, finding.verdict, destination.postfix, finding.transcript
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Through a resolver that judges nothing: what is bogus is found out by Postern alone.
fn mail_is_handed_over_as_the_records_allow() -> Result<(), Fault> {
    let world = shared()?;
    let gateway = handover::gateway(&world.dns, world.dns.relaying(), |it| it)?;
    let expected = DESTINATIONS.iter().map(|it| (it.domain, it.ours));
    handover::check(&gateway, &world.hosts, "relayed", expected)
}

/// The same destinations, dialled by hand and without mail: what is told is what would be done.
fn a_probe_tells_what_mail_would_meet() -> Result<(), Fault> {
    let world = shared()?;
    let gateway = handover::gateway(&world.dns, world.dns.relaying(), |it| it)?;
    let mut wrong = Vec::new();
    for it in DESTINATIONS {
        let probe = gateway.installation.probe(it.domain)?;
        let told = probe
            .permitted()
            .map_or(Outcome::Deferred, Outcome::of_basis);
        if told != it.ours {
            let (domain, ours) = (it.domain, it.ours);
            wrong.push(format!(
                "{domain}: {told:?} instead of {ours:?}: {probe:#?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Through a resolver that validates: what is bogus comes as SERVFAIL.
fn a_validating_resolver_makes_no_difference() -> Result<(), Fault> {
    let world = shared()?;
    let gateway = handover::gateway(&world.dns, world.dns.validating(), |it| it)?;
    let expected = DESTINATIONS.iter().map(|it| (it.domain, it.ours));
    handover::check(&gateway, &world.hosts, "validated", expected)
}

/// Through a box that takes the signatures away: mail waits, and the operator is told why.
fn without_signatures_mail_waits() -> Result<(), Fault> {
    let world = shared()?;
    let gateway = handover::gateway(&world.dns, world.dns.stripping(), |it| it)?;
    let domains = ["ee.secure.example", "none-plain.secure.example"];
    let expected = domains.map(|domain| (domain, Outcome::Deferred));
    handover::check(&gateway, &world.hosts, "stripped", expected)?;
    let told = gateway.postern.logged(&world.dns.stripping().to_string())?;
    assert!(told.contains("strips DNSSEC signatures"), "{told}");
    Ok(())
}

/// `dane = true`: what would be good enough for anybody is not for this partner.
fn a_partner_must_have_records() -> Result<(), Fault> {
    let world = shared()?;
    let expected = [
        ("ee.secure.example", Outcome::Authenticated),
        ("ta.secure.example", Outcome::Authenticated),
        ("ee-other.secure.example", Outcome::Deferred),
        ("unusable.secure.example", Outcome::Deferred),
        ("none.secure.example", Outcome::Deferred),
        ("mx.insecure.example", Outcome::Deferred),
        ("expired-tlsa.secure.example", Outcome::Deferred),
    ];
    let partners = |configuration: Configuration| {
        expected
            .iter()
            .fold(configuration, |configuration, (domain, _)| {
                let partner = Partner::called(&format!("Partner {domain}"), domain);
                configuration.partner(&partner.outbound(&Rule::dane()))
            })
    };
    let gateway = handover::gateway(&world.dns, world.dns.relaying(), partners)?;
    handover::check(&gateway, &world.hosts, "partner", expected)
}
