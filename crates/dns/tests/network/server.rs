//! Name servers for tests: signed and unsigned zones, and answers that no honest server gives.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use hickory_server::{
    Server as Hickory,
    dnssec::NxProofKind,
    net::{
        runtime::{RuntimeProvider, Time, TokioRuntimeProvider, TokioTime},
        xfer::Protocol,
    },
    proto::{
        dnssec::{
            Algorithm, DigestType, DnssecSigner, SigningKey,
            crypto::EcdsaSigningKey,
            rdata::{DNSKEY, DNSSECRData, DS},
        },
        op::{Header, HeaderCounts, Metadata, ResponseCode},
        rr::{LowerName, Name, RData, Record, RecordType},
    },
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, MessageResponseBuilder, ZoneHandler, ZoneType},
};
use tokio::net::{TcpListener, UdpSocket};

const TTL: u32 = 3600;

const DAY: Duration = Duration::from_secs(86_400);

/// A running server. It ends with the runtime of its test.
pub(crate) struct Server {
    address: SocketAddr,
    asked: Asked,
}

type Asked = Arc<Mutex<Vec<(Protocol, String, RecordType)>>>;

impl Server {
    pub(crate) async fn start(
        zones: Vec<Zone>,
        answers: Vec<(&str, RecordType, Scripted)>,
    ) -> Self {
        let asked = Asked::default();
        let (udp, tcp) = one_port().await;
        let address = udp.local_addr().unwrap();
        let mut hickory = Hickory::new(Handler::new(zones, answers, Arc::clone(&asked)));
        hickory.register_socket(udp);
        hickory.register_listener(tcp, Duration::from_secs(5), 16);
        tokio::spawn(async move { hickory.block_until_done().await });
        Self { address, asked }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often a question came.
    pub(crate) fn times(&self, protocol: Protocol, name: &str, kind: RecordType) -> usize {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(p, n, k)| (*p, n.as_str(), *k) == (protocol, name, kind))
            .count()
    }
}

/// The same free port for both protocols.
async fn one_port() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

/// What a server says instead of looking into its zones.
#[derive(Clone)]
pub(crate) enum Scripted {
    Silence,
    Code(ResponseCode),
    /// Truncated, whatever the protocol.
    Truncated,
    /// These records in the answer, authority and additional sections.
    Sections([Vec<Record>; 3]),
}

/// `owner type data`, as a zone file has it, with absolute names.
pub(crate) fn record(line: &str) -> Record {
    let mut words = line.splitn(3, ' ');
    let mut word = || words.next().unwrap();
    let owner = Name::from_ascii(word()).unwrap();
    let kind: RecordType = word().parse().unwrap();
    Record::from_rdata(owner, TTL, RData::try_from_str(kind, word()).unwrap())
}

pub(crate) struct Zone {
    origin: Name,
    handler: Arc<dyn ZoneHandler>,
    key: Option<DNSKEY>,
}

impl Zone {
    /// A zone without signatures. Each line is a record.
    pub(crate) fn unsigned(origin: &str, lines: &[&str]) -> Self {
        let origin = Name::from_ascii(origin).unwrap();
        let handler = fill::<TokioRuntimeProvider>(&origin, lines, None);
        Self {
            origin,
            handler: Arc::new(handler),
            key: None,
        }
    }

    /// A zone signed just now with a fresh key.
    pub(crate) fn signed(origin: &str, lines: &[&str]) -> Self {
        Self::signed_by_clock_of::<TokioRuntimeProvider>(origin, lines)
    }

    /// A zone whose signatures ran out yesterday.
    pub(crate) fn expired(origin: &str, lines: &[&str]) -> Self {
        Self::signed_by_clock_of::<TwoDaysAgo>(origin, lines)
    }

    fn signed_by_clock_of<P: RuntimeProvider>(origin: &str, lines: &[&str]) -> Self {
        let origin = Name::from_ascii(origin).unwrap();
        let mut handler = fill::<P>(&origin, lines, Some(NxProofKind::Nsec));
        let algorithm = Algorithm::ECDSAP256SHA256;
        let pkcs8 = EcdsaSigningKey::generate_pkcs8(algorithm).unwrap();
        let key = EcdsaSigningKey::from_pkcs8(&pkcs8, algorithm).unwrap();
        let dnskey = DNSKEY::from_key(&key.to_public_key().unwrap());
        let signer = DnssecSigner::new(dnskey.clone(), Box::new(key), origin.clone(), DAY);
        handler.add_zone_signing_key_mut(signer).unwrap();
        handler.secure_zone_mut().unwrap();
        Self {
            origin,
            handler: Arc::new(handler),
            key: Some(dnskey),
        }
    }

