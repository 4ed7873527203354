use std::{fs, os::unix::fs::PermissionsExt};

use aws_lc_rs::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::*;

/// As `openssl genpkey -algorithm ed25519` writes it: without the public half.
const ED25519_OF_OPENSSL: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIOsOOjflmk9DJGRjw684+VSN4blBXe+ysUsB+YwGY9+H\n\
    -----END PRIVATE KEY-----\n";

const RSA_1024: &str = "-----BEGIN RSA PRIVATE KEY-----\n\
    MIICXgIBAAKBgQDiElJtnzhB5JWuVIPB+JPBx+xwpYANQA0e4e/mGgzDUNkXfuiv\n\
    dSKr0Q4I4igQw5Glj0a9UTs0/EqL+Wtev9sNQhez6sq18N5IXor3g887qHg+1Eft\n\
    ZNsXhYkJbdNr9i6yfRFMdFMPxix5jsfjtYfCP80I2XdK626TqFm1TSyUAwIDAQAB\n\
    AoGBAKDXTkPl6t2epwu/33oKw/0zoznF1eQXdP5K2yaH1BrGE55O0Xe7y+4YL3cM\n\
    iFrc+WukEz0wZQJemR8bVlO0BkEDNhzyY7ygJzpWZe4tuKeYlHQAHkMZdATZcaii\n\
    HqzZrVW7N/SwJc+Ym3HfCWsZ9c0vFnUd1M76c9deUyHBb7lRAkEA8vAQBx733dI9\n\
    Qz4w4UxUirN3Ah4Cad/55z2pxebLubg5KOiw9SJdoo53rOP+3YMa57zGlWuJbEyd\n\
    rHXypJvX+wJBAO46Gn1jBbVAC6swulaYxO0oFPaRqx4rCiFkFd83XHSbPaPIJyTk\n\
    hhIvXjjzGJVFq4RtgaDy9ltIDdrvBU2WTZkCQCEvGYFfgYwTQ7sDq7maq5GmogLw\n\
    BnRf28ryaVZXCEz+FRC5eDKD1zZ1L3O2UQIA/pPY/Wc7oTHh5UfBdLt3bjECQQDo\n\
    wK4m+buW9ecwsCAvAX3N9A5fRb15cTWpoB7agz161D4qKiFMo1X2qH8XhzPqjDJi\n\
    5Zb0SM24K7MVx9hXkNVpAkEAkk0uhO8L0/VMnr0YuJEXIVF7vr+Xj4FPDblBb63R\n\
    LoQJBhMHUHKicJoOz8KTlmYEjQdMDKjrHH5LhCYUFSXlyA==\n\
    -----END RSA PRIVATE KEY-----\n";

const P256: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMISg4lNOtZarRI2s\n\
    n9bwomXKifNdXRLONSbwkQkh/oqhRANCAAS8RYxAf8cN9tpULYqv2w6JNbB7DzEI\n\
    ho/Hzi3mNvRlGGhSqVHb6Xxt3HZ57WJ+WfF+HAyooWPo/C0D5g+xOl6q\n\
    -----END PRIVATE KEY-----\n";

/// What a record publishes.
fn published(record: &str, start: &str) -> Vec<u8> {
    BASE64
        .decode(record.strip_prefix(start).unwrap().as_bytes())
        .unwrap()
}

#[track_caller]
fn check_rsa(kind: DkimKeyKind, bits: usize) {
    let key = DkimKey::from_pem(make_dkim_key(kind).unwrap().as_bytes()).unwrap();
    assert_eq!(key.algorithm(), SignatureAlgorithm::RsaSha256);
    let signature = key.pair().sign(&b"mail"[..]).unwrap();
    assert_eq!(signature.len() * 8, bits);
    // A SubjectPublicKeyInfo ends with the RSAPublicKey, which begins with the second sequence
    // of four octets of head.
    let spki = published(&key.public_record(), "v=DKIM1; k=rsa; p=");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &spki[24..]);
    public.verify(b"mail", &signature).unwrap();
}

