//! RFC 9989.

use mail_auth::{DmarcResult as Library, dmarc::Policy};
use postern_authentication::{DmarcPolicy, DmarcResult};

use crate::both::{library_dmarc, our_dmarc};

const MESSAGE: &str = "From: jo@org.example\r\n\r\nHello\r\n";

#[tokio::test]
async fn a_message_with_two_authors_has_no_policy() {
    let zone = "_dmarc.org.example TXT v=DMARC1; p=reject";
    for from in [
        "From: jo@org.example\r\nFrom: jo@evil.example",
        "From: jo@org.example, jo@evil.example",
    ] {
        let message = format!("{from}\r\n\r\nHello\r\n");
        let theirs = library_dmarc(zone, &message).await;
        assert_eq!(
            (theirs.result(), theirs.policy()),
            (Library::None, Policy::None)
        );
        let ours = our_dmarc(zone, &message).await;
        assert_eq!(ours.result, DmarcResult::Fail, "{from}");
    }
}

#[tokio::test]
async fn the_first_of_several_records_is_taken() {
    let zone = "_dmarc.org.example TXT v=DMARC1; p=reject
        _dmarc.org.example TXT v=DMARC1; p=none";
    let theirs = library_dmarc(zone, MESSAGE).await;
    assert_eq!(theirs.policy(), Policy::Reject);
    let ours = our_dmarc(zone, MESSAGE).await;
    assert_eq!(ours.result, DmarcResult::None);
}

#[tokio::test]
async fn a_tag_that_need_not_be_understood_makes_a_record_void() {
    for tag in ["fo=x", "adkim=q", "aspf="] {
        let zone = format!("_dmarc.org.example TXT v=DMARC1; {tag}; p=reject");
        let theirs = library_dmarc(&zone, MESSAGE).await.result();
        assert!(!matches!(theirs, Library::Fail(_)), "{tag} {theirs}");
        let ours = our_dmarc(&zone, MESSAGE).await;
        assert_eq!(
            (ours.result, ours.policy),
            (DmarcResult::Fail, DmarcPolicy::Reject),
            "{tag}"
        );
    }
}

#[tokio::test]
async fn a_policy_that_is_not_right_is_worth_its_reports() {
    let zone = "_dmarc.org.example TXT v=DMARC1; p=rejct; rua=mailto:a@org.example";
    let theirs = library_dmarc(zone, MESSAGE).await;
    assert!(theirs.dmarc_record().is_none());
    let ours = our_dmarc(zone, MESSAGE).await;
    assert_eq!(
        (ours.result, ours.policy),
        (DmarcResult::Fail, DmarcPolicy::None)
    );
    assert_eq!(ours.record.unwrap().rua, ["mailto:a@org.example"]);
}

#[tokio::test]
async fn a_cache_knows_of_no_name_that_does_not_exist() {
    let message = "From: jo@gone.org.example\r\n\r\nHello\r\n";
    for (tags, theirs, ours) in [
        ("p=none; np=reject", Policy::None, DmarcPolicy::Reject),
        (
            "p=none; np=reject; t=y",
            Policy::None,
            DmarcPolicy::Quarantine,
        ),
    ] {
        let zone = format!("_dmarc.org.example TXT v=DMARC1; {tags}");
        assert_eq!(library_dmarc(&zone, message).await.policy(), theirs);
        assert_eq!(our_dmarc(&zone, message).await.policy, ours, "{tags}");
    }
}

#[tokio::test]
async fn the_version_may_be_in_any_case() {
    let zone = "_dmarc.org.example TXT v=dmarc1; p=reject";
    assert_eq!(library_dmarc(zone, MESSAGE).await.policy(), Policy::Reject);
    assert_eq!(our_dmarc(zone, MESSAGE).await.result, DmarcResult::None);
}
