use postern_mail::header::fields;
use proptest::prelude::*;

use super::*;

fn watch(content: &[u8], splits: &[usize]) -> Result<HeaderWatch, HeaderFault> {
    let mut watch = HeaderWatch::default();
    let mut rest = content;
    for split in splits {
        let (piece, behind) = rest.split_at(*split % (rest.len() + 1));
        watch.inspect(piece)?;
        rest = behind;
    }
    watch.inspect(rest)?;
    Ok(watch)
}

/// The watch after the whole in one piece and after every octet alone, which must agree.
#[track_caller]
fn either_way(content: &str) -> HeaderWatch {
    let whole = watch(content.as_bytes(), &[]).unwrap();
    let octets = watch(content.as_bytes(), &vec![1; content.len()]).unwrap();
    assert_eq!(whole.tls_wish(), octets.tls_wish(), "{content:?}");
    assert_eq!(whole.authors(), octets.authors(), "{content:?}");
    whole
}

/// How many `Received` fields are seen when the content comes in pieces that end at `splits`.
fn watched(content: &[u8], splits: &[usize]) -> Result<usize, HeaderFault> {
    watch(content, splits).map(|watch| watch.received)
}

#[track_caller]
fn check(content: &str, expected: Result<usize, HeaderFault>) {
    let content = content.as_bytes();
    assert_eq!(watched(content, &[]), expected);
    let octet_by_octet = vec![1; content.len()];
    assert_eq!(watched(content, &octet_by_octet), expected);
}

#[test]
fn received_fields_are_counted_in_the_header_alone() {
    check("", Ok(0));
    check("\r\nReceived: from a\r\n", Ok(0));
    check(
        "Received: from a\r\n\tby b\r\nreceived : c\r\nX: y\r\n\r\nReceived: d\r\n",
        Ok(2),
    );
    check(
        "Received-SPF: pass\r\nX-Received: a\r\nReceive: b\r\n\r\n",
        Ok(0),
    );
    check("No field\r\nReceived: from a\r\n", Ok(0));
    check(" folded before any field\r\nReceived: from a\r\n", Ok(0));
    check("Subject: Received: from a\r\n Received: from b\r\n", Ok(0));
}

#[test]
fn a_hundred_hops_are_no_loop() {
    for (hops, expected) in [
        (30, Ok(30)),
        (99, Ok(99)),
        (100, Ok(100)),
        (101, Err(HeaderFault::Loop)),
        (200, Err(HeaderFault::Loop)),
    ] {
        let header = "Received: from a by b; date\r\n".repeat(hops);
        check(&format!("{header}Subject: x\r\n\r\nbody\r\n"), expected);
    }
}

#[test]
fn a_header_has_a_size_and_a_body_has_none_here() {
    let limit = usize::try_from(OCTETS).unwrap();
    let field = format!("X: {}\r\n", "x".repeat(limit - 5));
    assert_eq!(field.len(), limit);
    check(&field, Ok(0));
    check(&format!("{field} "), Err(HeaderFault::TooLarge));
    check(&format!("X: y\r\n\r\n{}", "x".repeat(2 * limit)), Ok(0));
    check(
        &"X: y\r\n".repeat(limit / 6 + 1),
        Err(HeaderFault::TooLarge),
    );
    check(
        &format!("X: y\r\n{}", " \r\n".repeat(limit)),
        Err(HeaderFault::TooLarge),
    );
}

#[test]
fn tls_required_no_is_said_once_and_clearly() {
    use TlsWish::{Unstated, Waived};

    for (content, expected) in [
        ("TLS-Required: No\r\n\r\n", Waived),
        ("Subject: x\r\nTLS-Required: No\r\nTo: y\r\n\r\n", Waived),
        ("tls-REQUIRED:nO\r\n", Waived),
        ("TLS-Required:\r\n No\r\n\r\n", Waived),
        ("TLS-Required:\t No \r\n\r\n", Waived),
        ("TLS-Required : No\r\n\r\n", Waived),
        ("TLS-Required: No", Waived),
        // Only No means something, and a comment is not in the grammar.
        ("TLS-Required: Yes\r\n\r\n", Unstated),
        ("TLS-Required:\r\n\r\n", Unstated),
        ("TLS-Required: No, thanks\r\n\r\n", Unstated),
        ("TLS-Required: No (testing)\r\n\r\n", Unstated),
        ("TLS-Required: (testing) No\r\n\r\n", Unstated),
        ("TLS-Required: \"No\"\r\n\r\n", Unstated),
        ("TLS-Required: N\r\n o\r\n\r\n", Unstated),
        ("TLS-Required: =?utf-8?q?No?=\r\n\r\n", Unstated),
        // Twice is not once, whatever is said.
        ("TLS-Required: No\r\nTLS-Required: No\r\n\r\n", Unstated),
        (
            "TLS-Required: No\r\nTo: x\r\ntls-required: Yes\r\n",
            Unstated,
        ),
        ("TLS-Required: Yes\r\nTLS-Required: No\r\n\r\n", Unstated),
        ("TLS-Required:\r\nTLS-Required: No\r\n\r\n", Unstated),
        // Other fields, and what is no header.
        ("X-TLS-Required: No\r\nTLS-Required2: No\r\n\r\n", Unstated),
        (
            "Subject: TLS-Required: No\r\n TLS-Required: No\r\n\r\n",
            Unstated,
        ),
        ("To: x\r\n\r\nTLS-Required: No\r\n", Unstated),
        ("\r\nTLS-Required: No\r\n", Unstated),
        ("no field\r\nTLS-Required: No\r\n\r\n", Unstated),
        ("TLS-Required: No\r\n\r\nTLS-Required: No\r\n", Waived),
    ] {
        assert_eq!(either_way(content).tls_wish(), expected, "{content:?}");
    }
}

