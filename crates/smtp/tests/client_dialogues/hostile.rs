//! Servers that answer anything to anything.

use proptest::prelude::*;

use crate::shell::{Pieces, Shell};

/// One reply after the other, each to whatever the client said last; what the client reports.
fn converse(replies: &[&str], pieces: Pieces) -> Vec<String> {
    let mut shell = Shell::new(pieces);
    let mut reported = Vec::new();
    for reply in replies {
        shell.hear(reply.as_bytes());
        while let Some(fact) = shell.take_fact() {
            match fact.as_str() {
                "opened []" | "opened [Pipelining]" => shell.obey("clear", [].into()),
                "idle" if reported.iter().all(|fact| fact != "idle") => shell.obey(
                    "send <a@b.example> to <c@d.example>",
                    [Some("text\r\n".to_owned())].into(),
                ),
                _ => {}
            }
            reported.push(fact);
        }
    }
    reported
}

/// Whether these replies, one to each question, deliver a message for one recipient.
fn delivers(replies: &[&str]) -> bool {
    let mut codes = replies.iter().map(|reply| &reply[..3]);
    let mut next = || codes.next().unwrap_or_default();
    let introduced = next() == "220" && {
        let ehlo = next();
        ehlo == "250" || (ehlo.starts_with('5') && next() == "250")
    };
    introduced
        && next().starts_with('2')
        && next().starts_with('2')
        && next() == "354"
        && next().starts_with('2')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn only_the_right_answers_in_the_right_places_deliver(
        replies in prop::collection::vec(
            prop::sample::select(vec![
                "220 ready\r\n",
                "250 ok\r\n",
                "250 ok\r\n",
                "250-mx\r\n250 PIPELINING\r\n",
                "354 go\r\n",
                "354 go\r\n",
                "450 later\r\n",
                "550 no\r\n",
                "421 bye\r\n",
            ]),
            0..9,
        ),
        begun in prop::bool::ANY,
    ) {
        let mut all = if begun { vec!["220 ready\r\n", "250 ok\r\n"] } else { Vec::new() };
        all.extend(replies);
        for pieces in [Pieces::Whole, Pieces::Octets] {
            let delivered = converse(&all, pieces)
                .iter()
                .any(|fact| fact.starts_with("<c@d.example> delivered"));
            prop_assert_eq!(delivered, delivers(&all));
        }
    }

    #[test]
    fn any_octets_are_survived(octets in prop::collection::vec(
        prop::sample::select(b"22543 0-\r\n\0S\xff".to_vec()), 1..80,
    )) {
        let greeting = "220 ready\r\n";
        for pieces in [Pieces::Whole, Pieces::Octets] {
            let mut shell = Shell::new(pieces);
            shell.hear(greeting.as_bytes());
            shell.hear(&octets);
            while let Some(fact) = shell.take_fact() {
                prop_assert!(fact.starts_with("opened") || fact.starts_with("ended"), "{}", fact);
            }
        }
    }
}
