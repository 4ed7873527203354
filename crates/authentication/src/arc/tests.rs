use super::*;
use crate::{
    Disposition, DmarcResult, Override, Verdict,
    testing::{KEY, sealed, verify, zone},
};

const MESSAGE: &str = "From: jo@author.example\r\nSubject: Hello\r\n\r\nHello\r\n";
const RECORD: &str = "_dmarc.author.example TXT v=DMARC1; p=reject";
const CLAIM: &str = "dmarc=pass header.from=author.example";

/// A message with so many sets.
fn chain(number: usize) -> String {
    let mut message = MESSAGE.to_owned();
    for instance in 1..=number {
        let state = match instance {
            1 => "none",
            _ => "pass",
        };
        message = sealed(&KEY, "lists.example", instance, state, CLAIM, &message);
    }
    message
}

async fn verdict(message: &str) -> Verdict {
    verify(zone(RECORD), message).await
}

async fn check(message: &str, result: ArcResult, reason: Option<&str>) {
    let found = verdict(message).await.arc;
    assert_eq!(
        (found.result, found.reason.as_deref()),
        (result, reason),
        "{message}"
    );
    assert!(result == ArcResult::Pass || !found.claims_dmarc_pass);
}

#[tokio::test]
async fn chains_pass_up_to_fifty_sets() {
    check(MESSAGE, ArcResult::None, None).await;
    for number in [1, 2, 3, 50] {
        let found = verdict(&chain(number)).await.arc;
        assert_eq!(
            (found.result, found.reason),
            (ArcResult::Pass, None),
            "{number}"
        );
        assert_eq!(found.sets as usize, number);
        assert_eq!(found.sealer, "lists.example".parse().ok());
        assert_eq!(found.sealers.len(), number);
        assert!(found.claims_dmarc_pass);
    }
    for number in [51, 60] {
        let why = "there are more than 50 sets";
        check(&chain(number), ArcResult::Fail, Some(why)).await;
    }
}

#[tokio::test]
async fn what_was_changed_breaks_the_chain() {
    let body = "the newest signature: the body was changed";
    check(
        &chain(1).replace("\r\nHello\r\n", "\r\nHullo\r\n"),
        ArcResult::Fail,
        Some(body),
    )
    .await;
    let header = "a signature or seal is not of these fields or its key";
    check(
        &chain(2).replace("jo@", "joe@"),
        ArcResult::Fail,
        Some(header),
    )
    .await;
    // The results of an earlier hop are what its seal and all later ones are made over.
    let results = chain(3).replace(
        "i=1; lists.example; dmarc=pass",
        "i=1; lists.example; dmarc=fail",
    );
    let seal = "a signature or seal is not of these fields or its key";
    check(&results, ArcResult::Fail, Some(seal)).await;
}

#[tokio::test]
async fn sets_must_fit_together() {
    let two = chain(2);
    let without = |name: &str, text: &str| {
        let start = text.find(name).unwrap();
        let end = start + text[start..].find("\r\n").unwrap() + 2;
        format!("{}{}", &text[..start], &text[end..])
    };
    let incomplete = Some("a set is not complete");
    check(&without("ARC-Seal: i=2", &two), ArcResult::Fail, incomplete).await;
    check(
        &without("ARC-Authentication-Results: i=1", &two),
        ArcResult::Fail,
        incomplete,
    )
    .await;
    check(
        &without("ARC-Message-Signature: i=1", &two),
        ArcResult::Fail,
        incomplete,
    )
    .await;
    let mut gap = two.clone();
    for name in [
        "ARC-Seal: i=1",
        "ARC-Message-Signature: i=1",
        "ARC-Authentication-Results: i=1",
    ] {
        gap = without(name, &gap);
    }
    check(
        &gap,
        ArcResult::Fail,
        Some("an instance (i=) is left out or there twice"),
    )
    .await;
    let twice = two.replace("ARC-Seal: i=2", "ARC-Seal: i=1");
    check(
        &twice,
        ArcResult::Fail,
        Some("an instance (i=) is left out or there twice"),
    )
    .await;
    let zero = two.replace("ARC-Seal: i=2", "ARC-Seal: i=0");
    check(
        &zero,
        ArcResult::Fail,
        Some("an instance (i=) cannot be read"),
    )
    .await;
    let first = sealed(&KEY, "lists.example", 1, "pass", CLAIM, MESSAGE);
    let claimed = "a seal does not say that the chain holds (cv=)";
    check(&first, ArcResult::Fail, Some(claimed)).await;
    let second = sealed(&KEY, "lists.example", 2, "none", CLAIM, &chain(1));
    check(
        &second,
        ArcResult::Fail,
        Some("a seal does not say that the chain holds (cv=)"),
    )
    .await;
    let failed = sealed(&KEY, "lists.example", 2, "fail", CLAIM, &chain(1));
    let found = "a seal does not say that the chain holds (cv=)";
    check(&failed, ArcResult::Fail, Some(found)).await;
}

