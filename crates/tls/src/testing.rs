//! Both ends of a handshake in memory.

use std::{sync::Arc, time::Duration};

use postern_testkit::{Authority, Identity, go_ahead};
use rustls_pki_types::UnixTime;
use tokio::io::DuplexStream;

use crate::{
    Attempt, Authentication, CertificateFiles, CertificateStore, ClientCertificates,
    ClientIdentity, CryptoBounds, Evidence, HandshakeError, Hello, PlainChannel,
    PlainServerChannel, Profile, ProfileName, Resumption, TlsChannel, TlsClient, TlsServer,
    TlsServerChannel, TrustAnchors,
};

/// Long enough for a handshake on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn now() -> UnixTime {
    UnixTime::now()
}

pub(crate) fn bounds(name: ProfileName) -> &'static CryptoBounds {
    Profile::named(name).bounds()
}

pub(crate) fn anchors(authority: &Authority) -> TrustAnchors {
    TrustAnchors::from_pem("test", &authority.pem()).unwrap()
}

/// A store of these identities, each under its name.
pub(crate) fn store(identities: &[(&str, &Identity)]) -> Arc<CertificateStore> {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<_> = identities
        .iter()
        .enumerate()
        .map(|(at, (name, identity))| {
            let files = identity.write(directory.path(), &at.to_string());
            CertificateFiles {
                name: (*name).to_owned(),
                chain: files.chain,
                key: files.key,
                ocsp: None,
            }
        })
        .collect();
    Arc::new(CertificateStore::load(&files, now()).unwrap())
}

pub(crate) fn server(identities: &[&Identity], profile: ProfileName) -> TlsServer {
    let named: Vec<_> = identities
        .iter()
        .map(|identity| ("default", *identity))
        .collect();
    server_of(store(&named), profile)
}

/// A server that asks for client certificates.
pub(crate) fn server_of(store: Arc<CertificateStore>, profile: ProfileName) -> TlsServer {
    TlsServer::new(store, bounds(profile), ClientCertificates::Requested).unwrap()
}

pub(crate) fn client(profile: ProfileName) -> TlsClient {
    TlsClient::new(bounds(profile)).unwrap()
}

/// What a client shows.
pub(crate) fn presenting(identity: &Identity) -> ClientIdentity {
    store(&[("gateway", identity)]).identity("gateway").unwrap()
}

pub(crate) fn attempt(authentication: Authentication) -> Attempt {
    Attempt {
        authentication,
        server_name: Some("mx.example".parse().unwrap()),
        present: None,
        hello: Hello::Full,
        resumption: Resumption::Forbidden,
        limit: LIMIT,
    }
}

pub(crate) type Ends = (
    Result<TlsChannel<DuplexStream>, HandshakeError>,
    Result<TlsServerChannel<DuplexStream>, HandshakeError>,
);

/// Runs our client against our server.
pub(crate) async fn handshake(client: &TlsClient, attempt: &Attempt, server: &TlsServer) -> Ends {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::join!(
        PlainChannel::new(near).upgrade(go_ahead(), client, attempt),
        PlainServerChannel::new(far).upgrade(server, LIMIT),
    )
}

/// What both ends saw of a handshake that succeeds.
pub(crate) async fn evidence(
    client: &TlsClient,
    attempt: &Attempt,
    server: &TlsServer,
) -> (Evidence, Evidence) {
    let (near, far) = handshake(client, attempt, server).await;
    (
        near.unwrap().evidence().clone(),
        far.unwrap().evidence().clone(),
    )
}
