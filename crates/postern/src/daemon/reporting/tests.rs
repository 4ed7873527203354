use std::{fs, os::unix::fs::PermissionsExt as _, time::SystemTime};

use bytes::Bytes;
use postern_admin::{ReportOrder, ReportTrouble};
use postern_authentication::{
    DkimKey, DkimKeyKind, DkimResult, DmarcResult, Letter, Verdict, Verifier, VerifierSettings,
    make_dkim_key,
};
use postern_dns::FixedZone;
use postern_inbound::Done;
use postern_mail::{Domain, Host, ReversePath};
use postern_reports::ledger::Day;
use postern_spool::{Claim, LocalSpool, Settings};

use super::*;

/// A host that signs for its domain, with nothing but a directory.
struct Home {
    directory: tempfile::TempDir,
    key: DkimKey,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dkim.key");
        let pem = make_dkim_key(DkimKeyKind::Ed25519).unwrap();
        fs::write(&file, pem.as_bytes()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let key = DkimKey::read(&file).unwrap();
        Self { directory, key }
    }

    fn wiring(&self, reports: &str) -> Wiring {
        let text = format!(
            r#"
            hostname = "mx1.example.org"
            [spool]
            path = "queue"
            [[listener]]
            address = "127.0.0.1:0"
            role = "mx"
            tls = "none"
            [tls]
            trust = ["public"]
            [[domain]]
            name = "example.org"
            next-hop = ["127.0.0.1:1"]
            [[domain.dkim]]
            selector = "s1"
            key = "dkim.key"
            [reports]
            {reports}
            "#
        );
        let file = self.directory.path().join("postern.toml");
        let loaded = postern_config::parse(&text, &file).unwrap_or_else(|it| panic!("{it}"));
        Wiring::try_from(loaded.settings).unwrap()
    }

    /// What others publish, and our key.
    fn dns(&self) -> Arc<dyn Dns> {
        let zone = format!(
            "s1._domainkey.example.org  TXT  {}
             _dmarc.victim.example  TXT  v=DMARC1; p=reject; rua=mailto:dmarc@victim.example; \
             ruf=mailto:ruf@victim.example",
            self.key.public_record()
        );
        let zone: FixedZone = zone.parse().unwrap();
        Arc::new(zone)
    }

    fn open(&self, wiring: &Wiring) -> (Arc<Reporting>, Arc<dyn Spool>) {
        let state = self.directory.path();
        let queue = LocalSpool::open(&Settings::at(state.join("queue"))).unwrap();
        let queue: Arc<dyn Spool> = Arc::new(queue.spool);
        let (ledger, _) = Ledger::open(&state.join("ledger"), SystemTime::now()).unwrap();
        let opened = Reporting::open(wiring, state, &ledger, Arc::clone(&queue), self.dns());
        (Arc::new(opened.unwrap()), queue)
    }

    /// What is found out about a message with this content.
    async fn judge(&self, from: &str, content: &Bytes) -> Verdict {
        let verifier = Verifier::new(self.dns(), VerifierSettings::default());
        let (reverse_path, _) = ReversePath::parse_prefix(from).unwrap();
        let helo: Host = "client.example".parse().unwrap();
        let letter = Letter {
            client: "192.0.2.1".parse().unwrap(),
            helo: &helo,
            reverse_path: &reverse_path,
            hostname: &"mx1.example.org".parse().unwrap(),
            content: std::slice::from_ref(content),
        };
        verifier.verify(&letter).await
    }

    /// A message that is refused for the sake of victim.example.
    async fn forgery(&self, reporting: &Reporting, at: SystemTime) {
        let content =
            Bytes::from_static(b"From: ceo@victim.example\r\nSubject: pay\r\n\r\nnow\r\n");
        let verdict = self.judge("<spam@client.example>", &content).await;
        assert_eq!(verdict.dmarc.result, DmarcResult::Fail, "{verdict:?}");
        reporting.judged(&JudgedMail {
            verdict: &verdict,
            done: Done::Refused,
            reverse_path: &ReversePath::Null,
            recipients: &[],
            header: &content,
            queue_id: None,
            at,
        });
    }
}

