//! The sending end against the receiving end, in memory: octets split at every boundary,
//! connections cut at every octet, time that passes only when told to.
//!
//! What must hold whatever happens on the way:
//! - a message is delivered for a recipient only if the server answered for it, for them;
//! - the server never has more than was sent: no recipient, no message, no octet;
//! - what the server has and the client does not know of was cut off behind the end of content;
//! - what asks for REQUIRETLS arrives over TLS with its wish, and over nothing else (P26);
//! - sent again until it is settled, every message arrives.

#![cfg(test)]

mod client;
mod server;
mod world;

use proptest::prelude::*;

use world::{Channel, Cut, Message, World};

/// Messages of every kind, and recipients of every fate (see `server::fate`).
fn messages() -> Vec<Message> {
    vec![
        Message::new(
            "one@a.example",
            &["x@b.example"],
            "Subject: 1\r\n\r\ntext\r\n",
        ),
        Message::new(
            "two@a.example",
            &[
                "x@b.example",
                "refused@b.example",
                "later@b.example",
                "y@b.example",
            ],
            ".\r\n..\r\n.a\r\n\r\n.\r\nMAIL FROM:<z@z.example>\r\n",
        ),
        Message::new("three@a.example", &["refused@b.example"], "nobody\r\n"),
        Message::new("four@a.example", &["x@b.example"], "no line end at the end"),
        Message::new(
            "refused@a.example",
            &["x@b.example", "y@b.example"],
            "no\r\n",
        ),
        Message::new("content-later@a.example", &["x@b.example"], "no\r\n"),
        Message::new("message-refused@a.example", &["x@b.example"], "no\r\n"),
        Message::new("message-later@a.example", &["x@b.example"], "no\r\n"),
        Message::new("five@a.example", &["d\u{f6}rte@b.example"], "t\u{eb}xt\r\n"),
        Message::new("six@a.example", &["x@b.example"], ""),
        Message::new("seven@a.example", &["x@b.example"], "secret\r\n").requiring_tls(),
    ]
}

/// How the server presents itself.
const CHANNELS: [Channel; 4] = [
    Channel::Clear,
    Channel::Upgraded,
    Channel::Dotted,
    Channel::Bare,
];

#[test]
fn everything_arrives_however_the_octets_are_split() {
    for channel in CHANNELS {
        for piece in [1, 2, 3, 5, 7, 64, usize::MAX] {
            let world = World::new(channel, messages()).in_pieces(piece).run();
            world.check_all_settled();
        }
    }
}

#[test]
fn everything_arrives_with_one_split_at_every_boundary() {
    for channel in CHANNELS {
        let octets = World::new(channel, messages()).run().octets_moved();
        for boundary in 0..octets {
            let world = World::new(channel, messages()).split_at(boundary).run();
            world.check_all_settled();
        }
    }
}

#[test]
fn a_connection_cut_at_every_octet_loses_and_doubles_nothing_it_need_not() {
    for channel in CHANNELS {
        let octets = World::new(channel, messages()).run().octets_moved();
        for at in 0..octets {
            let world = World::new(channel, messages())
                .in_pieces(64)
                .cut(Cut::Behind(at))
                .run();
            world.check();
            world.retry().check_all_settled();
        }
    }
}

#[test]
fn a_peer_that_falls_silent_at_every_octet_is_given_up() {
    let octets = World::new(Channel::Upgraded, messages())
        .run()
        .octets_moved();
    for at in (0..octets).step_by(7) {
        let world = World::new(Channel::Upgraded, messages())
            .cut(Cut::Silent(at))
            .run();
        world.check();
        world.retry().check_all_settled();
    }
}

#[test]
fn large_content_arrives_with_dots_at_the_edges_of_its_chunks() {
    for chunk in [1000, 1024, 4096, 16384, 65536] {
        let line = format!("{}\r\n", "x".repeat(chunk - 4));
        let content = format!("{line}.\r\n{line}..\r\n.{line}\r\n.\r\n");
        let message = Message::new("large@a.example", &["x@b.example"], &content);
        for distance in 0..6 {
            let world = World::new(Channel::Clear, vec![message.clone()])
                .in_chunks(chunk - distance)
                .in_pieces(1460);
            world.run().check_all_settled();
        }
    }
}

#[test]
fn five_hundred_recipients_need_several_groups() {
    let names: Vec<_> = (0..500)
        .map(|at| match at % 50 {
            7 => format!("refused{at}@b.example"),
            9 => format!("later{at}@b.example"),
            _ => format!("{}{at}@b.example", "x".repeat(60)),
        })
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    for channel in CHANNELS {
        let message = Message::new("many@a.example", &names, "text\r\n");
        World::new(channel, vec![message])
            .in_pieces(1460)
            .run()
            .check_all_settled();
    }
}

fn any_message() -> impl Strategy<Value = Message> {
    let sender = prop::sample::select(vec!["a", "b", "refused", "content-later", "message-later"]);
    let names = prop::sample::select(vec!["x", "y", "z", "refused", "later", "d\u{f6}rte"]);
    let recipients = prop::collection::btree_set(names, 1..5);
    let content = "([.a]{0,3}\r\n){0,6}[.a]{0,2}";
    (sender, recipients, content).prop_map(|(sender, names, content)| {
        let names: Vec<_> = names
            .iter()
            .map(|name| format!("{name}@b.example"))
            .collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        Message::new(&format!("{sender}@a.example"), &names, &content)
    })
}

proptest! {
    #[test]
    fn any_messages_over_any_connection(
        messages in prop::collection::vec(any_message(), 1..5),
        channel in prop::sample::select(CHANNELS.to_vec()),
        piece in 1..200_usize,
        chunk in 1..40_usize,
        cut in prop::option::of(0..2500_usize),
    ) {
        let world = World::new(channel, messages).in_pieces(piece).in_chunks(chunk);
        let world = match cut {
            Some(at) => world.cut(Cut::Behind(at)).run(),
            None => world.run(),
        };
        world.check();
        world.retry().check_all_settled();
    }
}
