//! What one look-up may cost.
//!
//! Signatures are checked here, and whoever owns a zone decides how many there are. KeyTrap
//! (CVE-2023-50387) is a zone with hundreds of keys of one tag and hundreds of signatures by that
//! tag: each has to be tried with each. hickory tries two keys per tag, and nine signatures per
//! set of records, yet all signatures of a set of keys, and it follows each signature to its
//! signer anew, as deep as signers are named. So the number of names that a zone makes us ask for
//! is the zone's choice.
//!
//! Here is the bound for the whole, in two parts. All responses of one look-up pass through
//! [`Guarded`] before anybody checks them: one with more signatures or keys than honest zones
//! have is refused, and so is everything once the look-up has asked or received too much. So the
//! work between two pauses is small, and others get their turn. And the time of the processor
//! that a look-up takes is measured, whatever it is spent on: it is abandoned when that is too
//! long. Both end in *not knowing*, and that is remembered for a while.
//!
//! The additional section is dropped, since nothing in it counts as an answer and all of it would
//! be checked.
//!
//! NSEC3 iterations (CVE-2023-50868) need no bound from here: hickory refuses to count beyond
//! five hundred, and calls a zone insecure beyond a hundred (RFC 9276 §3.2).

use std::{
    future::{Future, poll_fn},
    net::IpAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
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
use rustix::time::{ClockId, clock_gettime};

/// The longest time of the processor for one look-up. Honest ones take a few milliseconds when
/// nothing is known yet, and hundredths of that afterwards.
const MOST_TIME: Duration = Duration::from_millis(100);

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
    is_exceeded: AtomicBool,
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

    /// Runs a look-up whose costs are counted here. `None` when it took too much time.
    pub(crate) async fn measure<F: Future>(self: &Arc<Self>, look_up: F) -> Option<F::Output> {
        let mut look_up = pin!(WORK.scope(Arc::clone(self), look_up));
        let mut spent = Duration::ZERO;
        poll_fn(|cx| {
            let before = processor_time();
            let polled = look_up.as_mut().poll(cx);
            spent += processor_time().saturating_sub(before);
            match polled {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending if spent > MOST_TIME => {
                    self.is_exceeded.store(true, Ordering::Relaxed);
                    Poll::Ready(None)
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Whether a bound was met.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
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
        let asked = self.questions.fetch_add(1, Ordering::Relaxed);
        self.bound(asked + 1, MOST_QUESTIONS, "questions")
    }

    fn count_response(&self, response: &Message) -> Result<(), NetError> {
        if let Some(tape) = &self.tape {
            let mut tape = tape.lock().unwrap_or_else(PoisonError::into_inner);
            tape.push(response.clone());
        }
        let keys = records(response, RecordType::DNSKEY);
        self.bound(keys, MOST_KEYS_AT_ONCE, "keys in a response")?;
        let signatures = records(response, RecordType::RRSIG);
        let (most, what) = (MOST_SIGNATURES_AT_ONCE, "signatures in a response");
        self.bound(signatures, most, what)?;
        let before = self.signatures.fetch_add(signatures, Ordering::Relaxed);
        self.bound(before + signatures, MOST_SIGNATURES, "signatures in all")
    }

    fn bound(&self, number: usize, most: usize, what: &str) -> Result<(), NetError> {
        if number > most {
            self.is_exceeded.store(true, Ordering::Relaxed);
            return Err(NetError::from(format!("more than {most} {what}")));
        }
        Ok(())
    }
}

/// The time that the processor has spent on this thread.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .unwrap_or_default()
}

fn records(message: &Message, kind: RecordType) -> usize {
    let all = message.answers.iter().chain(&message.authorities);
    all.filter(|record| record.record_type() == kind).count()
}

/// Makes connections on which every response is bounded.
#[derive(Clone, Default)]
pub(crate) struct Guarded {
    tokio: TokioRuntimeProvider,
    /// How many records came over all connections.
    pub(crate) received: Arc<AtomicUsize>,
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
