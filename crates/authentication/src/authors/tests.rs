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

#[track_caller]
fn check_author(header: &str, expected: Result<&str, &str>) {
    let found = author(header.as_bytes());
    let shown = match &found {
        Author::One(domain) => Ok(domain.as_str()),
        _ => Err(found.to_string()),
    };
    assert_eq!(
        shown.as_ref().map_err(String::as_str),
        expected.as_ref().map_err(|it| *it),
        "{header:?}"
    );
}

#[test]
fn one_field_with_one_domain_is_an_author() {
    for from in [
        "From: jo@a.example",
        "from : Jo <jo@A.Example.>",
        "From: jo@a.example, mo@a.example",
        "From: Jo\r\n\t<jo@a.example>",
        "From: \"mo@b.example via list\" <jo@a.example>",
        "Subject: x\r\n From: mo@b.example\r\nFrom: jo@a.example",
        "From: jo@a.example\r\n\r\nFrom: mo@b.example",
    ] {
        check_author(&format!("{from}\r\n\r\n"), Ok("a.example"));
    }
}

#[test]
fn two_fields_are_none_however_they_are_hidden() {
    let several = Err("the From field does not name one author domain: a.example, b.example");
    for header in [
        "From: jo@a.example\r\nFrom: mo@b.example",
        "From: jo@a.example\r\nFrom : mo@b.example",
        "From: jo@a.example\r\nFrom\t: mo@b.example",
        "From: jo@a.example\r\nFROM: mo@b.example",
        "From: jo@a.example\r\nno field\r\nFrom: mo@b.example",
        "From: jo@a.example\r\n\x00From: mo@b.example",
        "From: jo@a.example\rFrom: mo@b.example",
        "From: jo@a.example\nFrom: mo@b.example",
        " From: jo@a.example\r\nFrom: mo@b.example",
        "Subject: x\rFrom: jo@a.example\r\nFrom: mo@b.example",
    ] {
        check_author(&format!("{header}\r\n\r\n"), several);
    }
    let same = "the From field does not name one author domain: a.example";
    check_author(
        "From: jo@a.example\r\nFrom: mo@a.example\r\n\r\n",
        Err(same),
    );
}

#[test]
fn what_names_no_domain_is_no_author() {
    check_author("", Err("no From field names an author"));
    check_author(
        "Subject: x\r\n\r\nFrom: jo@a.example\r\n",
        Err("no From field names an author"),
    );
    let unusable = Err("the From field cannot be used: it names no domain");
    check_author("From: undisclosed\r\n\r\n", unusable);
    check_author("From: jo@[192.0.2.1]\r\n\r\n", unusable);
    check_author("From:\r\n\r\n", unusable);
}

proptest! {
    #[test]
    fn a_second_field_is_never_overlooked(before in "[a-zA-Z<>():;@. \\t\\r\\n]{0,40}") {
        let header = format!("X: {before}\r\nFrom: jo@a.example\r\nFrom: mo@b.example\r\n\r\n");
        let ended = before.contains("\n\n") || before.contains("\n\r\n") || before.ends_with('\n') || before.contains("\r\r\n");
        prop_assume!(!ended);
        prop_assert!(author(header.as_bytes()).domain().is_none());
    }

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
