//! Sessions that are resumed, and those that are not (P6: CVE-2025-23419).

use std::sync::Arc;

use bytes::BytesMut;
use postern_testkit::{Key, loose_client_config};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::{mx, rustls_schemes, shown};
use crate::{
    Attempt, Authentication, CertificateStore, ChainFault, ClientCertificates, Evidence,
    HandshakeKind, Hello, PlainServerChannel, Possession, ProfileName, ProtocolVersion, Resumption,
    SignatureScheme, TlsClient, TlsServer,
    testing::{LIMIT, attempt, bounds, handshake, presenting, store},
    verify_pin,
};

fn certificates() -> Arc<CertificateStore> {
    store(&[("default", &mx(Key::EcdsaP256))])
}

fn server(store: &Arc<CertificateStore>, asking: ClientCertificates) -> TlsServer {
    TlsServer::new(Arc::clone(store), bounds(ProfileName::Intermediate), asking).unwrap()
}

fn client(version: ProtocolVersion) -> TlsClient {
    let bounds = bounds(ProfileName::Intermediate).clone();
    TlsClient::new(&bounds.with_version(version)).unwrap()
}

fn allowed() -> Attempt {
    Attempt {
        resumption: Resumption::Allowed,
        ..attempt(Authentication::NotDemanded)
    }
}

/// A handshake, and a reply that brings the tickets of TLS 1.3 along.
async fn speak(client: &TlsClient, attempt: &Attempt, server: &TlsServer) -> (Evidence, Evidence) {
    let (near, far) = handshake(client, attempt, server).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    far.write_all(b"250 ok\r\n").await.unwrap();
    far.flush().await.unwrap();
    let mut said = BytesMut::new();
    while said.len() < 8 {
        near.read(&mut said).await.unwrap();
    }
    (near.evidence().clone(), far.evidence().clone())
}

#[tokio::test]
async fn sessions_of_strangers_are_resumed_and_prove_nothing() {
    for version in [ProtocolVersion::Tls12, ProtocolVersion::Tls13] {
        let (store, client) = (certificates(), client(version));
        let server = server(&store, ClientCertificates::NotRequested);
        let (first, _) = speak(&client, &allowed(), &server).await;
        assert_eq!(first.handshake(), HandshakeKind::Full);
        assert_eq!(shown(&first).possession(), &Possession::Proven);

        let (near, far) = speak(&client, &allowed(), &server).await;
        for end in [&near, &far] {
            assert_eq!(end.handshake(), HandshakeKind::Resumed, "{version}");
            assert_eq!(bounds(ProfileName::Intermediate).admits(end), Ok(()));
        }
        let resumed = "the session was resumed".to_owned();
        let chain = shown(&near);
        assert_eq!(chain.possession(), &Possession::Unproven(resumed.clone()));
        // The pin is the very one, and it does not help.
        let pin = chain.spki_pin().unwrap();
        let judged = verify_pin(chain, &[pin], bounds(ProfileName::Intermediate));
        assert_eq!(judged, Err(ChainFault::NotProven(resumed)));
    }
}

#[tokio::test]
async fn an_attempt_that_proves_or_shows_anything_resumes_nothing() {
    let identity = presenting(&mx(Key::EcdsaP256));
    let cases = [
        (
            "forbidden",
            Attempt {
                resumption: Resumption::Forbidden,
                ..allowed()
            },
        ),
        (
            "authentication demanded",
            Attempt {
                authentication: Authentication::Demanded,
                ..allowed()
            },
        ),
        (
            "a certificate to present",
            Attempt {
                present: Some(identity),
                ..allowed()
            },
        ),
        (
            "no name",
            Attempt {
                server_name: None,
                ..allowed()
            },
        ),
        (
            "reduced hello",
            Attempt {
                hello: Hello::Reduced,
                ..allowed()
            },
        ),
        (
            "another name",
            Attempt {
                server_name: Some("mx2.example".parse().unwrap()),
                ..allowed()
            },
        ),
    ];
    for version in [ProtocolVersion::Tls12, ProtocolVersion::Tls13] {
        let (store, client) = (certificates(), client(version));
        let server = server(&store, ClientCertificates::NotRequested);
        speak(&client, &allowed(), &server).await; // a session to resume
        for (case, attempt) in &cases {
            let (near, _) = speak(&client, attempt, &server).await;
            assert_ne!(near.handshake(), HandshakeKind::Resumed, "{version} {case}");
        }
        let (near, _) = speak(&client, &allowed(), &server).await;
        assert_eq!(near.handshake(), HandshakeKind::Resumed, "{version}");
    }
}

#[tokio::test]
async fn sessions_are_a_client_s_own() {
    let store = certificates();
    let server = server(&store, ClientCertificates::NotRequested);
    for version in [ProtocolVersion::Tls12, ProtocolVersion::Tls13] {
        speak(&client(version), &allowed(), &server).await;
        let (near, _) = speak(&client(version), &allowed(), &server).await;
        assert_ne!(near.handshake(), HandshakeKind::Resumed);
    }
}

/// A foreign client that keeps its sessions and offers them to whoever answers.
struct Foreign(Arc<rustls::ClientConfig>);

impl Foreign {
    fn new(version: &'static rustls::SupportedProtocolVersion) -> Self {
        let schemes = rustls_schemes(SignatureScheme::ALL);
        let mut config = loose_client_config(&[version], &schemes);
        config.enable_early_data = true;
        Self(Arc::new(config))
    }

    /// How the handshake with a server goes.
    async fn meets(&self, server: &TlsServer) -> HandshakeKind {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from("mx.example").unwrap();
        let (near, far) = tokio::join!(
            TlsConnector::from(Arc::clone(&self.0)).connect(name, near),
            PlainServerChannel::new(far).upgrade(server, LIMIT),
        );
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        far.write_all(b"250 ok\r\n").await.unwrap();
        near.read_exact(&mut [0; 8]).await.unwrap();
        assert!(!near.get_ref().1.is_early_data_accepted());
        far.evidence().handshake()
    }
}

#[tokio::test]
async fn a_session_is_good_for_the_server_that_it_was_made_with() {
    use ClientCertificates::{NotRequested, Requested};
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let store = certificates();
        let open = server(&store, NotRequested);
        let client = Foreign::new(version);
        assert_eq!(client.meets(&open).await, HandshakeKind::Full);
        assert_eq!(client.meets(&open).await, HandshakeKind::Resumed);

        // The listener for partners, which shows the same certificate.
        let partners = server(&store, Requested);
        assert_eq!(client.meets(&partners).await, HandshakeKind::Full);
        // The partners' listener made no session that it or anybody else could resume.
        assert_eq!(client.meets(&partners).await, HandshakeKind::Full);

        // The open listener after a reload.
        let client = Foreign::new(version);
        client.meets(&open).await;
        let reloaded = server(&store, NotRequested);
        assert_eq!(client.meets(&reloaded).await, HandshakeKind::Full);
    }
}
