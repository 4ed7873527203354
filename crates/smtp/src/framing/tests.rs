use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

/// Feeds `input` to `next` in pieces of the given sizes, over and over, and collects what
/// `next` yields until it wants more octets than there are.
fn feed<T>(
    input: &[u8],
    sizes: &[usize],
    mut next: impl FnMut(&mut BytesMut) -> Option<T>,
) -> Vec<T> {
    let mut found = Vec::new();
    let mut buffer = BytesMut::new();
    let mut rest = input;
    for size in sizes.iter().cycle() {
        let (now, later) = rest.split_at((*size).clamp(1, 1 << 20).min(rest.len()));
        buffer.extend_from_slice(now);
        while let Some(item) = next(&mut buffer) {
            found.push(item);
        }
        if later.is_empty() {
            break;
        }
        rest = later;
    }
    found
}

fn lines(input: &[u8], sizes: &[usize], limit: usize) -> Vec<Line> {
    let mut framer = LineFramer::default();
    let mut ended = false;
    feed(input, sizes, |buffer| {
        let line = framer.next(buffer, limit);
        if ended || line == Line::NeedOctets {
            return None;
        }
        ended = matches!(line, Line::BareLineFeed | Line::Endless);
        Some(line)
    })
}

#[track_caller]
fn check_lines(input: &[u8], limit: usize, expected: &[Line]) {
    for size in 1..=input.len().min(600) {
        assert_eq!(
            lines(input, &[size], limit),
            expected,
            "in pieces of {size}"
        );
    }
    assert_eq!(lines(input, &[input.len()], limit), expected, "whole");
}

fn complete(line: &'static str) -> Line {
    Line::Complete(Bytes::from_static(line.as_bytes()))
}

#[test]
fn a_line_ends_with_crlf_and_nothing_else() {
    check_lines(
        b"NOOP\r\nQUIT\r\nx",
        512,
        &[complete("NOOP"), complete("QUIT")],
    );
    check_lines(b"\r\n", 512, &[complete("")]);
    check_lines(b"NOOP\rNOOP\r\n", 512, &[complete("NOOP\rNOOP")]);
    check_lines(b"NOOP\r\r\n", 512, &[complete("NOOP\r")]);
    check_lines(b"NOOP\nNOOP\r\n", 512, &[Line::BareLineFeed]);
    check_lines(b"\nNOOP\r\n", 512, &[Line::BareLineFeed]);
    check_lines(b"NOOP", 512, &[]);
}

#[test]
fn long_lines_are_thrown_away_and_endless_ones_end_it() {
    let long = |n: usize, end: &str| format!("{}{end}NOOP\r\n", "a".repeat(n)).into_bytes();
    check_lines(
        &long(510, "\r\n"),
        512,
        &[Line::Complete("a".repeat(510).into()), complete("NOOP")],
    );
    check_lines(&long(511, "\r\n"), 512, &[Line::TooLong, complete("NOOP")]);
    check_lines(&long(5000, "\r\n"), 512, &[Line::TooLong, complete("NOOP")]);
    check_lines(&long(511, "\n"), 512, &[Line::BareLineFeed]);
    check_lines(&long(64 * 1024, "\r\n"), 512, &[Line::Endless]);
    check_lines(&long(64 * 1024, "\n"), 512, &[Line::Endless]);
}

#[test]
fn an_endless_line_takes_no_memory() {
    let mut framer = LineFramer::default();
    let mut buffer = BytesMut::new();
    let mut sent = 0;
    loop {
        buffer.extend_from_slice(&[b'a'; 100]);
        sent += 100;
        if framer.next(&mut buffer, 512) == Line::Endless {
            break;
        }
        assert!(buffer.len() <= 512);
    }
    assert!(sent <= 64 * 1024 + 100);
}