async fn only(queue: &Arc<dyn Spool>) -> (Claim, Bytes) {
    let mut claims = queue.claim(SystemTime::now(), 10).await.unwrap();
    assert_eq!(claims.len(), 1, "{claims:?}");
    let claim = claims.remove(0);
    let content = claim.content().head(1 << 20).await.unwrap();
    (claim, content)
}

fn recipients(claim: &Claim) -> Vec<String> {
    let recipients = claim.envelope().recipients.iter();
    recipients.map(|it| it.forward_path.to_string()).collect()
}

#[tokio::test]
async fn what_was_judged_on_a_day_is_told_by_a_mail_that_proves_who_wrote_it() {
    let home = Home::new();
    let wiring = home.wiring("tls = false");
    let (reporting, queue) = home.open(&wiring);
    let now = SystemTime::now();
    let yesterday = view::yesterday(now).unwrap();
    home.forgery(&reporting, yesterday.start()).await;
    home.forgery(&reporting, yesterday.start()).await;

    let order = |dry_run| ReportOrder {
        day: Some(yesterday.to_string()),
        domain: None,
        dry_run,
    };
    let planned = reporting.carry_out(&order(true), now).await.unwrap();
    assert_eq!(planned.reports[0].outcome, "would be sent");
    assert_eq!(queue.figures().messages, 0);
    let sent = reporting.carry_out(&order(false), now).await.unwrap();
    assert!(sent.reports[0].good, "{sent:?}");
    assert_eq!(sent.reports[0].to, "mailto:dmarc@victim.example");

    let (claim, content) = only(&queue).await;
    assert_eq!(recipients(&claim), ["<dmarc@victim.example>"]);
    let verdict = home.judge("<postmaster@example.org>", &content).await;
    let signature = verdict.dkim.first().unwrap();
    assert_eq!(signature.result, DkimResult::Pass, "{signature:?}");
    assert_eq!(
        signature.domain.as_ref().map(Domain::as_str),
        Some("example.org")
    );

    let page = reporting.page(0, now).await.unwrap();
    let behind = reporting.page(page.reports.len(), now).await.unwrap();
    assert_eq!((behind.reports.len(), behind.next), (0, None));
    let line = &page.reports[0];
    assert_eq!((line.passed, line.failed), (0, 2));
    assert!(line.state.starts_with("sent at "), "{line:?}");
    let shown = reporting.one(&line.id, now).await.unwrap();
    assert_eq!(shown.sources[0].messages, 2);
    assert_eq!(shown.sources[0].disposition, "reject");
    let status = reporting.status(now);
    assert_eq!((status.sent, status.due), (1, 0));
}

#[tokio::test]
async fn a_day_that_is_not_over_is_not_told() {
    let home = Home::new();
    let (reporting, _) = home.open(&home.wiring("tls = false"));
    let now = SystemTime::now();
    let order = ReportOrder {
        day: Some(Day::of(now).to_string()),
        ..ReportOrder::default()
    };
    let refused = reporting.carry_out(&order, now).await.unwrap_err();
    assert!(matches!(refused, ReportTrouble::BadOrder(_)), "{refused:?}");
}

#[tokio::test]
async fn one_message_is_told_where_that_is_wanted_and_at_no_other_time() {
    let home = Home::new();
    let (reporting, queue) = home.open(&home.wiring("tls = false"));
    home.forgery(&reporting, SystemTime::now()).await;
    reporting.orders.close();
    reporting.orders.wait().await;
    assert_eq!(queue.figures().messages, 0);

    // A reload switches it on.
    let wiring = home.wiring("tls = false\nfailure = true\nfailure-limit = 1");
    reporting.adopt(reporting.prepare(&wiring).unwrap());
    for _ in 0..3 {
        home.forgery(&reporting, SystemTime::now()).await;
    }
    reporting.orders.wait().await;
    let (claim, content) = only(&queue).await;
    assert_eq!(recipients(&claim), ["<ruf@victim.example>"]);
    let content = String::from_utf8(content.to_vec()).unwrap();
    assert!(content.contains("message/feedback-report"), "{content}");
}
