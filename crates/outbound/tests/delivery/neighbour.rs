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
    Action, Answer, Limits, Question, ServerSession, ServerSettings, StartTls,
};
use rustls::ServerConfig;
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
}

/// A message that a neighbour took.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
    pub(crate) over_tls: bool,
    /// The certificate that the client showed, if any.
    pub(crate) client_certificate: Option<Vec<u8>>,
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
        let listener = TcpListener::bind((address, 0)).await.unwrap();
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

struct Host {
    tls: Tls,
    limits: Limits,
    tell: mpsc::Sender<Arrival>,
    begun: Arc<AtomicUsize>,
}

impl Host {
    async fn serve(self, mut stream: TcpStream) {
        let offer = match self.tls {
            Tls::None => StartTls::NotOffered,
            Tls::With(_) | Tls::Broken => StartTls::Offered,
        };
        let settings = ServerSettings {
            limits: self.limits.clone(),
            ..ServerSettings::new("neighbour.example".parse().unwrap(), offer)
        };
        let session = ServerSession::new(Arc::new(settings));
        let Some(session) = self.talk(&mut stream, session, false, None).await else {
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
            Tls::With(config) => {
                let acceptor = TlsAcceptor::from(Arc::clone(config));
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let shown = stream.get_ref().1.peer_certificates();
                    let certificate = shown.map(|chain| chain[0].to_vec());
                    self.talk(&mut stream, waiting.secured(), true, certificate)
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
        over_tls: bool,
        client_certificate: Option<Vec<u8>>,
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
                        over_tls,
                        client_certificate: client_certificate.clone(),
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
