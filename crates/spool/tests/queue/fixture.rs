//! A queue written in each format that there ever was opens, whatever has become of the code since.
//!
//! The fixture of the newest is written by `cargo test -p postern-spool -- --ignored write_the_fixture`; that
//! is done once for each new version of the format, and older ones stay.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use postern_mail::{
    BodyType, EnhancedStatusCode, Envelope, EnvelopeId, ForwardPath, Notify, OriginalRecipient,
    Recipient, Reply, ReplyCode, Return, ReversePath, TlsWish,
};
use postern_spool::{
    BounceTo, Cause, DelayNotice, Failure, LocalSpool, Origin, Outcome, PeerOrigin, RecipientState,
    Settings, Settlement, Spool, Submission,
};

use crate::common::{claim_all, copy_all, read};

const LARGE: &str = "content in a file of its own\r\n";

fn fixture(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(format)
}

fn settings(path: &Path) -> Settings {
    Settings {
        reserve: 0,
        in_memory: 1000,
        ..Settings::at(path)
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn envelope(tls_wish: TlsWish) -> Envelope {
    let path = |text| ForwardPath::parse_prefix(text).unwrap().0;
    Envelope {
        reverse_path: ReversePath::parse_prefix("<jo@sender.example>").unwrap().0,
        recipients: vec![
            Recipient {
                forward_path: path("<\"quoted local\"@x.example>"),
                notify: Some("FAILURE,DELAY".parse::<Notify>().unwrap()),
                original: Some(OriginalRecipient::from_xtext("rfc822;old@x.example").unwrap()),
            },
            path("<b@[192.0.2.1]>").into(),
            path("<postmaster>").into(),
        ],
        body: BodyType::EightBitMime,
        smtputf8: true,
        ret: Some(Return::Headers),
        envelope_id: Some(EnvelopeId::from_xtext("id+2B1").unwrap()),
        tls_wish,
    }
}

fn origin() -> Origin {
    Origin::Peer(PeerOrigin {
        address: "[2001:db8::1]:25".parse().unwrap(),
        helo: "mx.sender.example".to_owned(),
        channel: "TLSv1.3, client certificate of mx.sender.example".to_owned(),
        partner: Some("sender".to_owned()),
    })
}

fn failure() -> Failure {
    let reply = Reply::new(ReplyCode::MAILBOX_BUSY, "busy")
        .with_status(EnhancedStatusCode::transient(2, 1));
    Failure::reply(
        at(1_790_000_100),
        EnhancedStatusCode::transient(2, 1),
        "mx.x.example",
        &reply,
    )
}

#[tokio::test]
async fn format_1_opens() {
    check("v1", [TlsWish::Unstated; 2], plainly()).await;
}

#[tokio::test]
async fn format_2_opens() {
    check("v2", WISHES, plainly()).await;
}

#[tokio::test]
async fn format_3_opens() {
    check("v3", WISHES, suspiciously()).await;
}

/// Who hears of a failure, and why the message is suspicious.
type Standing = (BounceTo, Option<String>);

/// What holds of messages that were accepted before anybody asked.
fn plainly() -> Standing {
    (BounceTo::Sender, None)
}

/// What the newest fixture says of its first message.
fn suspiciously() -> Standing {
    (
        BounceTo::Nobody("SPF says fail".to_owned()),
        Some("DMARC asks for quarantine".to_owned()),
    )
}

/// What the two messages of the newest fixture say of TLS.
const WISHES: [TlsWish; 2] = [TlsWish::Required, TlsWish::Waived];

async fn check(format: &str, wishes: [TlsWish; 2], standing: Standing) {
    let directory = tempfile::tempdir().unwrap();
    copy_all(&fixture(format), directory.path());
    let opened = LocalSpool::open(&settings(directory.path())).unwrap();
    assert_eq!(opened.quarantined, []);
    let spool = opened.spool;
    let listed = spool
        .list(&Default::default(), None, 99)
        .await
        .unwrap()
        .messages;
    let [small, large] = listed.as_slice() else {
        panic!("two messages were written: {listed:?}");
    };
    assert_eq!(small.envelope, envelope(wishes[0]));
    assert_eq!(large.envelope, envelope(wishes[1]));
    assert_eq!(small.origin, origin());
    assert_eq!(
        (&small.bounce_to, &small.quarantined),
        (&standing.0, &standing.1)
    );
    assert_eq!(
        (&large.bounce_to, &large.quarantined),
        (&BounceTo::Sender, &None)
    );
    assert_eq!(small.received_at, at(1_790_000_000));
    let states: Vec<_> = small
        .progress
        .iter()
        .map(|progress| progress.state)
        .collect();
    let waiting = RecipientState::Waiting {
        next_attempt: at(1_790_000_600),
    };
    assert_eq!(
        states,
        [waiting, RecipientState::Delivered, RecipientState::Bounced]
    );
    assert_eq!(small.progress[0].attempts, 1);
    assert_eq!(small.progress[0].delay_notice, DelayNotice::Sent);
    assert_eq!(small.progress[0].last_failure, Some(failure()));
    let gone_wrong = small.progress[2].last_failure.as_ref().unwrap();
    assert_eq!(gone_wrong.cause(), &Cause::Here("no route".to_owned()));
    assert_eq!(large.origin, Origin::Ourselves);
    assert_eq!(large.hold.as_deref(), Some("to be looked at"));

    spool.release(large.id).await.unwrap();
    let claims = claim_all(&spool).await;
    let claimed = claims.iter().find(|claim| claim.id() == small.id).unwrap();
    assert_eq!(claimed.bounce_to(), &standing.0);
    assert_eq!(claimed.quarantined(), standing.1.as_deref());
    let contents = [
        read(claims[0].content()).await,
        read(claims[1].content()).await,
    ];
    assert!(contents.contains(&Bytes::from("small content\r\n")));
    assert!(contents.contains(&Bytes::from(LARGE.repeat(50))));
    let claimed: Vec<_> = claims
        .iter()
        .map(|claim| claim.envelope().tls_wish)
        .collect();
    assert!(
        claimed.contains(&wishes[0]) && claimed.contains(&wishes[1]),
        "{claimed:?}"
    );
}

#[tokio::test]
#[ignore = "writes the fixture anew"]
async fn write_the_fixture() {
    let fixture = fixture("v3");
    let _ = fs::remove_dir_all(&fixture);
    let spool = LocalSpool::open(&settings(&fixture)).unwrap().spool;
    let messages = [
        (origin(), "small content\r\n".to_owned(), suspiciously()),
        (Origin::Ourselves, LARGE.repeat(50), plainly()),
    ];
    for ((origin, text, (bounce_to, quarantined)), wish) in messages.into_iter().zip(WISHES) {
        let mut writer = spool.content();
        writer.write(text.into()).await.unwrap();
        let submission = Submission {
            envelope: envelope(wish),
            origin,
            received_at: at(1_790_000_000),
            content: writer.finish().await.unwrap(),
            bounce_to,
            quarantined,
            hold: None,
        };
        spool.accept(submission).await.unwrap();
    }
    let claims = claim_all(&spool).await;
    let [first, second, third] = [0, 1, 2].map(|at| claims[0].recipients()[at].index);
    let deferred = Outcome::Deferred {
        until: at(1_790_000_600),
        failure: failure(),
    };
    let status = EnhancedStatusCode::permanent(4, 4);
    let bounced = Outcome::Bounced {
        failure: Failure::here(at(1_790_000_200), status, "no route"),
    };
    let settlement = Settlement {
        outcomes: vec![
            (first, deferred),
            (second, Outcome::Delivered),
            (third, bounced),
        ],
        delay_notices: vec![first],
        submissions: Vec::new(),
    };
    spool.settle(&claims[0], settlement).await.unwrap();
    spool.hold(claims[1].id(), "to be looked at").await.unwrap();
    drop((claims, spool));
    // The engine makes its journal 64 MiB long and locks afresh each time.
    let journal = fixture.join("store/0.jnl");
    let octets = fs::read(&journal).unwrap();
    let used = octets.iter().rposition(|octet| *octet != 0).unwrap() + 1;
    fs::write(&journal, &octets[..used]).unwrap();
}
