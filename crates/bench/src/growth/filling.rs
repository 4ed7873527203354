//! Queues that are full before a daemon opens them: a million messages through SMTP would take longer
//! than all that is measured afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postern_mail::{BodyType, EnhancedStatusCode, Envelope, ForwardPath, ReversePath};
use postern_spool::{
    BounceTo, Failure, LocalSpool, Origin, Outcome, PeerOrigin, Settings, Settlement, Spool,
    Submission,
};
use postern_tests::fault::Fault;
use tokio::task::JoinSet;

/// When what is filled in is to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// As soon as the daemon is there.
    AtOnce,
    /// A day later, and it was tried before: what a next hop that is down leaves behind.
    Tomorrow,
}

/// What waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting<'a> {
    /// How many messages, of one recipient each.
    pub(super) messages: usize,
    /// Over how many domains below `parent` they are spread.
    pub(super) domains: usize,
    /// The domain above them.
    pub(super) parent: &'a str,
    /// When they are to be tried.
    pub(super) due: Due,
}

/// How many are written at the same time, and so share a sync.
const TOGETHER: usize = 1000;

/// Puts the messages into the queue at `path` through the queue's own interface.
pub(super) fn fill(path: &Path, waiting: Waiting<'_>) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Fault::doing("fill a queue"))?;
    runtime.block_on(async {
        let settings = Settings {
            reserve: 0,
            ..Settings::at(path)
        };
        let spool = Arc::new(LocalSpool::open(&settings).map_err(failed)?.spool);
        let mut first = 0;
        while first < waiting.messages {
            let last = waiting.messages.min(first + TOGETHER);
            accept(&spool, &waiting, first..last).await?;
            if waiting.due == Due::Tomorrow {
                defer(&spool).await?;
            }
            first = last;
        }
        Ok(())
    })
}

async fn accept(
    spool: &Arc<LocalSpool>,
    waiting: &Waiting<'_>,
    numbers: std::ops::Range<usize>,
) -> Result<(), Fault> {
    let mut writing = JoinSet::new();
    for number in numbers {
        let domain = number % waiting.domains;
        let path = format!("<user{number}@d{domain}.{}>", waiting.parent);
        let (recipient, _) = ForwardPath::parse_prefix(&path).map_err(failed)?;
        let (sender, _) = ReversePath::parse_prefix("<alice@sender.example>").map_err(failed)?;
        let envelope = Envelope {
            reverse_path: sender,
            recipients: vec![recipient.into()],
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: Default::default(),
        };
        let spool = Arc::clone(spool);
        writing.spawn(async move {
            let mut content = spool.content();
            let text = Bytes::from_static(b"Subject: waiting\r\n\r\nThis waits.\r\n");
            content.write(text).await.map_err(failed)?;
            let submission = Submission {
                envelope,
                origin: origin(),
                received_at: SystemTime::now(),
                content: content.finish().await.map_err(failed)?,
                bounce_to: BounceTo::Sender,
                quarantined: None,
                hold: None,
            };
            spool.accept(submission).await.map_err(failed).map(drop)
        });
    }
    all(writing).await
}

fn origin() -> Origin {
    Origin::Peer(PeerOrigin {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)),
        helo: "sender.example".to_owned(),
        channel: "TLS 1.3".to_owned(),
        partner: None,
    })
}

async fn defer(spool: &Arc<LocalSpool>) -> Result<(), Fault> {
    let now = SystemTime::now();
    let failure = Failure::here(now, EnhancedStatusCode::transient(4, 1), "no connection");
    loop {
        let claims = spool.claim(now, TOGETHER).await.map_err(failed)?;
        if claims.is_empty() {
            return Ok(());
        }
        let mut writing = JoinSet::new();
        for claim in claims {
            let (spool, failure) = (Arc::clone(spool), failure.clone());
            writing.spawn(async move {
                let deferred = |failure: &Failure| Outcome::Deferred {
                    until: now + Duration::from_secs(86_400),
                    failure: failure.clone(),
                };
                let outcomes = claim.recipients().iter();
                let settlement = Settlement {
                    outcomes: outcomes.map(|it| (it.index, deferred(&failure))).collect(),
                    ..Settlement::default()
                };
                spool
                    .settle(&claim, settlement)
                    .await
                    .map_err(failed)
                    .map(drop)
            });
        }
        all(writing).await?;
    }
}

async fn all(mut tasks: JoinSet<Result<(), Fault>>) -> Result<(), Fault> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(failed)??;
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> Fault {
    Fault::Unexpected(format!("filling a queue: {error}"))
}
