//! What a peer can make a session hold or do is bounded; and what only a program can say.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use postern_mail::{EnhancedStatusCode, Reply, ReplyCode};
use postern_smtp::server::{Action, ServerSession, ServerSettings, StartTls};

use crate::shell::Shell;

const TRANSACTION: &[u8] = b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\n\
    RCPT TO:<x@mx.test>\r\n";

fn settings() -> ServerSettings {
    ServerSettings::new("mx.test".parse().unwrap(), StartTls::Offered)
}

fn session() -> Shell {
    let mut shell = Shell::new(settings());
    shell.run();
    shell
}

#[test]
fn who_speaks_before_the_greeting_is_not_greeted() {
    for session in [ServerSession::new, ServerSession::over_tls] {
        let mut shell = Shell::with(session(Arc::new(settings())));
        shell.feed(b"EHLO client.test\r\n");
        assert_eq!(
            shell.take_lines(),
            ["554 5.5.1 Wait for the greeting before you speak"]
        );
        assert!(shell.is_closed());
    }
}

#[test]
fn a_session_can_be_refused_before_its_greeting() {
    let mut shell = Shell::new(settings());
    let busy = Reply::new(ReplyCode::NOT_AVAILABLE, "Too many connections")
        .with_status(EnhancedStatusCode::transient(7, 0));
    shell.abort(busy);
    assert_eq!(shell.take_lines(), ["421 4.7.0 Too many connections"]);
    let mut shell = Shell::new(settings());
    shell.shut_down();
    assert_eq!(
        shell.take_lines(),
        ["421 4.3.2 Shutting down, try again later"]
    );
}

#[test]
fn a_session_over_tls_greets_and_offers_no_starttls() {
    let mut demanding = settings();
    demanding.starttls = StartTls::Required;
    let mut shell = Shell::with(ServerSession::over_tls(Arc::new(demanding)));
    shell.run();
    shell.feed(TRANSACTION);
    let replies = shell.take_lines();
    assert!(replies[0].starts_with("220 "));
    assert!(!replies.iter().any(|line| line.contains("STARTTLS")));
    assert_eq!(replies.last().unwrap(), "250 2.1.5 Recipient ok");
    assert_eq!(shell.session().transmission_type(), "ESMTPS");
}

#[test]
fn the_transmission_type_tells_greeting_layer_and_smtputf8() {
    let mut shell = session();
    assert_eq!(shell.session().transmission_type(), "SMTP");
    shell.feed(b"HELO client.test\r\n");
    assert_eq!(shell.session().transmission_type(), "SMTP");
    shell.feed(b"EHLO client.test\r\n");
    assert_eq!(shell.session().transmission_type(), "ESMTP");
    shell.feed(b"MAIL FROM:<a@client.test> SMTPUTF8\r\n");
    assert_eq!(shell.session().transmission_type(), "UTF8SMTP");
    shell.feed(b"STARTTLS\r\n");
    shell.secure();
    assert!(shell.session().hello().is_none());
    shell.feed(b"EHLO client.test\r\nMAIL FROM:<a@client.test> SMTPUTF8\r\n");
    assert_eq!(shell.session().transmission_type(), "UTF8SMTPS");
}

#[test]
fn a_question_that_nobody_answers_is_refused() {
    let mut session = ServerSession::new(Arc::new(settings()));
    let mut input = BytesMut::new();
    let now = std::time::Instant::now();
    assert!(matches!(session.advance(&mut input, now), Action::Send(_)));
    input.extend_from_slice(b"HELO client.test\r\nMAIL FROM:<a@client.test>\r\n");
    assert!(matches!(session.advance(&mut input, now), Action::Send(_)));
    assert!(matches!(session.advance(&mut input, now), Action::Ask(_)));
    let Action::Send(reply) = session.advance(&mut input, now) else {
        panic!("no reply");
    };
    assert_eq!(reply, "451 4.3.0 Local error, try again later\r\n");
    assert!(session.envelope().is_none());
}

#[test]
fn a_shut_down_is_not_forgotten_over_starttls() {
    let mut session = ServerSession::new(Arc::new(settings()));
    let mut input = BytesMut::new();
    let now = std::time::Instant::now();
    for command in [&b""[..], b"HELO client.test\r\n"] {
        input.extend_from_slice(command);
        assert!(matches!(session.advance(&mut input, now), Action::Send(_)));
    }
    input.extend_from_slice(b"STARTTLS\r\n");
    assert_eq!(session.advance(&mut input, now), Action::StartTls);
    session.shut_down();
    let mut shell = Shell::with(session.starttls(input).secured());
    shell.run();
    assert_eq!(
        shell.take_lines(),
        ["421 4.3.2 Shutting down, try again later"]
    );
}

