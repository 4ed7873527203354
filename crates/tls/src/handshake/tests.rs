//! Real handshakes in memory: between our own ends, and with rustls set up by nobody of ours.

use std::sync::Arc;

use bytes::BytesMut;
use postern_testkit::{
    Authority, Identity, Key, Leaf, Oddity, Usage, Validity, client_config, loose_client_config,
    server_config,
};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::{
    CertificateUsage, ChainFault, Contradiction, CryptoBounds, KeyKind, PlainChannel,
    PlainServerChannel, ProfileName, SignatureScheme, TlsChannel,
    pkix::{self, Demand, Wildcards},
    testing::{
        LIMIT, anchors, attempt, bounds, client, evidence, handshake, now, presenting, server,
        store,
    },
};

fn mx(key: Key) -> Identity {
    Authority::new("CA").issue(&Leaf::named("mx.example").key(key))
}

fn shown(evidence: &Evidence) -> &PeerChain {
    match evidence.peer() {
        PeerCertificates::Chain(chain) => chain,
        PeerCertificates::None => panic!("{evidence} came without a certificate"),
    }
}

// ---- profiles ----

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
    use ProfileName::{Foundation, Intermediate, Modern, SuiteB128};
    let hybrid = "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768";
    negotiate(Modern, Key::EcdsaP256, hybrid).await;
    negotiate(Modern, Key::Rsa2048, hybrid).await;
    negotiate(Intermediate, Key::Ed25519, hybrid).await;
    let suite_b = "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 secp256r1";
    negotiate(SuiteB128, Key::EcdsaP256, suite_b).await;
    let foundation = "TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519";
    negotiate(Foundation, Key::Rsa2048, foundation).await;
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
    let made = TlsServer::new(rsa.clone(), bounds(ProfileName::SuiteB128));
    assert_eq!(made.unwrap_err(), TlsServerError::NoCertificate);
    let nothing = bounds(ProfileName::Modern).intersect(bounds(ProfileName::Foundation));
    assert_eq!(
        TlsServer::new(rsa, &nothing).unwrap_err(),
        TlsServerError::Contradiction(Contradiction::Version)
    );
    assert_eq!(
        TlsClient::new(&nothing).unwrap_err(),
        Contradiction::Version
    );
}

// ---- which certificate a client is shown ----

/// The fingerprint of what a client of these signature schemes and versions is shown.
async fn shown_to(
    server: &TlsServer,
    schemes: &[SignatureScheme],
    versions: &[&'static rustls::SupportedProtocolVersion],
    name: Option<&'static str>,
) -> crate::CertificateSummary {
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
    crate::CertificateSummary::of(&chain[0])
}

fn rustls_schemes(schemes: &[SignatureScheme]) -> Vec<rustls::SignatureScheme> {
    schemes.iter().map(|scheme| scheme.rustls()).collect()
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
            let expected = crate::CertificateSummary::of(expected.leaf());
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
    let server = TlsServer::new(store, bounds(ProfileName::Intermediate)).unwrap();
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
        assert_eq!(
            found,
            crate::CertificateSummary::of(expected.leaf()),
            "{name:?}"
        );
    }
}

// ---- client certificates ----

/// The server's view of a client that shows `identity`, and what the usual demand on a partner
/// comes to.
async fn seen(
    authority: &Authority,
    identity: Option<&Identity>,
    profile: ProfileName,
) -> (PeerCertificates, Result<(), ChainFault>) {
    let ours = Authority::new("Ours").issue(&Leaf::named("mx.example").key(Key::EcdsaP256));
    let server = server(&[&ours], profile);
    let attempt = Attempt {
        present: identity.map(presenting),
        ..attempt(Authentication::Demanded)
    };
    let (near, far) = evidence(&client(profile), &attempt, &server).await;
    assert_eq!(near.own_certificate().is_some(), identity.is_some());
    let peer = far.peer().clone();
    let judged = match &peer {
        PeerCertificates::None => Ok(()),
        PeerCertificates::Chain(chain) => judge(authority, chain),
    };
    (peer, judged)
}

