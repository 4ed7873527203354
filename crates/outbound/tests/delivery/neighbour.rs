//! A host that receives mail, for the delivering side to talk to.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::BytesMut;
use postern_mail::{EnhancedStatusCode, Envelope, Reply, ReplyCode};
use postern_smtp::server::{
    Action, Answer, Limits, Question, RequireTls, ServerSession, ServerSettings, StartTls,
};
use rustls::{HandshakeKind, ServerConfig};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};
use tokio_rustls::TlsAcceptor;

use crate::PATIENCE;

/// What a neighbour does about STARTTLS.
#[derive(Clone)]
pub(crate) enum Tls {
    /// It does not offer it.
    None,
    /// It offers it, with this configuration.
    With(Arc<ServerConfig>),
    /// It offers it, and answers the handshake with something that is not TLS.
    Broken,
    /// It offers it, and closes the connection at every ClientHello.
    HangsUp,
    /// It offers it, and closes the connection at a ClientHello of more than one segment.
    SmallHelloOnly(Arc<ServerConfig>),
    /// It offers it, and says that it has no protocol version in common with anybody.
    Old,
}

/// What fits into one segment of TCP over Ethernet, and more than a reduced ClientHello takes.
const SEGMENT: usize = 1000;

/// A fatal alert of `protocol_version` (RFC 8446 §6.2).
const NO_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

/// A message that a neighbour took.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
    pub(crate) over_tls: bool,
    /// The certificate that the client showed, if any.
    pub(crate) client_certificate: Option<Vec<u8>>,
    /// The name that it indicated.
    pub(crate) server_name: Option<String>,
    /// Whether it resumed a session.
    pub(crate) resumed: bool,
}

pub(crate) struct Neighbour {
    pub(crate) address: SocketAddr,
    arrivals: mpsc::Receiver<Arrival>,
    connections: Arc<AtomicUsize>,
    transactions: Arc<AtomicUsize>,
    closing: Arc<Notify>,
}

impl Neighbour {
    pub(crate) async fn start(tls: Tls) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), tls, Limits::default()).await
    }

    pub(crate) async fn at(address: IpAddr, tls: Tls, limits: Limits) -> Self {
        Self::with(
            SocketAddr::new(address, 0),
            tls,
            limits,
            RequireTls::Offered,
        )
        .await
    }

    pub(crate) async fn with(
        address: SocketAddr,
        tls: Tls,
        limits: Limits,
        requiretls: RequireTls,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, arrivals) = mpsc::channel(100);
        let connections = Arc::new(AtomicUsize::new(0));
        let transactions = Arc::new(AtomicUsize::new(0));
        let closing = Arc::new(Notify::new());
        let close = Arc::clone(&closing);
        let (counter, begun) = (Arc::clone(&connections), Arc::clone(&transactions));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let host = Host {
                    tls: tls.clone(),
                    limits: limits.clone(),
                    requiretls,
                    tell: tell.clone(),
                    begun: Arc::clone(&begun),
                };
                let close = Arc::clone(&close);
                tokio::spawn(async move {
                    tokio::select! {
                        () = host.serve(stream) => {}
                        () = close.notified() => {}
                    }
                });
            }
        });
        Self {
            address,
            arrivals,
            connections,
            transactions,
            closing,
        }
    }

    /// Closes every connection there is, without a word.
    pub(crate) fn close_connections(&self) {
        self.closing.notify_waiters();
    }

    /// The next message that arrives.
    pub(crate) async fn arrival(&mut self) -> Arrival {
        let next = tokio::time::timeout(PATIENCE, self.arrivals.recv()).await;
        next.expect("a message arrives in time")
            .expect("the neighbour lives")
    }

    /// Whether nothing has arrived that was not looked at.
    pub(crate) fn is_untouched(&mut self) -> bool {
        self.arrivals.try_recv().is_err()
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many times MAIL was said.
    pub(crate) fn transactions(&self) -> usize {
        self.transactions.load(Ordering::SeqCst)
    }
}

/// What a client showed in a handshake.
struct Secured {
    client_certificate: Option<Vec<u8>>,
    server_name: Option<String>,
    resumed: bool,
}

/// How long the first record of a client is, by what its header says (RFC 8446 §5.1).
async fn size_of_hello(stream: &TcpStream) -> usize {
    let mut header = [0; 5];
    while stream.peek(&mut header).await.unwrap() < header.len() {}
    usize::from(u16::from_be_bytes([header[3], header[4]]))
}

