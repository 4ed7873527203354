//! SMTP smuggling (VU#302671, CVE-2023-51764 to -51766): whatever stands around a lone dot, only
//! CRLF.CRLF ends content, and a message that holds anything else of the kind is refused whole.

use postern_smtp::server::{ServerSettings, StartTls};

use crate::shell::Shell;

/// What some software takes, or took, for a line end.
const LINE_ENDS: [&[u8]; 8] = [
    b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\0\n", b"\n\n", b"\r\r",
];

/// What some software takes for a lone dot, or for the end of text, between true line ends.
const DOTS: [&[u8]; 20] = [
    b". ",
    b".\t",
    b".\0",
    b"..",
    b" .",
    b"\t.",
    b"\0.",
    b".\x0b",
    b".\x0c",
    b"\x0b.",
    b"\x0c.",
    b".\xc2\x85",
    b"\xc2\x85.",
    "\u{ff0e}".as_bytes(),
    "\u{3002}".as_bytes(),
    "\u{2024}".as_bytes(),
    b"\x1a",
    b"\x04",
    b".\xe2\x80\xa8",
    b".\x08",
];

const BEFORE: &[u8] = b"HELO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<x@mx.test>\r\n\
    DATA\r\nSubject: hello\r\n\r\ntext";

const BEHIND: &[u8] = b"MAIL FROM:<admin@mx.test>\r\nRCPT TO:<x@mx.test>\r\nDATA\r\n\
    Subject: smuggled\r\n\r\ntext\r\n.\r\nQUIT\r\n";

fn session() -> Shell {
    let mut shell = Shell::new(ServerSettings::new(
        "mx.test".parse().unwrap(),
        StartTls::Offered,
    ));
    shell.run();
    shell
}

/// Plays the dialogue in two pieces, split at `split`, and checks that exactly one message was
/// answered for or refused, and that nobody was called admin.
#[track_caller]
fn check(middle: &[u8], split: usize, expected: &str) {
    let wire = [BEFORE, middle, BEHIND].concat();
    let (first, second) = wire.split_at(BEFORE.len() + split);
    let mut shell = session();
    shell.feed(first);
    shell.feed(second);
    let place = format!("{} split at {split}", middle.escape_ascii());
    let replies = shell.take_lines();
    let after_data: Vec<_> = replies
        .iter()
        .skip_while(|line| !line.starts_with("354"))
        .collect();
    assert_eq!(after_data.len(), 3, "{place}: {replies:?}");
    assert!(after_data[1].starts_with(expected), "{place}: {replies:?}");
    assert!(after_data[2].starts_with("221"), "{place}: {replies:?}");
    assert_eq!(shell.kept.len(), usize::from(expected == "250"), "{place}");
    for kept in &shell.kept {
        assert_eq!(
            kept.envelope.reverse_path.to_string(),
            "<a@client.test>",
            "{place}"
        );
    }
}

#[test]
fn no_other_line_ends_around_a_dot_make_two_messages() {
    let mut variants = 0;
    for before in LINE_ENDS {
        for behind in LINE_ENDS {
            let middle = [before, b".", behind].concat();
            // Here CRLF.CRLF truly stands; the next test has it.
            if middle.windows(5).any(|five| five == b"\r\n.\r\n") {
                continue;
            }
            for split in 0..=middle.len() {
                check(&middle, split, "550 5.6.0");
            }
            variants += 1;
        }
    }
    assert_eq!(variants, 62);
}

#[test]
fn the_true_end_behind_a_bare_cr_ends_one_refused_message() {
    let middle = b"\r\r\n.\r\n";
    for split in 0..=middle.len() {
        let wire = [BEFORE, middle, b"QUIT\r\n"].concat();
        let (first, second) = wire.split_at(BEFORE.len() + split);
        let mut shell = session();
        shell.feed(first);
        shell.feed(second);
        let replies = shell.take_lines();
        let last: Vec<_> = replies.iter().rev().take(2).collect();
        assert_eq!(last, ["221 2.0.0 Bye", "550 5.6.0 Content holds a bare CR"]);
        assert!(shell.kept.is_empty());
    }
}

#[test]
fn what_resembles_a_lone_dot_is_text() {
    for dot in DOTS {
        let middle = [b"\r\n", dot, b"\r\n"].concat();
        let expected = if dot.contains(&0) { "550 5.6.0" } else { "250" };
        for split in 0..=middle.len() {
            check(&middle, split, expected);
        }
    }
}

#[test]
fn long_lines_are_kept_whole() {
    // A server that folds long lines can fold a line end in front of a dot (F3).
    for length in [998, 999, 1000, 2048, 4096, 65_536] {
        let text = "x".repeat(length);
        let body = format!("{text}.\r\nMAIL FROM:<b@client.test>\r\n");
        let mut shell = session();
        shell.feed(b"HELO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<x@mx.test>\r\n");
        shell.feed(format!("DATA\r\n{body}.\r\n").as_bytes());
        assert_eq!(shell.kept.len(), 1);
        assert_eq!(shell.kept[0].content, body.as_bytes());
    }
}
