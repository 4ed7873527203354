use std::time::Instant;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use postern_mail::Domain;
use postern_testkit::{Authority, Constraint, Identity, Key, Leaf, Oddity, Usage, Validity};
use proptest::prelude::*;
use rustls_pki_types::CertificateDer;

use super::*;
use crate::{
    ChainFault, PeerChain, Possession, ProfileName, ReferenceIdentity,
    testing::{bounds, now},
};

/// The record of these numbers that speaks of a certificate.
fn record(numbers: [u8; 3], der: &[u8]) -> TlsaRecord {
    use x509_parser::prelude::{FromDer as _, X509Certificate};
    let [_, selector, matching] = numbers;
    let selected = match selector {
        0 => der.to_vec(),
        _ => {
            let (_, certificate) = X509Certificate::from_der(der).unwrap();
            certificate.public_key().raw.to_vec()
        }
    };
    let association = match matching {
        0 => selected,
        1 => digest(&SHA256, &selected).as_ref().to_vec(),
        _ => digest(&SHA512, &selected).as_ref().to_vec(),
    };
    raw(numbers, association)
}

fn raw([usage, selector, matching]: [u8; 3], association: Vec<u8>) -> TlsaRecord {
    TlsaRecord {
        usage,
        selector,
        matching,
        association,
    }
}

/// A record of these numbers that is sound and speaks of nobody here.
fn wrong(numbers: [u8; 3]) -> TlsaRecord {
    raw(numbers, vec![0x77; if numbers[2] == 1 { 32 } else { 64 }])
}

/// What a server sends: its leaf, then these.
fn sent(identity: &Identity, more: &[&Authority]) -> PeerChain {
    let mut chain = identity.chain().to_vec();
    chain.extend(more.iter().map(|authority| authority.certificate().clone()));
    proven(&chain)
}

