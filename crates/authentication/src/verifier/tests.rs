use std::{
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use postern_dns::{Addresses, Answer, Caa, FixedZone, LookupError, Mx, Name, Tlsa};
use proptest::prelude::*;

use super::*;
use crate::{
    Disposition, DkimResult, DmarcResult, IprevResult, SpfResult,
    testing::{KEY, sealed, signed, verify, verify_by, verify_from, zone},
};

const TAGS: &str = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=author.example; s=s; h=from";
const RECORD: &str = "_dmarc.author.example TXT v=DMARC1; p=reject";

/// A DNS that counts what it is asked, and answers from a zone or never.
#[derive(Debug, Default)]
struct Counting {
    zone: Option<FixedZone>,
    asked: AtomicUsize,
}

impl Counting {
    async fn zone(&self, cost: usize) -> &FixedZone {
        self.asked.fetch_add(cost, Ordering::Relaxed);
        match &self.zone {
            Some(zone) => zone,
            None => pending().await,
        }
    }
}

#[async_trait]
impl Dns for Counting {
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError> {
        self.zone(1).await.mx(name).await
    }

    async fn addresses(&self, name: &Name) -> Addresses {
        self.zone(2).await.addresses(name).await
    }

    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError> {
        self.zone(1).await.txt(name).await
    }

    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError> {
        self.zone(1).await.tlsa(name).await
    }

    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError> {
        self.zone(1).await.caa(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError> {
        self.zone(1).await.ptr(address).await
    }
}

fn message() -> String {
    signed(&KEY, TAGS, "From: jo@author.example\r\n\r\nHello\r\n")
}

#[tokio::test(start_paused = true)]
async fn a_dns_that_never_answers_costs_the_time_of_the_settings_and_no_more() {
    let dns = Arc::new(Counting::default());
    let verifier = Verifier::new(
        Arc::clone(&dns) as Arc<dyn Dns>,
        VerifierSettings::default(),
    );
    let begin = Instant::now();
    let found = verify_by(&verifier, "192.0.2.1", "<jo@author.example>", &message()).await;
    assert!(
        begin.elapsed() <= Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(found.helo.result, SpfResult::TempError);
    assert_eq!(found.spf().result, SpfResult::TempError);
    assert_eq!(found.dkim[0].result, DkimResult::TempError);
    assert_eq!(found.iprev.result, IprevResult::TempError);
    assert_eq!(found.dmarc.result, DmarcResult::TempError);
    assert!(matches!(found.disposition(), Disposition::Defer { .. }));
    let domain = "author.example".parse().unwrap();
    assert_eq!(verifier.refuses_mail(&domain).await, NullMx::Unknown);
}

#[tokio::test(start_paused = true)]
async fn many_verifications_wait_side_by_side() {
    let dns: Arc<dyn Dns> = Arc::new(Counting::default());
    let verifier = Arc::new(Verifier::new(dns, VerifierSettings::default()));
    let begin = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..200 {
        let verifier = Arc::clone(&verifier);
        all.spawn(async move {
            verify_by(&verifier, "192.0.2.1", "<jo@author.example>", &message()).await
        });
    }
    while let Some(verdict) = all.join_next().await {
        assert_eq!(verdict.unwrap().dmarc.result, DmarcResult::TempError);
    }
    assert!(begin.elapsed() <= Duration::from_secs(20));
}

#[tokio::test]
async fn a_message_causes_no_more_look_ups_than_the_settings_allow() {
    let mut records = "author.example TXT v=spf1".to_owned();
    for at in 0..10 {
        records = records.replacen("v=spf1", &format!("v=spf1 mx:m{at}.author.example"), 1);
    }
    for at in 0..10 {
        for host in 0..10 {
            records += &format!("\nm{at}.author.example MX 1 h{at}-{host}.author.example");
            records += &format!("\nh{at}-{host}.author.example A 198.51.100.1");
        }
    }
    records += &format!("\n{RECORD}");
    let dns = Arc::new(Counting {
        zone: Some(zone(&records)),
        asked: AtomicUsize::new(0),
    });
    let mut message = message();
    for at in 0..9 {
        let tags = TAGS.replace("s=s", &format!("s=x{at}"));
        message = signed(&KEY, &tags, &message);
    }
    let verifier = Verifier::new(
        Arc::clone(&dns) as Arc<dyn Dns>,
        VerifierSettings::default(),
    );
    let found = verify_by(&verifier, "192.0.2.1", "<jo@author.example>", &message).await;
    assert!(dns.asked.load(Ordering::Relaxed) <= 100, "{dns:?}");
    assert_eq!(found.spf().result, SpfResult::TempError);
    // The signature's own look-ups are not used up by those of SPF.
    assert_eq!(found.dkim[9].result, DkimResult::Pass);
}

/// Whoever sends in the name of another may burn look-ups on domains of their own.
#[tokio::test]
async fn nobody_uses_up_the_look_ups_of_the_author_domain() {
    let mut records = RECORD.to_owned();
    for host in 0..10 {
        records += &format!("\nmx.sender.example MX 1 h{host}.burn.example");
        records += &format!("\nh{host}.burn.example A 198.51.100.1");
    }
    records += "\nauthor.example TXT v=spf1 -all";
    records += &format!("\nmx.sender.example TXT v=spf1{} -all", " mx".repeat(10));
    records += "\n1.2.0.192.in-addr.arpa PTR h1.burn.example";
    let mut message = "From: jo@author.example\r\nSubject: x\r\n\r\nHello\r\n".to_owned();
    for at in 1..=50 {
        let state = if at == 1 { "none" } else { "pass" };
        message = sealed(
            &KEY,
            &format!("s{at}.burn.example"),
            at,
            state,
            "x=y",
            &message,
        );
    }
    for at in 0..10 {
        let tags = TAGS.replace("s=s", &format!("s=none{at}"));
        message = signed(&KEY, &tags, &message);
    }
    let found = verify_from(zone(&records), "<jo@author.example>", &message).await;
    assert_eq!(found.helo.result, SpfResult::TempError, "{:?}", found.helo);
    assert_eq!(found.spf().result, SpfResult::Fail);
    assert!(
        found
            .dkim
            .iter()
            .all(|it| it.result == DkimResult::PermError)
    );
    assert!(
        matches!(found.disposition(), Disposition::Reject { .. }),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_large_message_is_checked_and_one_that_is_too_large_is_not() {
    let large = format!(
        "From: jo@author.example\r\n\r\n{}",
        "Hello\r\n".repeat(100_000)
    );
    let large = signed(&KEY, TAGS, &large);
    let found = verify(zone(RECORD), &large).await;
    assert_eq!(found.dkim[0].result, DkimResult::Pass);
    assert_eq!(found.dmarc.result, DmarcResult::Pass);
    let settings = VerifierSettings {
        memory: 64 * 1024,
        ..VerifierSettings::default()
    };
    let verifier = Verifier::new(Arc::new(zone(RECORD)), settings);
    let found = verify_by(&verifier, "192.0.2.1", "<>", &large).await;
    assert_eq!(found.dkim[0].result, DkimResult::TempError);
    assert_eq!(found.dkim[0].domain, "author.example".parse().ok());
    let why = "the message is larger than what may be held for verification";
    assert_eq!(found.dkim[0].reason.as_deref(), Some(why));
    assert_eq!(found.dmarc.result, DmarcResult::TempError);
    assert_eq!(
        verifier.reserve(large.len() as u64).await.unwrap_err(),
        NoRoom::TooLarge
    );
}

#[tokio::test]
async fn a_trusted_forwarder_outweighs_a_failure_but_no_bad_author() {
    let settings = VerifierSettings {
        trusted_forwarders: vec!["198.51.100.0/24".parse().unwrap()],
        ..VerifierSettings::default()
    };
    let verifier = Verifier::new(Arc::new(zone(RECORD)), settings.clone());
    let unsigned = "From: jo@author.example\r\n\r\nHello\r\n";
    let from_afar = verify_by(&verifier, "192.0.2.1", "<>", unsigned).await;
    assert!(matches!(
        from_afar.disposition(),
        Disposition::Reject { .. }
    ));
    let forwarded = verify_by(&verifier, "198.51.100.7", "<>", unsigned).await;
    let forwarder = Override::TrustedForwarder(settings.trusted_forwarders[0]);
    assert_eq!(forwarded.disposition(), Disposition::Overridden(forwarder));
    let passing = verify_by(&verifier, "198.51.100.7", "<>", &message()).await;
    assert_eq!(passing.disposition(), Disposition::Accept);
    let nobody = verify_by(&verifier, "198.51.100.7", "<>", "Subject: x\r\n\r\n").await;
    assert!(matches!(
        nobody.disposition(),
        Disposition::BadAuthor { .. }
    ));
}

#[tokio::test]
async fn the_sender_alone_is_judged_as_within_a_message() {
    let records = "sender.example TXT v=spf1 ip4:192.0.2.1 -all
        mx.sender.example TXT v=spf1 -all";
    let verifier = Verifier::new(Arc::new(zone(records)), VerifierSettings::default());
    let whole = verify_from(zone(records), "<jo@sender.example>", &message()).await;
    let (path, _) = ReversePath::parse_prefix("<jo@sender.example>").unwrap();
    let helo = "mx.sender.example".parse().unwrap();
    let hostname = "mx.here.example".parse().unwrap();
    let client = "192.0.2.1".parse().unwrap();
    let (helo, mail_from) = verifier
        .verify_sender(client, &helo, &path, &hostname)
        .await;
    assert_eq!((&helo, &mail_from), (&whole.helo, &whole.mail_from));
    assert_eq!(helo.result, SpfResult::Fail);
    assert_eq!(mail_from.map(|it| it.result), Some(SpfResult::Pass));
}

#[tokio::test]
async fn content_may_come_in_any_pieces() {
    let whole = Bytes::from(message());
    let verifier = Verifier::new(Arc::new(zone(RECORD)), VerifierSettings::default());
    let helo = "mx.sender.example".parse().unwrap();
    let hostname = "mx.here.example".parse().unwrap();
    for size in [1, 2, 7, 100] {
        let pieces: Vec<_> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
        let letter = Letter {
            client: "192.0.2.1".parse().unwrap(),
            helo: &helo,
            reverse_path: &ReversePath::Null,
            hostname: &hostname,
            content: &pieces,
        };
        let found = verifier.verify(&letter).await;
        assert_eq!(found.dmarc.result, DmarcResult::Pass, "{size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_content_passes_or_panics(content in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_no_pass(&String::from_utf8_lossy(&content));
    }

    #[test]
    fn no_header_passes_or_panics(
        lines in proptest::collection::vec(
            "(From|from |Subject|ARC-Seal|ARC-Message-Signature|ARC-Authentication-Results|DKIM-Signature)[: ]{1,2}(i=[0-9]{1,3};|a=(rsa|ed25519)-sha256;|cv=(pass|none);|d=author\\.example;|s=s;|b=[A-Za-z0-9]{0,8};|bh=;|h=from;|v=1;|dmarc=pass|jo@author\\.example|[<>,@\"(;\\\\]| |\r\n ){0,8}",
            0..12,
        )
    ) {
        check_no_pass(&format!("{}\r\n\r\nbody", lines.join("\r\n")));
    }
}

/// Nothing that has no signature of the author's passes.
#[track_caller]
fn check_no_pass(message: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    let found = runtime.block_on(verify(zone(RECORD), message));
    assert_ne!(found.dmarc.result, DmarcResult::Pass, "{message:?}");
    assert!(!found.arc.claims_dmarc_pass, "{message:?}");
    assert!(found.overridden.is_none(), "{message:?}");
}
