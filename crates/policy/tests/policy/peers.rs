//! Peers of every kind, each known through a real handshake in memory.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use postern_mail::{Domain, Reply, ReplyCode};
use postern_policy::{Basis, Refusal, Requirement, Verdict};
use postern_testkit::{Authority, Identity, Leaf, Usage, Validity, go_ahead};
use postern_tls::{
    Attempt, Authentication, CertificateFiles, CertificateStore, CertificateSummary, Channel,
    ClientCertificates, CryptoBounds, Evidence, HandshakeError, Hello, NotSecured, PlainChannel,
    PlainServerChannel, Profile, ProfileName, ReferenceIdentity, Resumption, SpkiPin, TlsClient,
    TlsServer, TrustAnchors,
};
use rustls_pki_types::{ServerName, UnixTime};
use tokio::io::DuplexStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};

/// Somebody at the other end, and what a handshake with them came to.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) security: Result<Evidence, NotSecured>,
}

impl Peer {
    pub(crate) fn judged_by(&self, requirement: &Requirement) -> Result<Basis, Refusal> {
        requirement.judge(self.security.as_ref(), now())
    }

    /// The verdict where nothing is asked.
    pub(crate) fn opportunistic(&self) -> Option<Verdict> {
        Some(match &self.security {
            Ok(_) => Verdict::Encrypted,
            Err(_) => Verdict::Plain,
        })
    }
}

/// The authority of the ministry, and another.
pub(crate) static ANCHORS: LazyLock<[TrustAnchors; 2]> = LazyLock::new(|| {
    [
        anchors(&CAST.ministry, "ministry.pem"),
        anchors(&CAST.evil, "evil.pem"),
    ]
});

/// The right key, and the right key of somebody whose certificate has expired.
pub(crate) static PINS: LazyLock<[SpkiPin; 2]> = LazyLock::new(|| {
    [
        pin(CAST.identity("right")),
        pin(CAST.identity("expired, right key")),
    ]
});

/// Every peer there is, servers and clients.
pub(crate) fn all() -> Vec<Peer> {
    servers().into_iter().chain(clients()).collect()
}

pub(crate) fn servers() -> Vec<Peer> {
    static SERVERS: LazyLock<Vec<Peer>> = LazyLock::new(|| {
        let modern = CryptoBounds::everything();
        let older = Profile::named(ProfileName::SuiteB128).bounds();
        let mut peers = without_tls();
        for (name, identity) in &CAST.identities {
            peers.push(tls(name, block_on(server_of(identity, &modern))));
            if *name == "right" {
                peers.push(tls(
                    "right on TLS 1.2",
                    block_on(server_of(identity, older)),
                ));
            }
        }
        peers
    });
    SERVERS.clone()
}

pub(crate) fn clients() -> Vec<Peer> {
    static CLIENTS: LazyLock<Vec<Peer>> = LazyLock::new(|| {
        let modern = our_server(&CryptoBounds::everything());
        let older = our_server(Profile::named(ProfileName::SuiteB128).bounds());
        let mut peers = without_tls();
        peers.push(tls("no certificate", block_on(client_of(&modern, None))));
        for (name, identity) in &CAST.identities {
            peers.push(tls(name, block_on(client_of(&modern, Some(identity)))));
            if *name == "right" {
                let older = block_on(client_of(&older, Some(identity)));
                peers.push(tls("right on TLS 1.2", older));
            }
        }
        peers
    });
    CLIENTS.clone()
}

pub(crate) fn server(name: &str) -> Peer {
    let mut servers = servers().into_iter();
    servers.find(|peer| peer.name == name).unwrap()
}

pub(crate) fn client(name: &str) -> Peer {
    let mut clients = clients().into_iter();
    clients.find(|peer| peer.name == name).unwrap()
}

/// The certificate of the ministry's authority.
pub(crate) fn authority() -> &'static [u8] {
    CAST.ministry.certificate()
}

/// The key of the ministry's authority, whose certificate nobody sends.
pub(crate) fn authority_pin() -> SpkiPin {
    let summary = CertificateSummary::of(authority());
    summary.contents.unwrap().spki_pin
}

pub(crate) fn now() -> UnixTime {
    UnixTime::now()
}

pub(crate) fn reference(name: &str) -> ReferenceIdentity {
    name.parse::<Domain>().unwrap().into()
}

/// A channel to the server of this name, and the server's end of it.
pub(crate) async fn channel(name: &str) -> (Channel<DuplexStream>, TlsStream<DuplexStream>) {
    connect(CAST.identity(name), &CryptoBounds::everything()).await
}

/// A channel without TLS, and the other end of it.
pub(crate) fn plain_channel(reason: NotSecured) -> (Channel<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(65536);
    (Channel::Plain(PlainChannel::new(ours), reason), theirs)
}

