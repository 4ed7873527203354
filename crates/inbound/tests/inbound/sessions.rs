//! Sessions in clear, from the greeting to the queue.

use postern_inbound::Inbound;
use postern_mail::{BodyType, header::fields};

use crate::{
    client::{Client, queue_id},
    house::{House, Plan},
};

#[tokio::test]
async fn a_message_is_kept_as_it_came_below_our_field() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@sender.example", "mo@own.example").await;
    client.say("DATA", "354").await;
    let content = "Subject: dots\r\n\r\n..first\r\n\tspace \r\nlast\r\n";
    let reply = client
        .say(&format!("{content}."), "250 2.0.0 queued as ")
        .await;
    client.say("QUIT", "221 2.0.0").await;
    client.hear_end().await;

    let message = house.only_message().await;
    let id = message.id.to_string();
    assert_eq!(queue_id(&reply), id);
    let (received, rest) = message
        .content
        .split_at(message.content.find("Subject").unwrap());
    assert_eq!(rest, content.replace("..first", ".first"));
    let date = received.rsplit_once(";\r\n\t").unwrap().1;
    assert_eq!(
        received,
        format!(
            "Received: from client.example ([127.0.0.1])\r\n\
             \tby mx.own.example with ESMTP id {id}\r\n\
             \tfor <mo@own.example>;\r\n\
             \t{date}"
        )
    );
    assert_eq!(fields(received.as_bytes()).count(), 1);
    assert_eq!(
        message.envelope.reverse_path.to_string(),
        "<jo@sender.example>"
    );
    assert_eq!(message.envelope.recipients.len(), 1);
    assert_eq!(message.origin.helo, "client.example");
    assert_eq!(message.origin.address.ip().to_string(), "127.0.0.1");
    assert_eq!(message.origin.channel, "plain (the client did not use TLS)");
    assert_eq!(message.origin.partner, None);
}

#[tokio::test]
async fn helo_several_recipients_and_a_literal() {
    let house = Plan::new().serve();
    let mut client = Client::reach(house.address).await;
    client.hear("220").await;
    client
        .say("HELO [IPv6:2001:db8::1]", "250 mx.own.example")
        .await;
    client.envelope("", "mo@own.example").await;
    client.say("RCPT TO:<Postmaster>", "250 2.1.5").await;
    client.say("DATA", "354").await;
    client.say("\r\nbody\r\n.", "250").await;
    let message = house.only_message().await;
    let start = format!(
        "Received: from [IPv6:2001:db8::1] ([127.0.0.1])\r\n\
         \tby mx.own.example with SMTP id {};\r\n",
        message.id
    );
    assert!(message.content.starts_with(&start), "{}", message.content);
    assert_eq!(message.envelope.recipients.len(), 2);
}

#[tokio::test]
async fn one_session_carries_many_messages() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    for _ in 0..3 {
        let reply = client.deliver("jo@sender.example", "mo@own.example").await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    client.say("MAIL FROM:<jo@sender.example>", "250").await;
    client.say("RSET", "250").await;
    client.say("RCPT TO:<mo@own.example>", "503").await;
    assert_eq!(house.queued().await.len(), 3);
}

#[tokio::test]
async fn a_pipelined_group_with_chunks() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client
        .send(
            b"MAIL FROM:<j\xc3\xb6@sender.example> SMTPUTF8 BODY=8BITMIME RET=HDRS\r\n\
              RCPT TO:<m\xc3\xb6@own.example>\r\n\
              RCPT TO:<x@victim.example>\r\n\
              BDAT 10\r\nSubject: a\
              BDAT 9 LAST\r\n\r\n\r\nb\xc3\xa9\r\n",
        )
        .await;
    client.hear("250 2.1.0").await;
    client.hear("250 2.1.5").await;
    client.hear("550-5.7.1 Relaying denied").await;
    client.hear("250 2.0.0 10 octets received").await;
    client.hear("250 2.0.0 queued as").await;
    let message = house.only_message().await;
    let field = format!(
        "with UTF8SMTP id {}\r\n\tfor <m\u{f6}@own.example>;",
        message.id
    );
    assert!(message.content.contains(&field), "{}", message.content);
    assert!(message.content.ends_with("Subject: a\r\n\r\nb\u{e9}\r\n"));
    assert_eq!(message.envelope.body, BodyType::EightBitMime);
}

#[tokio::test]
async fn who_speaks_before_the_greeting_is_sent_away() {
    let plan = Plan::new();
    let settings = plan.settings.clone();
    let House { spool, notes, .. } = plan.serve();
    let inbound = Inbound::bind(&settings, spool, notes).unwrap();
    // The connection waits in the backlog with its first octets, and only then is served.
    let mut client = Client::reach(inbound.local_addresses()[0]).await;
    client.send(b"EHLO client.example\r\n").await;
    let serving = tokio::spawn(inbound.serve(std::future::pending()));
    client.hear("554 5.5.1").await;
    client.hear_end().await;
    serving.abort();
}

#[tokio::test]
async fn refusals_name_the_session() {
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client.say("MAIL FROM:<root@printer>", "553-5.1.8").await;
    client.say("MAIL FROM:<jo@sender.example>", "250").await;
    let refusal = client.say("RCPT TO:<x@victim.example>", "550-5.7.1").await;
    let (_, last) = refusal.split_once("\r\n").unwrap();
    assert!(last.starts_with("550 5.7.1 Session "), "{refusal}");
}
