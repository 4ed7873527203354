//! A name server that answers from zones, or says what a test wants it to say.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use hickory_server::{
    Server,
    net::{runtime::Time, xfer::Protocol},
    proto::{
        op::{Header, HeaderCounts, Metadata, ResponseCode},
        rr::{LowerName, Record, RecordType},
    },
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::{Catalog, MessageResponseBuilder},
};
use tokio::net::{TcpListener, UdpSocket};

use super::zone::{Zone, records};

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In one datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// What a server says instead of looking into its zones.
#[derive(Debug, Clone)]
pub enum Scripted {
    /// Nothing.
    Silence,
    /// `SERVFAIL`: it could not find out.
    ServFail,
    /// `REFUSED`.
    Refused,
    /// `NOTIMP`.
    NotImplemented,
    /// A truncated answer, whatever the transport.
    Truncated,
    /// These records in the answer, authority and additional sections, with the claim that they
    /// are validated (the AD bit).
    Sections([Vec<Record>; 3]),
}

impl Scripted {
    /// These records in the answer section, and nothing else.
    pub fn answer(lines: &[&str]) -> Self {
        Self::Sections([records(lines), vec![], vec![]])
    }

    /// These records in the authority section, and nothing else.
    pub fn denial(lines: &[&str]) -> Self {
        Self::Sections([vec![], records(lines), vec![]])
    }
}

/// A running server. It ends with the runtime that it was started on.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    asked: Asked,
}

type Asked = Arc<Mutex<Vec<(Transport, String, String)>>>;

impl NameServer {
    /// Serves these zones on the loopback, except for what is scripted: an absolute name in lower
    /// case, a type, and what is said about them.
    pub async fn start(zones: Vec<Zone>, answers: Vec<(&str, &str, Scripted)>) -> Self {
        let asked = Asked::default();
        let (udp, tcp) = one_port().await;
        let address = udp.local_addr().expect("a bound socket has an address");
        let mut server = Server::new(Handler::new(&zones, answers, Arc::clone(&asked)));
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 16);
        tokio::spawn(async move { server.block_until_done().await });
        Self { address, asked }
    }

    /// Where it listens, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often a question came: an absolute name, and a type.
    pub fn times(&self, transport: Transport, name: &str, kind: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked
            .iter()
            .filter(|(t, n, k)| (*t, n.as_str(), k.as_str()) == (transport, name, kind))
            .count()
    }

    /// How many questions came in all.
    pub fn questions(&self) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.len()
    }
}

/// The same free port for both protocols.
async fn one_port() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await;
        let tcp = tcp.expect("the loopback has free ports");
        let address = tcp.local_addr().expect("a bound socket has an address");
        if let Ok(udp) = UdpSocket::bind(address).await {
            return (udp, tcp);
        }
    }
}

struct Handler {
    zones: Catalog,
    /// For each zone all the others: its parent answers for its DS, and hickory's catalogue
    /// would let the zone itself do it.
    without: HashMap<LowerName, Catalog>,
    scripted: HashMap<(String, RecordType), Scripted>,
    asked: Asked,
}

impl Handler {
    fn new(zones: &[Zone], answers: Vec<(&str, &str, Scripted)>, asked: Asked) -> Self {
        let catalog = |left_out: Option<&Zone>| {
            let mut catalog = Catalog::new();
            for zone in zones {
                if left_out.is_none_or(|it| it.origin != zone.origin) {
                    let origin = LowerName::from(&zone.origin);
                    catalog.upsert(origin, vec![Arc::clone(&zone.handler)]);
                }
            }
            catalog
        };
        let without = |zone: &Zone| (LowerName::from(&zone.origin), catalog(Some(zone)));
        let scripted = answers.into_iter().map(|(name, kind, answer)| {
            let kind = kind.parse().expect("a type of record");
            ((name.to_owned(), kind), answer)
        });
        Self {
            zones: catalog(None),
            without: zones.iter().map(without).collect(),
            scripted: scripted.collect(),
            asked,
        }
    }

    fn note(&self, request: &Request, name: String, kind: RecordType) {
        let transport = match request.protocol() {
            Protocol::Udp => Transport::Udp,
            _ => Transport::Tcp,
        };
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push((transport, name, kind.to_string()));
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response: R,
    ) -> ResponseInfo {
        let query = request.request_info().expect("a resolver asks").query;
        let (name, kind) = (query.name().to_string(), query.query_type());
        self.note(request, name.clone(), kind);
        let Some(scripted) = self.scripted.get(&(name, kind)) else {
            let others = self.without.get(query.name());
            let catalog = others.filter(|_| kind == RecordType::DS);
            let catalog = catalog.unwrap_or(&self.zones);
            return catalog.handle_request::<R, T>(request, response).await;
        };
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let mut sections = [vec![], vec![], vec![]];
        match scripted {
            Scripted::Silence => {
                let counts = HeaderCounts::default();
                return Header { metadata, counts }.into();
            }
            Scripted::ServFail => metadata.response_code = ResponseCode::ServFail,
            Scripted::Refused => metadata.response_code = ResponseCode::Refused,
            Scripted::NotImplemented => metadata.response_code = ResponseCode::NotImp,
            Scripted::Truncated => metadata.truncation = true,
            Scripted::Sections(records) => {
                metadata.authentic_data = true;
                sections.clone_from(records);
            }
        }
        let [answers, authorities, additionals] = &sections;
        let message = MessageResponseBuilder::from_message_request(request).build(
            metadata,
            answers,
            authorities,
            [],
            additionals,
        );
        let sent = response.send_response(message).await;
        sent.expect("a resolver that is there to hear the answer")
    }
}
