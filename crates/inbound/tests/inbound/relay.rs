//! Never an open relay (RFC 2505): what nmap's `smtp-open-relay` and abuse.net try, and more.

use postern_inbound::{Role, TlsMode};

use crate::{
    client::Client,
    house::{Plan, relay},
};

/// What strangers try: MAIL, RCPT, and what RCPT gets.
const ATTEMPTS: &[(&str, &str, &str)] = &[
    // Plain attempts, with senders of every kind.
    ("<a@stranger.example>", "<x@victim.example>", "550"),
    ("<>", "<x@victim.example>", "550"),
    ("<jo@own.example>", "<x@victim.example>", "550"),
    ("<postmaster@own.example>", "<x@victim.example>", "550"),
    ("<a@[127.0.0.1]>", "<x@victim.example>", "550"),
    ("<a@mx.own.example>", "<x@victim.example>", "550"),
    ("<a@victim.example>", "<x@victim.example>", "550"),
    // Spellings of a foreign domain.
    ("<>", "<x@VICTIM.Example>", "550"),
    ("<>", "<x@victim.example.>", "550"),
    ("<>", "<\"x\"@victim.example>", "550"),
    ("<>", "<x@own.example.victim.example>", "550"),
    ("<>", "<x@notown.example>", "550"),
    ("<>", "<x@sub.own.example>", "550"),
    ("<>", "<postmaster@victim.example>", "550"),
    ("<>", "<x@localhost>", "550"),
    ("<>", "<x@mx.own.example>", "550"),
    // Addresses in place of domains, our own among them.
    ("<>", "<x@[192.0.2.1]>", "550"),
    ("<>", "<x@[127.0.0.1]>", "550"),
    ("<>", "<x@[IPv6:::1]>", "550"),
    ("<>", "<x@[IPv6:::ffff:127.0.0.1]>", "550"),
    ("<>", "<postmaster@[127.0.0.1]>", "550"),
    ("<>", "<x@127.0.0.1>", "550"),
    // Source routes are dropped, and what remains is judged.
    ("<>", "<@own.example:x@victim.example>", "550"),
    ("<>", "<@own.example,@own.example:x@victim.example>", "550"),
    ("<>", "<@[127.0.0.1]:x@victim.example>", "501"),
    ("<>", "<@victim.example:jo@own.example>", "250"),
    // Routes in a foreign local part stay foreign.
    ("<>", "<x%own.example@victim.example>", "550"),
    ("<>", "<own.example!x@victim.example>", "550"),
    ("<>", "<\"x@own.example\"@victim.example>", "550"),
    // Routes in a local part of ours are local parts of ours.
    ("<>", "<x%victim.example@own.example>", "250"),
    ("<>", "<\"x%victim.example\"@own.example>", "250"),
    ("<>", "<\"x@victim.example\"@own.example>", "250"),
    ("<>", "<victim.example!x@own.example>", "250"),
    ("<>", "<\"victim.example!x\"@own.example>", "250"),
    ("<>", "<jo@a.sub.own.example>", "250"),
    ("<>", "<Postmaster>", "250"),
    // What is no path at all.
    ("<>", "<x@victim.example@own.example>", "501"),
    ("<>", "<jo@own.example><x@victim.example>", "501"),
    ("<>", "<jo@own.example>,<x@victim.example>", "501"),
    ("<>", "<jo@own.example,x@victim.example>", "501"),
    ("<>", "<x@victim.example", "501"),
    ("<>", "x@victim.example", "501"),
    ("<>", "<x>", "501"),
    ("<>", "<x%victim.example>", "501"),
    ("<>", "<victim.example!x>", "501"),
    ("<>", "<\"x@victim.example\">", "501"),
    ("<>", "<x@victim.example(own.example)>", "501"),
    ("<>", "<x@victim.example (own.example)>", "501"),
    ("<>", "(<jo@own.example>) <x@victim.example>", "501"),
    ("<>", "<>", "501"),
    ("<>", "<@own.example>", "501"),
    ("<>", "<jo@own.example\0@victim.example>", "501"),
    ("<>", "<\u{ff58}@victim.example>", "553"),
];

