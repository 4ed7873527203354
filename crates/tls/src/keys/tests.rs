use std::{fs, os::unix::fs::PermissionsExt as _};

use data_encoding::BASE64;
use postern_mail::DomainError;
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
};

use super::*;
use crate::TlsaRecord;

fn written(key: &PrivateKey, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.key");
    fs::write(&path, key.to_secret_pem().as_bytes()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

fn names(names: &[&str]) -> Vec<RequestedName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn keys_are_what_was_asked_for_and_read_back() {
    for (kind, shown) in [
        (NewKey::Rsa2048, "RSA with 2048 bits"),
        (NewKey::Rsa3072, "RSA with 3072 bits"),
        (NewKey::EcdsaP256, "ECDSA P-256"),
        (NewKey::EcdsaP384, "ECDSA P-384"),
    ] {
        let key = PrivateKey::make(kind).unwrap();
        assert_eq!(key.public().to_string(), shown);
        assert_eq!(format!("{key:?}"), format!("PrivateKey({shown})"));
        let (_directory, path) = written(&key, 0o600);
        let read = PrivateKey::read(&path).unwrap();
        assert_eq!(read.pin(), key.pin());
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let key = PrivateKey::make(NewKey::EcdsaP256).unwrap();
    for (mode, fits) in [(0o600, true), (0o640, true), (0o644, false), (0o660, false)] {
        let (_directory, path) = written(&key, mode);
        match PrivateKey::read(&path) {
            Ok(_) => assert!(fits, "{mode:o}"),
            Err(error) => {
                let open = CertificateFault::OpenToOthers { mode };
                assert_eq!(error, KeyError::File(open));
                assert!(!fits, "{mode:o}");
            }
        }
    }
}

#[test]
fn a_key_that_no_certificate_should_be_for_is_refused() {
    let other = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let (_directory, path) = written(&PrivateKey(other), 0o600);
    let error = PrivateKey::read(&path).unwrap_err();
    assert!(
        error.to_string().starts_with("the key is Ed25519; use RSA"),
        "{error}"
    );
}

#[test]
fn a_record_for_the_key_is_the_digest_of_its_public_half() {
    let key = PrivateKey::make(NewKey::EcdsaP256).unwrap();
    let record = TlsaRecord::of_key(key.pin());
    assert_eq!((record.usage, record.selector, record.matching), (3, 1, 1));
    let spki = key.0.subject_public_key_info();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &spki);
    assert_eq!(record.association, digest.as_ref());
    assert_eq!(record.fault(), None);
}

#[test]
fn a_request_is_signed_and_has_each_name_once() {
    for (kind, algorithm) in [
        (NewKey::EcdsaP256, "1.2.840.10045.4.3.2"),
        (NewKey::EcdsaP384, "1.2.840.10045.4.3.3"),
        (NewKey::Rsa2048, "1.2.840.113549.1.1.11"),
    ] {
        let key = PrivateKey::make(kind).unwrap();
        let wanted = names(&["MX.Example.org", "*.example.org", "mx.example.org."]);
        let pem = key.request(&wanted).unwrap();
        let body: String = pem.lines().filter(|line| !line.contains("--")).collect();
        let der = BASE64.decode(body.as_bytes()).unwrap();
        let (_, request) = X509CertificationRequest::from_der(&der).unwrap();
        assert_eq!(request.signature_algorithm.algorithm.to_string(), algorithm);
        let info = &request.certification_request_info;
        assert_eq!(info.subject.to_string(), "CN=mx.example.org");
        assert_eq!(SpkiPin::of_spki(info.subject_pki.raw), key.pin());
        let mut listed = Vec::new();
        for extension in request.requested_extensions().unwrap() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                listed.extend(names.general_names.iter().map(|name| match name {
                    GeneralName::DNSName(name) => (*name).to_owned(),
                    other => panic!("{other:?}"),
                }));
            }
        }
        assert_eq!(listed, ["mx.example.org", "*.example.org"]);
    }
}

#[test]
fn requests_have_bounds() {
    let key = PrivateKey::make(NewKey::EcdsaP256).unwrap();
    assert_eq!(key.request(&[]), Err(RequestError::NoNames));
    let many: Vec<RequestedName> = (0..=MOST_REQUESTED_NAMES)
        .map(|n| format!("h{n}.example").parse().unwrap())
        .collect();
    assert_eq!(key.request(&many), Err(RequestError::TooManyNames));
    let long = names(&[&format!(
        "{}.example",
        "abcdefg.".repeat(10).trim_end_matches('.')
    )]);
    assert!(key.request(&long).is_ok());
}

#[track_caller]
fn check(text: &str, expected: &Result<&str, RequestedNameError>) {
    let name = text.parse::<RequestedName>().map(|name| name.to_string());
    assert_eq!(&name.as_deref().map_err(Clone::clone), expected, "{text}");
}

#[test]
fn names_are_those_that_authorities_certify() {
    check("MX.Example.org.", &Ok("mx.example.org"));
    check("*.example.org", &Ok("*.example.org"));
    check("bücher.example", &Ok("xn--bcher-kva.example"));
    check("localhost", &Err(RequestedNameError::NotQualified));
    check("*.org", &Err(RequestedNameError::NotQualified));
    check("_x.example.org", &Err(RequestedNameError::Underscore));
    check("192.0.2.1", &Err(RequestedNameError::Address));
    check("", &Err(RequestedNameError::Domain(DomainError::Empty)));
    check(
        "a.*.example",
        &Err(RequestedNameError::Domain(DomainError::Character('*'))),
    );
    check(
        "a@example.org",
        &Err(RequestedNameError::Domain(DomainError::Character('@'))),
    );
}
