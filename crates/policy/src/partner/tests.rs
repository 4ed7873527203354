use postern_tls::{CrlSource, RevocationCheck, UnknownStatus};

use super::*;
use crate::ChannelLevel;

fn names(names: &[&str]) -> IdentityTerms {
    IdentityTerms {
        names: names
            .iter()
            .map(|name| name.parse::<Domain>().unwrap().into())
            .collect(),
        ..IdentityTerms::default()
    }
}

fn pinned() -> IdentityTerms {
    IdentityTerms {
        pins: vec!["00".repeat(32).parse().unwrap()],
        ..IdentityTerms::default()
    }
}

fn begun(domains: &[&str]) -> PartnerBuilder {
    let name = "Ministry".parse().unwrap();
    domains
        .iter()
        .fold(Partner::builder(name, Stage::Enforce), |builder, domain| {
            builder.domain(domain.parse().unwrap())
        })
}

#[track_caller]
fn check(builder: PartnerBuilder, expected: &[(&str, PartnerError)]) {
    let found: Vec<_> = builder
        .build()
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|error| (error.key(), error))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(key, error)| ((*key).to_owned(), error.clone()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_partner_has_domains_each_once() {
    check(begun(&["ministry.example", "*.ministry.example"]), &[]);
    check(begun(&[]), &[("domains", PartnerError::NoDomains)]);
    check(begun(&["*"]), &[("domains", PartnerError::EveryDomain)]);
    let twice = DomainPattern::Exact("a.example".parse().unwrap());
    check(
        begun(&["a.example", "A.Example."]),
        &[("domains", PartnerError::DuplicateDomain(twice))],
    );
}

#[test]
fn what_would_have_no_effect_is_refused() {
    let outbound = OutboundTerms {
        identity: names(&["mx.ministry.example"]),
        ..OutboundTerms::requiring(ChannelLevel::Encrypted)
    };
    let inbound = InboundTerms {
        identity: pinned(),
        usage: Some(ClientUsage::ClientAuthOnly),
        exclusive: Exclusivity::Exclusive,
        ..InboundTerms::requiring(ChannelLevel::Any)
    };
    let unused = |direction, key| PartnerError::IdentityUnused { direction, key };
    check(
        begun(&["ministry.example"])
            .outbound(outbound)
            .inbound(inbound),
        &[
            ("outbound.names", unused(Direction::Outbound, "names")),
            ("inbound.spki-pins", unused(Direction::Inbound, "spki-pins")),
            ("inbound.exclusive", PartnerError::ExclusiveUnused),
            (
                "inbound.server-auth-certificates",
                unused(Direction::Inbound, "server-auth-certificates"),
            ),
        ],
    );
    let foundation = Profile::named(postern_tls::ProfileName::Foundation);
    check(
        begun(&["ministry.example"]).profile(foundation),
        &[("profile", PartnerError::ProfileUnused)],
    );
    check(
        begun(&["ministry.example"])
            .profile(foundation)
            .inbound(InboundTerms::requiring(ChannelLevel::Encrypted)),
        &[],
    );
}

#[test]
fn a_usage_says_nothing_about_pins() {
    let inbound = |identity| InboundTerms {
        identity,
        usage: Some(ClientUsage::ClientAuthOnly),
        ..InboundTerms::requiring(ChannelLevel::Authenticated)
    };
    check(
        begun(&["ministry.example"]).inbound(inbound(pinned())),
        &[(
            "inbound.server-auth-certificates",
            PartnerError::UsageUnused,
        )],
    );
    check(
        begun(&["ministry.example"]).inbound(inbound(names(&["out.example"]))),
        &[],
    );
}

/// A list that nobody asks would be a weaker policy than the one that was written.
#[test]
fn revocation_is_of_certificates_that_authorities_vouch_for() {
    let list = || {
        let source = Arc::new(CrlSource::new("ministry.crl"));
        Some(RevocationCheck::new([source], UnknownStatus::Refuse))
    };
    let outbound = |dane, identity| OutboundTerms {
        identity: IdentityTerms {
            revocation: list(),
            ..identity
        },
        dane,
        ..OutboundTerms::requiring(ChannelLevel::Authenticated)
    };
    let direction = Direction::Outbound;
    let unused = [("outbound.crl", PartnerError::RevocationUnused { direction })];
    let sound = |dane, identity| begun(&["ministry.example"]).outbound(outbound(dane, identity));
    let none = IdentityTerms::default;
    check(sound(Dane::WherePublished, none()), &[]);
    check(sound(Dane::WherePublished, pinned()), &unused);
    check(sound(Dane::Demanded, none()), &unused);
    check(sound(Dane::Demanded, pinned()), &unused);
    check(sound(Dane::Demanded, names(&["mx.ministry.example"])), &[]);
}

#[test]
fn authentication_says_as_whom() {
    let inbound = |identity| InboundTerms {
        identity,
        ..InboundTerms::requiring(ChannelLevel::Authenticated)
    };
    check(
        begun(&["*.ministry.example"]).inbound(inbound(IdentityTerms::default())),
        &[("inbound.names", PartnerError::NoIdentity)],
    );
    check(
        begun(&["*.ministry.example"]).inbound(inbound(pinned())),
        &[],
    );
    check(
        begun(&["ministry.example"]).inbound(inbound(IdentityTerms::default())),
        &[],
    );
    let outbound = OutboundTerms::requiring(ChannelLevel::Authenticated);
    check(begun(&["*.ministry.example"]).outbound(outbound), &[]);
}

#[test]
fn exceptions_are_from_something_and_spare_what_is_named() {
    let check = |domains: &[&str], except: &[&str]| {
        let builder = Partner::builder("Ministry".parse().unwrap(), Stage::Enforce);
        let builder = domains.iter().fold(builder, |builder, domain| {
            builder.domain(domain.parse().unwrap())
        });
        let builder = except.iter().fold(builder, |builder, pattern| {
            builder.except(pattern.parse().unwrap())
        });
        let errors = builder.build().err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(check(&["*.gov.example"], &["old.gov.example"]), none);
    assert_eq!(check(&["*.gov.example"], &["*.old.gov.example"]), none);
    assert_eq!(
        check(&["gov.example"], &["old.gov.example"]),
        ["old.gov.example is not below a domain of the partner that is given with a wildcard"]
    );
    assert_eq!(
        check(
            &["*.gov.example", "a.old.gov.example"],
            &["*.old.gov.example"]
        ),
        ["a.old.gov.example is a domain of the partner, and excepted by *.old.gov.example"]
    );
    assert_eq!(check(&["*.gov.example"], &["*.gov.example"]).len(), 1);
}
