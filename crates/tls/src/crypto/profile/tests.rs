use super::*;
use crate::Contradiction;

#[test]
fn names_read_back() {
    for name in ProfileName::ALL {
        assert_eq!(name.to_string().parse(), Ok(*name));
        assert_eq!(Profile::named(*name).name(), *name);
    }
    assert_eq!("Modern".parse::<ProfileName>(), Err(ProfileNameError));
}

#[test]
fn every_profile_can_be_kept() {
    for name in ProfileName::ALL {
        let bounds = Profile::named(*name).bounds();
        assert_eq!(bounds.contradiction(), None, "{name}");
    }
}

#[track_caller]
fn check_joint(a: ProfileName, b: ProfileName, expected: Option<Contradiction>) {
    let joint = Profile::named(a)
        .bounds()
        .intersect(Profile::named(b).bounds());
    assert_eq!(joint.contradiction(), expected, "{a} and {b}");
}

#[test]
fn profiles_that_cannot_be_joined_say_why() {
    use ProfileName::{BsiTr02102, Foundation, Intermediate, Modern, Ncsc, Nl, SuiteB128};
    check_joint(Modern, Intermediate, None);
    check_joint(Intermediate, SuiteB128, None);
    check_joint(Intermediate, Foundation, None);
    check_joint(BsiTr02102, Foundation, None);
    check_joint(Ncsc, Nl, None);
    check_joint(Modern, SuiteB128, Some(Contradiction::Version));
    check_joint(Modern, Foundation, Some(Contradiction::Version));
    check_joint(SuiteB128, Foundation, Some(Contradiction::Suite));
}

/// What a profile admits, in its order of preference.
#[track_caller]
fn check_admits(name: ProfileName, expected: [&str; 6]) {
    fn list<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
        let items: Vec<_> = items.map(|item| item.to_string()).collect();
        items.join(" ")
    }
    let bounds = Profile::named(name).bounds();
    let keys: Vec<_> = bounds.keys().map(|key| key.to_string()).collect();
    let found = [
        list(bounds.versions()),
        list(bounds.suites()),
        list(bounds.groups()),
        list(bounds.schemes()),
        format!(
            "{}; RSA from {} bits on",
            keys.join(", "),
            bounds.least_rsa_bits()
        ),
        list(bounds.certificate_signatures()).replace(" with ", "/"),
    ];
    let expected = expected.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(found, expected, "{name}");
}

const TLS13_GCM: &str = "TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 ";
const TLS12_GCM: &str = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 \
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 \
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
const EVERY_SUITE: &str = "TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 \
    TLS_AES_128_GCM_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 \
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 \
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 \
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
const ECDSA: &str = "ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384 ecdsa_secp521r1_sha512 ";
const PSS: &str = "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512 ";
const PKCS1: &str = "rsa_pkcs1_sha256 rsa_pkcs1_sha384 rsa_pkcs1_sha512 ";
const SHA_2: &str = "ECDSA/SHA-256 ECDSA/SHA-384 ECDSA/SHA-512 RSA/SHA-256 RSA/SHA-384 RSA/SHA-512";
const NIST_CURVES: &str = "RSA, ECDSA P-256, ECDSA P-384, ECDSA P-521; RSA from 2048 bits on";

#[test]
fn what_the_general_profiles_admit() {
    let hybrid = "X25519MLKEM768 x25519 secp256r1 secp384r1";
    let schemes = format!("{ECDSA}ed25519 {PSS}{PKCS1}mldsa44 mldsa65 mldsa87");
    let keys = "RSA, ECDSA P-256, ECDSA P-384, ECDSA P-521, Ed25519, ML-DSA; \
                RSA from 2048 bits on";
    let signatures = "ECDSA/SHA-256 ECDSA/SHA-384 ECDSA/SHA-512 Ed25519 RSA/SHA-256 RSA/SHA-384 \
                      RSA/SHA-512 ML-DSA";
    let tls13 = "TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256";
    let modern = ["TLSv1.3", tls13, hybrid, &schemes, keys, signatures];
    check_admits(ProfileName::Modern, modern);
    let intermediate = [
        "TLSv1.3 TLSv1.2",
        EVERY_SUITE,
        hybrid,
        &schemes,
        keys,
        signatures,
    ];
    check_admits(ProfileName::Intermediate, intermediate);
}