#[tokio::test]
async fn seals_must_be_well_formed() {
    let one = chain(1);
    for (old, new, reason) in [
        (
            "ARC-Seal: i=1;",
            "ARC-Seal: i=1; h=from;",
            "a seal names fields (h=)",
        ),
        (
            "ARC-Seal: i=1;",
            "ARC-Seal: i=1; i=1;",
            "the seal 1: the tag i stands there twice",
        ),
        (
            "cv=none",
            "cv=maybe",
            "a seal does not say that the chain holds (cv=)",
        ),
        (
            "cv=none",
            "cv=",
            "a seal does not say that the chain holds (cv=)",
        ),
        (
            "Seal: i=1; a=ed25519-sha256",
            "Seal: i=1; a=rsa-sha1",
            "the seal 1: rsa-sha1 is not accepted",
        ),
        (
            "d=lists.example; s=s; b=",
            "d=lists(.example; s=s; b=",
            "the seal 1: the tag d is no name",
        ),
        (
            "h=from:subject",
            "h=subject",
            "the newest signature: From is not among the signed fields",
        ),
        (
            "h=from:subject",
            "h=from:arc-seal",
            "the newest signature: it is made over seals",
        ),
    ] {
        assert!(one.contains(old), "{old}");
        check(&one.replacen(old, new, 1), ArcResult::Fail, Some(reason)).await;
    }
}

#[tokio::test]
async fn keys_that_cannot_be_got_leave_it_open() {
    let message = sealed(&KEY, "slow.example", 1, "none", CLAIM, MESSAGE);
    let records = format!("{RECORD}\n s._domainkey.slow.example FAIL servfail");
    let found = verify(zone(&records), &message).await.arc;
    assert_eq!(found.result, ArcResult::TempError);
    assert!(!found.claims_dmarc_pass);
    let message = sealed(&KEY, "keyless.example", 1, "none", CLAIM, MESSAGE);
    let why = "there is no such key";
    check(&message, ArcResult::Fail, Some(why)).await;
}

#[tokio::test]
async fn a_trusted_sealer_outweighs_dmarc_and_nobody_else() {
    let trusted = verdict(&chain(2)).await;
    assert_eq!(trusted.dmarc.result, DmarcResult::Fail);
    let sealer = Override::TrustedSealer("lists.example".parse().unwrap());
    assert_eq!(trusted.disposition(), Disposition::Overridden(sealer));
    for message in [
        sealed(&KEY, "other.example", 1, "none", CLAIM, MESSAGE),
        sealed(&KEY, "other.example", 2, "pass", CLAIM, &chain(1)),
        sealed(&KEY, "lists.example", 1, "none", "dmarc=fail", MESSAGE),
        sealed(
            &KEY,
            "lists.example",
            1,
            "none",
            "dmarc=pass header.from=other.example",
            MESSAGE,
        ),
        sealed(&KEY, "lists.example", 1, "none", "spf=pass", MESSAGE),
        chain(1).replace("Subject: Hello", "Subject: Hullo"),
    ] {
        let found = verdict(&message).await;
        assert!(
            matches!(found.disposition(), Disposition::Reject { .. }),
            "{message}"
        );
    }
}
