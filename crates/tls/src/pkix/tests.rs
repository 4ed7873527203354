use std::time::Instant;

use postern_testkit::{Authority, Constraint, Identity, Key, Leaf, Oddity, Usage, Validity};
use rustls_pki_types::CertificateDer;

use super::*;
use crate::{
    ProfileName, ProfileViolation, SignatureScheme, SpkiPin,
    testing::{anchors, bounds, now},
    verify_pin,
};

fn chain_of(certificates: &[CertificateDer<'static>]) -> PeerChain {
    let scheme = Some(SignatureScheme::EcdsaP256Sha256);
    PeerChain::new(certificates, Possession::Proven, scheme).unwrap()
}

fn chain(identity: &Identity) -> PeerChain {
    chain_of(identity.chain())
}

fn identities(names: &[&str]) -> Vec<ReferenceIdentity> {
    let domains = names.iter().map(|name| name.parse::<Domain>().unwrap());
    domains.map(ReferenceIdentity::new).collect()
}

/// A demand to hold certificates against, which cases alter.
struct Judge {
    anchors: TrustAnchors,
    names: Vec<ReferenceIdentity>,
    usage: CertificateUsage,
    wildcards: Wildcards,
    profile: ProfileName,
}

impl Judge {
    fn trusting(authority: &Authority) -> Self {
        Self {
            anchors: anchors(authority),
            names: identities(&["mx.mal.test"]),
            usage: CertificateUsage::ServerAuth,
            wildcards: Wildcards::Permitted,
            profile: ProfileName::Intermediate,
        }
    }

    fn verify(&self, chain: &PeerChain) -> Result<Verified, ChainFault> {
        let demand = Demand {
            usage: self.usage,
            anchors: &self.anchors,
            names: &self.names,
            wildcards: self.wildcards,
            bounds: bounds(self.profile),
            revocation: None,
        };
        verify(chain, &demand, now())
    }

    /// The name that was matched, or the beginning of the sentence that says why none was.
    #[track_caller]
    fn check(&self, chain: &PeerChain, expected: Result<&str, &str>) {
        match (self.verify(chain), expected) {
            (Ok(verified), Ok(presented)) => {
                assert_eq!(verified.name.unwrap().presented, presented);
            }
            (Err(fault), Err(sentence)) => {
                let text = fault.to_string();
                assert!(text.starts_with(sentence), "{text}");
            }
            (verdict, _) => panic!("{verdict:?} is not {expected:?}"),
        }
    }
}

#[test]
fn names_match_whole_or_by_a_whole_left_label() {
    let authority = Authority::new("CA");
    let judge = Judge::trusting(&authority);
    let check = |name: &str, expected: Result<&str, &str>| {
        judge.check(&chain(&authority.issue(&Leaf::named(name))), expected);
    };
    let refused = |name: &str| {
        let sentence = format!("the certificate is not for mx.mal.test; it is for {name}");
        check(name, Err(&sentence));
    };
    check("mx.mal.test", Ok("mx.mal.test"));
    check("MX.Mal.Test", Ok("mx.mal.test"));
    check("*.mal.test", Ok("*.mal.test"));
    refused("mal.test");
    refused("a.mx.mal.test");
    refused("*.mx.mal.test");
    refused("*.test");
    refused("*");
    refused("m*.mal.test");
    refused("*x.mal.test");
    refused("*.*.test");
    refused("mx.*.test");
    refused("mx.mal.test.");
    refused("evil-mx.mal.test");
}

#[test]
fn a_wildcard_stands_for_one_label_and_not_for_none() {
    let authority = Authority::new("CA");
    let wildcard = chain(&authority.issue(&Leaf::named("*.mal.test")));
    let mut judge = Judge::trusting(&authority);
    judge.names = identities(&["mal.test"]);
    judge.check(&wildcard, Err("the certificate is not for mal.test"));
    judge.names = identities(&["a.b.mal.test"]);
    judge.check(&wildcard, Err("the certificate is not for a.b.mal.test"));
    judge.names = identities(&["xn--bcher-kva.mal.test"]);
    judge.check(&wildcard, Ok("*.mal.test"));
    judge.wildcards = Wildcards::Forbidden;
    judge.check(
        &wildcard,
        Err("the certificate is not for xn--bcher-kva.mal.test"),
    );
    let both = Leaf::named("*.mal.test").and_named("xn--bcher-kva.mal.test");
    judge.check(
        &chain(&authority.issue(&both)),
        Ok("xn--bcher-kva.mal.test"),
    );
}

#[test]
fn the_common_name_names_nobody() {
    let authority = Authority::new("CA");
    let only = chain(&authority.issue(&Leaf::common_name_only("mx.mal.test")));
    Judge::trusting(&authority).check(
        &only,
        Err(
            "the certificate is not for mx.mal.test; it is for no name: it has the common name \
             mx.mal.test, which RFC 9525 does not count",
        ),
    );
    let beside = Leaf::named("other.test").common_name("mx.mal.test");
    Judge::trusting(&authority).check(
        &chain(&authority.issue(&beside)),
        Err("the certificate is not for mx.mal.test; it is for other.test"),
    );
}

#[test]
fn addresses_are_not_names() {
    let authority = Authority::new("CA");
    let address = Leaf::common_name_only("mx").address([192, 0, 2, 1].into());
    let sentence = Err("the certificate is not for mx.mal.test; it is for no name");
    Judge::trusting(&authority).check(&chain(&authority.issue(&address)), sentence);
}

#[test]
fn names_with_odd_octets_match_nothing() {
    let authority = Authority::new("CA");
    let mut judge = Judge::trusting(&authority);
    let mut refused = |octets: &[u8], name: &str| {
        let leaf = Leaf::named("x").oddity(Oddity::RawNames(vec![octets.to_vec()]));
        judge.names = identities(&[name]);
        let sentence = format!("the certificate is not for {}", judge.names[0]);
        judge.check(&chain(&authority.issue(&leaf)), Err(&sentence));
    };
    refused(b"mx.mal.test\0.evil", "mx.mal.test"); // CVE-2009-4565 and many like it
    refused(b"mx.mal.test\0", "mx.mal.test");
    refused(b"", "mx.mal.test");
    refused("bücher.test".as_bytes(), "bücher.test"); // a U-label where an A-label belongs
    refused(b"b\xfccher.test", "bücher.test");
}

#[test]
fn any_one_of_the_names_suffices_and_none_may_be_asked_for() {
    let authority = Authority::new("CA");
    let leaf = chain(&authority.issue(&Leaf::named("mx2.mal.test")));
    let mut judge = Judge::trusting(&authority);
    judge.names = identities(&["mx1.mal.test", "mx2.mal.test"]);
    judge.check(&leaf, Ok("mx2.mal.test"));
    judge.names.clear();
    let verified = judge.verify(&leaf).unwrap();
    assert_eq!(verified.name, None);
    assert_eq!(verified.anchor, "O=Postern tests, CN=CA");
}

#[test]
fn dates_are_kept() {
    let authority = Authority::new("CA");
    let judge = Judge::trusting(&authority);
    let leaf = Leaf::named("mx.mal.test");
    let check = |leaf: &Leaf, sentence| judge.check(&chain(&authority.issue(leaf)), Err(sentence));
    check(
        &leaf.clone().validity(Validity::Expired),
        "the certificate expired on 20",
    );
    check(
        &leaf.clone().validity(Validity::NotYet),
        "the certificate is not valid before 20",
    );
    let lapsed = authority.intermediate_valid("Old", Validity::Expired);
    judge.check(
        &chain(&lapsed.issue(&leaf)),
        Err("the certificate of an issuing authority expired on 20"),
    );
}

#[test]
fn a_path_leads_to_an_anchor_of_this_demand() {
    let (authority, other) = (Authority::new("CA"), Authority::new("Other"));
    let judge = Judge::trusting(&authority);
    let leaf = Leaf::named("mx.mal.test");
    judge.check(
        &chain(&authority.intermediate("A").intermediate("B").issue(&leaf)),
        Ok("mx.mal.test"),
    );
    judge.check(
        &chain(&other.intermediate("Issuing").issue(&leaf)),
        Err("the certificate leads to O=Postern tests, CN=Other, which is not among the trusted (test)"),
    );
    let unsent = authority.intermediate("Issuing").issue(&leaf);
    judge.check(
        &chain_of(&unsent.chain()[..1]),
        Err("the certificate leads to O=Postern tests, CN=Issuing"),
    );
    judge.check(
        &chain(&Authority::new("CA").issue(&leaf)),
        Err("a certificate bears the name of its issuer, but not its signature"),
    );
    judge.check(
        &chain(&Authority::self_signed(&leaf)),
        Err("the certificate of O=Postern tests, CN=mx.mal.test is self-signed"),
    );
}

#[test]
fn what_a_certificate_may_do_is_kept() {
    let authority = Authority::new("CA");
    let judge = Judge::trusting(&authority);
    let leaf = Leaf::named("mx.mal.test");
    let check = |identity: Identity, sentence| judge.check(&chain(&identity), Err(sentence));
    check(
        authority
            .impersonated_by(&Leaf::named("partner.test"))
            .issue(&leaf),
        "a certificate was issued by one that is no authority",
    );
    check(
        authority.issue(&leaf.clone().oddity(Oddity::IsAuthority)),
        "the certificate of the peer is that of an authority",
    );
    let below = Constraint::Below("good.test".to_owned());
    check(
        authority.constrained("Limited", &below).issue(&leaf),
        "an authority on the path may not issue certificates for this name",
    );
    check(
        authority
            .constrained("Short", &Constraint::PathLength(0))
            .intermediate("Deeper")
            .issue(&leaf),
        "there are more authorities in a row",
    );
    check(
        authority.issue(&leaf.clone().oddity(Oddity::UnknownCriticalExtension)),
        "a certificate has a critical extension that is not understood",
    );
}

#[test]
fn usages_are_kept() {
    let authority = Authority::new("CA");
    let mut judge = Judge::trusting(&authority);
    let mut check = |usage: Usage, wanted: CertificateUsage, expected: Result<&str, &str>| {
        let leaf = Leaf::named("mx.mal.test").usage(usage);
        judge.usage = wanted;
        judge.check(&chain(&authority.issue(&leaf)), expected);
    };
    use CertificateUsage::{ClientAuth, ClientOrServerAuth, ServerAuth};
    let fine = Ok("mx.mal.test");
    check(Usage::Both, ServerAuth, fine);
    check(Usage::Both, ClientAuth, fine);
    check(Usage::Unstated, ServerAuth, fine);
    check(Usage::Unstated, ClientAuth, fine);
    check(Usage::ServerAuth, ServerAuth, fine);
    check(Usage::ServerAuth, ClientOrServerAuth, fine);
    check(Usage::ClientAuth, ClientOrServerAuth, fine);
    check(
        Usage::ServerAuth,
        ClientAuth,
        Err("the certificate is for serverAuth, not for clientAuth"),
    );
    check(
        Usage::ClientAuth,
        ServerAuth,
        Err("the certificate is for clientAuth, not for serverAuth"),
    );
    check(
        Usage::CodeSigning,
        ClientOrServerAuth,
        Err("the certificate is for codeSigning, not for clientAuth or serverAuth"),
    );
}

#[test]
fn keys_and_signatures_stay_within_the_bounds() {
    let p256 = Authority::new("CA");
    let rsa = Authority::with_key("RSA", Key::Rsa2048);
    let p384 = Authority::with_key("P-384", Key::EcdsaP384);
    let leaf = Leaf::named("mx.mal.test");
    let check = |authority: &Authority, profile, leaf: &Leaf, expected| {
        let mut judge = Judge::trusting(authority);
        judge.profile = profile;
        judge.check(&chain(&authority.issue(leaf)), expected);
    };
    use ProfileName::{Foundation, Intermediate, SuiteB128};
    let fine = Ok("mx.mal.test");
    let rsa_leaf = leaf.clone().key(Key::Rsa2048);
    let p384_leaf = leaf.clone().key(Key::EcdsaP384);
    check(&p256, SuiteB128, &leaf, fine);
    check(&rsa, Foundation, &rsa_leaf, fine);
    check(&p384, Intermediate, &p384_leaf, fine);
    let not_p256 = Err("key of the certificate: ECDSA P-384 was used, allowed is ECDSA P-256");
    check(&p256, SuiteB128, &p384_leaf, not_p256);
    check(
        &p384,
        SuiteB128,
        &leaf,
        Err("a certificate is signed with SHA-384 and ECDSA, which is not allowed"),
    );
    check(
        &rsa,
        SuiteB128,
        &leaf,
        Err("a certificate is signed with SHA-256 and RSA, which is not allowed"),
    );
    check(
        &p256,
        Foundation,
        &rsa_leaf,
        Err("a certificate is signed with SHA-256 and ECDSA, which is not allowed"),
    );
    check(
        &p256,
        Intermediate,
        &leaf.clone().oddity(Oddity::Rsa1024),
        Err("key of the certificate: RSA with 1024 bits, at least 2048 are required"),
    );
    check(
        &rsa,
        Intermediate,
        &leaf.clone().oddity(Oddity::ClaimsSha1),
        Err("a certificate is signed with SHA-1 and RSA, which is not allowed"),
    );
}

#[test]
fn issuers_keys_stay_within_the_bounds() {
    let authority = Authority::with_key("RSA", Key::Rsa2048);
    let identity = authority.issue(&Leaf::named("mx.mal.test").key(Key::Rsa3072));
    let mut strict = bounds(ProfileName::Intermediate).clone();
    strict = strict.intersect(&CryptoBounds::everything().with_least_rsa_bits(3072));
    let demand = Demand {
        usage: CertificateUsage::ServerAuth,
        anchors: &anchors(&authority),
        names: &[],
        wildcards: Wildcards::Permitted,
        bounds: &strict,
        revocation: None,
    };
    assert_eq!(
        verify(&chain(&identity), &demand, now()),
        Err(ChainFault::OutsideProfile(ProfileViolation::RsaBits {
            used: 2048,
            least: 3072
        }))
    );
}

#[test]
fn a_chain_without_possession_proves_nothing() {
    let authority = Authority::new("CA");
    let identity = authority.issue(&Leaf::named("mx.mal.test"));
    let stolen = Possession::Unproven("no signature".to_owned());
    let chain = PeerChain::new(identity.chain(), stolen, None).unwrap();
    let not_proven = ChainFault::NotProven("no signature".to_owned());
    assert_eq!(
        Judge::trusting(&authority).verify(&chain),
        Err(not_proven.clone())
    );
    let pin = chain.spki_pin().unwrap();
    assert_eq!(
        verify_pin(&chain, &[pin], bounds(ProfileName::Intermediate)),
        Err(not_proven)
    );
}

#[test]
fn what_is_no_certificate_is_malformed() {
    let authority = Authority::new("CA");
    let judge = Judge::trusting(&authority);
    let mut cut = authority.issue(&Leaf::named("mx.mal.test")).leaf().to_vec();
    cut.truncate(cut.len() / 2);
    for octets in [&b""[..], b"no certificate", &[0x30, 0x80], &cut] {
        judge.check(
            &chain_of(&[octets.to_vec().into()]),
            Err("a certificate cannot be read: "),
        );
    }
    let version1 = authority.issue(&Leaf::named("mx.mal.test").oddity(Oddity::Version1));
    judge.check(
        &chain(&version1),
        Err("a certificate cannot be read: it is not of version 3"),
    );
}

#[test]
fn entangled_chains_are_given_up_soon() {
    let authority = Authority::new("CA");
    let judge = Judge::trusting(&authority);
    // Authorities of one name, each of which may have issued any other.
    let knot: Vec<_> = (0..=MOST_INTERMEDIATES)
        .map(|_| {
            Authority::new("Knot")
                .intermediate("Knot")
                .issue(&Leaf::named("mx.mal.test"))
        })
        .collect();
    let mut sent = vec![knot[0].leaf().clone()];
    sent.extend(knot.iter().map(|identity| identity.chain()[1].clone()));
    judge.check(
        &chain_of(&sent),
        Err("the certificates of the peer are too many"),
    );
    sent.truncate(1 + MOST_INTERMEDIATES);
    let begun = Instant::now();
    assert!(judge.verify(&chain_of(&sent)).is_err());
    assert!(begun.elapsed().as_secs() < 1, "{:?}", begun.elapsed());
}

#[test]
fn a_self_signed_certificate_is_known_by_its_pin() {
    let identity = Authority::self_signed(
        &Leaf::common_name_only("whoever")
            .validity(Validity::Expired)
            .oddity(Oddity::IsAuthority),
    );
    let chain = chain(&identity);
    let pin = chain.spki_pin().unwrap();
    let other = SpkiPin::of_spki(b"another key");
    let sound = bounds(ProfileName::Intermediate);
    assert_eq!(verify_pin(&chain, &[other, pin], sound), Ok(pin));
    assert_eq!(
        verify_pin(&chain, &[other], sound),
        Err(ChainFault::PinMismatch {
            wanted: vec![other],
            presented: pin
        })
    );
    let rsa_only = verify_pin(&chain, &[pin], bounds(ProfileName::Foundation));
    assert!(
        matches!(rsa_only, Err(ChainFault::OutsideProfile(_))),
        "{rsa_only:?}"
    );
}

#[test]
fn a_pin_survives_a_new_certificate_for_the_same_key() {
    let authority = Authority::new("CA");
    let old = authority.issue(&Leaf::named("a.test"));
    let new = authority.reissue(&old, &Leaf::named("b.test"));
    assert_ne!(old.leaf(), new.leaf());
    assert_eq!(chain(&old).spki_pin(), chain(&new).spki_pin());
}