fn judge(authority: &Authority, chain: &PeerChain) -> Result<(), ChainFault> {
    let demand = Demand {
        usage: CertificateUsage::ClientOrServerAuth,
        anchors: &anchors(authority),
        names: &["out.partner.example"
            .parse::<postern_mail::Domain>()
            .unwrap()
            .into()],
        wildcards: Wildcards::Permitted,
        bounds: bounds(ProfileName::Intermediate),
    };
    pkix::verify(chain, &demand, now()).map(|_| ())
}

#[tokio::test]
async fn client_certificates_are_asked_for_and_judged_afterwards() {
    let (partner, other) = (Authority::new("Partner CA"), Authority::new("Other CA"));
    let leaf = || Leaf::named("out.partner.example");
    for profile in [ProfileName::Modern, ProfileName::SuiteB128] {
        let (peer, _) = seen(&partner, None, profile).await;
        assert!(matches!(peer, PeerCertificates::None), "{peer:?}");

        let good = partner.issue(&leaf());
        let (peer, judged) = seen(&partner, Some(&good), profile).await;
        let PeerCertificates::Chain(chain) = peer else {
            panic!("no certificate arrived");
        };
        assert_eq!(chain.leaf(), good.leaf());
        assert_eq!(chain.possession(), &Possession::Proven);
        assert_eq!(judged, Ok(()));

        let server_only = partner.issue(&leaf().usage(Usage::ServerAuth));
        assert_eq!(seen(&partner, Some(&server_only), profile).await.1, Ok(()));

        let wrong_ca = seen(&partner, Some(&other.issue(&leaf())), profile).await.1;
        assert!(
            matches!(wrong_ca, Err(ChainFault::UnknownIssuer { .. })),
            "{wrong_ca:?}"
        );
    }
}

/// A store takes no expired certificate, so a client of somebody else shows it.
#[tokio::test]
async fn an_expired_client_certificate_arrives_and_is_refused() {
    let partner = Authority::new("Partner CA");
    let expired = Leaf::named("out.partner.example").validity(Validity::Expired);
    let far = served(&partner.issue(&expired)).await;
    let judged = judge(&partner, shown(&far));
    assert!(
        matches!(judged, Err(ChainFault::Expired { .. })),
        "{judged:?}"
    );
    assert_eq!(shown(&far).possession(), &Possession::Proven);
}

/// The server's evidence of a foreign client that shows `identity`.
async fn served(identity: &Identity) -> Evidence {
    let authority = Authority::new("Ours");
    let server = server(
        &[&authority.issue(&Leaf::named("mx.example"))],
        ProfileName::Intermediate,
    );
    let config = client_config(&authority, Some(identity));
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from("mx.example").unwrap();
    let (near, far) = tokio::join!(
        TlsConnector::from(Arc::new(config)).connect(name, near),
        PlainServerChannel::new(far).upgrade(&server, LIMIT),
    );
    near.unwrap();
    far.unwrap().evidence().clone()
}

#[tokio::test]
async fn a_stolen_client_certificate_proves_nothing() {
    let partner = Authority::new("Partner CA");
    let leaf = Leaf::named("out.partner.example");
    let (theirs, thief) = (partner.issue(&leaf), partner.issue(&leaf));
    let far = served(&theirs.with_key_of(&thief)).await;
    assert_eq!(shown(&far).leaf(), theirs.leaf());
    let judged = judge(&partner, shown(&far));
    assert!(
        matches!(judged, Err(ChainFault::NotProven(_))),
        "{judged:?}"
    );
}

// ---- servers that prove nothing ----

/// What our client makes of a foreign server.
async fn met(
    identity: &Identity,
    authentication: Authentication,
) -> Result<TlsChannel<DuplexStream>, HandshakeError> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let acceptor = TlsAcceptor::from(Arc::new(server_config(identity, None)));
    let attempt = attempt(authentication);
    let client = client(ProfileName::Intermediate);
    let (near, _) = tokio::join!(
        PlainChannel::new(near).upgrade(&client, &attempt),
        acceptor.accept(far),
    );
    near
}

