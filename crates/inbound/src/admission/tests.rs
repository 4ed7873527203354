use std::io;

use postern_mail::QueueId;

use super::*;

const ROOM: Result<(), SpoolError> = Ok(());

fn full() -> SpoolError {
    SpoolError::Full {
        available: 1,
        reserve: 2,
    }
}

/// `""` stands for yes, a reply code with its enhanced status code for no.
fn verdict(decision: Result<(), Reply>) -> String {
    let refusal = decision.err();
    refusal.map_or_else(String::new, |reply| {
        format!("{} {}", reply.code(), reply.status().unwrap())
    })
}

#[track_caller]
fn check_sender(path: &str, reach: Reach, expected: &str) {
    let (path, rest) = ReversePath::parse_prefix(path).unwrap();
    assert_eq!(rest, "");
    let decision = mail(&path, reach, &Consequence::Accept, ROOM);
    assert_eq!(verdict(decision), expected, "{path}");
}

#[test]
fn senders() {
    for reach in [Reach::OwnDomains, Reach::Anywhere] {
        check_sender("<>", reach, "");
        check_sender("<jo@example.org>", reach, "");
        check_sender("<jo@[192.0.2.1]>", reach, "");
        check_sender("<jo@own.example>", reach, "");
    }
    check_sender("<root@printer>", Reach::OwnDomains, "553 5.1.8");
    check_sender("<root@printer.>", Reach::OwnDomains, "553 5.1.8");
    check_sender("<root@printer>", Reach::Anywhere, "");
}

#[test]
fn the_policy_speaks_before_the_queue() {
    let refusal = Reply::new(ReplyCode::STARTTLS_FIRST, "no")
        .with_status(EnhancedStatusCode::permanent(7, 10));
    let refuse = Consequence::Refuse(refusal);
    let (path, _) = ReversePath::parse_prefix("<jo@example.org>").unwrap();
    let decide = |consequence: &Consequence, room: Result<(), SpoolError>| {
        verdict(mail(&path, Reach::OwnDomains, consequence, room))
    };
    assert_eq!(decide(&Consequence::Accept, ROOM), "");
    assert_eq!(decide(&refuse, ROOM), "530 5.7.10");
    assert_eq!(decide(&refuse, Err(full())), "530 5.7.10");
    assert_eq!(decide(&Consequence::Accept, Err(full())), "452 4.3.1");
}

#[track_caller]
fn check_recipient(path: &str, reach: Reach, expected: &str) {
    let patterns = ["own.example", "*.sub.own.example", "xn--bcher-kva.example"];
    let own: DomainMap<()> = patterns
        .map(|pattern| (pattern.parse().unwrap(), ()))
        .into_iter()
        .collect();
    let (path, rest) = ForwardPath::parse_prefix(path).unwrap();
    assert_eq!(rest, "");
    assert_eq!(verdict(rcpt(&path, reach, &own)), expected, "{path}");
}

#[test]
fn strangers_reach_our_domains_and_nothing_else() {
    let stranger = |path, expected| check_recipient(path, Reach::OwnDomains, expected);
    stranger("<jo@own.example>", "");
    stranger("<jo@OWN.Example.>", "");
    stranger("<jo@a.b.sub.own.example>", "");
    stranger("<jo@Bücher.example>", "");
    stranger("<Postmaster>", "");
    stranger("<postmaster@own.example>", "");

    // Local forms stay local parts of ours.
    stranger("<x%victim.example@own.example>", "");
    stranger("<\"x@victim.example\"@own.example>", "");
    stranger("<victim.example!x@own.example>", "");
    stranger("<\"victim.example!x\"@own.example>", "");

    const DENIED: &str = "550 5.7.1";
    stranger("<x@victim.example>", DENIED);
    stranger("<x@sub.own.example>", DENIED);
    stranger("<x@not-own.example>", DENIED);
    stranger("<x@own.example.victim.example>", DENIED);
    stranger("<x@localhost>", DENIED);
    stranger("<postmaster@victim.example>", DENIED);
    stranger("<@own.example:x@victim.example>", DENIED);
    stranger("<@own.example,@own.example:x@victim.example>", DENIED);
    stranger("<x@[127.0.0.1]>", DENIED);
    stranger("<x@[192.0.2.1]>", DENIED);
    stranger("<x@[IPv6:::1]>", DENIED);
    stranger("<own.example!x@victim.example>", DENIED);
    stranger("<x%own.example@victim.example>", DENIED);
    stranger("<\"x@own.example\"@victim.example>", DENIED);
}

#[test]
fn our_own_hosts_reach_everywhere() {
    for path in [
        "<x@victim.example>",
        "<x@[192.0.2.1]>",
        "<jo@own.example>",
        "<Postmaster>",
    ] {
        check_recipient(path, Reach::Anywhere, "");
    }
}

#[test]
fn without_a_domain_there_is_no_postmaster() {
    let decision = rcpt(&ForwardPath::Postmaster, Reach::Anywhere, &DomainMap::new());
    assert_eq!(verdict(decision), "550 5.1.1");
}

#[test]
fn trouble_with_the_queue_is_never_final() {
    let id = QueueId::new(1, 2);
    for (error, expected) in [
        (full(), "452 4.3.1"),
        (SpoolError::Poisoned("disk".to_owned()), "451 4.3.0"),
        (
            SpoolError::File {
                action: "write",
                path: "x".into(),
                source: io::ErrorKind::Other.into(),
            },
            "451 4.3.0",
        ),
        (SpoolError::Damaged(id), "451 4.3.0"),
        (SpoolError::Unknown(id), "451 4.3.0"),
        (SpoolError::NoRecipients, "451 4.3.0"),
        (SpoolError::Closed, "451 4.3.0"),
    ] {
        assert_eq!(verdict(Err(queue_trouble(&error))), expected, "{error}");
    }
}

#[test]
fn trouble_with_the_header_is_final() {
    assert_eq!(verdict(Err(header_trouble(HeaderFault::Loop))), "554 5.4.6");
    assert_eq!(
        verdict(Err(header_trouble(HeaderFault::TooLarge))),
        "552 5.3.4"
    );
}
