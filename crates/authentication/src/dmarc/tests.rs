use crate::{
    Author, Disposition, DmarcPolicy, DmarcResult, SenderStanding, Verdict,
    testing::{KEY, signed, verify_from, zone},
};

/// A message of `jo@<author>`, signed by `<signer>`, whose keys are all the same.
async fn verdict(records: &str, author: &str, signer: Option<&str>, reverse_path: &str) -> Verdict {
    let message = format!("From: Jo <jo@{author}>\r\n\r\nHello\r\n");
    let (message, key) = match signer {
        Some(signer) => (
            signed(
                &KEY,
                &format!("v=1; a=ed25519-sha256; d={signer}; s=z; h=from"),
                &message,
            ),
            format!("z._domainkey.{signer} TXT {}", KEY.public_record()),
        ),
        None => (message, String::new()),
    };
    verify_from(zone(&format!("{records}\n{key}")), reverse_path, &message).await
}

async fn check_signed(records: &str, author: &str, signer: &str, expected: DmarcResult) {
    let found = verdict(records, author, Some(signer), "<>").await;
    assert_eq!(found.dmarc.result, expected, "{records}\n{found:?}");
    assert_eq!(found.dmarc.dkim_aligned, expected == DmarcResult::Pass);
}

#[tokio::test]
async fn an_aligned_signature_passes() {
    let records = "_dmarc.org.example TXT v=DMARC1; p=reject";
    for (author, signer, expected) in [
        ("org.example", "org.example", DmarcResult::Pass),
        ("org.example", "mail.org.example", DmarcResult::Pass),
        ("mail.org.example", "org.example", DmarcResult::Pass),
        ("a.b.org.example", "c.org.example", DmarcResult::Pass),
        ("org.example", "example", DmarcResult::Fail),
        ("org.example", "evilorg.example", DmarcResult::Fail),
        ("org.example", "other.example", DmarcResult::Fail),
    ] {
        check_signed(records, author, signer, expected).await;
    }
    let strict = "_dmarc.org.example TXT v=DMARC1; p=reject; adkim=s";
    check_signed(strict, "org.example", "org.example", DmarcResult::Pass).await;
    check_signed(strict, "org.example", "mail.org.example", DmarcResult::Fail).await;
    check_signed(strict, "mail.org.example", "org.example", DmarcResult::Fail).await;
}

#[tokio::test]
async fn organisations_end_where_records_say() {
    let own = "_dmarc.org.example TXT v=DMARC1; p=reject
        _dmarc.unit.org.example TXT v=DMARC1; p=reject; psd=n";
    check_signed(own, "unit.org.example", "org.example", DmarcResult::Fail).await;
    check_signed(own, "org.example", "unit.org.example", DmarcResult::Fail).await;
    check_signed(
        own,
        "a.unit.org.example",
        "b.unit.org.example",
        DmarcResult::Pass,
    )
    .await;
    let suffix = "_dmarc.gov.example TXT v=DMARC1; p=reject; psd=y";
    check_signed(suffix, "a.gov.example", "b.gov.example", DmarcResult::Fail).await;
    check_signed(
        suffix,
        "x.a.gov.example",
        "a.gov.example",
        DmarcResult::Pass,
    )
    .await;
    let none = verdict(suffix, "x.a.gov.example", None, "<>").await;
    assert_eq!(none.dmarc.policy, DmarcPolicy::Reject);
    assert_eq!(
        none.dmarc.record.unwrap().domain,
        "gov.example".parse().unwrap()
    );
    let higher = "_dmarc.org.example TXT v=DMARC1; p=none
        _dmarc.unit.org.example TXT v=DMARC1; p=reject";
    let found = verdict(higher, "unit.org.example", Some("org.example"), "<>").await;
    assert_eq!(
        (found.dmarc.result, found.dmarc.policy),
        (DmarcResult::Pass, DmarcPolicy::Reject)
    );
}

