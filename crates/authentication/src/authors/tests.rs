use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(fields: &str, expected: &[&str]) {
    let found = domains(fields.as_bytes());
    let found: Vec<_> = found.iter().map(Domain::as_str).collect();
    assert_eq!(found, expected, "{fields:?}");
}

#[test]
fn every_mailbox_of_every_field_counts() {
    check("", &[]);
    check("From:\r\n", &[]);
    check("From: undisclosed\r\n", &[]);
    check("From: a@p.example\r\n", &["p.example"]);
    check("From: Jo <a@P.Example>\r\n", &["p.example"]);
    check(
        "From: <a@b.example>,\r\n\tJo <c@d.example>\r\n",
        &["b.example", "d.example"],
    );
    check(
        "From: a@b.example\r\nFrom: c@d.example\r\n",
        &["b.example", "d.example"],
    );
    check(
        "From: team: a@b.example, Jo <c@d.example>;\r\n",
        &["b.example", "d.example"],
    );
    check("From: a@b.example, c@b.example\r\n", &["b.example"]);
    check("From: a@b.example", &["b.example"]);
    check("From: a@[192.0.2.1]\r\n", &[]);
    check(
        "From: a@b\u{fc}cher.example\r\n",
        &["xn--bcher-kva.example"],
    );
}

#[test]
fn quotations_and_comments_name_nobody() {
    check("From: \"ceo@p.example\" <a@b.example>\r\n", &["b.example"]);
    check(
        "From: \"x \\\" ceo@p.example\" <a@b.example>\r\n",
        &["b.example"],
    );
    check(
        "From: <a@b.example> (for (ceo@p.example))\r\n",
        &["b.example"],
    );
    check("From: \"a@p.example\"@b.example\r\n", &["b.example"]);
}

#[test]
fn what_some_reader_may_show_counts() {
    check(
        "From: ceo@p.example <a@b.example>\r\n",
        &["b.example", "p.example"],
    );
    check(
        "From: <a@b.example> <ceo@p.example>\r\n",
        &["b.example", "p.example"],
    );
    check("From: <ceo@p.example\r\n", &["p.example"]);
    check("From: \"Jo <ceo@p.example>\r\n", &["p.example"]);
    check("From: (Jo <ceo@p.example>\r\n", &["p.example"]);
    check("From: \"x\r\nFrom: ceo@p.example\"\r\n", &["p.example"]);
    check("From: ceo@p . example\r\n", &["p.example"]);
    check("From: ceo @ p.example\r\n", &["p.example"]);
    check("From: ceo@(x)p(y).example.\r\n", &["p.example"]);
    check("From: ceo\r\n @\r\n p.example\r\n", &["p.example"]);
    check(
        "From: <@b.example:ceo@p.example>\r\n",
        &["b.example", "p.example"],
    );
    check(
        "From: ceo@p.example@b.example\r\n",
        &["b.example", "p.example"],
    );
    check(
        "From: a@b.example ceo@p.example\r\n",
        &["b.example", "p.example"],
    );
    check("From: \u{202e}<ceo@p.example>\r\n", &["p.example"]);
}

/// A mailbox without an address is shown as it reads.
#[test]
fn what_is_shown_in_place_of_an_address_counts() {
    for shown in [
        "=?utf-8?b?Y2VvQHAuZXhhbXBsZQ==?=",
        "<=?utf-8?b?Y2VvQHAuZXhhbXBsZQ==?=>",
        "=?utf-8?q?ceo=40p.example?=",
        "=?utf-8?q?ceo=40p?= =?utf-8?q?=2Eexample?=",
        "ceo=?utf-8?q?=40p.example?=",
        "ceo@=?utf-8?q?p.example?=",
        "ceo@p=?utf-8?q?=2Eexample?=",
        "\"ceo@p.example\"",
        "\"ceo@p.example\" <>",
        "(ceo@p.example)",
        "ceo@\"p.example\"",
        "ceo@[p.example]",
        "ceo@.p.example",
        "ceo@p\\.example",
        "ceo@p.example'",
        "ceo@p.example!",
        "ceo@p.example/x",
        "ceo\u{ff20}p.example",
        "ceo@p\u{3002}example",
        "ceo@p\u{ad}.example",
    ] {
        check(&format!("From: {shown}\r\n"), &["p.example"]);
        let besides = format!("From: {shown}, <a@b.example>\r\n");
        check(&besides, &["b.example", "p.example"]);
    }
    check(
        "From: 'ceo@p.example' <a@b.example>\r\n",
        &["b.example", "p.example"],
    );
    check(
        "From: ceo@=?utf-8?q?p.example?= <a@b.example>\r\n",
        &["b.example", "p.example"],
    );
}

/// Lists that send on what others wrote put their addresses there.
#[test]
fn display_names_with_an_address_name_nobody() {
    for name in [
        "\"ceo@p.example via list\"",
        "=?utf-8?q?ceo=40p.example?=",
        "=?utf-8?b?Y2VvQHAuZXhhbXBsZQ==?=",
    ] {
        check(&format!("From: {name} <a@b.example>\r\n"), &["b.example"]);
    }
}

proptest! {
    #[test]
    fn a_mailbox_is_found_whatever_comes_before_it(before in "[a-z<>()\\[\\]\",;:@. \\\\]{0,30}") {
        let fields = format!("From: {before}\r\nFrom: Jo <ceo@p.example>\r\n");
        let found = domains(fields.as_bytes());
        prop_assert!(found.contains(&"p.example".parse().unwrap()), "{:?}", found);
    }

    #[test]
    fn pieces_of_addresses_are_survived(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "From:", "\r\n", "\n ", "<", ">", "@", ".", ",", ";", ":", "(", ")", "[", "]",
                "\"", "\\", "=?utf-8?q?", "=?utf-8?b?", "=40", "?=", "a", "p.example", "\u{e9}",
                "\0", " ", "\t",
            ]),
            0..60,
        ),
    ) {
        let fields = format!("From: {}\r\nFrom: jo@p.example\r\n", pieces.concat());
        let found = domains(fields.as_bytes());
        prop_assert!(found.contains(&"p.example".parse().unwrap()), "{:?}", found);
    }

    #[test]
    fn any_octets_are_survived(fields in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(domains(&fields).len() <= fields.len());
    }
}
