//! What one look-up may cost.
//!
//! Signatures are checked here, and whoever owns a zone decides how many there are. KeyTrap
//! (CVE-2023-50387) is a zone with hundreds of keys of one tag and hundreds of signatures by that
//! tag: each has to be tried with each. hickory tries two keys per tag, and nine signatures per
//! set of records, yet all signatures of a set of keys, and it follows each signature to its
//! signer anew, as deep as signers are named. So the number of names that a zone makes us ask for
//! is the zone's choice.
//!
//! Here is the bound for the whole: all responses of one look-up pass through [`Guarded`] before
//! anybody checks them. A response with more signatures or keys than honest zones have is
//! refused, and so is everything once the look-up has asked or received too much; that ends in
//! *not knowing*. The additional section is dropped, since nothing in it counts as an answer and
//! all of it would be checked.
//!
//! NSEC3 iterations (CVE-2023-50868) need no bound from here: hickory refuses to count beyond
//! five hundred, and calls a zone insecure beyond a hundred (RFC 9276 §3.2).

use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use hickory_resolver::{
    ConnectionProvider, PoolContext,
    config::ConnectionConfig,
    net::{
        NetError,
        runtime::TokioRuntimeProvider,
        xfer::{DnsExchange, DnsHandle},
    },
    proto::{
        op::{DnsRequest, DnsResponse, Message},
        rr::RecordType,
    },
};

/// The most questions of one look-up. A first look-up below four signed zones takes about
/// twenty; eleven aliases, each into other zones, with two servers asked at once, some three
/// hundred.
const MOST_QUESTIONS: usize = 512;

/// The most signatures in all responses of one look-up: nearly every honest response has from
/// one to four.
const MOST_SIGNATURES: usize = 512;

/// The most signatures in one response. A denial by NSEC3 has four, twice that while the zone
/// changes its algorithm; MX records with the addresses of ten hosts have some twenty.
const MOST_SIGNATURES_AT_ONCE: usize = 64;

/// The most keys in one response. The root has two to four, and zones in the midst of changing
/// keys and algorithm up to eight.
const MOST_KEYS_AT_ONCE: usize = 32;

/// The longest time, in seconds, for which anything is kept. hickory remembers the outcome of a
/// check for as long as a record says, and what it says has not been checked yet.
const LONGEST_TTL: u32 = 86_400;

/// What one look-up has cost so far.
#[derive(Debug, Default)]
pub(crate) struct Work {
    questions: AtomicUsize,
    signatures: AtomicUsize,
    /// Everything that came, where somebody wants to look at it.
    tape: Option<Mutex<Vec<Message>>>,
}

tokio::task_local! {
    /// The look-up for which a question is asked: hickory has no place to pass it along.
    static WORK: Arc<Work>;
}

impl Work {
    pub(crate) fn recording() -> Arc<Self> {
        Arc::new(Self {
            tape: Some(Mutex::default()),
            ..Self::default()
        })
    }

    /// Runs a look-up whose costs are counted here.
    pub(crate) async fn measure<F: Future>(self: &Arc<Self>, look_up: F) -> F::Output {
        WORK.scope(Arc::clone(self), look_up).await
    }

    /// Whether a server was asked at all, or memory was enough.
    pub(crate) fn has_asked(&self) -> bool {
        self.questions.load(Ordering::Relaxed) > 0
    }

    /// What came so far.
    pub(crate) fn tape(&self) -> Vec<Message> {
        self.tape.as_ref().map_or_else(Vec::new, |tape| {
            tape.lock().unwrap_or_else(PoisonError::into_inner).clone()
        })
    }

    fn count_question(&self) -> Result<(), NetError> {
        count(&self.questions, 1, MOST_QUESTIONS, "questions")
    }

    fn count_response(&self, response: &Message) -> Result<(), NetError> {
        if let Some(tape) = &self.tape {
            let mut tape = tape.lock().unwrap_or_else(PoisonError::into_inner);
            tape.push(response.clone());
        }
        let signatures = records(response, RecordType::RRSIG);
        count(
            &self.signatures,
            signatures,
            MOST_SIGNATURES,
            "signatures in all",
        )
    }
}

fn count(so_far: &AtomicUsize, more: usize, most: usize, what: &str) -> Result<(), NetError> {
    let before = so_far.fetch_add(more, Ordering::Relaxed);
    bound(before.saturating_add(more), most, what)
}

fn bound(number: usize, most: usize, what: &str) -> Result<(), NetError> {
    if number > most {
        return Err(NetError::from(format!("more than {most} {what}")));
    }
    Ok(())
}

fn records(message: &Message, kind: RecordType) -> usize {
    let all = message.answers.iter().chain(&message.authorities);
    all.filter(|record| record.record_type() == kind).count()
}

/// Makes connections on which every response is bounded.
#[derive(Clone, Default)]
pub(crate) struct Guarded {
    tokio: TokioRuntimeProvider,
    received: Arc<AtomicUsize>,
}

impl Guarded {
    /// How many records came over all connections.
    pub(crate) fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

impl ConnectionProvider for Guarded {
    type Conn = Connection;
    type FutureConn = Pin<Box<dyn Future<Output = Result<Connection, NetError>> + Send>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        context: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let connecting = self.tokio.new_connection(ip, config, context)?;
        let received = Arc::clone(&self.received);
        Ok(Box::pin(async move {
            Ok(Connection {
                exchange: connecting.await?,
                received,
            })
        }))
    }

    fn runtime_provider(&self) -> &TokioRuntimeProvider {
        &self.tokio
    }
}

/// A connection to a server.
#[derive(Clone)]
pub(crate) struct Connection {
    exchange: DnsExchange<TokioRuntimeProvider>,
    received: Arc<AtomicUsize>,
}

impl DnsHandle for Connection {
    type Response = Responses;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Responses {
        let work = WORK.try_with(Arc::clone).unwrap_or_default();
        let inner = match work.count_question() {
            Ok(()) => Ok(self.exchange.send(request)),
            Err(error) => Err(Some(error)),
        };
        Responses {
            inner,
            work,
            received: Arc::clone(&self.received),
        }
    }
}

/// What comes back for one question.
pub(crate) struct Responses {
    inner: Result<<DnsExchange<TokioRuntimeProvider> as DnsHandle>::Response, Option<NetError>>,
    work: Arc<Work>,
    received: Arc<AtomicUsize>,
}

impl Responses {
    fn admit(&self, mut response: DnsResponse) -> Result<DnsResponse, NetError> {
        response.additionals.clear();
        bound(
            records(&response, RecordType::RRSIG),
            MOST_SIGNATURES_AT_ONCE,
            "signatures in a response",
        )?;
        bound(
            records(&response, RecordType::DNSKEY),
            MOST_KEYS_AT_ONCE,
            "keys in a response",
        )?;
        self.work.count_response(&response)?;
        let message = &mut *response;
        let all = message.answers.iter_mut().chain(&mut message.authorities);
        let number = all
            .map(|record| record.ttl = record.ttl.min(LONGEST_TTL))
            .count();
        self.received.fetch_add(number, Ordering::Relaxed);
        Ok(response)
    }
}

impl Stream for Responses {
    type Item = Result<DnsResponse, NetError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let came = match &mut self.inner {
            Ok(inner) => ready!(Pin::new(inner).poll_next(cx)),
            Err(refusal) => return Poll::Ready(refusal.take().map(Err)),
        };
        Poll::Ready(came.map(|response| self.admit(response?)))
    }
}
