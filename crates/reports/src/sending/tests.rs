//! Days that end, and reports that are sent once.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use postern_dns::FixedZone;

use super::*;
use crate::{
    Reporter,
    dmarc::{
        AggregateBook, AlignedResult, AppliedDisposition, AuthResults, Evaluated, Identifiers,
        JudgedMail, PublishedPolicy, RequestedPolicy, Row,
    },
    ledger::{AppliedPolicy, Ledger, PolicyOutcome, TlsSession},
};

/// Noon on 2026-11-23.
const NOON: u64 = 1_795_435_200;
const HOUR: u64 = 60 * 60;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// So many hours after the end of the day.
fn after(hours: u64) -> SystemTime {
    at(NOON + 12 * HOUR + hours * HOUR)
}

/// A courier that notes what it takes, and refuses where it is told to.
#[derive(Debug, Default)]
struct Notes {
    taken: Mutex<Vec<String>>,
    refusals: Mutex<VecDeque<&'static str>>,
}

impl Notes {
    fn take(&self, what: String) -> Result<(), CourierError> {
        let mut refusals = self.refusals.lock().unwrap();
        if refusals.front().is_some_and(|it| what.contains(it)) {
            refusals.pop_front();
            return Err(CourierError("not now".to_owned()));
        }
        self.taken.lock().unwrap().push(what);
        Ok(())
    }

    fn taken(&self) -> Vec<String> {
        let mut taken = std::mem::take(&mut *self.taken.lock().unwrap());
        taken.sort_unstable();
        taken
    }
}

#[async_trait]
impl Courier for Notes {
    async fn submit(&self, mail: ReportMail) -> Result<(), CourierError> {
        let to = mail
            .envelope
            .recipients
            .iter()
            .map(|it| it.forward_path.to_string());
        self.take(format!("mail {}", to.collect::<Vec<_>>().join(" ")))
    }

    async fn post(
        &self,
        url: &str,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<(), CourierError> {
        assert!(body.starts_with(b"\x1f\x8b"));
        self.take(format!("post {url} {content_type}"))
    }
}

const ZONE: &str = "
    _dmarc.example.org      TXT v=DMARC1; p=reject; rua=mailto:d@example.org
    _smtp._tls.example.org  TXT v=TLSRPTv1; rua=mailto:t@example.org,https://t.example.org/x
";

struct House {
    book: AggregateBook,
    ledger: Ledger,
    sending: Sending,
    notes: Arc<Notes>,
}

impl House {
    fn open(directory: &Path, zone: &str) -> Self {
        let (book, _) = AggregateBook::open(&directory.join("dmarc")).unwrap();
        let (ledger, _) = Ledger::open(&directory.join("ledger"), at(NOON)).unwrap();
        let (outgoing, problems) = Outgoing::open(&directory.join("sent")).unwrap();
        assert_eq!(problems, []);
        let notes = Arc::new(Notes::default());
        let reporter = Reporter {
            hostname: "mx.example.net".parse().unwrap(),
            organisation: "Example Net".to_owned(),
            contact: "postmaster@example.net".parse().unwrap(),
        };
        let sending = Sending::new(
            reporter,
            Wanted {
                dmarc: true,
                tls: true,
            },
            book.clone(),
            ledger.clone(),
            outgoing,
            Arc::new(zone.parse::<FixedZone>().unwrap()),
            Arc::clone(&notes) as Arc<dyn Courier>,
        );
        Self {
            book,
            ledger,
            sending,
            notes,
        }
    }

    fn count(&self, domain: &str, rua: &[&str]) {
        self.book.record(&JudgedMail {
            at: at(NOON),
            policy_domain: domain.parse().unwrap(),
            policy: PublishedPolicy::of(RequestedPolicy::Reject),
            rua: rua.iter().map(|it| (*it).to_owned()).collect(),
            row: Row {
                source_ip: "192.0.2.1".parse().unwrap(),
                evaluated: Evaluated {
                    disposition: AppliedDisposition::Pass,
                    dkim: AlignedResult::Pass,
                    spf: AlignedResult::Fail,
                    reasons: Vec::new(),
                },
                identifiers: Identifiers {
                    header_from: domain.to_owned(),
                    envelope_from: None,
                    envelope_to: None,
                },
                auth_results: AuthResults::default(),
            },
        });
    }

    fn session(&self, domain: &str) {
        let policy = AppliedPolicy::none(domain.parse().unwrap());
        self.ledger.record_session(&TlsSession {
            domain: domain.parse().unwrap(),
            at: at(NOON),
            sending_mta_ip: None,
            receiving_mx_hostname: None,
            receiving_mx_helo: None,
            receiving_ip: None,
            policies: vec![PolicyOutcome {
                policy,
                failure: None,
            }],
        });
    }

    async fn send(&self, now: SystemTime) -> Vec<String> {
        self.sending.send_due(now).await;
        self.notes.taken()
    }

