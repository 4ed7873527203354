//! Content on its way into the queue.

use postern_testkit::client_config;

use crate::{
    client::{Client, queue_id},
    house::{House, Plan},
};

async fn transaction(house: &House) -> Client {
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@sender.example", "mo@own.example").await;
    client.say("DATA", "354").await;
    client
}

/// Sends content and returns the reply to it. The session must be good for another message.
async fn outcome(house: &House, content: &str) -> String {
    let mut client = transaction(house).await;
    let reply = client.say(&format!("{content}\r\n."), "").await;
    let next = client.deliver("jo@sender.example", "mo@own.example").await;
    assert!(next.starts_with("250"), "{next}");
    reply
}

#[tokio::test]
async fn a_message_in_a_loop_is_stopped() {
    let house = Plan::new().serve();
    for (hops, expected) in [
        (1, "250"),
        (100, "250"),
        (101, "554-5.4.6"),
        (300, "554-5.4.6"),
    ] {
        let hop = "Received: from a.example by b.example; now\r\n";
        let content = format!("{}Subject: x\r\n\r\n{hop}", hop.repeat(hops));
        let reply = outcome(&house, &content).await;
        assert!(reply.starts_with(expected), "{hops}: {reply}");
    }
    assert_eq!(house.queued().await.len(), 2 + 4);
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let house = Plan::new().serve();
    for header in ["X: y\r\n", "X: y\r\n folded\r\n", "Subject: long\r\n"] {
        let content = header.repeat(2 * 1024 * 1024 / header.len());
        let reply = outcome(&house, &content).await;
        assert!(reply.starts_with("552-5.3.4"), "{reply}");
    }
    assert_eq!(house.queued().await.len(), 3);
}

#[tokio::test]
async fn content_with_bare_line_ends_is_refused_whole() {
    let house = Plan::new().serve();
    for content in [
        "a\n.\nMAIL FROM:<>",
        "a\r.\rb",
        "a\0b",
        "a\r\n.\nb",
        "a\n.\r\nb",
    ] {
        let reply = outcome(&house, content).await;
        assert!(reply.starts_with("550 5.6.0"), "{content:?}: {reply}");
    }
    assert_eq!(house.queued().await.len(), 5);
}

#[tokio::test]
async fn a_client_that_leaves_in_content_leaves_nothing_behind() {
    let house = Plan::new().serve();
    let cuts: [&[u8]; 6] = [
        b"",
        b"Subject: x\r\n\r\nbody",
        b"body\r\n",
        b"body\r\n.",
        b"body\r\n.\r",
        b".\r",
    ];
    for cut in cuts {
        let mut client = transaction(&house).await;
        client.send(cut).await;
        drop(client);

        let client = Client::greet(house.address).await;
        let mut client = client
            .starttls(client_config(&house.pki.public, None))
            .await;
        client.ehlo().await;
        client.envelope("jo@sender.example", "mo@own.example").await;
        client.say("DATA", "354").await;
        client.send(cut).await;
        // Without close_notify, as somebody on the way would cut it.
        drop(client);

        let mut client = Client::greet(house.address).await;
        client.envelope("jo@sender.example", "mo@own.example").await;
        client.send(b"BDAT 4\r\nbody").await;
        client.hear("250").await;
        client.send(b"BDAT 100 LAST\r\n").await;
        client.send(cut).await;
        drop(client);
    }
    house.empty().await;
    assert!(house.queued().await.is_empty());
    assert_eq!(parts(&house), 0);
}

/// Files of content that has not been accepted.
pub(crate) fn parts(house: &House) -> usize {
    let incoming = house.pki.directory.path().join("spool/incoming");
    std::fs::read_dir(incoming).unwrap().count()
}

#[tokio::test]
async fn large_content_goes_by_way_of_a_file_and_stays_as_it_is() {
    let house = Plan::new().serve();
    let line = format!("{}\r\n", "0123456789abcde".repeat(60));
    let body = line.repeat(6 * 1024 * 1024 / line.len());
    let (first, second) = body.split_at(body.len() / 2);

    let mut client = transaction(&house).await;
    client.send(b"Subject: large\r\n\r\n").await;
    client.send(first.as_bytes()).await;
    while parts(&house) == 0 {
        tokio::task::yield_now().await;
    }
    client.send(second.as_bytes()).await;
    let reply = client.say(".", "250").await;

    let message = house.only_message().await;
    assert_eq!(message.id.to_string(), queue_id(&reply));
    let (received, rest) = message
        .content
        .split_at(message.content.find("Subject").unwrap());
    assert!(received.starts_with("Received: from client.example"));
    assert_eq!(
        rest.strip_prefix("Subject: large\r\n\r\n"),
        Some(body.as_str())
    );
    assert_eq!(parts(&house), 0);
}

#[tokio::test]
async fn content_beyond_the_limit_is_swallowed_and_refused() {
    let house = Plan::new()
        .limited(|limits| limits.session.content = 100_000)
        .serve();
    let mut client = Client::greet(house.address).await;
    client
        .say("MAIL FROM:<jo@sender.example> SIZE=100001", "552 5.3.4")
        .await;
    let line = "x".repeat(98) + "\r\n";
    assert!(
        outcome(&house, &line.repeat(2000))
            .await
            .starts_with("552 5.3.4")
    );
    assert_eq!(house.queued().await.len(), 1);
}
