//! Whom mail is for, by tables that an operator might write.

use proptest::prelude::*;

use super::*;

/// `sales@a: jo@a mo@b` is an alias, `@a: jo@b` one for the rest of a domain, `a = b` a renaming.
fn rewriting(lines: &[&str]) -> Rewriting {
    let (mut aliases, mut renamings) = (Vec::new(), Vec::new());
    for line in lines {
        if let Some((domain, to)) = line.split_once(" = ") {
            let (domain, to) = (domain.parse().unwrap(), to.parse().unwrap());
            renamings.push(Renaming { domain, to });
        } else {
            let (address, to) = line.split_once(':').unwrap();
            let to = to.split_whitespace().map(|to| to.parse().unwrap());
            let (address, to) = (address.parse().unwrap(), to.collect());
            aliases.push(Alias { address, to });
        }
    }
    Rewriting::new(aliases, renamings, None)
}

fn path(mailbox: &str) -> ForwardPath {
    ForwardPath::from(mailbox.parse::<Mailbox>().unwrap())
}

/// Whom mail for `recipient` is for, or why that is not known.
fn behind(rewriting: &Rewriting, recipient: &str) -> String {
    match rewriting.recipient(&path(recipient), SystemTime::UNIX_EPOCH) {
        Ok(rewritten) => {
            let to = rewritten.to.iter().filter_map(ForwardPath::mailbox);
            to.map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        Err(error) => format!("{error:?}").split('(').next().unwrap().to_owned(),
    }
}

#[track_caller]
fn check(lines: &[&str], expected: &[(&str, &str)]) {
    let rewriting = rewriting(lines);
    for (recipient, to) in expected {
        assert_eq!(
            behind(&rewriting, recipient),
            *to,
            "{recipient} by {lines:?}"
        );
    }
}

#[test]
fn an_alias_stands_for_its_targets_and_nothing_else_does() {
    check(
        &["sales@a.example: jo@a.example mo@b.example"],
        &[
            ("sales@a.example", "jo@a.example mo@b.example"),
            ("SALES@A.example", "jo@a.example mo@b.example"),
            ("Jo@a.example", "Jo@a.example"),
            ("sales@b.example", "sales@b.example"),
            ("sales@[192.0.2.1]", "sales@[192.0.2.1]"),
        ],
    );
}

#[test]
fn the_rest_of_a_domain_goes_where_no_other_alias_leads() {
    check(
        &["@a.example: all@b.example", "jo@a.example: jo@c.example"],
        &[
            ("jo@a.example", "jo@c.example"),
            ("mo@a.example", "all@b.example"),
            ("mo@sub.a.example", "mo@sub.a.example"),
        ],
    );
}

#[test]
fn a_renamed_domain_keeps_local_parts_and_their_case() {
    check(
        &[
            "old.example = new.example",
            "boss@old.example: chief@c.example",
            "it@new.example: helpdesk@c.example",
        ],
        &[
            ("Jo.Doe@old.example", "Jo.Doe@new.example"),
            ("boss@old.example", "chief@c.example"),
            ("it@old.example", "helpdesk@c.example"),
            ("\"a b\"@old.example", "\"a b\"@new.example"),
        ],
    );
}

#[test]
fn chains_are_followed_and_everybody_is_found_once() {
    check(
        &[
            "all@a.example: sales@a.example staff@a.example jo@a.example",
            "sales@a.example: jo@a.example mo@a.example",
            "staff@a.example: mo@a.example sales@a.example lo@a.example",
        ],
        &[("all@a.example", "jo@a.example mo@a.example lo@a.example")],
    );
}

#[test]
fn an_alias_that_names_itself_keeps_its_own_copy() {
    check(
        &[
            "jo@a.example: jo@a.example archive@b.example",
            "@c.example: jo@c.example",
        ],
        &[
            ("jo@a.example", "jo@a.example archive@b.example"),
            ("mo@c.example", "jo@c.example"),
            ("jo@c.example", "jo@c.example"),
        ],
    );
}

#[test]
fn loops_and_aliases_of_nobody_are_refused() {
    let lines = [
        "x@a.example: y@a.example",
        "y@a.example: z@a.example X@a.example",
        "into@a.example: x@a.example",
        "old.example = older.example",
        "older.example = old.example",
        "none@a.example:",
        "fine@a.example: z@a.example",
    ];
    check(
        &lines,
        &[
            ("x@a.example", "Loop"),
            ("y@a.example", "Loop"),
            ("into@a.example", "Loop"),
            ("jo@old.example", "Loop"),
            ("none@a.example", "Nobody"),
            ("fine@a.example", "z@a.example"),
        ],
    );
    let faults = rewriting(&lines).faults();
    assert_eq!(faults.len(), 6, "{faults:?}");
    assert!(
        faults
            .iter()
            .all(|(path, _)| path.to_string() != "<fine@a.example>")
    );
}

#[test]
fn long_chains_and_large_aliases_are_refused() {
    let chain: Vec<_> = (0..=Rewriting::DEEPEST)
        .map(|step| format!("s{step}@a.example: s{}@a.example", step + 1))
        .collect();
    let chain: Vec<_> = chain.iter().map(String::as_str).collect();
    let end = format!("s{}@a.example", Rewriting::DEEPEST + 1);
    check(
        &chain,
        &[("s0@a.example", "TooDeep"), ("s1@a.example", &end)],
    );

    let large = |many: usize| {
        let targets = (0..many).map(|n| format!(" t{n}@b.example"));
        format!("large@a.example:{}", targets.collect::<String>())
    };
    check(
        &[&large(Rewriting::MOST + 1)],
        &[("large@a.example", "TooMany")],
    );
    let just = rewriting(&[&large(Rewriting::MOST)]);
    let rewritten = just.recipient(&path("large@a.example"), SystemTime::UNIX_EPOCH);
    assert_eq!(rewritten.unwrap().to.len(), Rewriting::MOST);
}

/// Thirty aliases, each of which names the next one twice over, are a billion ways.
#[test]
fn what_was_followed_is_not_followed_again() {
    let lines: Vec<_> = (0..30)
        .flat_map(|step| {
            let next = step + 1;
            [
                format!("x{step}@a.example: x{next}@a.example y{next}@a.example"),
                format!("y{step}@a.example: x{next}@a.example y{next}@a.example"),
            ]
        })
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    check(&lines, &[("x0@a.example", "x30@a.example y30@a.example")]);
}

#[test]
fn the_bare_postmaster_is_whom_it_names() {
    let all = rewriting(&["@a.example: jo@b.example"]);
    let rewritten = all.recipient(&ForwardPath::Postmaster, SystemTime::UNIX_EPOCH);
    assert_eq!(
        rewritten,
        Ok(Rewritten {
            to: vec![ForwardPath::Postmaster],
            how: How::AsItWas
        })
    );
}

#[test]
fn what_comes_back_to_an_srs_address_goes_to_the_sender() {
    let srs = Srs::new("srs.example".parse().unwrap(), [[7; 32]]).unwrap();
    let sent = "SRS0=AAAAAA=AA=example.com=jo@srs.example";
    let rewriting = Rewriting::new([], [], Some(Arc::new(srs)));
    assert_eq!(behind(&rewriting, sent), "Srs");
    assert_eq!(behind(&rewriting, "jo@srs.example"), "jo@srs.example");
}

proptest! {
    /// Whatever the tables are, a recipient leads to at least one address that leads no further,
    /// or to an error.
    #[test]
    fn any_tables_come_to_an_end(
        edges in proptest::collection::vec((0_u8..12, 0_u8..12), 0..40),
        start in 0_u8..12,
    ) {
        let lines: Vec<_> = edges.iter().map(|(from, to)| format!("n{from}@a.example: n{to}@a.example")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let rewriting = rewriting(&lines);
        if let Ok(rewritten) = rewriting.recipient(&path(&format!("n{start}@a.example")), SystemTime::UNIX_EPOCH) {
            prop_assert!(!rewritten.to.is_empty());
            for path in &rewritten.to {
                let mailbox = path.mailbox().unwrap();
                let number: u8 = mailbox.local_part().as_str()[1..].parse().unwrap();
                let leads_on = edges.iter().any(|(from, _)| *from == number);
                prop_assert!(!leads_on || edges.contains(&(number, number)));
            }
        }
    }
}
