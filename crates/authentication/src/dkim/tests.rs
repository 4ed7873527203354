use proptest::prelude::*;

use super::*;
use crate::testing::{KEY, RSA, now, signed, verify, zone};

const MESSAGE: &str = "From: jo@author.example\r\nSubject:  Good  news \r\n\r\nHello \r\n\r\n";

const TAGS: &str =
    "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=author.example; s=s; h=from:subject";

async fn outcomes(zone_text: &str, message: &str) -> Vec<DkimOutcome> {
    verify(zone(zone_text), message).await.dkim
}

/// What becomes of the only signature of a message.
#[track_caller]
fn check(outcomes: &[DkimOutcome], result: DkimResult, reason: &str) {
    let [outcome] = outcomes else {
        panic!("{outcomes:?}");
    };
    let found = outcome.reason.as_deref().unwrap_or_default();
    assert_eq!((outcome.result, found), (result, reason), "{outcome:?}");
}

/// A message that is signed with the usual tags, some of them replaced.
async fn with(replace: &[(&str, &str)]) -> Vec<DkimOutcome> {
    let mut tags = TAGS.to_owned();
    for (old, new) in replace {
        assert!(tags.contains(old), "{old}");
        tags = tags.replace(old, new);
    }
    outcomes("", &signed(&KEY, &tags, MESSAGE)).await
}

#[tokio::test]
async fn a_signature_holds_in_every_form() {
    for form in [
        "simple/simple",
        "simple/relaxed",
        "relaxed",
        "relaxed/relaxed",
    ] {
        let found = with(&[("relaxed/relaxed", form)]).await;
        check(&found, DkimResult::Pass, "");
        assert_eq!(found[0].domain, "author.example".parse().ok());
        assert_eq!(found[0].selector.as_deref(), Some("s"));
        assert_eq!(found[0].algorithm, Some(DkimAlgorithm::Ed25519Sha256));
        assert_eq!(found[0].signature_start.len(), 12);
    }
    let rsa = TAGS.replace("ed25519", "rsa").replace("s=s", "s=rsa");
    check(
        &outcomes("", &signed(&RSA, &rsa, MESSAGE)).await,
        DkimResult::Pass,
        "",
    );
}

#[tokio::test]
async fn what_was_changed_fails() {
    let message = signed(&KEY, TAGS, MESSAGE);
    let body = "the body was changed";
    let header = "it is not of these fields or this key";
    for (old, new, reason) in [
        ("Hello", "Hullo", body),
        ("Good", "Bad", header),
        ("jo@", "joe@", header),
        ("h=from:subject", "h=from", header),
    ] {
        let changed = outcomes("", &message.replacen(old, new, 1)).await;
        check(&changed, DkimResult::Fail, reason);
    }
    let longer = format!("{message}More\r\n");
    check(&outcomes("", &longer).await, DkimResult::Fail, body);
}

#[tokio::test]
async fn lines_of_white_space_at_the_end_do_not_count() {
    let message = signed(&KEY, TAGS, MESSAGE);
    for end in ["\r\n", " \r\n", "\t \r\n\r\n  \r\n", "   "] {
        check(
            &outcomes("", &format!("{message}{end}")).await,
            DkimResult::Pass,
            "",
        );
    }
}

#[tokio::test]
async fn a_signature_for_a_part_of_the_body_never_counts() {
    let tags = format!("{TAGS}; l=7");
    let message = signed(&KEY, &tags, MESSAGE);
    check(&outcomes("", &message).await, DkimResult::Pass, "");
    let longer = format!("{message}<b>More</b>\r\n");
    check(
        &outcomes("", &longer).await,
        DkimResult::Policy,
        "l= covers 7 of 22 octets",
    );
    let none = signed(&KEY, &format!("{TAGS}; l=0"), MESSAGE);
    check(
        &outcomes("", &none).await,
        DkimResult::Policy,
        "l= covers 0 of 7 octets",
    );
    let beyond = signed(&KEY, &format!("{TAGS}; l=9"), MESSAGE);
    check(
        &outcomes("", &beyond).await,
        DkimResult::Fail,
        "l= covers 9 octets, and there are 7",
    );
}

#[tokio::test]
async fn signatures_that_are_not_well_formed_are_errors() {
    use DkimResult::{Neutral, PermError};
    for (old, new, result, reason) in [
        ("v=1; ", "", PermError, "the tag v is missing"),
        ("v=1", "v=2", PermError, "its version is not 1"),
        ("v=1", "v=1; v=1", PermError, "the tag v stands there twice"),
        ("d=author.example; ", "", PermError, "the tag d is missing"),
        (
            "h=from:subject",
            "h=subject",
            PermError,
            "From is not among the signed fields",
        ),
        (
            "ed25519-sha256",
            "rsa-sha1",
            PermError,
            "rsa-sha1 is not accepted",
        ),
        (
            "ed25519-sha256",
            "rsa-sha256",
            PermError,
            "its key is for another algorithm",
        ),
        (
            "ed25519-sha256",
            "none",
            Neutral,
            "its algorithm (a=) is not known",
        ),
        (
            "relaxed/relaxed",
            "nofws",
            Neutral,
            "its canonical form (c=) is not known",
        ),
        (
            "v=1",
            "v=1; q=http",
            Neutral,
            "its key is not in the DNS (q=)",
        ),
        ("v=1", "v=1; l=-1", PermError, "the tag l is no number"),
        (
            "v=1",
            "v=1; bh=!",
            PermError,
            "its hash (bh=) or signature (b=) is not Base64",
        ),
        (
            "v=1",
            "v=1; i=@other.example",
            PermError,
            "its identity (i=) is not at its domain",
        ),
        (
            "v=1",
            "v=1; i=@evilauthor.example",
            PermError,
            "its identity (i=) is not at its domain",
        ),
        ("s=s", "s=none", PermError, "there is no such key"),
    ] {
        check(&with(&[(old, new)]).await, result, reason);
    }
}