    fn progress(&self, kind: ReportKind) -> Option<Progress> {
        let day = Day::of(at(NOON));
        let mut reports = self.sending.reports(day).into_iter();
        reports
            .find(|(key, _)| key.kind == kind)
            .and_then(|(_, progress)| progress)
    }
}

const EVERYTHING: [&str; 3] = [
    "mail <d@example.org>",
    "mail <t@example.org>",
    "post https://t.example.org/x application/tlsrpt+gzip",
];

#[tokio::test]
async fn a_finished_day_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path(), ZONE);
    house.count("example.org", &["mailto:d@example.org"]);
    house.session("example.org");
    // Not while it lasts, and not all at midnight.
    for now in [at(NOON), at(NOON + 12 * HOUR - 1), after(0)] {
        assert_eq!(house.send(now).await, [""; 0], "{now:?}");
    }
    let mut sent = Vec::new();
    for quarter in 0..16 {
        sent.extend(
            house
                .send(after(0) + Duration::from_secs(quarter * HOUR / 4))
                .await,
        );
    }
    sent.sort_unstable();
    assert_eq!(sent, EVERYTHING);
    assert!(matches!(
        house.progress(ReportKind::Dmarc),
        Some(Progress::Sent { .. })
    ));
    assert_eq!(house.send(after(5)).await, [""; 0]);
    // Nor is it after another start.
    house.book.flush_blocking().unwrap();
    house.ledger.flush_blocking().unwrap();
    drop(house);
    let house = House::open(directory.path(), ZONE);
    assert_eq!(house.send(after(6)).await, [""; 0]);
    assert_eq!(house.sending.reports(Day::of(at(NOON))).len(), 2);
    // Save where somebody asks for it.
    let day = Day::of(at(NOON));
    let again = house.sending.send_again(day, None, after(7)).await;
    assert_eq!(again.len(), 2);
    assert_eq!(house.notes.taken(), EVERYTHING);
    let other = "example.com".parse().unwrap();
    assert_eq!(
        house.sending.send_again(day, Some(&other), after(7)).await,
        []
    );
}

#[tokio::test]
async fn what_fails_is_tried_again_and_the_rest_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path(), ZONE);
    house.session("example.org");
    house
        .notes
        .refusals
        .lock()
        .unwrap()
        .extend(["post", "post"]);
    assert_eq!(house.send(after(4)).await, EVERYTHING[1..2]);
    let Some(Progress::Waiting {
        until,
        attempts,
        why,
    }) = house.progress(ReportKind::Tls)
    else {
        panic!("{:?}", house.progress(ReportKind::Tls));
    };
    assert_eq!((until, attempts), (after(4) + Duration::from_secs(600), 1));
    assert!(why.contains("https://t.example.org/x: not now"), "{why}");
    assert_eq!(house.send(until - Duration::from_secs(1)).await, [""; 0]);
    // The second refusal, across a restart.
    house.ledger.flush_blocking().unwrap();
    drop(house);
    let house = House::open(directory.path(), ZONE);
    house.notes.refusals.lock().unwrap().push_back("post");
    assert_eq!(house.send(until).await, [""; 0]);
    let Some(Progress::Waiting { until: later, .. }) = house.progress(ReportKind::Tls) else {
        panic!("{:?}", house.progress(ReportKind::Tls));
    };
    assert_eq!(later, until + Duration::from_secs(1200));
    assert_eq!(house.send(later).await, EVERYTHING[2..]);
    assert!(matches!(
        house.progress(ReportKind::Tls),
        Some(Progress::Sent { .. })
    ));
}

#[tokio::test]
async fn two_who_send_at_once_send_once() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path(), ZONE);
    house.count("example.org", &["mailto:d@example.org"]);
    house.session("example.org");
    // An operator asks for what is due while the task is at it, and both have looked before
    // either has sent.
    let now = after(4);
    let (one, other) = tokio::join!(house.sending.send_due(now), house.sending.send_due(now));
    let mut sent = house.notes.taken();
    sent.sort_unstable();
    assert_eq!(sent, EVERYTHING);
    assert_eq!((one.len(), other.len()), (2, 2));
    for (key, progress) in one.into_iter().chain(other) {
        assert!(matches!(progress, Progress::Sent { .. }), "{key}");
    }
}

#[tokio::test]
async fn nothing_is_tried_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let zone = "_smtp._tls.example.org FAIL servfail";
    let house = House::open(directory.path(), zone);
    house.session("example.org");
    let mut attempts = 0;
    for minutes in 0..3_000 {
        let now = after(0) + Duration::from_secs(60 * minutes);
        attempts += house.sending.send_due(now).await.len();
    }
    assert!((5..20).contains(&attempts), "{attempts}");
    assert!(matches!(
        house.progress(ReportKind::Tls),
        Some(Progress::GivenUp { .. })
    ));
}

#[tokio::test]
async fn whoever_wants_none_or_may_not_have_them_gets_none() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path(), "other.example A 192.0.2.1");
    house.count(
        "example.org",
        &["mailto:r@victim.example", "https://example.org/"],
    );
    house.session("example.org");
    assert_eq!(house.send(after(4)).await, [""; 0]);
    for kind in ReportKind::ALL {
        assert!(
            matches!(house.progress(*kind), Some(Progress::Unwanted { .. })),
            "{kind}"
        );
    }
    // That is settled, and not looked up again.
    assert_eq!(house.sending.due(after(5)), []);
}

#[tokio::test]
async fn a_day_long_past_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path(), ZONE);
    house.count("example.org", &["mailto:d@example.org"]);
    assert_eq!(house.sending.due(after(27)).len(), 1);
    assert_eq!(house.sending.due(after(28)), []);
}

#[tokio::test]
async fn many_reports_are_all_sent() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path(), "other.example A 192.0.2.1");
    for n in 0..50 {
        house.count(
            &format!("d{n}.example"),
            &[&format!("mailto:r@d{n}.example")],
        );
    }
    let spread: Vec<usize> = (0..=4)
        .map(|hour| house.sending.due(after(hour)).len())
        .collect();
    assert!(
        spread[0] < 5 && (10..40).contains(&spread[2]) && spread[4] == 50,
        "{spread:?}"
    );
    assert_eq!(house.send(after(4)).await.len(), 50);
    assert_eq!(house.send(after(4)).await, [""; 0]);
}

#[tokio::test]
async fn the_task_ends_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path(), ZONE);
    let cancellation = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn(house.sending.run(cancellation.clone()));
    cancellation.cancel();
    task.await.unwrap();
}