#[test]
fn what_the_older_profiles_admit() {
    check_admits(
        ProfileName::SuiteB128,
        [
            "TLSv1.2",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "secp256r1",
            "ecdsa_secp256r1_sha256",
            "ECDSA P-256; RSA from 2048 bits on",
            "ECDSA/SHA-256",
        ],
    );
    check_admits(
        ProfileName::Foundation,
        [
            "TLSv1.2",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "x25519 secp256r1 secp384r1",
            "rsa_pss_rsae_sha256 rsa_pkcs1_sha256",
            "RSA; RSA from 2048 bits on",
            "RSA/SHA-256",
        ],
    );
}

#[test]
fn what_the_national_profiles_admit() {
    let both = "TLSv1.3 TLSv1.2";
    let gcm = [TLS13_GCM, TLS12_GCM].concat();
    check_admits(
        ProfileName::Ncsc,
        [
            both,
            EVERY_SUITE,
            "X25519MLKEM768 x25519 secp256r1 secp384r1",
            &format!("ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384 {PSS}{PKCS1}"),
            "RSA, ECDSA P-256, ECDSA P-384; RSA from 2048 bits on",
            SHA_2,
        ],
    );
    check_admits(
        ProfileName::BsiTr02102,
        [
            both,
            &gcm,
            "SecP256r1MLKEM768 secp256r1 secp384r1",
            &format!("{ECDSA}{PSS}"),
            &NIST_CURVES.replace("2048", "3000"),
            SHA_2,
        ],
    );
    check_admits(
        ProfileName::Nl,
        [
            both,
            EVERY_SUITE,
            "X25519MLKEM768 SecP256r1MLKEM768 x25519 secp256r1 secp384r1",
            &format!("{ECDSA}{PSS}"),
            NIST_CURVES,
            SHA_2,
        ],
    );
    check_admits(
        ProfileName::NistSp80052r2,
        [
            both,
            &gcm,
            "SecP256r1MLKEM768 secp256r1 secp384r1",
            &format!("{ECDSA}{PSS}{PKCS1}"),
            NIST_CURVES,
            SHA_2,
        ],
    );
}

/// A grade is for something that is allowed, and a deviation says what and why.
#[test]
fn grades_and_deviations_speak_of_their_profile() {
    for profile in Profile::all() {
        let bounds = profile.bounds();
        for graded in profile.graded() {
            let allowed = match graded.what {
                Member::Version(version) => bounds.versions().any(|it| it == version),
                Member::Suite(suite) => bounds.suites().any(|it| it == suite),
                Member::Group(group) => bounds.groups().any(|it| it == group),
                Member::Scheme(scheme) => bounds.schemes().any(|it| it == scheme),
                Member::Key(key) => bounds.keys().any(|it| it == key),
                Member::RsaBelow(bits) => bits > bounds.least_rsa_bits(),
            };
            assert!(allowed && !graded.why.is_empty(), "{profile}: {graded:?}");
        }
        assert!(!profile.deviations().is_empty(), "{profile}");
        for deviation in profile.deviations() {
            let text = deviation.to_string();
            assert!(
                !deviation.what.is_empty() && !deviation.why.is_empty(),
                "{text}"
            );
        }
    }
}

#[test]
fn profiles_name_their_source_and_its_edition() {
    let named = |name| Profile::named(name).to_string();
    assert_eq!(
        named(ProfileName::BsiTr02102),
        "bsi-tr-02102-2 (BSI TR-02102-2, Use of Transport Layer Security, 2026-01, with the key \
         lengths of TR-02102-1)"
    );
    assert_eq!(
        named(ProfileName::SuiteB128),
        "suite-b-128 (RFC 6460, Suite B Profile for TLS, January 2012 (historic by RFC 8423), §3, \
         combination 1 at 128 bits)"
    );
}

#[test]
fn the_reference_is_up_to_date() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/profiles.md");
    let written = std::fs::read_to_string(file).unwrap();
    let advice = "run `cargo run -p postern-tls --example profiles`";
    assert!(
        written == profiles_reference(),
        "docs/profiles.md: {advice}"
    );
}
