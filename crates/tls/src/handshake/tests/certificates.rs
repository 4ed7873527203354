//! Which of our certificates a client is shown.

use std::sync::Arc;

use postern_testkit::{Authority, Key, Leaf, loose_client_config};
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::{mx, rustls_schemes};
use crate::{
    CertificateSummary, PlainServerChannel, ProfileName, SignatureScheme, TlsServer,
    testing::{LIMIT, server, server_of, store},
};

/// The fingerprint of what a client of these signature schemes and versions is shown.
async fn shown_to(
    server: &TlsServer,
    schemes: &[SignatureScheme],
    versions: &[&'static rustls::SupportedProtocolVersion],
    name: Option<&'static str>,
) -> CertificateSummary {
    let mut config = loose_client_config(versions, &rustls_schemes(schemes));
    config.enable_sni = name.is_some();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from(name.unwrap_or("unused.example")).unwrap();
    let (near, far) = tokio::join!(
        TlsConnector::from(Arc::new(config)).connect(name, near),
        PlainServerChannel::new(far).upgrade(server, LIMIT),
    );
    far.unwrap();
    let stream = near.unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    CertificateSummary::of(&chain[0])
}

#[tokio::test]
async fn clients_are_shown_what_they_can_verify() {
    let (rsa, ecdsa) = (mx(Key::Rsa2048), mx(Key::EcdsaP256));
    let server = server(&[&ecdsa, &rsa], ProfileName::Intermediate);
    use SignatureScheme::{EcdsaP256Sha256, RsaPkcs1Sha256, RsaPssSha256};
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (schemes, expected) in [
            (&[RsaPssSha256, RsaPkcs1Sha256][..], &rsa),
            (&[EcdsaP256Sha256], &ecdsa),
            (&[RsaPssSha256, EcdsaP256Sha256], &ecdsa),
        ] {
            let found = shown_to(&server, schemes, &[version], Some("mx.example")).await;
            let expected = CertificateSummary::of(expected.leaf());
            assert_eq!(found, expected, "{version:?} {schemes:?}");
        }
    }
}

#[tokio::test]
async fn clients_are_shown_what_they_ask_for_and_never_refused_for_it() {
    let authority = Authority::new("CA");
    let issue = |name| authority.issue(&Leaf::named(name));
    let (first, second, wild) = (
        issue("mx1.example"),
        issue("mx2.example"),
        issue("*.b.example"),
    );
    let store = store(&[("default", &first), ("second", &second), ("wild", &wild)]);
    let server = server_of(store, ProfileName::Intermediate);
    for (name, expected) in [
        (Some("mx1.example"), &first),
        (Some("MX2.example"), &second),
        (Some("mx.b.example"), &wild),
        (Some("a.mx.b.example"), &first),
        (Some("unknown.example"), &first), // RFC 8461 §7.1
        (None, &first),
    ] {
        let versions = rustls::ALL_VERSIONS;
        let found = shown_to(&server, SignatureScheme::ALL, versions, name).await;
        assert_eq!(found, CertificateSummary::of(expected.leaf()), "{name:?}");
    }
}