/// Holds every attempt against a server, from an address of ours.
async fn check_closed(plan: Plan, source: &str) {
    let house = plan.limited(|limits| limits.session.errors = 1000).serve();
    let mut client = Client::reach_from(source, house.address).await;
    client.hear("220").await;
    client.ehlo().await;
    for (from, to, expected) in ATTEMPTS {
        client.say(&format!("MAIL FROM:{from}"), "250").await;
        let reply = client.say(&format!("RCPT TO:{to}"), "").await;
        assert!(reply.starts_with(expected), "{from} {to}: {reply}");
        if *expected == "550" {
            assert!(
                reply.starts_with("550-5.7.1 Relaying denied"),
                "{from} {to}: {reply}"
            );
        }
        // Nor does it help to try again, beside a recipient of ours, or to go on to the content.
        client.say("RCPT TO:<jo@own.example>", "250").await;
        let again = client.say(&format!("RCPT TO:{to}"), "").await;
        assert_eq!(again, reply, "{from} {to}");
        client.say("DATA", "354").await;
        client.say("\r\n.", "250").await;
    }
    for message in house.queued().await {
        for recipient in message.envelope.recipients {
            let domain = recipient.domain().map(ToString::to_string);
            let ours = domain.is_none_or(|it| it == "own.example" || it == "a.sub.own.example");
            assert!(ours, "{}", recipient.forward_path);
        }
    }
}

#[tokio::test]
async fn strangers_cannot_relay() {
    check_closed(Plan::new(), "127.0.0.1").await;
}

#[tokio::test]
async fn strangers_cannot_relay_on_a_relay_listener() {
    let plan = Plan::new().listening(relay(&["127.0.0.2", "10.0.0.0/8"]), TlsMode::StartTls);
    check_closed(plan, "127.0.0.3").await;
}

#[tokio::test]
async fn a_listener_for_strangers_trusts_no_address() {
    let house = Plan::new().listening(Role::Mx, TlsMode::None).serve();
    let mut client = Client::greet(house.address).await;
    client.say("MAIL FROM:<jo@own.example>", "250").await;
    client.say("RCPT TO:<x@victim.example>", "550-5.7.1").await;
    client.say("DATA", "554").await;
}

#[tokio::test]
async fn our_own_hosts_send_to_any_domain() {
    let plan = Plan::new().listening(relay(&["127.0.0.2"]), TlsMode::StartTls);
    let house = plan.serve();
    let mut client = Client::reach_from("127.0.0.2", house.address).await;
    client.hear("220").await;
    client.ehlo().await;
    for to in ["x@victim.example", "x@[192.0.2.1]", "jo@own.example"] {
        client.envelope("root@printer", to).await;
        client.say("RSET", "250").await;
    }
    client.deliver("jo@own.example", "x@victim.example").await;
    let message = house.only_message().await;
    let path = &message.envelope.recipients[0].forward_path;
    assert_eq!(path.to_string(), "<x@victim.example>");
}

/// What other servers take from trusted peers to change who a client seems to be.
#[tokio::test]
async fn nobody_can_pretend_to_be_somewhere_else() {
    let plan = Plan::new().listening(relay(&["127.0.0.2"]), TlsMode::StartTls);
    let house = plan.serve();
    let mut client = Client::greet(house.address).await;
    client.say("XCLIENT ADDR=127.0.0.2", "500").await;
    client.say("XFORWARD ADDR=127.0.0.2", "500").await;
    client
        .say("PROXY TCP4 127.0.0.2 127.0.0.1 1 25", "500")
        .await;
    client.say("MAIL FROM:<jo@own.example>", "250").await;
    client.say("RCPT TO:<x@victim.example>", "550-5.7.1").await;
}
