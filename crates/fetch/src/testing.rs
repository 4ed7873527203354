//! A web server that says what a script has it say, and a DNS that can change its mind.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use postern_dns::{Addresses, Answer, Caa, Dns, FixedZone, LookupError, Mx, Name, Tlsa};
use postern_testkit::{Authority, Identity, client_config, server_config};
use postern_tls::{
    CertificateFiles, CertificateStore, CertificateUsage, ClientCertificates, CrlSource,
    PeerCertificates, PlainServerChannel, Profile, ProfileName, RevocationCheck, TlsServer,
    TrustAnchors, UnknownStatus, WebClient, WebStream,
    pkix::{self, Demand, Wildcards},
};
use rustls_pki_types::{ServerName, UnixTime};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::http::HttpClient;

/// What a server does when it is asked.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Says this and closes.
    Say(Vec<u8>),
    /// Says this and is cut off: TLS has no end (RFC 8446 §6.1).
    Cut(Vec<u8>),
    /// Says this, and then nothing more.
    SayAndStall(Vec<u8>),
    /// Says this, and then an octet every now and then, for ever.
    Drip(Vec<u8>),
}

impl Script {
    /// An answer with these header lines and this body.
    pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Self {
        let mut text = format!("HTTP/1.1 {status}\r\n");
        for header in headers {
            text += &format!("{header}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n", body.len());
        Self::Say([text.as_bytes(), body].concat())
    }

    /// A text as it should be served.
    pub(crate) fn text(body: &str) -> Self {
        Self::answer("200 OK", &["Content-Type: text/plain"], body.as_bytes())
    }
}

/// A web server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    script: Arc<ArcSwap<Script>>,
    identity: Option<Arc<ArcSwap<Identity>>>,
    asked: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(identity: Option<Identity>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(ArcSwap::from_pointee(script));
        let identity = identity.map(|it| Arc::new(ArcSwap::from_pointee(it)));
        let asked = Arc::new(AtomicUsize::new(0));
        let heads = Arc::default();
        let host = Host {
            script: Arc::clone(&script),
            identity: identity.clone(),
            asked: Arc::clone(&asked),
            heads: Arc::clone(&heads),
        };
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(host.clone().serve(stream));
            }
        });
        Self {
            address,
            script,
            identity,
            asked,
            heads,
            task,
        }
    }

    /// Does something else from now on.
    pub(crate) fn now(&self, script: Script) {
        self.script.store(Arc::new(script));
    }

    /// Shows another certificate from now on.
    pub(crate) fn shows(&self, identity: Identity) {
        self.identity.as_ref().unwrap().store(Arc::new(identity));
    }

    /// How many requests there were.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The head of the last request, and its body if it has one.
    pub(crate) fn head(&self) -> String {
        self.heads.lock().unwrap().last().cloned().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Clone)]
