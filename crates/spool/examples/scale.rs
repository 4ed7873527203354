//! How the queue's cost grows with what waits in it.
//!
//! ```text
//! cargo run --release -p postern-spool --example scale -- 1000000 [DIRECTORY]
//! ```
//!
//! It measures an empty queue, fills it with so many deferred messages, and measures the same
//! again: what a message costs that is accepted and delivered at once, from 64 producers and from
//! one; how much memory one takes that waits; how long claims and censuses take; and how long the
//! queue takes to open. The directory, a temporary one by default, should be on a real disk.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal that has nobody to report errors to"
)]

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use postern_mail::{BodyType, EnhancedStatusCode, Envelope, ForwardPath, ReversePath, TlsWish};
use postern_spool::{
    BounceTo, Claim, Content, Failure, LocalSpool, Origin, Outcome, Settings, Settlement, Spool,
    Submission,
};

/// How many domains the waiting messages are for.
const DOMAINS: usize = 20_000;

/// Messages of one measurement with many producers, and with one.
const MANY: usize = 40_000;
const SERIAL: usize = 2_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(1_000_000, |it| it.parse().unwrap());
    let directory = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let directory = tempfile::tempdir_in(directory).unwrap();
    let settings = Settings {
        reserve: 0,
        ..Settings::at(directory.path())
    };

    let spool = open(&settings);
    let empty = measure("empty", &spool).await;
    let before = resident_octets();
    fill(&spool, count).await;
    let grown = resident_octets().saturating_sub(before);
    println!(
        "memory: {} octets per waiting message",
        grown / count.max(1)
    );
    let full = measure("full", &spool).await;
    println!(
        "full to empty: rate {:.2}, CPU {:.2}",
        full.rate / empty.rate,
        full.cpu / empty.cpu
    );
    look_around(&spool).await;
    drop(spool);

    let before = resident_octets();
    let spool = open(&settings);
    let began = Instant::now();
    while spool.figures().messages < count as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("loaded {:.2?} after it was open", began.elapsed());
    let grown = resident_octets().saturating_sub(before);
    println!(
        "memory after a restart: {} octets per message more",
        grown / count.max(1)
    );
    measure("restarted", &spool).await;
    println!("disk: {} MiB", octets_below(directory.path()) >> 20);
}

fn open(settings: &Settings) -> Arc<LocalSpool> {
    let began = Instant::now();
    let opened = LocalSpool::open(settings).unwrap();
    println!("open after {:.2?}", began.elapsed());
    Arc::new(opened.spool)
}

struct Figures {
    rate: f64,
    cpu: f64,
}

async fn measure(name: &str, spool: &Arc<LocalSpool>) -> Figures {
    let many = relay(spool, 64, MANY / 64).await;
    let one = relay(spool, 1, SERIAL).await;
    println!(
        "{name}: 64 producers {:.0}/s, {:.1} µs of CPU each; one producer {:.0}/s, {:.1} µs",
        many.rate, many.cpu, one.rate, one.cpu
    );
    many
}

/// Messages of 10 KiB that are accepted, claimed at once and delivered.
async fn relay(spool: &Arc<LocalSpool>, producers: usize, each: usize) -> Figures {
    let (cpu, began) = (cpu(), Instant::now());
    let total = producers * each;
    let consumer = tokio::spawn(deliver(Arc::clone(spool), total));
    let producers: Vec<_> = (0..producers)
        .map(|number| {
            let spool = Arc::clone(spool);
            tokio::spawn(async move {
                for _ in 0..each {
                    let submission = submission(&format!("fresh{number}.example"), 10 * 1024);
                    spool.accept(submission).await.unwrap();
                }
            })
        })
        .collect();
    for producer in producers {
        producer.await.unwrap();
    }
    consumer.await.unwrap();
    Figures {
        rate: total as f64 / began.elapsed().as_secs_f64(),
        cpu: (self::cpu() - cpu).as_secs_f64() * 1e6 / total as f64,
    }
}

async fn deliver(spool: Arc<LocalSpool>, total: usize) {
    let mut changes = spool.changes();
    let mut settling = tokio::task::JoinSet::new();
    let mut claimed = 0;
    while claimed < total {
        let claims = spool.claim(SystemTime::now(), 64).await.unwrap();
        if claims.is_empty() {
            changes.changed().await.unwrap();
        }
        claimed += claims.len();
        for claim in claims {
            let spool = Arc::clone(&spool);
            settling.spawn(async move {
                spool
                    .settle(&claim, all(&claim, || Outcome::Delivered))
                    .await
                    .unwrap();
            });
        }
    }
    while let Some(settled) = settling.join_next().await {
        settled.unwrap();
    }
}

