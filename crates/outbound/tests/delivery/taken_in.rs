//! Mail for this mail system itself.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use postern_mail::{DomainPattern, ForwardPath, Notify};
use postern_outbound::{Frozen, LocalDelivery, LocalError, Schedule, Settings};
use postern_spool::{Claim, QueuedMessage};

use crate::{
    neighbour::{Neighbour, Tls},
    world::{Plan, World},
};

/// Takes in everything, once it has failed as often as it was told to.
#[derive(Debug, Default)]
struct Desk {
    failures: Mutex<Vec<LocalError>>,
    taken: Mutex<Vec<String>>,
    busy: AtomicUsize,
    busiest: AtomicUsize,
}

#[async_trait]
impl LocalDelivery for Desk {
    async fn deliver(&self, recipient: &ForwardPath, message: &Claim) -> Result<(), LocalError> {
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure);
        }
        let busy = self.busy.fetch_add(1, Ordering::SeqCst) + 1;
        self.busiest.fetch_max(busy, Ordering::SeqCst);
        let content = message.content().head(100).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.busy.fetch_sub(1, Ordering::SeqCst);
        let content = String::from_utf8_lossy(&content).into_owned();
        self.taken
            .lock()
            .unwrap()
            .push(format!("{recipient} {content}"));
        Ok(())
    }
}

fn plan(desk: &Arc<Desk>, neighbour: &Neighbour) -> Plan {
    let desk = Arc::clone(desk);
    Plan {
        routes: vec![("*", vec![neighbour.address])],
        schedule: Schedule {
            retry: vec![Duration::from_millis(20)],
            ..Schedule::default()
        },
        settle: Box::new(move |settings: &mut Settings| {
            settings.local = Some(desk);
            settings.local_addresses = vec!["Reports@own.example".parse().unwrap()];
        }),
        ..Plan::default()
    }
}

const TO: [&str; 2] = ["<reports@own.example>", "<jo@own.example>"];

#[tokio::test]
async fn an_address_of_ours_takes_its_mail_and_the_rest_goes_on() {
    let (desk, mut neighbour) = (Arc::default(), Neighbour::start(Tls::None).await);
    let world = World::start(plan(&desk, &neighbour));
    let id = world.submit("<me@from.example>", &TO, b"A: b\r\n").await;
    let recipients = neighbour.arrival().await.envelope.recipients;
    assert_eq!(recipients.len(), 1);
    assert_eq!(recipients[0].forward_path.to_string(), "<jo@own.example>");
    world.until_gone(id).await;
    assert_eq!(
        *desk.taken.lock().unwrap(),
        ["<reports@own.example> A: b\r\n"]
    );
}

/// What is unpacked and read takes memory and time, and strangers decide how much comes at once.
#[tokio::test]
async fn few_messages_are_taken_in_at_a_time() {
    let (desk, neighbour) = (Arc::<Desk>::default(), Neighbour::start(Tls::None).await);
    let world = World::start(plan(&desk, &neighbour));
    // All of them become due at the same time.
    let domain: DomainPattern = "own.example".parse().unwrap();
    world.outbound.freeze(Frozen {
        domain: domain.clone(),
        reason: "not yet".to_owned(),
        since: std::time::SystemTime::now(),
    });
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(
            world
                .submit("<me@from.example>", &TO[..1], b"A: b\r\n")
                .await,
        );
    }
    world.until_resting("own.example", 12).await;
    assert!(world.outbound.thaw(&domain));
    for id in ids {
        world.until_gone(id).await;
    }
    assert_eq!(desk.taken.lock().unwrap().len(), 12);
    assert_eq!(desk.busiest.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_address_in_many_spellings_is_one() {
    let (desk, neighbour) = (Arc::<Desk>::default(), Neighbour::start(Tls::None).await);
    let world = World::start(plan(&desk, &neighbour));
    let spellings = [
        "<reports@own.example>",
        "<REPORTS@own.example>",
        "<rePorts@own.example>",
    ];
    let id = world
        .submit("<me@from.example>", &spellings, b"A: b\r\n")
        .await;
    world.until_gone(id).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn who_wants_to_hear_of_success_hears_that_it_was_delivered() {
    let (desk, mut neighbour) = (Arc::default(), Neighbour::start(Tls::None).await);
    let world = World::start(plan(&desk, &neighbour));
    world
        .submit_changed("<me@from.example>", &TO[..1], |submission| {
            let notify: Notify = "SUCCESS".parse().unwrap();
            submission.envelope.recipients[0].notify = Some(notify);
        })
        .await;
    let notice = String::from_utf8(neighbour.arrival().await.content).unwrap();
    assert!(notice.contains("Action: delivered"), "{notice}");
    assert!(notice.contains("Status: 2.0.0"), "{notice}");
}

#[tokio::test]
async fn what_cannot_be_taken_in_now_comes_again() {
    let (desk, neighbour) = (Arc::<Desk>::default(), Neighbour::start(Tls::None).await);
    let busy = LocalError::Transient("the disk is full".to_owned());
    desk.failures.lock().unwrap().push(busy);
    let world = World::start(plan(&desk, &neighbour));
    let id = world
        .submit("<me@from.example>", &TO[..1], b"A: b\r\n")
        .await;
    world.until_gone(id).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_taken_in_at_all_goes_back() {
    let (desk, mut neighbour) = (Arc::<Desk>::default(), Neighbour::start(Tls::None).await);
    let never = LocalError::Permanent("this is no report".to_owned());
    desk.failures.lock().unwrap().push(never);
    let world = World::start(plan(&desk, &neighbour));
    let id = world
        .submit("<me@from.example>", &TO[..1], b"A: b\r\n")
        .await;
    let notice = String::from_utf8(neighbour.arrival().await.content).unwrap();
    assert!(notice.contains("Status: 5.2.0"), "{notice}");
    assert!(notice.contains("this is no report"), "{notice}");
    world.until_gone(id).await;
}

/// Nothing that may be forged is taken in.
#[tokio::test]
async fn suspicious_mail_is_not_taken_in() {
    let (desk, neighbour) = (Arc::<Desk>::default(), Neighbour::start(Tls::None).await);
    let world = World::start(plan(&desk, &neighbour));
    let id = world
        .submit_changed("<me@from.example>", &TO[..1], |submission| {
            submission.quarantined = Some("DMARC asks for it".to_owned());
        })
        .await;
    let tried = |message: Option<&QueuedMessage>| {
        message.is_some_and(|message| message.progress[0].attempts > 1)
    };
    world.until(id, tried).await;
    assert!(desk.taken.lock().unwrap().is_empty());
}
