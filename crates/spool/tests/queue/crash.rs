//! kill -9 at random moments: whatever was acknowledged is there afterwards, and whole.
//!
//! The test runs itself as a child that accepts, delivers and defers under load and prints each
//! id once the queue has answered. It is killed, the queue is opened, and the ledger is held
//! against it.

use std::{
    collections::HashSet,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use postern_mail::QueueId;
use postern_spool::{Claim, DelayNotice, LocalSpool, Outcome, Spool, Submission};

use crate::common::{delivered, failure, open, outcomes, read, settings, submission};

const QUEUE: &str = "POSTERN_SPOOL_CRASH_TEST";
const KILLS: u64 = 20;

/// Content that can be recognised as whole: its own length and a pattern.
fn content(number: u64) -> Bytes {
    let length = if number.is_multiple_of(40) {
        1_500_000
    } else {
        number % 5000
    };
    let mut content = format!("{length}\r\n").into_bytes();
    content.extend((0..length).map(|at| ((at + length) % 251) as u8));
    content.into()
}

fn is_whole(content: &Bytes) -> bool {
    let text = content.split(|octet| *octet == b'\r').next().unwrap();
    let length: u64 = std::str::from_utf8(text).unwrap().parse().unwrap();
    let head = text.len() + 2;
    content.len() as u64 == head as u64 + length
        && (0..length).all(|at| content[head + at as usize] == ((at + length) % 251) as u8)
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    if let Some(queue) = env::var_os(QUEUE) {
        return child(Path::new(&queue));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    let mut last = 0;
    for round in 0..KILLS {
        let mut child = start(directory.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after a number of lines that differs from round to round, so that it hits
        // every phase: the opening, the first commits, the midst of the load.
        let until = round * round * 7 % 400;
        let mut killed = false;
        for (at, line) in lines.enumerate() {
            // What was printed before the kill counts.
            ledger.note(&line.unwrap());
            if !killed && at as u64 >= until {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        last = ledger.check(directory.path());
    }
    assert!(
        ledger.accepted.len() > 500,
        "{} accepted",
        ledger.accepted.len()
    );
    assert!(
        ledger.delivered.len() > 50,
        "{} delivered",
        ledger.delivered.len()
    );
    assert!(last > 0);
}

fn start(queue: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::nothing_acknowledged_is_lost_by_kill_9",
            "--nocapture",
        ])
        .env(QUEUE, queue)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the child said it had been promised.
#[derive(Default)]
struct Ledger {
    /// Accepted, as message or as notice.
    accepted: HashSet<QueueId>,
    /// Handed to `settle` as delivered, the answer not yet seen.
    settling: HashSet<QueueId>,
    delivered: HashSet<QueueId>,
}

impl Ledger {
    fn note(&mut self, line: &str) {
        let mut words = line.split(' ');
        let set = match words.next() {
            Some("accepted") => &mut self.accepted,
            Some("settling") => &mut self.settling,
            Some("delivered") => &mut self.delivered,
            // The test harness prints lines of its own.
            _ => return,
        };
        set.extend(words.next().and_then(|word| word.parse::<QueueId>().ok()));
    }

    /// Opens the queue and returns how many messages are in it.
    #[tokio::main(flavor = "current_thread")]
    async fn check(&self, queue: &Path) -> usize {
        let spool = open(queue);
        let later = SystemTime::now() + Duration::from_secs(10_000);
        let claims = spool.claim(later, usize::MAX).await.unwrap();
        let there: HashSet<_> = claims.iter().map(Claim::id).collect();
        let mut notices = HashSet::new();
        let mut delayed = Vec::new();
        for claim in &claims {
            assert!(
                is_whole(&read(claim.content()).await),
                "{} is torn",
                claim.id()
            );
            if let Some(cause) = cause(claim) {
                assert!(notices.insert(cause), "two notices for {cause}");
            }
            if claim.recipients()[0].delay_notice == DelayNotice::Sent {
                delayed.push(claim.id());
            }
        }
        for id in &self.accepted {
            assert!(
                there.contains(id) || self.settling.contains(id),
                "{id} is lost"
            );
        }
        for id in &self.delivered {
            assert!(!there.contains(id), "{id} was settled and is back");
        }
        // Notices are never delivered here, so that each can be counted.
        assert_eq!(notices, delayed.into_iter().collect());
        let quarantined = std::fs::read_dir(queue.join("quarantine")).unwrap();
        assert_eq!(quarantined.count(), 0, "a kill damages nothing");
        there.len()
    }
}

/// The message that a notice is about: its id is the local-part of the notice's recipient.
fn cause(claim: &Claim) -> Option<QueueId> {
    let mailbox = claim.recipients()[0].recipient.forward_path.mailbox()?;
    mailbox.local_part().as_str().parse().ok()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn child(queue: &Path) {
    let spool = Arc::new(LocalSpool::open(&settings(queue)).unwrap().spool);
    let mut tasks = tokio::task::JoinSet::new();
    for producer in 0..8 {
        tasks.spawn(produce(Arc::clone(&spool), producer));
    }
    tasks.spawn(deliver(spool));
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

async fn produce(spool: Arc<LocalSpool>, producer: u64) {
    for number in 0.. {
        let mut writer = spool.content();
        writer.write(content(producer + 8 * number)).await.unwrap();
        let submission = Submission {
            content: writer.finish().await.unwrap(),
            ..submission(&["a@x.example"], "")
        };
        say("accepted", spool.accept(submission).await.unwrap());
    }
}

/// Delivers three of four, delays the fourth with a notice.
async fn deliver(spool: Arc<LocalSpool>) {
    let mut changes = spool.changes();
    loop {
        let claims = spool.claim(SystemTime::now(), 20).await.unwrap();
        if claims.is_empty() {
            changes.changed().await.unwrap();
        }
        for (number, claim) in claims.into_iter().enumerate() {
            let is_notice = cause(&claim).is_some();
            let was_delayed = claim.recipients()[0].delay_notice == DelayNotice::Sent;
            if is_notice || was_delayed || number % 4 == 3 {
                delay(spool.as_ref(), &claim, is_notice || was_delayed).await;
            } else {
                say("settling", claim.id());
                spool.settle(&claim, delivered(&claim)).await.unwrap();
                say("delivered", claim.id());
            }
        }
    }
}

async fn delay(spool: &LocalSpool, claim: &Claim, without_notice: bool) {
    let due = claim.recipients()[0].index;
    let mut settlement = outcomes([(
        due,
        Outcome::Deferred {
            until: SystemTime::now() + Duration::from_secs(3600),
            failure: failure("not now"),
        },
    )]);
    if !without_notice {
        let recipient = format!("{}@notice.example", claim.id());
        settlement.delay_notices.push(due);
        settlement
            .submissions
            .push(submission(&[&recipient], content(7)));
    }
    for notice in spool.settle(claim, settlement).await.unwrap().submitted {
        say("accepted", notice);
    }
}

fn say(word: &str, id: QueueId) {
    writeln!(std::io::stdout().lock(), "{word} {id}").unwrap();
}