async fn fill(spool: &Arc<LocalSpool>, count: usize) {
    let began = Instant::now();
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
    for first in (0..count).step_by(1000) {
        let accepted = (first..count.min(first + 1000)).map(|number| {
            let spool = Arc::clone(spool);
            let submission = submission(&format!("host{}.example", number % DOMAINS), 512);
            tokio::spawn(async move { spool.accept(submission).await.unwrap() })
        });
        for accepted in accepted.collect::<Vec<_>>() {
            accepted.await.unwrap();
        }
        let claims = spool.claim(SystemTime::now(), usize::MAX).await.unwrap();
        let deferred = claims.into_iter().enumerate().map(|(number, claim)| {
            let spool = Arc::clone(spool);
            let until = tomorrow + Duration::from_secs((number % 3600) as u64);
            tokio::spawn(async move {
                let outcome = || Outcome::Deferred {
                    until,
                    failure: failure(),
                };
                spool.settle(&claim, all(&claim, outcome)).await.unwrap();
            })
        });
        for deferred in deferred.collect::<Vec<_>>() {
            deferred.await.unwrap();
        }
    }
    println!("filled with {count} in {:.1?}", began.elapsed());
}

async fn look_around(spool: &Arc<LocalSpool>) {
    let timed = |name: &str, began: Instant| println!("{name}: {:.1?}", began.elapsed());
    let began = Instant::now();
    assert!(
        spool
            .claim(SystemTime::now(), 100)
            .await
            .unwrap()
            .is_empty()
    );
    timed("a claim of nothing", began);
    let began = Instant::now();
    assert!(spool.next_due().is_some());
    timed("the next time", began);
    let began = Instant::now();
    let figures = spool.figures();
    timed("figures", began);
    let began = Instant::now();
    let lines = spool.census().len();
    timed(
        &format!("a census of {} for {lines} domains", figures.messages),
        began,
    );
    let began = Instant::now();
    let hastened = spool.hasten(&"host7.example".parse().unwrap());
    timed(&format!("hastening {hastened}"), began);
    let began = Instant::now();
    let claims = spool.claim(SystemTime::now(), 100).await.unwrap();
    timed(&format!("a claim of {} from the disk", claims.len()), began);
    let later = SystemTime::now() + Duration::from_secs(24 * 3600);
    for claim in claims {
        let recipients: Vec<_> = claim.recipients().iter().map(|due| due.index).collect();
        spool.postpone(&claim, &recipients, later);
    }
}

fn all(claim: &Claim, outcome: impl Fn() -> Outcome) -> Settlement {
    let recipients = claim.recipients().iter();
    Settlement {
        outcomes: recipients.map(|due| (due.index, outcome())).collect(),
        ..Settlement::default()
    }
}

fn failure() -> Failure {
    let status = EnhancedStatusCode::transient(4, 1);
    let said = "connection to 192.0.2.1 port 25 timed out after 30 seconds";
    Failure::here(SystemTime::now(), status, said)
}

fn submission(domain: &str, octets: usize) -> Submission {
    let path = format!("<somebody@{domain}>");
    Submission {
        envelope: Envelope {
            reverse_path: ReversePath::parse_prefix("<jo@sender.example>").unwrap().0,
            recipients: vec![ForwardPath::parse_prefix(&path).unwrap().0.into()],
            body: BodyType::EightBitMime,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: TlsWish::Unstated,
        },
        origin: Origin::Ourselves,
        received_at: SystemTime::now(),
        content: Content::from_pieces([Bytes::from(vec![b'x'; octets])]),
        bounce_to: BounceTo::Sender,
        quarantined: None,
        hold: None,
    }
}

/// CPU time of this process, all threads together.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    // User and system time, in hundredths of a second.
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .map(|it| it.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(10 * ticks)
}

fn resident_octets() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kibibytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024
}

fn octets_below(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let octets = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => octets_below(&entry.path()),
        false => entry.metadata().unwrap().len(),
    });
    octets.sum()
}