#[test]
fn the_shell_hears_what_the_session_refused() {
    let mut shell = session();
    shell.feed(b"FOO\r\nMAIL FROM:<a@client.test>\r\nBDAT 2\r\nxxNOOP\r\n");
    let refused: Vec<_> = shell.refused.iter().map(Reply::to_string).collect();
    assert_eq!(
        refused,
        [
            "500 5.5.1 The command is not recognised",
            "503 5.5.1 Say EHLO first",
            "503 5.5.1 Say MAIL first",
        ]
    );
}

#[test]
fn a_group_of_commands_is_answered_by_one_write() {
    let mut shell = session();
    shell.feed(b"EHLO client.test\r\n");
    let before = shell.writes;
    let recipients: String = (0..100)
        .map(|n| format!("RCPT TO:<a{n}@mx.test>\r\n"))
        .collect();
    let group = format!("MAIL FROM:<a@client.test>\r\n{recipients}DATA\r\n");
    shell.feed(group.as_bytes());
    assert_eq!(shell.writes - before, 1);
    assert_eq!(shell.session().envelope().unwrap().recipients.len(), 100);
}

#[test]
fn a_line_without_end_takes_a_line_of_memory_and_is_cut() {
    let mut shell = session();
    for _ in 0..1000 {
        shell.feed(&[b'a'; 100]);
    }
    assert!(shell.most_input <= settings().limits.line + 100);
    assert_eq!(shell.events, ["closed: the client sent a line without end"]);
}

#[test]
fn content_is_passed_on_as_it_comes() {
    let mut shell = session();
    shell.feed(TRANSACTION);
    shell.feed(b"DATA\r\n");
    shell.most_input = 0;
    let line = [&[b'x'; 5_000_000][..], b"\r\n"].concat();
    for part in line.chunks(8192) {
        shell.feed(part);
    }
    assert!(
        shell.most_input <= 2,
        "{} octets are held back",
        shell.most_input
    );
    shell.feed(b".\r\n");
    assert_eq!(shell.kept[0].content, line);
}

#[test]
fn a_chunk_of_any_size_is_counted_and_cut() {
    let mut limited = settings();
    limited.limits.content = 1000;
    let mut shell = Shell::new(limited);
    shell.run();
    shell.feed(TRANSACTION);
    shell.feed(b"BDAT 18446744073709551615 LAST\r\n");
    for _ in 0..200 {
        shell.feed(&[b'x'; 100]);
    }
    assert_eq!(shell.most_input, 0);
    assert_eq!(
        shell.events,
        [
            "abandoned: content is larger than the limit",
            "closed: the client sent content without end"
        ]
    );
}

#[test]
fn the_content_of_the_limit_is_accepted_and_one_octet_more_is_not() {
    for (octets, expected) in [(1000, "250"), (1001, "552")] {
        for command in ["DATA".to_owned(), format!("BDAT {octets} LAST")] {
            let mut limited = settings();
            limited.limits.content = 1000;
            let mut shell = Shell::new(limited);
            shell.run();
            shell.feed(TRANSACTION);
            let content = [vec![b'x'; octets - 2], b"\r\n".to_vec()].concat();
            shell.feed(format!("{command}\r\n").as_bytes());
            shell.feed(&content);
            if command == "DATA" {
                shell.feed(b".\r\n");
            }
            let replies = shell.take_lines();
            assert!(
                replies.last().unwrap().starts_with(expected),
                "{octets}: {replies:?}"
            );
        }
    }
}

#[test]
fn time_that_the_shell_takes_is_not_the_peers() {
    let mut session = ServerSession::new(Arc::new(settings()));
    let mut input = BytesMut::new();
    let mut now = std::time::Instant::now();
    assert!(matches!(session.advance(&mut input, now), Action::Send(_)));
    now += Duration::from_secs(1000); // the write was slow
    assert_eq!(session.advance(&mut input, now), Action::Read);
    assert_eq!(session.deadline(), Some(now + Duration::from_secs(300)));
}

#[test]
fn a_million_recipients_are_not_remembered() {
    let mut shell = session();
    shell.feed(TRANSACTION);
    let mut fed = 0;
    while !shell.is_closed() {
        shell.feed(b"RCPT TO:<x@mx.test>\r\n");
        fed += 1;
        if let Some(envelope) = (!shell.is_closed())
            .then(|| shell.session().envelope())
            .flatten()
        {
            assert!(envelope.recipients.len() <= 1000);
        }
    }
    assert_eq!(fed, 10_000);
    assert_eq!(
        shell.events,
        ["closed: the client sent too many commands without a message"]
    );
}