#[tokio::test]
async fn where_nobody_must_be_authenticated_any_certificate_encrypts() {
    let authority = Authority::new("CA");
    let leaf = || Leaf::named("mx.example");
    let sound = authority.issue(&leaf());
    let cases = [
        ("another key", sound.with_key_of(&authority.issue(&leaf()))),
        (
            "no certificate",
            Identity::of(vec![b"nonsense".to_vec().into()], sound.key()),
        ),
        (
            "version 1",
            authority.issue(&leaf().oddity(Oddity::Version1)),
        ),
        ("weak RSA", authority.issue(&leaf().oddity(Oddity::Rsa1024))),
    ];
    for (case, identity) in &cases {
        let channel = met(identity, Authentication::NotDemanded).await.unwrap();
        let possession = shown(channel.evidence()).possession();
        assert!(
            matches!(possession, Possession::Unproven(_)),
            "{case}: {possession:?}"
        );
        let demanded = met(identity, Authentication::Demanded).await;
        let error = demanded.unwrap_err();
        assert!(
            matches!(error, HandshakeError::NotProven(_)),
            "{case}: {error}"
        );
    }
    for authentication in [Authentication::NotDemanded, Authentication::Demanded] {
        let channel = met(&sound, authentication).await.unwrap();
        assert_eq!(shown(channel.evidence()).possession(), &Possession::Proven);
    }
}

// ---- late failures, deadlines, garbage ----

/// A TLS 1.3 server judges the client's certificate when the client is done already.
#[tokio::test]
async fn a_refusal_of_our_certificate_comes_with_the_first_read() {
    let (authority, partner) = (Authority::new("CA"), Authority::new("Partner"));
    let config = server_config(&authority.issue(&Leaf::named("mx.example")), Some(&partner));
    for (present, code) in [
        (None, 116),
        (
            Some(presenting(&authority.issue(&Leaf::named("out.example")))),
            48,
        ),
    ] {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let attempt = Attempt {
            present,
            ..attempt(Authentication::Demanded)
        };
        let client = client(ProfileName::Modern);
        let acceptor = TlsAcceptor::from(Arc::new(config.clone()));
        let (near, far) = tokio::join!(
            PlainChannel::new(near).upgrade(&client, &attempt),
            acceptor.accept(far),
        );
        assert!(far.is_err());
        let error = near.unwrap().read(&mut BytesMut::new()).await.unwrap_err();
        let Some(HandshakeError::Alert(alert)) = HandshakeError::late(&error) else {
            panic!("{error}");
        };
        assert_eq!(alert.code(), code);
        assert!(alert.is_about_our_certificate());
    }
}

#[test]
fn a_broken_connection_is_no_late_failure() {
    assert_eq!(
        HandshakeError::late(&io::ErrorKind::ConnectionReset.into()),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_is_given_up() {
    let limit = Duration::from_secs(60);
    let timed_out = HandshakeError::TimedOut(limit);
    let (near, _far) = tokio::io::duplex(64 * 1024);
    let attempt = Attempt {
        limit,
        ..attempt(Authentication::NotDemanded)
    };
    let client = client(ProfileName::Intermediate);
    let near = PlainChannel::new(near).upgrade(&client, &attempt).await;
    assert_eq!(near.unwrap_err(), timed_out);

    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (_near, far) = tokio::io::duplex(64 * 1024);
    let far = PlainServerChannel::new(far).upgrade(&server, limit).await;
    assert_eq!(far.unwrap_err(), timed_out);
}

/// The deadline is for the whole handshake: a drip of octets does not move it.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_drips_is_given_up() {
    let limit = Duration::from_secs(60);
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let dripping = async {
        // A record of handshake type with 16 KiB to come, one octet a second.
        let octets = [0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f, 0xfc].into_iter();
        for octet in octets.chain(std::iter::repeat(0)) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if near.write_all(&[octet]).await.is_err() {
                return;
            }
        }
    };
    let far = PlainServerChannel::new(far).upgrade(&server, limit);
    let (far, ()) = tokio::join!(far, dripping);
    assert_eq!(far.unwrap_err(), HandshakeError::TimedOut(limit));
}