#[tokio::test]
async fn a_domain_with_odd_characters_is_an_error() {
    let no_domain = "what it names as its domain (d=) is none";
    for domain in [
        "author.example(.evil.example",
        "author.example'.evil.example",
        "author.example evil.example",
        "author.example.",
        "author..example",
        ".author.example",
        "author.example\u{202e}",
    ] {
        check(
            &with(&[("author.example", domain)]).await,
            DkimResult::PermError,
            no_domain,
        );
    }
    let nul = with(&[("author.example", "author.example\0.evil.example")]).await;
    check(&nul, DkimResult::PermError, "it is not text");
}

#[tokio::test]
async fn times_are_minded() {
    let now = now();
    for (tags, result, reason) in [
        (
            format!("t={}; x={}", now - 10, now + 100),
            DkimResult::Pass,
            "",
        ),
        (format!("t={}", now + 100), DkimResult::Pass, ""),
        (
            format!("t={}", now + 1000),
            DkimResult::Policy,
            "it is from the future (t=)",
        ),
        (
            format!("x={}", now - 10),
            DkimResult::Fail,
            "it has expired (x=)",
        ),
        (
            format!("t={}; x={}", now - 10, now - 10),
            DkimResult::PermError,
            "it expires before it was made (x=)",
        ),
        ("x=99999999999999999999999".to_owned(), DkimResult::Pass, ""),
    ] {
        check(
            &with(&[("v=1", &format!("v=1; {tags}"))]).await,
            result,
            reason,
        );
    }
}

#[tokio::test]
async fn keys_are_judged() {
    use DkimResult::{Neutral, Pass, PermError};
    let good = KEY.public_record();
    let rsa = |bits: &str| format!("v=DKIM1; p={bits}");
    // Public exponents of 3 and moduli of ones: no real keys, but of these sizes.
    let short = rsa(
        "MEgCQQDIK/zV6v95QQyGvC4eS5nwsVBzzNUV4RqOcC1FFz8yY4Q4xhRUxNcQMoZsxvGqSjTCKZpYwMNI+7sGXCEO8W/HAgMBAAE=",
    );
    for (record, result, reason) in [
        (good.clone(), Pass, ""),
        (
            format!("{good}; t=y"),
            Neutral,
            "its key is for tests (t=y)",
        ),
        (format!("{good}; t=s"), Pass, ""),
        (format!("{good}; s=email:x"), Pass, ""),
        (
            format!("{good}; s=tlsrpt"),
            PermError,
            "its key is not for mail",
        ),
        (
            format!("{good}; h=sha1"),
            PermError,
            "its key is not for SHA-256",
        ),
        (
            format!("{good}; p=x"),
            PermError,
            "the record of its key cannot be read",
        ),
        (
            "v=DKIM1; k=ed25519; p=".to_owned(),
            PermError,
            "its key has been revoked",
        ),
        (
            "v=DKIM1; k=ed25519; p=AAAA".to_owned(),
            PermError,
            "its Ed25519 key does not have 32 octets",
        ),
        (
            "v=DKIM1; k=dsa; p=AAAA".to_owned(),
            PermError,
            "its key is of a kind that is not known",
        ),
        (
            "v=DKIM2; p=AAAA".to_owned(),
            PermError,
            "the record of its key is of another version",
        ),
        (
            "k=ed25519; v=DKIM1; p=AAAA".to_owned(),
            PermError,
            "the record of its key is of another version",
        ),
        (
            short,
            PermError,
            "its RSA key has less than 1024 or more than 4096 bit",
        ),
        ("v=spf1 -all".to_owned(), PermError, "there is no such key"),
        (
            RSA.public_record(),
            PermError,
            "its key is for another algorithm",
        ),
    ] {
        let message = signed(&KEY, &TAGS.replace("s=s", "s=k"), MESSAGE);
        let zone = format!("k._domainkey.author.example TXT {record}");
        check(&outcomes(&zone, &message).await, result, reason);
    }
}