#[tokio::test]
async fn spf_counts_for_the_reverse_path_or_the_name_of_the_client() {
    let records = "_dmarc.org.example TXT v=DMARC1; p=reject
        bounce.org.example TXT v=spf1 ip4:192.0.2.1 -all
        other.example TXT v=spf1 ip4:192.0.2.1 -all
        mx.sender.example TXT v=spf1 ip4:192.0.2.1 -all
        _dmarc.sender.example TXT v=DMARC1; p=reject";
    for (author, reverse_path, expected) in [
        ("org.example", "<x@bounce.org.example>", DmarcResult::Pass),
        ("org.example", "<x@other.example>", DmarcResult::Fail),
        // espoofer: the name of the client is of the author's, the reverse-path is not null.
        ("sender.example", "<x@other.example>", DmarcResult::Fail),
        ("sender.example", "<>", DmarcResult::Pass),
        ("org.example", "<>", DmarcResult::Fail),
    ] {
        let found = verdict(records, author, None, reverse_path).await;
        assert_eq!(found.dmarc.result, expected, "{author} {reverse_path}");
        assert_eq!(found.dmarc.spf_aligned, expected == DmarcResult::Pass);
    }
    let strict = records.replace("p=reject", "p=reject; aspf=s");
    let found = verdict(&strict, "org.example", None, "<x@bounce.org.example>").await;
    assert_eq!(found.dmarc.result, DmarcResult::Fail);
}

#[tokio::test]
async fn the_policy_is_that_for_the_author_domain() {
    use DmarcPolicy::{None, Quarantine, Reject};
    let existing = "sub.org.example A 192.0.2.7";
    for (tags, author, expected) in [
        ("p=reject", "org.example", Reject),
        ("p=reject", "sub.org.example", Reject),
        ("p=reject; sp=none", "org.example", Reject),
        ("p=reject; sp=none", "sub.org.example", None),
        ("p=none; np=reject", "sub.org.example", None),
        ("p=none; np=reject", "gone.org.example", Reject),
        ("p=none; sp=quarantine", "gone.org.example", Quarantine),
        ("p=none; sp=quarantine; np=none", "gone.org.example", None),
        ("p=reject; t=y", "org.example", Quarantine),
        ("p=quarantine; t=y", "org.example", None),
        ("p=none; np=reject; t=y", "gone.org.example", Quarantine),
        ("p=reject; pct=0", "org.example", Reject),
        ("rua=mailto:a@org.example", "org.example", None),
        ("p=nonsense; rua=mailto:a@org.example", "org.example", None),
    ] {
        let records = format!("_dmarc.org.example TXT v=DMARC1; {tags}\n{existing}");
        let found = verdict(&records, author, Option::None, "<>").await.dmarc;
        assert_eq!(
            (found.result, found.policy),
            (DmarcResult::Fail, expected),
            "{tags} {author}"
        );
    }
}

#[tokio::test]
async fn faulty_records_are_as_the_rfc_says() {
    for (records, expected) in [
        ("", DmarcResult::None),
        ("_dmarc.org.example TXT v=spf1 -all", DmarcResult::None),
        ("_dmarc.org.example TXT v=DMARC1", DmarcResult::PermError),
        (
            "_dmarc.org.example TXT v=DMARC1; p=nonsense",
            DmarcResult::PermError,
        ),
        (
            "_dmarc.org.example TXT v=DMARC1; fo=x; adkim=q; p=reject",
            DmarcResult::Fail,
        ),
        ("_dmarc.org.example FAIL servfail", DmarcResult::TempError),
        ("_dmarc.example FAIL timeout", DmarcResult::TempError),
        (
            "_dmarc.org.example TXT v=DMARC1; p=reject\n _dmarc.org.example TXT v=DMARC1; p=none",
            DmarcResult::None,
        ),
        (
            "_dmarc.org.example TXT v=DMARC1; p=reject\n _dmarc.org.example TXT something else",
            DmarcResult::Fail,
        ),
    ] {
        let found = verdict(records, "org.example", None, "<>").await;
        assert_eq!(found.dmarc.result, expected, "{records}");
    }
}

#[tokio::test]
async fn a_walk_takes_eight_look_ups() {
    let deep = "a.b.c.d.e.f.g.h.i.j.org.example";
    let at = |domain: &str| format!("_dmarc.{domain} TXT v=DMARC1; p=reject");
    for (domain, expected) in [
        (deep, DmarcResult::Fail),
        ("f.g.h.i.j.org.example", DmarcResult::Fail),
        ("e.f.g.h.i.j.org.example", DmarcResult::None),
        ("org.example", DmarcResult::Fail),
        ("example", DmarcResult::Fail),
    ] {
        let found = verdict(&at(domain), deep, None, "<>").await;
        assert_eq!(found.dmarc.result, expected, "{domain}");
    }
}

