use std::{future::Future, time::SystemTime};

use bytes::Bytes;
use postern_dns::FixedZone;
use postern_mail::{BodyType, Envelope, ForwardPath, Recipient, ReversePath, TlsWish};
use postern_policy::{Defaults, Policy};
use postern_spool::{
    BounceTo, Claim, Content, LocalSpool, Origin, Settings as SpoolSettings, Spool, Submission,
};
use postern_testkit::Authority;
use postern_tls::{CertificateStore, Profile, ProfileName, TrustAnchors};
use tokio::time::Duration;

use super::*;
use crate::{
    job::{CameTo, Report, Reports},
    pace::Pace,
    part::Part,
    route::Way,
    settings::Settings,
    situation::{Situation, TlsClients},
};

/// Long enough for whatever must come, and too long for what must not be waited for.
const LONG: Duration = Duration::from_secs(3600);

/// Lines, and a message whose parts stand in them.
struct World {
    destinations: Destinations,
    claim: Arc<Claim>,
    situation: Arc<Situation>,
    reports: Arc<Reports>,
}

impl World {
    async fn new() -> Self {
        Self {
            destinations: Destinations::default(),
            claim: Arc::new(claim(ReversePath::Null).await),
            situation: Arc::new(situation()),
            reports: Arc::default(),
        }
    }

    fn way() -> Way {
        Way {
            destination: "to.example".parse().unwrap(),
            route: None,
            detour: None,
        }
    }

    fn job(&self, connections: usize) -> Job {
        let part = Part {
            claim: Arc::clone(&self.claim),
            recipients: self.claim.recipients().to_vec(),
            way: Self::way(),
            pace: Pace {
                connections,
                initial_connections: connections,
                ..Pace::default()
            },
            reverse_path: ReversePath::Null,
            situation: Arc::clone(&self.situation),
        };
        Job::new(part, Arc::clone(&self.reports))
    }

    /// Puts a job in line for a destination that may have so many connections.
    fn enqueue(&self, connections: usize) -> Enqueued {
        self.destinations
            .enqueue(&self.key(), self.job(connections))
    }

    fn key(&self) -> Key {
        let plan = self.situation.plan_locally(&Self::way(), TlsWish::Unstated);
        Key {
            hops: Hops::Found(Self::way().destination),
            pool: plan.pool_key(),
            needs_requiretls: false,
        }
    }

    /// A worker with a job in its hands, and its connection.
    async fn worker(&self, connections: usize) -> (Post, Job) {
        let Enqueued::WorkerDue(mut post) = self.enqueue(connections) else {
            panic!("a worker is due");
        };
        let job = post.next_job(LONG).await.unwrap();
        assert_eq!(post.stands().posts.len(), 0);
        (post, job)
    }

    fn lost(&mut self) -> usize {
        let reports = std::iter::from_fn(|| self.reports.first());
        reports
            .filter(|report| matches!(report.came_to, CameTo::Lost))
            .count()
    }
}

async fn claim(reverse_path: ReversePath) -> Claim {
    let directory = tempfile::tempdir().unwrap();
    let settings = SpoolSettings {
        reserve: 0,
        ..SpoolSettings::at(directory.path())
    };
    let spool = LocalSpool::open(&settings).unwrap().spool;
    let (forward_path, _) = ForwardPath::parse_prefix("<jo@to.example>").unwrap();
    let envelope = Envelope {
        reverse_path,
        recipients: vec![Recipient::from(forward_path)],
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envelope_id: None,
        tls_wish: TlsWish::Unstated,
    };
    let submission = Submission {
        envelope,
        origin: Origin::Ourselves,
        received_at: SystemTime::now(),
        content: Content::from_pieces([Bytes::from_static(b"\r\n")]),
        bounce_to: BounceTo::Sender,
        quarantined: None,
        hold: None,
    };
    spool.accept(submission).await.unwrap();
    spool.claim(SystemTime::now(), 1).await.unwrap().remove(0)
}

pub(crate) fn situation() -> Situation {
    let defaults = Defaults {
        profile: Profile::named(ProfileName::Intermediate),
        trust: TrustAnchors::from_pem("test", &Authority::new("CA").pem()).unwrap(),
    };
    Situation {
        settings: Settings::new("mx1.example.org".parse().unwrap()),
        policy: Arc::new(Policy::new(defaults, Vec::new()).unwrap()),
        dns: Arc::new(FixedZone::default()),
        sts: Arc::new(postern_fetch::NoSts),
        accounts: Arc::new(crate::NoAccounts),
        certificates: Arc::new(CertificateStore::load(&[], crate::clock::unix_time()).unwrap()),
        tls_clients: TlsClients::default(),
    }
}

/// Lets `work` run until it waits.
async fn begin(work: &mut (impl Future + Unpin)) {
    let waits = tokio::time::timeout(Duration::ZERO, work).await.is_err();
    assert!(waits, "there is nothing to wait for");
}

fn due(enqueued: &Enqueued) -> bool {
    matches!(enqueued, Enqueued::WorkerDue(_))
}

#[tokio::test]
async fn a_destination_gets_workers_when_a_first_connection_stands() {
    let world = World::new().await;
    let Enqueued::WorkerDue(mut first) = world.enqueue(3) else {
        panic!("a worker is due");
    };
    for _ in 0..2 {
        assert!(matches!(world.enqueue(3), Enqueued::InLine));
    }
    assert!(matches!(world.enqueue(3), Enqueued::Full(..)));
    let _job = first.next_job(LONG).await.unwrap();
    assert_eq!(
        first.stands().posts.len(),
        2,
        "two more jobs, two more workers"
    );
    assert_eq!(world.destinations.len(), 1);
}