#[tokio::test]
async fn an_identity_below_the_domain_needs_leave() {
    let tags = TAGS.replace("s=s", "s=k; i=jo=40x@sub.author.example");
    let message = signed(&KEY, &tags, MESSAGE);
    let record = KEY.public_record();
    let loose = format!("k._domainkey.author.example TXT {record}");
    let found = outcomes(&loose, &message).await;
    check(&found, DkimResult::Pass, "");
    assert_eq!(
        found[0].identity.as_deref(),
        Some("jo@x@sub.author.example")
    );
    let strict = format!("k._domainkey.author.example TXT {record}; t=s");
    let reason = "its key is for the domain itself (t=s), and its identity below it";
    check(
        &outcomes(&strict, &message).await,
        DkimResult::PermError,
        reason,
    );
}

#[tokio::test]
async fn keys_that_cannot_be_got_are_temporary_errors() {
    for cause in ["servfail", "timeout", "bogus", "refused"] {
        let zone = format!("k._domainkey.author.example FAIL {cause}");
        let message = signed(&KEY, &TAGS.replace("s=s", "s=k"), MESSAGE);
        let found = outcomes(&zone, &message).await;
        assert_eq!(found[0].result, DkimResult::TempError, "{cause}");
    }
    let record = KEY.public_record();
    let two = format!(
        "k._domainkey.author.example TXT {record}
         k._domainkey.author.example TXT {record}; n=two"
    );
    let message = signed(&KEY, &TAGS.replace("s=s", "s=k"), MESSAGE);
    let reason = "there are several keys of that name";
    check(
        &outcomes(&two, &message).await,
        DkimResult::PermError,
        reason,
    );
}

#[tokio::test]
async fn ten_signatures_are_looked_at_from_the_top() {
    let mut message = signed(&KEY, TAGS, MESSAGE);
    for _ in 0..499 {
        message = format!("DKIM-Signature: v=1; a=ed25519-sha256\r\n{message}");
    }
    let found = outcomes("", &message).await;
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|it| it.result == DkimResult::PermError));
    let on_top = signed(&KEY, TAGS, &message);
    let found = outcomes("", &on_top).await;
    assert_eq!((found.len(), found[0].result), (10, DkimResult::Pass));
}

#[tokio::test]
async fn fields_that_come_on_top_are_not_the_signed_ones() {
    let message = signed(&KEY, TAGS, MESSAGE);
    let found = outcomes("", &format!("Subject: other\r\n{message}")).await;
    check(&found, DkimResult::Pass, "");
    // Whoever signs the name once more than the field is there, prevents that.
    let oversigned = signed(&KEY, &TAGS.replace("h=from", "h=from:subject"), MESSAGE);
    let found = outcomes("", &format!("Subject: other\r\n{oversigned}")).await;
    check(
        &found,
        DkimResult::Fail,
        "it is not of these fields or this key",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_octets_pass_or_panic(value in proptest::collection::vec(any::<u8>(), 0..200), body in ".{0,50}") {
        let mut message = b"DKIM-Signature: v=1; a=rsa-sha256; d=author.example; s=rsa; h=from; ".to_vec();
        message.extend(value);
        message.extend(b"\r\nFrom: jo@author.example\r\n\r\n");
        message.extend(body.bytes());
        let message = String::from_utf8_lossy(&message).into_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let found = runtime.block_on(outcomes("", &message));
        prop_assert!(found.iter().all(|it| it.result != DkimResult::Pass));
    }

    #[test]
    fn a_change_of_one_octet_is_found(at in 0_usize..400, flip in 1_u8..128) {
        let message = signed(&KEY, &TAGS.replace("relaxed/relaxed", "simple/simple"), MESSAGE);
        let mut octets = message.clone().into_bytes();
        prop_assume!(at < octets.len());
        octets[at] ^= flip;
        prop_assume!(octets[at].is_ascii());
        let changed = String::from_utf8(octets).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let found = runtime.block_on(outcomes("", &changed));
        let still = found.iter().any(|it| it.result == DkimResult::Pass);
        // The names of the field and of its algorithm and form are read in any case, and the
        // end of the body is not counted; all of that but the case is signed as it stands.
        let uncounted = at >= message.len() - 2 || ends_signature(&message, at);
        prop_assert!(!still || uncounted || changed.eq_ignore_ascii_case(&message), "{changed:?}");
    }
}

/// Whether an octet is among the last three of a signature or the CR behind it. Four bits of the last
/// one that counts are not used, the two behind it fill up, and what follows those is not read. The 64
/// octets of the signature can stay the same when these change, and what is signed is the field without
/// them (RFC 6376 §3.7). A CR that is gone is refused before anybody asks for signatures.
fn ends_signature(message: &str, at: usize) -> bool {
    let end = message.find("==\r\nFrom:").unwrap() + "==".len();
    (end - 3..=end).contains(&at)
}

#[tokio::test]
async fn what_fills_up_the_base64_of_a_signature_says_nothing() {
    let message = signed(
        &KEY,
        &TAGS.replace("relaxed/relaxed", "simple/simple"),
        MESSAGE,
    );
    let changed = message.replace("==\r\nFrom:", "=\t\r\nFrom:");
    assert_ne!(changed, message);
    check(&outcomes("", &changed).await, DkimResult::Pass, "");
}