#[tokio::test]
async fn what_is_not_known_of_an_aligned_domain_is_not_known() {
    let records = "_dmarc.org.example TXT v=DMARC1; p=reject
        k._domainkey.org.example FAIL servfail
        k._domainkey.other.example FAIL servfail
        slow.org.example FAIL timeout";
    let temporary = |signer: &str| {
        let tags = format!("v=1; a=ed25519-sha256; d={signer}; s=k; h=from");
        signed(&KEY, &tags, "From: jo@org.example\r\n\r\nHello\r\n")
    };
    let aligned = verify_from(zone(records), "<>", &temporary("org.example")).await;
    assert_eq!(aligned.dmarc.result, DmarcResult::TempError);
    assert!(matches!(aligned.disposition(), Disposition::Defer { .. }));
    let other = verify_from(zone(records), "<>", &temporary("other.example")).await;
    assert_eq!(other.dmarc.result, DmarcResult::Fail);
    let spf = verdict(records, "org.example", None, "<x@slow.org.example>").await;
    assert_eq!(spf.dmarc.result, DmarcResult::TempError);
    // Where nothing is asked for, nothing need be waited for.
    let none = records.replace("p=reject", "p=none");
    let found = verdict(&none, "org.example", None, "<x@slow.org.example>").await;
    assert_eq!(found.disposition(), Disposition::Accept);
    // And what passes, passes.
    let signature = "z._domainkey.org.example";
    let found = verdict(
        records,
        "org.example",
        Some("org.example"),
        "<x@slow.org.example>",
    )
    .await;
    assert_eq!(found.dmarc.result, DmarcResult::Pass, "{signature}");
}

/// The registry of a top-level domain does not answer.
#[tokio::test]
async fn what_is_certain_waits_for_no_other_domain() {
    let records = |policy: &str| {
        format!("_dmarc.org.example TXT v=DMARC1; p={policy}\n _dmarc.example TXT FAIL timeout")
    };
    let reject = records("reject");
    for (signer, expected) in [
        (Some("org.example"), DmarcResult::Pass),
        // Whether the two belong together is for the silent one to say.
        (Some("mail.org.example"), DmarcResult::TempError),
        (None, DmarcResult::TempError),
    ] {
        let found = verdict(&reject, "org.example", signer, "<>").await;
        assert_eq!(found.dmarc.result, expected, "{signer:?} {found:?}");
        assert_eq!(found.dmarc.policy, DmarcPolicy::Reject);
    }
    let spf = format!("{reject}\n org.example TXT v=spf1 ip4:192.0.2.1 -all");
    let found = verdict(&spf, "org.example", None, "<x@org.example>").await;
    assert_eq!(found.dmarc.result, DmarcResult::Pass);
    // Whatever it comes to, nothing is asked for.
    let found = verdict(&records("none"), "org.example", None, "<>").await;
    assert_eq!(found.dmarc.result, DmarcResult::TempError);
    assert_eq!(found.disposition(), Disposition::Accept);
    // Without a record of its own, the author domain has the silent one's.
    let found = verdict(&reject, "sub.example", None, "<>").await;
    assert!(matches!(found.disposition(), Disposition::Defer { .. }));
}

#[tokio::test]
async fn dispositions_say_what_failed_and_who_asks() {
    let records = |policy: &str| format!("_dmarc.org.example TXT v=DMARC1; p={policy}");
    let found = verdict(&records("reject"), "org.example", None, "<x@other.example>").await;
    let Disposition::Reject { reason } = found.disposition() else {
        panic!("{:?}", found.disposition());
    };
    assert_eq!(
        reason,
        "DMARC fails for org.example, which asks to reject such mail: SPF for other.example is \
         none, and it has no DKIM signature"
    );
    assert_eq!(found.standing(), SenderStanding::Forged);
    let found = verdict(&records("quarantine"), "org.example", None, "<>").await;
    assert!(matches!(
        found.disposition(),
        Disposition::Quarantine { .. }
    ));
    let found = verdict(&records("none"), "org.example", None, "<x@other.example>").await;
    assert_eq!(found.disposition(), Disposition::Accept);
    assert_eq!(found.standing(), SenderStanding::Unknown);
    let found = verdict("", "org.example", None, "<>").await;
    assert_eq!(found.disposition(), Disposition::Accept);
}

#[tokio::test]
async fn a_sender_stands_as_spf_and_signatures_say() {
    let records = "pass.example TXT v=spf1 ip4:192.0.2.1 -all
        fail.example TXT v=spf1 -all
        soft.example TXT v=spf1 ~all";
    for (reverse_path, signer, expected) in [
        ("<x@pass.example>", None, SenderStanding::Proven),
        ("<x@fail.example>", None, SenderStanding::Forged),
        ("<x@soft.example>", None, SenderStanding::Unknown),
        ("<x@none.example>", None, SenderStanding::Unknown),
        (
            "<x@none.example>",
            Some("none.example"),
            SenderStanding::Proven,
        ),
        (
            "<x@fail.example>",
            Some("fail.example"),
            SenderStanding::Forged,
        ),
        ("<>", None, SenderStanding::Unknown),
    ] {
        let found = verdict(records, "org.example", signer, reverse_path).await;
        assert_eq!(found.standing(), expected, "{reverse_path} {signer:?}");
    }
}

