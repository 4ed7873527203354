//! A queue that does not take what it is given.

use crate::{client::Client, house::Plan};

#[tokio::test]
async fn a_poisoned_queue_takes_no_mail() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@sender.example", "mo@own.example").await;
    client.say("DATA", "354").await;
    house.spool.poison();
    client.say("\r\nbody\r\n.", "451-4.3.0").await;
    client
        .say("MAIL FROM:<jo@sender.example>", "451-4.3.0")
        .await;
    let mut other = Client::greet(house.address).await;
    other
        .say("MAIL FROM:<jo@sender.example>", "451-4.3.0")
        .await;
    other.say("QUIT", "221").await;
    assert!(house.queued().await.is_empty());
}

#[tokio::test]
async fn a_full_queue_takes_mail_again_once_there_is_room() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    house.spool.fill(true);
    client
        .say("MAIL FROM:<jo@sender.example> SIZE=1000", "452-4.3.1")
        .await;
    house.spool.fill(false);
    client.envelope("jo@sender.example", "mo@own.example").await;
    house.spool.fill(true);
    client.say("DATA", "452-4.3.1").await;
    house.spool.fill(false);
    client.say("DATA", "354").await;
    house.spool.fill(true);
    client.say("\r\nbody\r\n.", "452-4.3.1").await;
    house.spool.fill(false);
    client.deliver("jo@sender.example", "mo@own.example").await;
    assert_eq!(house.queued().await.len(), 1);
}

#[tokio::test]
async fn content_that_cannot_be_written_is_swallowed_and_refused() {
    let house = Plan::new().serve();
    std::fs::remove_dir_all(house.pki.directory.path().join("spool/incoming")).unwrap();
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@sender.example", "mo@own.example").await;
    client.say("DATA", "354").await;
    let line = "x".repeat(78) + "\r\n";
    client
        .send(line.repeat(2 * 1024 * 1024 / line.len()).as_bytes())
        .await;
    client.say(".", "451-4.3.0").await;
    // What fits into memory needs no file.
    client.deliver("jo@sender.example", "mo@own.example").await;
    assert_eq!(house.queued().await.len(), 1);
}

#[tokio::test]
async fn a_size_that_does_not_fit_on_the_disk_is_refused_at_once() {
    let house = Plan::new()
        .limited(|limits| limits.session.content = u64::MAX)
        .serve();
    let mut client = Client::greet(house.address).await;
    let mail = format!("MAIL FROM:<jo@sender.example> SIZE={}", u64::MAX / 4);
    client.say(&mail, "452-4.3.1").await;
}