/// What `Transparency` makes of `input`: the content, and what stands behind its end, if the
/// end was found.
fn unstuffed(input: &[u8], sizes: &[usize]) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut framer = Transparency::new();
    let mut content = Vec::new();
    let mut behind: Option<Vec<u8>> = None;
    feed(input, sizes, |buffer| {
        if let Some(behind) = &mut behind {
            behind.extend_from_slice(&buffer.split());
            return None;
        }
        match framer.next(buffer) {
            Piece::Content(octets) => content.extend_from_slice(&octets),
            Piece::End => behind = Some(Vec::new()),
            Piece::NeedOctets => {
                assert!(buffer.len() <= 2, "{buffer:?} is held back");
                return None;
            }
        }
        Some(())
    });
    (content, behind)
}

#[track_caller]
fn check_content(input: &[u8], content: &[u8], behind: Option<&[u8]>) {
    for size in 1..=input.len() {
        let (found, rest) = unstuffed(input, &[size]);
        assert_eq!(
            found.escape_ascii().to_string(),
            content.escape_ascii().to_string()
        );
        assert_eq!(rest.as_deref(), behind, "in pieces of {size}");
    }
}

#[test]
fn content_ends_at_crlf_dot_crlf() {
    check_content(b".\r\n", b"", Some(b""));
    check_content(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", Some(b"QUIT\r\n"));
    check_content(b"\r\n.\r\n.\r\n", b"\r\n", Some(b".\r\n"));
    check_content(b"a\r\n\r\n\r\n.\r\n", b"a\r\n\r\n\r\n", Some(b""));
    check_content(b"a\r\r\n.\r\nb", b"a\r\r\n", Some(b"b"));
}

#[test]
fn one_dot_is_dropped_where_a_line_begins_with_it() {
    check_content(b"..\r\n.\r\n", b".\r\n", Some(b""));
    check_content(
        b"a\r\n..b\r\n...\r\n.c\r\n.\r\n",
        b"a\r\n.b\r\n..\r\nc\r\n",
        Some(b""),
    );
    check_content(b"a.\r\n.. .\r\n.\r\n", b"a.\r\n. .\r\n", Some(b""));
}

#[test]
fn nothing_else_ends_content() {
    check_content(b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n", Some(b""));
    check_content(b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n", Some(b""));
    check_content(b"a\r.\rb\r\n.\r\n", b"a\r.\rb\r\n", Some(b""));
    // A line of a lone dot and something that is no CRLF: its dot is dropped like any other.
    check_content(b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n", Some(b""));
    check_content(b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n", Some(b""));
    check_content(b"a\r\n.\r\rb\r\n.\r\n", b"a\r\n\r\rb\r\n", Some(b""));
    check_content(b"a\r\n.\0\r\nb", b"a\r\n\0\r\nb", None);
    check_content(b"a\r\n. \r\nb", b"a\r\n \r\nb", None);
}

#[test]
fn content_without_stuffed_dots_is_not_copied() {
    let mut input = BytesMut::from(&b"From: a@b.example\r\n\r\nText.\r\n.\r\n"[..]);
    let before = input.as_ptr();
    let Piece::Content(content) = Transparency::new().next(&mut input) else {
        panic!("no content");
    };
    assert_eq!(content.as_ptr(), before);
    assert_eq!(&content[..], b"From: a@b.example\r\n\r\nText.\r\n");
}

/// The plainest reading of RFC 5321 §4.5.2, for comparison.
fn stuff(content: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let end = rest
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .map_or(rest.len(), |at| at + 2);
        let (line, behind) = rest.split_at(end);
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
        rest = behind;
    }
    if !stuffed.is_empty() && !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}

fn inspected(octets: &[u8], sizes: &[usize]) -> Result<bool, Impurity> {
    let mut hygiene = Hygiene::default();
    let mut outcome = Ok(());
    feed(octets, sizes, |buffer| {
        outcome = outcome.and_then(|()| hygiene.inspect(&buffer.split()));
        None::<()>
    });
    outcome
        .and_then(|()| hygiene.finish())
        .map(|()| hygiene.has_eight_bit())
}

#[test]
fn content_holds_no_bare_cr_no_bare_lf_and_no_nul() {
    let check = |octets: &[u8], expected: Result<bool, Impurity>| {
        for size in 1..=octets.len() {
            assert_eq!(
                inspected(octets, &[size]),
                expected,
                "{}",
                octets.escape_ascii()
            );
        }
    };
    check(b"a\r\nb\r\n", Ok(false));
    check(b"\r\n\r\n", Ok(false));
    check("é\r\n".as_bytes(), Ok(true));
    check(b"a\nb", Err(Impurity::BareLineFeed));
    check(b"\n", Err(Impurity::BareLineFeed));
    check(b"a\r\n\n", Err(Impurity::BareLineFeed));
    check(b"a\rb\n", Err(Impurity::BareCarriageReturn));
    check(b"a\r\r\n", Err(Impurity::BareCarriageReturn));
    check(b"a\r\0\n", Err(Impurity::BareCarriageReturn));
    check(b"a\r", Err(Impurity::BareCarriageReturn));
    check(b"a\0b\n", Err(Impurity::Nul));
}

fn chunk_of(size: u64, input: &[u8], sizes: &[usize]) -> (Vec<u8>, usize, bool) {
    let mut chunk = Chunk::new(size);
    let (mut octets, mut behind, mut ended) = (Vec::new(), 0, false);
    feed(input, sizes, |buffer| {
        if ended {
            behind += buffer.split().len();
            return None;
        }
        match chunk.next(buffer) {
            Piece::Content(piece) => octets.extend_from_slice(&piece),
            Piece::End => ended = true,
            Piece::NeedOctets => return None,
        }
        Some(())
    });
    (octets, behind, ended)
}

#[test]
fn a_chunk_is_counted_not_read() {
    let input = b"\r\n.\r\nQUIT\r\n";
    for size in 1..=input.len() {
        assert_eq!(
            chunk_of(5, input, &[size]),
            (b"\r\n.\r\n".to_vec(), 6, true)
        );
        assert_eq!(chunk_of(0, input, &[size]), (Vec::new(), 11, true));
        assert_eq!(chunk_of(12, input, &[size]), (input.to_vec(), 0, false));
        assert_eq!(
            chunk_of(u64::MAX, input, &[size]),
            (input.to_vec(), 0, false)
        );
    }
}

/// Octets among which those that framing cares about are frequent.
fn wire_octets() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        3 => Just(b'\r'),
        3 => Just(b'\n'),
        3 => Just(b'.'),
        1 => Just(0),
        2 => any::<u8>(),
    ];
    prop::collection::vec(octet, 0..200)
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..12_usize, 1..12)
}

proptest! {
    #[test]
    fn unstuffing_what_was_stuffed_is_the_identity(content in wire_octets(), sizes in sizes()) {
        let mut expected = content.clone();
        if !content.is_empty() && !content.ends_with(b"\r\n") {
            expected.extend_from_slice(b"\r\n");
        }
        let (found, behind) = unstuffed(&stuff(&content), &sizes);
        prop_assert_eq!(found, expected);
        prop_assert_eq!(behind, Some(Vec::new()));
    }

    #[test]
    fn any_split_gives_the_same_content(input in wire_octets(), sizes in sizes()) {
        prop_assert_eq!(unstuffed(&input, &sizes), unstuffed(&input, &[input.len()]));
    }

    #[test]
    fn content_ends_exactly_where_the_octets_say(input in wire_octets()) {
        let mut wire = b"\r\n".to_vec();
        wire.extend_from_slice(&input);
        let end = wire.windows(5).position(|five| five == b"\r\n.\r\n").map(|at| at + 3);
        let (_, behind) = unstuffed(&input, &[input.len()]);
        prop_assert_eq!(behind.as_deref(), end.and_then(|end| input.get(end..)));
    }

    #[test]
    fn any_split_gives_the_same_lines(input in wire_octets(), sizes in sizes()) {
        prop_assert_eq!(lines(&input, &sizes, 16), lines(&input, &[input.len()], 16));
    }

    #[test]
    fn any_split_gives_the_same_verdict(input in wire_octets(), sizes in sizes()) {
        prop_assert_eq!(inspected(&input, &sizes), inspected(&input, &[input.len()]));
    }
}
