//! What is negotiated, and that nothing is resumed.

use std::sync::Arc;

use postern_testkit::{Key, loose_client_config};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::{mx, rustls_schemes, shown};
use crate::{
    Authentication, ClientCertificates, Contradiction, CryptoBounds, Evidence, HandshakeError,
    HandshakeKind, Incompatible, KeyKind, PlainServerChannel, Possession, ProfileName, Side,
    SignatureScheme, TlsClient, TlsServer, TlsServerError,
    testing::{LIMIT, attempt, bounds, client, evidence, handshake, server, store},
};

#[track_caller]
fn check_negotiated(evidence: &Evidence, profile: ProfileName, expected: &str) {
    assert_eq!(evidence.to_string(), expected);
    assert_eq!(evidence.handshake(), HandshakeKind::Full);
    assert_eq!(bounds(profile).admits(evidence), Ok(()));
}

async fn negotiate(profile: ProfileName, key: Key, expected: &str) {
    let server = server(&[&mx(key)], profile);
    let demanded = attempt(Authentication::Demanded);
    let (near, far) = evidence(&client(profile), &demanded, &server).await;
    check_negotiated(&near, profile, expected);
    check_negotiated(&far, profile, expected);
    assert_eq!(shown(&near).possession(), &Possession::Proven);
    assert_eq!((near.side(), far.side()), (Side::Client, Side::Server));
    assert_eq!(
        (near.sni(), far.sni()),
        (Some("mx.example"), Some("mx.example"))
    );
    assert_eq!((near.alpn(), far.alpn()), (None, None));
}

#[tokio::test]
async fn every_profile_negotiates_what_it_prefers() {
    use ProfileName::{
        BsiTr02102, Foundation, Intermediate, Modern, Ncsc, NistSp80052r2, Nl, SuiteB128,
    };
    let hybrid = "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768";
    negotiate(Modern, Key::EcdsaP256, hybrid).await;
    negotiate(Modern, Key::Rsa2048, hybrid).await;
    negotiate(Intermediate, Key::Ed25519, hybrid).await;
    let suite_b = "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 secp256r1";
    negotiate(SuiteB128, Key::EcdsaP256, suite_b).await;
    let foundation = "TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519";
    negotiate(Foundation, Key::Rsa2048, foundation).await;
    negotiate(Ncsc, Key::Rsa2048, hybrid).await;
    negotiate(Nl, Key::EcdsaP256, hybrid).await;
    let on_p256 = "TLSv1.3 TLS_AES_256_GCM_SHA384 SecP256r1MLKEM768";
    negotiate(BsiTr02102, Key::Rsa3072, on_p256).await;
    negotiate(NistSp80052r2, Key::EcdsaP384, on_p256).await;
}

#[tokio::test]
async fn a_profile_signs_only_as_it_allows() {
    let server = server(&[&mx(Key::Rsa2048)], ProfileName::Foundation);
    let (near, _) = evidence(
        &client(ProfileName::Intermediate),
        &attempt(Authentication::Demanded),
        &server,
    )
    .await;
    let scheme = shown(&near).signature_scheme();
    assert_eq!(scheme, Some(SignatureScheme::RsaPssSha256));
}

#[tokio::test]
async fn profiles_without_a_common_version_say_so() {
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Modern);
    let attempt = attempt(Authentication::NotDemanded);
    let (near, far) = handshake(&client(ProfileName::SuiteB128), &attempt, &server).await;
    let version = HandshakeError::Incompatible(Incompatible::Version);
    assert_eq!(far.unwrap_err(), version);
    let HandshakeError::Alert(alert) = near.unwrap_err() else {
        panic!("no alert");
    };
    assert_eq!(alert.code(), 70);
}

#[tokio::test]
async fn what_a_profile_does_not_admit_is_named() {
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let demanded = attempt(Authentication::Demanded);
    let (near, _) = evidence(&client(ProfileName::Intermediate), &demanded, &server).await;
    let violation = |name| bounds(name).admits(&near).unwrap_err().to_string();
    assert_eq!(
        violation(ProfileName::SuiteB128),
        "protocol version: TLSv1.3 was used, allowed is TLSv1.2"
    );
    let mut rsa = bounds(ProfileName::Intermediate).clone();
    rsa = rsa.intersect(&CryptoBounds::everything().with_keys([KeyKind::Rsa]));
    assert_eq!(
        rsa.admits(&near).unwrap_err().to_string(),
        "key of the certificate: ECDSA P-256 was used, allowed is RSA"
    );
}

#[test]
fn servers_that_cannot_serve_are_not_made() {
    let rsa = store(&[("default", &mx(Key::Rsa2048))]);
    for profile in [ProfileName::SuiteB128, ProfileName::BsiTr02102] {
        let asking = ClientCertificates::NotRequested;
        let made = TlsServer::new(rsa.clone(), bounds(profile), asking);
        assert_eq!(
            made.unwrap_err(),
            TlsServerError::NoCertificate,
            "{profile}"
        );
    }
    let made = TlsServer::new(
        rsa.clone(),
        bounds(ProfileName::SuiteB128),
        ClientCertificates::Requested,
    );
    assert_eq!(made.unwrap_err(), TlsServerError::NoCertificate);
    let nothing = bounds(ProfileName::Modern).intersect(bounds(ProfileName::Foundation));
    assert_eq!(
        TlsServer::new(rsa, &nothing, ClientCertificates::Requested).unwrap_err(),
        TlsServerError::Contradiction(Contradiction::Version)
    );
    assert_eq!(
        TlsClient::new(&nothing).unwrap_err(),
        Contradiction::Version
    );
}

#[tokio::test]
async fn nothing_is_there_to_resume() {
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    // One configuration for all connections, so this client resumes wherever it can.
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        let schemes = rustls_schemes(SignatureScheme::ALL);
        let mut config = loose_client_config(versions, &schemes);
        config.enable_early_data = true;
        let config = Arc::new(config);
        for _ in 0..3 {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let name = ServerName::try_from("mx.example").unwrap();
            let (near, far) = tokio::join!(
                TlsConnector::from(Arc::clone(&config)).connect(name, near),
                PlainServerChannel::new(far).upgrade(&server, LIMIT),
            );
            let (mut near, mut far) = (near.unwrap(), far.unwrap());
            far.write_all(b"250 ok\r\n").await.unwrap();
            near.read_exact(&mut [0; 8]).await.unwrap();
            assert_eq!(near.get_ref().1.tls13_tickets_received(), 0);
            assert!(!near.get_ref().1.is_early_data_accepted());
            assert_ne!(far.evidence().handshake(), HandshakeKind::Resumed);
        }
    }
}