#[test]
fn a_wish_beyond_all_bounds_is_none() {
    let spaces = " ".repeat(2 * WISH);
    let content = format!("TLS-Required:{spaces}No\r\n\r\n");
    let watch = either_way(&content);
    assert_eq!(watch.tls_wish(), TlsWish::Unstated);
    assert!(watch.wish.len() <= WISH);
}

#[test]
fn authors_are_kept_with_their_folds() {
    for (content, expected) in [
        ("To: x\r\n\r\nFrom: a@b\r\n", ""),
        ("From: a@b\r\nTo: x\r\n\r\n", "From: a@b\r\n"),
        (
            "fROM : a@b,\r\n\tc@d\r\nTo: x\r\n",
            "From: a@b,\r\n\tc@d\r\n",
        ),
        (
            "From: a@b\r\nTo: x\r\nFrom: c@d\r\n\r\n",
            "From: a@b\r\nFrom: c@d\r\n",
        ),
        ("From: a@b", "From: a@b"),
        ("X-From: a@b\r\nFromage: c@d\r\nFro: e@f\r\n\r\n", ""),
        (
            "Resent-From: a@b\r\nSubject: From: a@b\r\n From: c@d\r\n\r\n",
            "",
        ),
        // A line that is no field ends the header for some readers and not for others.
        (
            "no field\r\nFrom: a@b\r\n\r\nFrom: c@d\r\n",
            "From: a@b\r\n",
        ),
        (" folded\r\nFrom: a@b\r\n\r\n", "From: a@b\r\n"),
        ("From x\r\n y\r\nFrom: a@b\r\n", "From: a@b\r\n"),
        (
            "From: a@b\r\n\u{e9}\r\n c@d\r\nfrom: e@f\r\n\r\n",
            "From: a@b\r\nFrom: e@f\r\n",
        ),
    ] {
        let watch = either_way(content);
        assert_eq!(
            watch.authors().escape_ascii().to_string(),
            expected.as_bytes().escape_ascii().to_string(),
            "{content:?}"
        );
    }
}

#[test]
fn authors_have_a_bound() {
    let field = format!("From: {}\r\n", "x".repeat(AUTHORS - 8));
    assert_eq!(field.len(), AUTHORS);
    check(&format!("{field}\r\n"), Ok(0));
    check(
        &format!("{field}From:\r\n"),
        Err(HeaderFault::TooManyAuthors),
    );
    check(&format!("no field\r\n{field}x"), Ok(0));
    check(
        &format!("From: {}", "x ".repeat(AUTHORS)),
        Err(HeaderFault::TooManyAuthors),
    );
    check(
        &format!("From:{}", "\r\n x".repeat(AUTHORS)),
        Err(HeaderFault::TooManyAuthors),
    );
}

#[test]
fn a_body_without_an_empty_line_is_no_header() {
    let limit = usize::try_from(OCTETS).unwrap();
    let body = "no field\r\n".repeat(limit / 5);
    check(&body, Ok(0));
    let watch = either_way(&format!("{body}From: a@b\r\n"));
    assert_eq!(
        watch.authors(),
        b"From: a@b\r\n",
        "by some it is read as one"
    );
}

proptest! {
    /// Whatever the header and wherever it is split, the count is that of the whole.
    #[test]
    fn agrees_with_the_reader_of_whole_headers(
        lines in prop::collection::vec(
            prop_oneof![
                Just("Received"), Just("rECEIVED"), Just(" "), Just("\t"), Just(":"),
                Just("\r\n"), Just("\n"), Just("\r"), Just("x"), Just("\u{e9}"),
                Just("\x0c"), Just("Received: from a\r\n"), Just("Subject: b\r\n"),
            ],
            0..40,
        ),
        splits in prop::collection::vec(0usize..20, 0..10),
    ) {
        let content = lines.concat();
        let whole = fields(content.as_bytes()).filter(|field| field.is("Received")).count();
        prop_assert_eq!(watched(content.as_bytes(), &splits), Ok(whole));
    }
}