struct Host {
    tls: Tls,
    limits: Limits,
    requiretls: RequireTls,
    tell: mpsc::Sender<Arrival>,
    begun: Arc<AtomicUsize>,
}

impl Host {
    async fn serve(self, mut stream: TcpStream) {
        let offer = match self.tls {
            Tls::None => StartTls::NotOffered,
            Tls::With(_) | Tls::Broken | Tls::HangsUp | Tls::SmallHelloOnly(_) | Tls::Old => {
                StartTls::Offered
            }
        };
        let settings = ServerSettings {
            limits: self.limits.clone(),
            requiretls: self.requiretls,
            ..ServerSettings::new("neighbour.example".parse().unwrap(), offer)
        };
        let session = ServerSession::new(Arc::new(settings));
        let Some(session) = self.talk(&mut stream, session, None).await else {
            return;
        };
        let waiting = session.starttls(BytesMut::new());
        stream.write_all(&waiting.reply()).await.unwrap();
        match &self.tls {
            Tls::None => unreachable!("STARTTLS was not offered"),
            Tls::Broken => {
                let mut hello = [0; 64];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(b"this is no handshake\r\n").await;
            }
            Tls::HangsUp => {}
            Tls::Old => {
                let mut hello = [0; 64];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(&NO_VERSION).await;
            }
            Tls::SmallHelloOnly(_) if size_of_hello(&stream).await > SEGMENT => {}
            Tls::With(config) | Tls::SmallHelloOnly(config) => {
                let acceptor = TlsAcceptor::from(Arc::clone(config));
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let session = stream.get_ref().1;
                    let shown = session.peer_certificates();
                    let secured = Secured {
                        client_certificate: shown.map(|chain| chain[0].to_vec()),
                        server_name: session.server_name().map(str::to_owned),
                        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
                    };
                    self.talk(&mut stream, waiting.secured(), Some(secured))
                        .await;
                }
            }
        }
    }

    /// Serves a session to its end, or to STARTTLS.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        mut session: ServerSession,
        secured: Option<Secured>,
    ) -> Option<ServerSession> {
        let (mut input, mut content) = (BytesMut::new(), Vec::new());
        loop {
            match session.advance(&mut input, Instant::now()) {
                Action::Send(octets) => stream.write_all(&octets).await.ok()?,
                Action::Read => {
                    if stream.read_buf(&mut input).await.ok()? == 0 {
                        return None;
                    }
                }
                Action::Content(octets) => content.extend_from_slice(&octets),
                Action::Ask(Question::Mail(_)) => {
                    self.begun.fetch_add(1, Ordering::SeqCst);
                    session.answer(Answer::Accept);
                }
                Action::Ask(Question::Rcpt(rcpt)) => {
                    session.answer(verdict(&rcpt.recipient.forward_path.to_string()));
                }
                Action::Ask(Question::Content) => session.answer(Answer::Accept),
                Action::Ask(Question::Message(message)) => {
                    let content = std::mem::take(&mut content);
                    let envelope = message.envelope;
                    let arrival = Arrival {
                        envelope,
                        content,
                        over_tls: secured.is_some(),
                        client_certificate: secured
                            .as_ref()
                            .and_then(|it| it.client_certificate.clone()),
                        server_name: secured.as_ref().and_then(|it| it.server_name.clone()),
                        resumed: secured.as_ref().is_some_and(|it| it.resumed),
                    };
                    self.tell.send(arrival).await.ok()?;
                    session.answer(Answer::AcceptSaying("taken".to_owned()));
                }
                Action::Abandon(_) => content.clear(),
                Action::Refused(_) => {}
                Action::StartTls => return Some(session),
                Action::Close(_) => return None,
            }
        }
    }
}

/// Some recipients are special by name.
fn verdict(forward_path: &str) -> Answer {
    let refuse = |code, status: EnhancedStatusCode, text| {
        Answer::Refuse(Reply::new(code, text).with_status(status))
    };
    if forward_path.starts_with("<nobody@") {
        let status = EnhancedStatusCode::permanent(1, 1);
        refuse(ReplyCode::UNAVAILABLE, status, "no such mailbox")
    } else if forward_path.starts_with("<busy@") {
        let status = EnhancedStatusCode::transient(2, 1);
        refuse(ReplyCode::MAILBOX_BUSY, status, "the mailbox is busy")
    } else {
        Answer::Accept
    }
}