#[test]
fn rsa_keys_sign_what_their_record_verifies() {
    check_rsa(DkimKeyKind::Rsa2048, 2048);
    check_rsa(DkimKeyKind::Rsa3072, 3072);
}

#[test]
fn an_ed25519_key_signs_the_hash_and_publishes_32_octets() {
    let key = DkimKey::from_pem(make_dkim_key(DkimKeyKind::Ed25519).unwrap().as_bytes()).unwrap();
    assert_eq!(key.algorithm(), SignatureAlgorithm::Ed25519Sha256);
    let public = published(&key.public_record(), "v=DKIM1; k=ed25519; p=");
    assert_eq!(public.len(), 32);
    UnparsedPublicKey::new(&ED25519, public)
        .verify(
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"mail").as_ref(),
            &key.pair().sign(&b"mail"[..]).unwrap(),
        )
        .unwrap();
}

#[test]
fn keys_of_other_programs_are_taken() {
    let key = DkimKey::from_pem(ED25519_OF_OPENSSL.as_bytes()).unwrap();
    assert_eq!(key.algorithm(), SignatureAlgorithm::Ed25519Sha256);
    // PKCS #1 is what PKCS #8 holds behind its own 26 octets.
    let pem = make_dkim_key(DkimKeyKind::Rsa2048).unwrap();
    let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let pkcs1 = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        BASE64.encode(&pkcs8.secret_pkcs8_der()[26..])
    );
    let [old, new] = [pkcs1.as_str(), &pem].map(|pem| DkimKey::from_pem(pem.as_bytes()).unwrap());
    assert_eq!(old.public_record(), new.public_record());
}

#[track_caller]
fn check_unfit(pem: &str, expected: &UnfitKey) {
    assert_eq!(&DkimKey::from_pem(pem.as_bytes()).unwrap_err(), expected);
}

#[test]
fn unfit_keys_are_refused() {
    check_unfit("", &UnfitKey::Missing);
    check_unfit("-----BEGIN PRIVATE KEY-----\n*", &UnfitKey::Pem);
    check_unfit(RSA_1024, &UnfitKey::Short);
    check_unfit(P256, &UnfitKey::Kind);
    assert_eq!(check_length(2040), Err(UnfitKey::Short));
    assert_eq!(check_length(2048), Ok(()));
    assert_eq!(check_length(4096), Ok(()));
    assert_eq!(check_length(4104), Err(UnfitKey::Long(4104)));
}

#[test]
fn a_key_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dkim.key");
    fs::write(&path, ED25519_OF_OPENSSL).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = DkimKey::read(&path).unwrap_err();
        let expected = format!(
            "the key file {} may be used by others than its owner (mode {mode:04o}); \
             take that away: chmod 0600",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        DkimKey::read(&path).unwrap();
    }
}

#[test]
fn what_is_no_key_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fault = |name: &str| DkimKey::read(&folder.path().join(name)).unwrap_err().fault;
    assert!(matches!(fault("missing"), KeyFileFault::Io(_)));
    assert!(matches!(fault("."), KeyFileFault::NotAFile));
    let large = folder.path().join("large");
    fs::write(&large, vec![b'\n'; 65 * 1024]).unwrap();
    fs::set_permissions(&large, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(fault("large"), KeyFileFault::TooLarge));
}

#[test]
fn records_are_cut_into_character_strings() {
    let record = format!("v=DKIM1; {}", "x".repeat(400));
    let strings: Vec<_> = character_strings(&record).collect();
    assert_eq!(
        strings.iter().map(|it| it.len()).collect::<Vec<_>>(),
        [255, 154]
    );
    assert_eq!(strings.concat(), record);
    assert_eq!(character_strings("").count(), 0);
}

#[test]
fn keys_do_not_print() {
    let key = DkimKey::from_pem(ED25519_OF_OPENSSL.as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), "DkimKey(ed25519-sha256)");
}