struct Host {
    script: Arc<ArcSwap<Script>>,
    identity: Option<Arc<ArcSwap<Identity>>>,
    asked: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Host {
    async fn serve(self, stream: TcpStream) {
        let stream: Box<dyn WebStream> = match &self.identity {
            None => Box::new(stream),
            Some(identity) => {
                let config = server_config(&identity.load(), None);
                let Ok(stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else {
                    return;
                };
                Box::new(stream)
            }
        };
        // Whoever is told off in the middle may be gone.
        let _ = self.answer(stream).await;
    }

    async fn answer(self, mut stream: Box<dyn WebStream>) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let mut request = String::from_utf8(head).unwrap();
        request.push_str(&body(&mut stream, &request).await?);
        self.heads.lock().unwrap().push(request);
        self.asked.fetch_add(1, Ordering::SeqCst);
        match Script::clone(&self.script.load_full()) {
            Script::Say(octets) => stream.write_all(&octets).await?,
            Script::Cut(octets) => {
                stream.write_all(&octets).await?;
                return stream.flush().await;
            }
            Script::SayAndStall(octets) => {
                stream.write_all(&octets).await?;
                stream.flush().await?;
                std::future::pending::<()>().await;
            }
            Script::Drip(octets) => {
                stream.write_all(&octets).await?;
                loop {
                    stream.write_all(b"x").await?;
                    stream.flush().await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
        stream.shutdown().await
    }
}

/// The body of a request.
async fn body(stream: &mut Box<dyn WebStream>, head: &str) -> std::io::Result<String> {
    let mut lengths = head
        .lines()
        .filter_map(|it| it.strip_prefix("content-length: "));
    let mut body = vec![0; lengths.next_back().map_or(0, |it| it.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    Ok(String::from_utf8(body).unwrap())
}

/// A zone that can be exchanged.
#[derive(Debug)]
pub(crate) struct Zone(ArcSwap<FixedZone>);

impl Zone {
    pub(crate) fn new(text: &str) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(text.parse().unwrap())))
    }

    pub(crate) fn becomes(&self, text: &str) {
        self.0.store(Arc::new(text.parse().unwrap()));
    }
}

#[async_trait]
impl Dns for Zone {
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError> {
        self.0.load_full().mx(name).await
    }

    async fn addresses(&self, name: &Name) -> Addresses {
        self.0.load_full().addresses(name).await
    }

    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError> {
        self.0.load_full().txt(name).await
    }

    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError> {
        self.0.load_full().tlsa(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError> {
        self.0.load_full().ptr(address).await
    }

    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError> {
        self.0.load_full().caa(name).await
    }
}

/// A client that trusts `authority` alone.
pub(crate) fn client(zone: &Arc<Zone>, authority: &Authority) -> HttpClient {
    let anchors = TrustAnchors::from_pem("test", &authority.pem()).unwrap();
    let bounds = Profile::named(ProfileName::Intermediate).bounds().clone();
    let dns: Arc<dyn Dns> = Arc::clone(zone) as _;
    HttpClient::new(dns, WebClient::new(&anchors, &bounds).unwrap())
}

/// Judges somebody whose certificate is by `authority`, so that it is known which of the lists of
/// a source are by it as well.
pub(crate) async fn judged_by(
    authority: &Authority,
    somebody: &Identity,
    source: &Arc<CrlSource>,
) -> Result<pkix::Verified, pkix::ChainFault> {
    let now = UnixTime::now();
    let anchors = TrustAnchors::from_pem("test", &authority.pem()).unwrap();
    let bounds = Profile::named(ProfileName::Intermediate).bounds();
    let directory = tempfile::tempdir().unwrap();
    let written = somebody.write(directory.path(), "somebody");
    let files = CertificateFiles {
        name: "somebody".into(),
        chain: written.chain,
        key: written.key,
        ocsp: None,
    };
    let store = Arc::new(CertificateStore::load(&[files], now).unwrap());
    let server = TlsServer::new(store, bounds, ClientCertificates::Requested).unwrap();
    let (near, far) = tokio::io::duplex(65536);
    let connector = TlsConnector::from(Arc::new(client_config(authority, Some(somebody))));
    let name = ServerName::try_from("mx.ministry.example").unwrap();
    let (_near, channel) = tokio::join!(
        connector.connect(name, near),
        PlainServerChannel::new(far).upgrade(&server, Duration::from_secs(20)),
    );
    let channel = channel.unwrap();
    let PeerCertificates::Chain(chain) = channel.evidence().peer() else {
        panic!("no certificate was shown");
    };
    let demand = Demand {
        usage: CertificateUsage::ClientOrServerAuth,
        anchors: &anchors,
        names: &[],
        wildcards: Wildcards::Forbidden,
        bounds,
        revocation: Some(&RevocationCheck::new(
            [Arc::clone(source)],
            UnknownStatus::Refuse,
        )),
    };
    pkix::verify(chain, &demand, now)
}