/// Everybody who appears.
struct Cast {
    ours: Authority,
    ministry: Authority,
    evil: Authority,
    identities: Vec<(&'static str, Identity)>,
}

impl Cast {
    fn identity(&self, name: &str) -> &Identity {
        let mut identities = self.identities.iter();
        &identities.find(|(named, _)| *named == name).unwrap().1
    }
}

static CAST: LazyLock<Cast> = LazyLock::new(|| {
    let (ministry, evil) = (Authority::new("Ministry CA"), Authority::new("Evil CA"));
    let leaf = || Leaf::named("mx1.ministry.example");
    let right = ministry.issue(&leaf());
    let other_key = ministry.issue(&leaf());
    let identities = vec![
        ("right", right.clone()),
        ("right name, other key", other_key.clone()),
        (
            "wildcard",
            ministry.issue(&Leaf::named("*.ministry.example")),
        ),
        ("other name", ministry.issue(&Leaf::named("mx.evil.test"))),
        (
            "common name only",
            ministry.issue(&Leaf::common_name_only("mx1.ministry.example")),
        ),
        ("other authority", evil.issue(&leaf())),
        ("self-signed", Authority::self_signed(&leaf())),
        (
            "expired, right key",
            ministry.issue(&leaf().validity(Validity::Expired)),
        ),
        (
            "not yet valid",
            ministry.issue(&leaf().validity(Validity::NotYet)),
        ),
        (
            "for clients only",
            ministry.issue(&leaf().usage(Usage::ClientAuth)),
        ),
        (
            "for servers only",
            ministry.issue(&leaf().usage(Usage::ServerAuth)),
        ),
        ("stolen certificate", right.with_key_of(&other_key)),
    ];
    Cast {
        ours: Authority::new("Our CA"),
        ministry,
        evil,
        identities,
    }
});

fn without_tls() -> Vec<Peer> {
    let refused = Reply::new(ReplyCode::TLS_NOT_AVAILABLE, "not now");
    [
        ("offers no STARTTLS", NotSecured::NotOffered),
        ("refuses STARTTLS", NotSecured::Refused(refused)),
        (
            "fails the handshake",
            NotSecured::HandshakeFailed(HandshakeError::Closed),
        ),
    ]
    .map(|(name, reason)| Peer {
        name,
        security: Err(reason),
    })
    .into()
}

fn tls(name: &'static str, evidence: Evidence) -> Peer {
    Peer {
        name,
        security: Ok(evidence),
    }
}

fn anchors(authority: &Authority, file: &str) -> TrustAnchors {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(file);
    authority.write(&path);
    TrustAnchors::from_file(&path).unwrap()
}

fn pin(identity: &Identity) -> SpkiPin {
    CertificateSummary::of(identity.leaf())
        .contents
        .unwrap()
        .spki_pin
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

const LIMIT: Duration = Duration::from_secs(30);

async fn connect(
    server: &Identity,
    bounds: &CryptoBounds,
) -> (Channel<DuplexStream>, TlsStream<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(65536);
    let acceptor = TlsAcceptor::from(Arc::new(postern_testkit::server_config(server, None)));
    let client = TlsClient::new(bounds).unwrap();
    let attempt = Attempt {
        authentication: Authentication::NotDemanded,
        server_name: Some("mx1.ministry.example".parse().unwrap()),
        present: None,
        hello: Hello::Full,
        resumption: Resumption::Forbidden,
        limit: LIMIT,
    };
    let upgrade = PlainChannel::new(ours).upgrade(go_ahead(), &client, &attempt);
    let (channel, stream) = tokio::join!(upgrade, acceptor.accept(theirs));
    (Channel::Tls(channel.unwrap()), stream.unwrap())
}

async fn server_of(identity: &Identity, bounds: &CryptoBounds) -> Evidence {
    let (channel, _) = connect(identity, bounds).await;
    channel.security().unwrap().clone()
}

/// What a client shows to a server of ours.
async fn client_of(server: &TlsServer, identity: Option<&Identity>) -> Evidence {
    let config = postern_testkit::client_config(&CAST.ours, identity);
    let connector = TlsConnector::from(Arc::new(config));
    let (ours, theirs) = tokio::io::duplex(65536);
    let name = ServerName::try_from("mx1.example.org").unwrap();
    let upgrade = PlainServerChannel::new(ours).upgrade(server, LIMIT);
    let (channel, stream) = tokio::join!(upgrade, connector.connect(name, theirs));
    stream.unwrap();
    channel.unwrap().evidence().clone()
}

fn our_server(bounds: &CryptoBounds) -> TlsServer {
    let directory = tempfile::tempdir().unwrap();
    let identity = CAST.ours.issue(&Leaf::named("mx1.example.org"));
    let files = identity.write(directory.path(), "ours");
    let files = CertificateFiles {
        name: "default".to_owned(),
        chain: files.chain,
        key: files.key,
        ocsp: None,
    };
    let store = CertificateStore::load(&[files], now()).unwrap();
    TlsServer::new(Arc::new(store), bounds, ClientCertificates::Requested).unwrap()
}