/// Whoever forwards a message keeps its reverse-path and has another address: SPF fails, and the
/// author's signature holds. What becomes of the message its author must hear.
#[tokio::test]
async fn a_forwarded_author_hears_of_failures() {
    let records = "_dmarc.org.example TXT v=DMARC1; p=reject
        org.example TXT v=spf1 -all
        other.example TXT v=spf1 -all";
    for (reverse_path, signer, expected) in [
        (
            "<jo@org.example>",
            Some("org.example"),
            SenderStanding::Unknown,
        ),
        ("<jo@org.example>", None, SenderStanding::Forged),
        (
            "<jo@other.example>",
            Some("org.example"),
            SenderStanding::Forged,
        ),
    ] {
        let found = verdict(records, "org.example", signer, reverse_path).await;
        assert_eq!(found.standing(), expected, "{reverse_path} {signer:?}");
    }
}

/// The forms in which a `From` passes for somebody else: one reader sees `org.example`, another
/// one `evil.example`.
#[tokio::test]
async fn no_form_of_from_passes_for_two() {
    let records = "_dmarc.org.example TXT v=DMARC1; p=reject";
    for from in [
        "From: <jo@org.example>\r\nFrom: <jo@evil.example>",
        "From: <jo@evil.example>\r\nFrom: <jo@org.example>",
        "From : <jo@org.example>\r\nFrom: <jo@evil.example>",
        "From: <jo@evil.example>\r\nno field\r\nFrom: <jo@org.example>",
        "From\t: <jo@org.example>\r\nFrom: <jo@evil.example>",
        "FROM: <jo@org.example>\r\nfrom: <jo@evil.example>",
        "From: <jo@evil.example>, <jo@org.example>",
        "From: <jo@org.example>, <jo@evil.example>",
        "From: jo@org.example <jo@evil.example>",
        "From: <@org.example,@x.example:jo@evil.example>",
        "From: <jo@evil.example>jo@org.example",
        "From: jo@org.example,jo@evil.example",
        "From: team: jo@org.example, jo@evil.example;",
        "From: jo@evil.example (@org.example\r\n ) <jo@org.example>",
    ] {
        let message = format!("{from}\r\n\r\nHello\r\n");
        let tags = "v=1; a=ed25519-sha256; d=evil.example; s=z; h=from";
        let key = format!("z._domainkey.evil.example TXT {}", KEY.public_record());
        let message = signed(&KEY, tags, &message);
        let found = verify_from(zone(&format!("{records}\n{key}")), "<>", &message).await;
        assert!(
            !matches!(found.author, Author::One(ref it) if it.as_str() == "evil.example"),
            "{from:?} {:?}",
            found.author
        );
        assert_eq!(found.dmarc.result, DmarcResult::Fail, "{from:?}");
        assert!(
            matches!(
                found.disposition(),
                Disposition::BadAuthor { .. } | Disposition::Reject { .. }
            ),
            "{from:?}"
        );
    }
}

#[tokio::test]
async fn no_author_is_a_bad_author() {
    for from in [
        "Subject: x",
        "From:",
        "From: undisclosed",
        "From: jo@[192.0.2.1]",
        "From: jo@",
        "From: team:;",
        "From: \"jo@org.example\"",
        "From: =?utf-8?b?am9Ab3JnLmV4YW1wbGU=?=",
        "\r\nFrom: jo@org.example",
        " From: jo@org.example\r\nFrom: jo@evil.example",
    ] {
        let found = verify_from(zone(""), "<>", &format!("{from}\r\n\r\nHello\r\n")).await;
        let bad = matches!(found.disposition(), Disposition::BadAuthor { .. });
        // What people are shown as an address may be taken for one; it must not pass.
        assert!(
            bad || found.dmarc.result == DmarcResult::None,
            "{from:?} {:?}",
            found.author
        );
        assert_ne!(found.dmarc.result, DmarcResult::Pass, "{from:?}");
    }
    let one = verify_from(zone(""), "<>", "From: a@b.example, c@B.example\r\n\r\n").await;
    assert_eq!(one.author, Author::One("b.example".parse().unwrap()));
}