#[tokio::test]
async fn every_job_wakes_a_worker() {
    let world = World::new().await;
    let (mut first, job) = world.worker(2).await;
    let Enqueued::WorkerDue(mut second) = world.enqueue(2) else {
        panic!("a worker is due");
    };
    drop((job, second.next_job(LONG).await));
    let mut waiting = (
        Box::pin(first.next_job(LONG)),
        Box::pin(second.next_job(LONG)),
    );
    begin(&mut waiting.0).await;
    begin(&mut waiting.1).await;
    for _ in 0..2 {
        assert!(matches!(world.enqueue(2), Enqueued::InLine));
    }
    let both = async { tokio::join!(waiting.0, waiting.1) };
    let (one, other) = tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .expect("both are woken");
    assert!(one.is_some() && other.is_some());
}

#[tokio::test]
async fn a_worker_that_panics_leaves_no_line_without_service() {
    let mut world = World::new().await;
    let (post, job) = world.worker(1).await;
    assert!(matches!(world.enqueue(1), Enqueued::InLine));
    drop((job, post));
    assert_eq!(world.lost(), 2);
    assert_eq!(world.destinations.len(), 0);
    assert!(due(&world.enqueue(1)));
}

#[tokio::test]
async fn a_worker_without_connection_leaves_its_job_to_those_with_one() {
    let world = World::new().await;
    let (mut first, _job) = world.worker(2).await;
    let Enqueued::WorkerDue(mut second) = world.enqueue(2) else {
        panic!("a worker is due");
    };
    let job = second.next_job(LONG).await.unwrap();
    assert!(second.give_way(job).is_ok());
    drop(second);
    assert!(!due(&world.enqueue(2)), "no more connections for a while");
    for _ in 0..2 {
        assert!(first.next_job(LONG).await.is_some());
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_destination_is_wrong_for_all_in_line() {
    let world = World::new().await;
    let (mut post, job) = world.worker(2).await;
    post.fell();
    assert!(matches!(world.enqueue(2), Enqueued::InLine));
    assert_eq!(post.give_way(job).unwrap_err().len(), 2);
}

/// It takes leave of its host, which may take a while; it does not come back to the line.
#[tokio::test]
async fn a_worker_that_takes_leave_is_not_relied_on() {
    let world = World::new().await;
    let (mut leaving, _job) = world.worker(2).await;
    let Enqueued::WorkerDue(mut other) = world.enqueue(2) else {
        panic!("a worker is due");
    };
    let job = other.next_job(LONG).await.unwrap();
    assert!(leaving.next_job(Duration::ZERO).await.is_none());
    assert_eq!(other.give_way(job).unwrap_err().len(), 1);
}

#[tokio::test]
async fn what_a_line_should_not_hold_is_shed() {
    let world = World::new().await;
    let (_post, _job) = world.worker(5).await;
    let posts: Vec<_> = (0..4).map(|_| world.enqueue(5)).collect();
    assert_eq!(world.destinations.shed().len(), 0);
    // A fifth job brings word that the destination may have a single connection now.
    let lost_their_place = world.enqueue(1);
    assert!(matches!(lost_their_place, Enqueued::Full(..)));
    assert_eq!(world.destinations.shed().len(), 3);
    drop(posts);
}

fn sender(job: &Job) -> String {
    job.part().claim.envelope().reverse_path.to_string()
}

/// Whoever sends much fills a line, and gives of it to whoever sends little.
#[tokio::test]
async fn senders_take_turns_and_the_busiest_gives_its_place() {
    let mut world = World::new().await;
    let bulk = ReversePath::parse_prefix("<news@bulk.example>").unwrap().0;
    let small = ReversePath::parse_prefix("<me@small.example>").unwrap().0;
    let claims = [claim(bulk).await, claim(small).await].map(Arc::new);
    world.claim = Arc::clone(&claims[0]);
    let (mut post, _job) = world.worker(4).await;
    let posts: Vec<_> = (0..4).map(|_| world.enqueue(4)).collect();
    assert!(matches!(world.enqueue(4), Enqueued::Full(..)));
    world.claim = Arc::clone(&claims[1]);
    assert!(matches!(world.enqueue(4), Enqueued::InLine));
    let crowded_out = |report: &Report| matches!(report.came_to, CameTo::Crowded { .. });
    let mut reports = std::iter::from_fn(|| world.reports.first());
    let displaced = reports.find(crowded_out).unwrap();
    let from = displaced.part.claim.envelope().reverse_path.to_string();
    assert_eq!(from, "<news@bulk.example>");
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(sender(&post.next_job(LONG).await.unwrap()));
    }
    let (bulk, small) = ("<news@bulk.example>", "<me@small.example>");
    assert_eq!(order, [bulk, small, bulk, bulk]);
    drop(posts);
}

/// A line full of fresh mail leaves a fifth of its places and its turns to what was tried before.
#[tokio::test]
async fn fresh_mail_goes_before_retries_but_for_one_in_five() {
    let world = World::new().await;
    let mut turns = turns::Turns::default();
    let again = |world: &World| {
        let job = world.job(9);
        let mut part = job.part().only(&[0]);
        part.recipients[0].attempts = 1;
        Job::new(part, Arc::clone(&world.reports))
    };
    for _ in 0..2 {
        turns.push(again(&world));
    }
    for _ in 0..8 {
        turns.push(world.job(9));
    }
    assert!(turns.displace(&again(&world)).is_none());
    let attempts: Vec<_> = turns.take_all();
    let attempts: Vec<_> = attempts
        .iter()
        .map(|job| job.part().recipients[0].attempts)
        .collect();
    assert_eq!(attempts, [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
}