    /// The line that makes a parent zone vouch for this one.
    pub(crate) fn ds(&self) -> String {
        let key = self.key.as_ref().unwrap();
        let digest = key.to_digest(&self.origin, DigestType::SHA256).unwrap();
        let ds = DS::new(
            key.calculate_key_tag().unwrap(),
            Algorithm::ECDSAP256SHA256,
            DigestType::SHA256,
            digest.as_ref().to_vec(),
        );
        format!("{} DS {}", self.origin, RData::DNSSEC(DNSSECRData::DS(ds)))
    }

    /// The zone's key as a trust anchor file has it.
    pub(crate) fn anchor(&self) -> String {
        format!(
            "{} {TTL} IN DNSKEY {}\n",
            self.origin,
            self.key.as_ref().unwrap()
        )
    }
}

fn fill<P: RuntimeProvider>(
    origin: &Name,
    lines: &[&str],
    proofs: Option<NxProofKind>,
) -> InMemoryZoneHandler<P> {
    let soa = format!("{origin} SOA ns.test. admin.test. 1 3600 600 86400 300");
    let ns = format!("{origin} NS ns.test.");
    let mut handler =
        InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny, proofs);
    for line in [soa.as_str(), ns.as_str()].iter().chain(lines) {
        assert!(handler.upsert_mut(record(line), 0), "{line}");
    }
    handler
}

/// A runtime whose clock is late. Only the clock is used.
#[derive(Clone)]
struct TwoDaysAgo(TokioRuntimeProvider);

impl RuntimeProvider for TwoDaysAgo {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = LateClock;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.0.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.0.connect_tcp(server, local, timeout)
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        self.0.bind_udp(local, server)
    }
}

struct LateClock;

#[async_trait]
impl Time for LateClock {
    async fn delay_for(duration: Duration) {
        TokioTime::delay_for(duration).await;
    }

    async fn timeout<F: 'static + Future + Send>(
        duration: Duration,
        future: F,
    ) -> io::Result<F::Output> {
        TokioTime::timeout(duration, future).await
    }

    fn current_time() -> u64 {
        TokioTime::current_time() - 2 * DAY.as_secs()
    }
}

struct Handler {
    zones: Catalog,
    /// The zones again without those at the end of the tree: a parent answers for DS, and
    /// hickory's catalogue would let the child do it.
    parents: Catalog,
    scripted: HashMap<(String, RecordType), Scripted>,
    asked: Asked,
}

impl Handler {
    fn new(zones: Vec<Zone>, answers: Vec<(&str, RecordType, Scripted)>, asked: Asked) -> Self {
        let (mut all, mut parents) = (Catalog::new(), Catalog::new());
        for zone in zones {
            let origin = LowerName::from(&zone.origin);
            if zone.origin.is_root() {
                parents.upsert(origin.clone(), vec![Arc::clone(&zone.handler)]);
            }
            all.upsert(origin, vec![zone.handler]);
        }
        Self {
            zones: all,
            parents,
            scripted: answers
                .into_iter()
                .map(|(name, kind, answer)| ((name.to_owned(), kind), answer))
                .collect(),
            asked,
        }
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response: R,
    ) -> ResponseInfo {
        let query = request.request_info().unwrap().query;
        let (name, kind) = (query.name().to_string(), query.query_type());
        let came = (request.protocol(), name.clone(), kind);
        self.asked.lock().unwrap().push(came);
        let Some(scripted) = self.scripted.get(&(name, kind)) else {
            let catalog = if kind == RecordType::DS {
                &self.parents
            } else {
                &self.zones
            };
            return catalog.handle_request::<R, T>(request, response).await;
        };
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let mut sections = [vec![], vec![], vec![]];
        match scripted {
            Scripted::Silence => {
                return Header {
                    metadata,
                    counts: HeaderCounts::default(),
                }
                .into();
            }
            Scripted::Code(code) => metadata.response_code = *code,
            Scripted::Truncated => metadata.truncation = true,
            Scripted::Sections(records) => sections = records.clone(),
        }
        let [answers, authorities, additionals] = &sections;
        let message = MessageResponseBuilder::from_message_request(request).build(
            metadata,
            answers,
            authorities,
            [],
            additionals,
        );
        response.send_response(message).await.unwrap()
    }
}