/// What a server that awaits a handshake makes of these octets, and what it says to them.
async fn answer_to(octets: &[u8]) -> (HandshakeError, Vec<u8>) {
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (mut near, far) = tokio::io::duplex(256 * 1024);
    near.write_all(octets).await.unwrap();
    near.shutdown().await.unwrap();
    let error = PlainServerChannel::new(far)
        .upgrade(&server, LIMIT)
        .await
        .unwrap_err();
    let mut said = Vec::new();
    near.read_to_end(&mut said).await.unwrap();
    (error, said)
}

#[tokio::test]
async fn what_is_no_handshake_gets_an_alert_at_most() {
    let tls10_hello = [
        &[
            0x16, 0x03, 0x01, 0x00, 0x2d, 0x01, 0x00, 0x00, 0x29, 0x03, 0x01,
        ][..],
        &[0x55; 32],                                 // random
        &[0x00, 0x00, 0x02, 0x00, 0x2f, 0x01, 0x00], // AES-128-CBC with RSA
    ]
    .concat();
    let long_record = [&[0x16, 0x03, 0x01, 0xff, 0xff][..], &[0; 0xffff]].concat();
    let cases: &[(&str, &[u8], fn(&HandshakeError) -> bool)] = &[
        ("SMTP", b"EHLO client.example\r\n", |e| {
            *e == HandshakeError::NotTls
        }),
        ("HTTP", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", |e| {
            *e == HandshakeError::NotTls
        }),
        ("zeroes", &[0; 4096], |e| *e == HandshakeError::NotTls),
        ("SSLv2", &[0x80, 0x2e, 0x01, 0x00, 0x02, 0x00, 0x15], |e| {
            *e == HandshakeError::NotTls
        }),
        ("TLS 1.0", &tls10_hello, |e| {
            matches!(e, HandshakeError::Incompatible(_))
        }),
        ("64 KiB", &long_record, |e| {
            matches!(e, HandshakeError::Misbehaved(_))
        }),
        ("alert", &[0x15, 3, 3, 0, 2, 2, 40], |e| {
            matches!(e, HandshakeError::Alert(_))
        }),
        ("nothing", b"", |e| *e == HandshakeError::Closed),
        ("a piece", &tls10_hello[..20], |e| {
            *e == HandshakeError::Closed
        }),
    ];
    for (case, octets, expected) in cases {
        let (error, said) = answer_to(octets).await;
        assert!(expected(&error), "{case}: {error:?}");
        let alert = matches!(said.as_slice(), [0x15, 0x03, _, 0x00, 0x02, _, _]);
        assert!(said.is_empty() || alert, "{case}: {said:?}");
    }
}

/// RUSTSEC-2024-0399 was a panic at such a hello.
#[tokio::test]
async fn a_hello_in_records_of_one_octet_does_no_harm() {
    let (hello, _) = {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        let config = Arc::new(client_config(&Authority::new("CA"), None));
        let name = ServerName::try_from("mx.example").unwrap();
        let mut connecting = Box::pin(TlsConnector::from(config).connect(name, near));
        let mut hello = vec![0; 5];
        tokio::select! {
            biased;
            _ = &mut connecting => panic!("nobody answered"),
            read = far.read_exact(&mut hello) => { read.unwrap(); }
        }
        let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
        hello.resize(5 + length, 0);
        far.read_exact(&mut hello[5..]).await.unwrap();
        (hello, ())
    };
    let crumbs: Vec<u8> = hello[5..]
        .iter()
        .flat_map(|octet| [0x16, 0x03, 0x01, 0x00, 0x01, *octet])
        .collect();
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (mut near, far) = tokio::io::duplex(256 * 1024);
    near.write_all(&crumbs).await.unwrap();
    near.shutdown().await.unwrap();
    let error = PlainServerChannel::new(far)
        .upgrade(&server, LIMIT)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            HandshakeError::Closed | HandshakeError::Misbehaved(_)
        ),
        "{error:?}"
    );
}

// ---- no resumption, no early data ----

#[tokio::test]
async fn nothing_is_there_to_resume() {
    let authority = Authority::new("CA");
    let server = server(
        &[&authority.issue(&Leaf::named("mx.example"))],
        ProfileName::Intermediate,
    );
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