fn proven(chain: &[CertificateDer<'static>]) -> PeerChain {
    PeerChain::new(chain, Possession::Proven, None).unwrap()
}

fn verify(chain: &PeerChain, records: &[TlsaRecord]) -> Result<TlsaMatch, ChainFault> {
    verify_within(chain, records, ProfileName::Intermediate)
}

fn verify_within(
    chain: &PeerChain,
    records: &[TlsaRecord],
    profile: ProfileName,
) -> Result<TlsaMatch, ChainFault> {
    // The next-hop domain and the base domain of the records (RFC 7672 §3.2.2).
    let names = ["dest.test", "mx.dest.test"].map(|name| name.parse::<Domain>().unwrap());
    let demand = TlsaDemand {
        records: &TlsaSet::new(records.iter().cloned()),
        names: &names.map(ReferenceIdentity::new),
        bounds: bounds(profile),
    };
    verify_tlsa(chain, &demand, now())
}

/// The name that was matched, `-` for none, or the beginning of what is said instead.
#[track_caller]
fn check(chain: &PeerChain, records: &[TlsaRecord], expected: Result<&str, &str>) {
    match (verify(chain, records), expected) {
        (Ok(found), Ok(name)) => {
            let presented = found.name.map(|name| name.presented);
            assert_eq!(presented.as_deref().unwrap_or("-"), name);
            assert!(records.contains(&found.record));
        }
        (Err(fault), Err(sentence)) => {
            let text = fault.to_string();
            assert!(text.starts_with(sentence), "{text}");
        }
        (verdict, _) => panic!("{verdict:?} is not {expected:?}"),
    }
}

const MISMATCH: Result<&str, &str> = Err("no TLSA record vouches for the certificate");
const EE: Result<&str, &str> = Ok("-");
const MX: Result<&str, &str> = Ok("mx.dest.test");

fn mx() -> Leaf {
    Leaf::named("mx.dest.test")
}

#[test]
fn an_end_entity_needs_neither_name_nor_date_nor_authority() {
    let leaf = Leaf::named("another.test").validity(Validity::Expired);
    for identity in [
        Authority::new("CA").issue(&leaf),
        Authority::self_signed(&leaf),
        Authority::self_signed(&leaf.clone().oddity(Oddity::IsAuthority)),
        Authority::new("CA").issue(&leaf.clone().usage(Usage::ClientAuth)),
        Authority::new("CA").issue(&leaf.clone().oddity(Oddity::Version1)),
    ] {
        let chain = proven(identity.chain());
        for numbers in [
            [3, 0, 0],
            [3, 0, 1],
            [3, 0, 2],
            [3, 1, 0],
            [3, 1, 1],
            [3, 1, 2],
        ] {
            check(&chain, &[record(numbers, identity.leaf())], EE);
            check(
                &chain,
                &[record(numbers, Authority::new("x").certificate())],
                MISMATCH,
            );
        }
    }
}

#[test]
fn the_record_that_would_match_is_named() {
    let identity = Authority::new("CA").issue(&mx());
    let chain = proven(identity.chain());
    let fault = verify(&chain, &[wrong([3, 1, 1])]).unwrap_err();
    let right = record([3, 1, 1], identity.leaf());
    assert_eq!(
        fault.to_string(),
        format!(
            "no TLSA record vouches for the certificate, which \"{right}\" would match; there is \
             3 1 1 {}",
            "77".repeat(32)
        )
    );
    check(&chain, &[right], EE);
}

#[test]
fn a_stolen_certificate_matches_nothing() {
    let identity = Authority::new("CA").issue(&mx());
    let stolen = Possession::Unproven("no signature".to_owned());
    let chain = PeerChain::new(identity.chain(), stolen, None).unwrap();
    check(
        &chain,
        &[record([3, 1, 1], identity.leaf())],
        Err("the peer did not prove that it holds the key"),
    );
}

#[test]
fn keys_of_end_entities_stay_within_the_bounds() {
    let weak = Authority::new("CA").issue(&mx().oddity(Oddity::Rsa1024));
    check(
        &proven(weak.chain()),
        &[record([3, 1, 1], weak.leaf())],
        Err("key of the certificate: RSA with 1024 bits"),
    );
    let p384 = Authority::new("CA").issue(&mx().key(Key::EcdsaP384));
    let records = [record([3, 1, 1], p384.leaf())];
    let verdict = verify_within(&proven(p384.chain()), &records, ProfileName::SuiteB128);
    assert!(
        matches!(verdict, Err(ChainFault::OutsideProfile(_))),
        "{verdict:?}"
    );
}

#[test]
fn an_authority_is_found_among_what_was_sent() {
    let root = Authority::new("CA");
    let issuing = root.intermediate("Issuing");
    let identity = issuing.issue(&mx());
    let all = sent(&identity, &[&root]);
    let without_root = proven(identity.chain());
    for numbers in [
        [2, 0, 0],
        [2, 0, 1],
        [2, 0, 2],
        [2, 1, 0],
        [2, 1, 1],
        [2, 1, 2],
    ] {
        check(&all, &[record(numbers, root.certificate())], MX);
        check(&all, &[record(numbers, issuing.certificate())], MX);
        check(&without_root, &[record(numbers, issuing.certificate())], MX);
        // A digest of what was not sent says nothing (RFC 7672 §3.1.2); the thing itself does.
        let expected = if numbers[2] == 0 { MX } else { MISMATCH };
        check(
            &without_root,
            &[record(numbers, root.certificate())],
            expected,
        );
    }
}

#[test]
fn below_an_authority_names_count() {
    let root = Authority::new("CA");
    let check = |leaf: Leaf, expected| {
        let chain = sent(&root.issue(&leaf), &[&root]);
        check(&chain, &[record([2, 0, 1], root.certificate())], expected);
    };
    check(mx(), MX);
    check(Leaf::named("dest.test"), Ok("dest.test"));
    check(Leaf::named("*.dest.test"), Ok("*.dest.test"));
    check(
        Leaf::named("mx.evil.test"),
        Err("the certificate is not for dest.test or mx.dest.test; it is for mx.evil.test"),
    );
    check(
        Leaf::common_name_only("mx.dest.test"),
        Err("the certificate is not for dest.test or mx.dest.test; it is for no name"),
    );
}

#[test]
fn below_an_authority_all_of_pkix_holds() {
    let root = Authority::new("CA");
    let check = |identity: Identity, sentence| {
        let chain = sent(&identity, &[&root]);
        check(
            &chain,
            &[record([2, 0, 1], root.certificate())],
            Err(sentence),
        );
    };
    check(
        root.issue(&mx().validity(Validity::Expired)),
        "the certificate expired on",
    );
    check(
        root.issue(&mx().validity(Validity::NotYet)),
        "the certificate is not valid before",
    );
    check(
        root.issue(&mx().usage(Usage::ClientAuth)),
        "the certificate is for clientAuth, not for serverAuth",
    );
    check(
        root.issue(&mx().oddity(Oddity::UnknownCriticalExtension)),
        "a certificate has a critical extension",
    );
    check(
        root.constrained("Limited", &Constraint::Below("good.test".into()))
            .issue(&mx()),
        "an authority on the path may not issue",
    );
    check(
        root.impersonated_by(&Leaf::named("partner.test"))
            .issue(&mx()),
        "a certificate was issued by one that is no authority",
    );
    // The authority is shown, as anybody can, beside a leaf that it did not issue.
    check(
        Authority::new("CA").issue(&mx()),
        "a certificate bears the name of its issuer, but not its signature",
    );
    check(
        Authority::new("Other").issue(&mx()),
        "the certificate leads to O=Postern tests, CN=Other, which is not among the trusted (TLSA",
    );
    check(
        Authority::self_signed(&mx()),
        "the certificate of O=Postern tests, CN=mx.dest.test is self-signed",
    );
}

#[test]
fn what_a_record_makes_an_authority_is_held_to_what_it_says() {
    let root = Authority::new("CA");
    let limit = Constraint::Below("good.test".to_owned());
    let cases = [
        (
            root.intermediate_valid("Old", Validity::Expired),
            Err("the certificate of an issuing authority expired on"),
        ),
        (
            root.intermediate_valid("New", Validity::NotYet),
            Err("the certificate of an issuing authority is not valid before"),
        ),
        (
            root.impersonated_by(&Leaf::named("partner.test")),
            Err("a certificate was issued by one that is no authority"),
        ),
        (
            root.constrained("Limited", &limit),
            Err("an authority on the path may not issue certificates for this name"),
        ),
        (root.intermediate("Sound"), MX),
    ];
    for (authority, expected) in cases {
        let chain = proven(authority.issue(&mx()).chain());
        for numbers in [[2, 0, 0], [2, 0, 1], [2, 1, 1]] {
            check(
                &chain,
                &[record(numbers, authority.certificate())],
                expected,
            );
        }
    }
}

#[test]
fn a_bare_key_vouches_for_what_it_signed() {
    let (root, other) = (Authority::new("CA"), Authority::new("CA"));
    let key = [record([2, 1, 0], root.certificate())];
    check(&proven(root.issue(&mx()).chain()), &key, MX);
    check(
        &proven(root.intermediate("A").issue(&mx()).chain()),
        &key,
        MX,
    );
    check(
        &proven(other.issue(&mx()).chain()),
        &key,
        Err("a certificate bears the name of its issuer, but not its signature"),
    );
}

#[test]
fn a_leaf_may_be_its_own_authority() {
    let check_own = |leaf: Leaf, expected| {
        let identity = Authority::self_signed(&leaf);
        let chain = proven(identity.chain());
        for numbers in [[2, 0, 0], [2, 0, 1], [2, 1, 0], [2, 1, 1], [2, 1, 2]] {
            check(&chain, &[record(numbers, identity.leaf())], expected);
        }
    };
    check_own(mx(), MX);
    check_own(mx().oddity(Oddity::IsAuthority), MX);
    check_own(mx().usage(Usage::Unstated), MX);
    check_own(
        Leaf::named("mx.evil.test"),
        Err("the certificate is not for dest.test or mx.dest.test"),
    );
    check_own(
        mx().validity(Validity::Expired),
        Err("the certificate expired on"),
    );
    check_own(
        mx().usage(Usage::ClientAuth),
        Err("the certificate is for clientAuth, not for serverAuth"),
    );
    check_own(
        mx().oddity(Oddity::UnknownCriticalExtension),
        Err("a certificate has a critical extension"),
    );
    // A leaf that somebody else issued is nobody's authority.
    let issued = Authority::new("CA").issue(&mx());
    for numbers in [[2, 0, 1], [2, 1, 1]] {
        check(
            &proven(issued.chain()),
            &[record(numbers, issued.leaf())],
            MISMATCH,
        );
    }
}

#[test]
fn records_that_cannot_be_used_are_named() {
    use TlsaFault::{
        DigestLength, Empty, NoCertificate, NoPublicKey, PkixUsage, UnknownMatchingType,
        UnknownSelector, UnknownUsage,
    };
    let certificate = Authority::new("CA").certificate().to_vec();
    let trailing = [&certificate[..], &[0]].concat();
    let cases = [
        ([0, 0, 1], vec![1; 32], Some(PkixUsage)),
        ([1, 1, 1], vec![1; 32], Some(PkixUsage)),
        ([1, 9, 9], vec![], Some(PkixUsage)),
        ([4, 1, 1], vec![1; 32], Some(UnknownUsage)),
        ([255, 1, 1], vec![1; 32], Some(UnknownUsage)),
        ([3, 2, 1], vec![1; 32], Some(UnknownSelector)),
        ([2, 255, 1], vec![1; 32], Some(UnknownSelector)),
        ([3, 1, 3], vec![1; 32], Some(UnknownMatchingType)),
        ([3, 1, 255], vec![1; 32], Some(UnknownMatchingType)),
        ([3, 1, 1], vec![], Some(Empty)),
        ([3, 1, 0], vec![], Some(Empty)),
        ([3, 1, 1], vec![1; 31], Some(DigestLength { wanted: 32 })),
        ([3, 1, 1], vec![1; 64], Some(DigestLength { wanted: 32 })),
        ([2, 0, 2], vec![1; 32], Some(DigestLength { wanted: 64 })),
        ([3, 0, 0], vec![1; 32], Some(NoCertificate)),
        ([2, 0, 0], trailing, Some(NoCertificate)),
        ([3, 1, 0], certificate.clone(), Some(NoPublicKey)),
        ([2, 0, 0], certificate, None),
        ([3, 1, 1], vec![1; 32], None),
        ([2, 1, 2], vec![1; 64], None),
    ];
    for (numbers, association, fault) in cases {
        assert_eq!(raw(numbers, association).fault(), fault, "{numbers:?}");
    }
}

#[test]
fn only_records_that_can_be_used_count() {
    let identity = Authority::new("CA").issue(&mx());
    let chain = proven(identity.chain());
    let right = record([3, 1, 1], identity.leaf());
    let unusable = [
        record([1, 0, 1], identity.leaf()),
        record([0, 1, 1], identity.leaf()),
        raw([3, 1, 7], right.association.clone()),
        raw([3, 1, 1], right.association[..20].to_vec()),
    ];
    assert!(!TlsaSet::new(unusable.iter().cloned()).is_usable());
    check(
        &chain,
        &unusable,
        Err("none of the TLSA records can be used: 0 1 1"),
    );
    check(
        &chain,
        &[],
        Err("none of the TLSA records can be used: there is none"),
    );
    check(
        &chain,
        &[&unusable[..], &[wrong([3, 1, 1])]].concat(),
        MISMATCH,
    );
    check(&chain, &[&unusable[..], &[right]].concat(), EE);
}

#[test]
fn the_strongest_digest_of_a_usage_and_selector_decides() {
    let root = Authority::new("CA");
    let identity = root.issue(&mx());
    let chain = sent(&identity, &[&root]);
    let right = |numbers: [u8; 3]| match numbers[0] {
        2 => record(numbers, root.certificate()),
        _ => record(numbers, identity.leaf()),
    };
    let short = raw([3, 1, 2], vec![1; 63]);
    let cases = [
        (vec![wrong([3, 1, 2]), right([3, 1, 1])], MISMATCH),
        (vec![wrong([3, 1, 1]), right([3, 1, 2])], EE),
        (vec![wrong([2, 1, 2]), right([2, 1, 1])], MISMATCH),
        // Another selector or usage is another matter, and so is what is no digest.
        (vec![wrong([3, 0, 2]), right([3, 1, 1])], EE),
        (vec![wrong([2, 1, 2]), right([3, 1, 1])], EE),
        (vec![wrong([3, 1, 2]), right([2, 1, 1])], MX),
        (vec![wrong([3, 1, 2]), right([3, 1, 0])], EE),
        (vec![short, right([3, 1, 1])], EE),
        // The old key and the new one during a rollover (RFC 7671 §8.1).
        (vec![wrong([3, 1, 1]), right([3, 1, 1])], EE),
        (vec![wrong([3, 1, 2]), right([3, 1, 2])], EE),
        (
            vec![
                wrong([3, 1, 1]),
                wrong([3, 1, 2]),
                right([3, 1, 1]),
                right([3, 1, 2]),
            ],
            EE,
        ),
        (vec![wrong([3, 1, 1]), wrong([2, 1, 1])], MISMATCH),
    ];
    for (records, expected) in cases {
        check(&chain, &records, expected);
    }
}

#[test]
fn long_chains_and_long_sets_are_little_work() {
    let root = Authority::new("CA");
    let identity = root.issue(&mx());
    let many: Vec<_> = (0..40).map(|_| &root).collect();
    let chain = sent(&identity, &many);
    check(&chain, &[record([3, 1, 1], identity.leaf())], EE);
    check(
        &chain,
        &[record([2, 0, 1], root.certificate())],
        Err("the certificates of the peer are too many"),
    );
    // As many keys as fit into a DNS message, each of which may have signed the leaf.
    let other = Authority::new("CA").issue(&mx());
    let keys = (0..600_u16).map(|n| {
        let mut key = record([2, 1, 0], root.certificate());
        let at = key.association.len() - 2;
        key.association[at..].copy_from_slice(&n.to_be_bytes());
        key
    });
    let keys: Vec<_> = keys.collect();
    let begun = Instant::now();
    assert!(verify(&proven(other.chain()), &keys).is_err());
    assert!(begun.elapsed().as_secs() < 1, "{:?}", begun.elapsed());
}

#[test]
fn sets_are_told_in_few_words() {
    let set: TlsaSet = (0..12_u8).map(|n| raw([3, 1, 1], vec![n; 32])).collect();
    let text = set.to_string();
    assert!(
        text.starts_with(&format!("3 1 1 {}, 3 1 1 0101", "00".repeat(32))),
        "{text}"
    );
    assert!(text.ends_with(" and 4 more"), "{text}");
    assert_eq!(
        raw([2, 0, 0], vec![0xab; 900]).to_string(),
        format!("2 0 0 {}.. (900 octets)", "ab".repeat(64))
    );
}

fn any_record() -> impl Strategy<Value = TlsaRecord> {
    let length = prop::sample::select(vec![0_usize, 31, 32, 64]);
    (0..5_u8, 0..3_u8, 0..4_u8, 0..3_u8, length).prop_map(
        |(usage, selector, matching, octet, length)| {
            raw([usage, selector, matching], vec![octet; length])
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_records_and_their_repetition_do_not_matter(
        records in prop::collection::vec(any_record(), 0..12),
        again in any::<prop::sample::Index>(),
    ) {
        let set = TlsaSet::new(records.iter().cloned());
        let mut other: Vec<_> = records.iter().rev().cloned().collect();
        if !other.is_empty() {
            other.push(again.get(&records).clone());
        }
        prop_assert_eq!(&set, &TlsaSet::new(other));
        prop_assert_eq!(set.usable().next().is_some(), set.is_usable());
    }

    /// What counts, what cannot be used and what is displaced make up the set.
    #[test]
    fn a_record_is_left_out_for_a_fault_or_for_a_stronger_digest(
        records in prop::collection::vec(any_record(), 0..12),
    ) {
        let set = TlsaSet::new(records);
        let usable: Vec<_> = set.usable().collect();
        for record in set.records() {
            let stronger = usable.iter().any(|other| {
                (other.usage, other.selector, other.matching)
                    == (record.usage, record.selector, 2)
            });
            let displaced = record.matching == 1 && stronger;
            prop_assert_eq!(
                usable.contains(&record),
                record.fault().is_none() && !displaced
            );
        }
    }

    /// A record that cannot be used changes nothing, and one more that can be used takes nothing
    /// out of force but weaker digests.
    #[test]
    fn more_records_leave_the_others_in_force(
        records in prop::collection::vec(any_record(), 0..8),
        more in any_record(),
    ) {
        let before = TlsaSet::new(records.iter().cloned());
        let after = TlsaSet::new(records.iter().cloned().chain([more.clone()]));
        let lost: Vec<_> = before
            .usable()
            .filter(|record| !after.usable().any(|other| other == *record))
            .collect();
        if more.fault().is_some() || more.matching != 2 {
            prop_assert!(lost.is_empty(), "{:?}", lost);
        }
        for record in lost {
            prop_assert_eq!(
                (record.usage, record.selector, record.matching),
                (more.usage, more.selector, 1)
            );
        }
    }
}
