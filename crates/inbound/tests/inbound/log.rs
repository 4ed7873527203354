//! What the log says of sessions.

use std::{
    io,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use postern_policy::{BreakGlass, Exclusivity, Lowered, Stage};
use rustls_pki_types::UnixTime;
use tracing::{Level, Subscriber, subscriber::DefaultGuard};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    client::{Client, queue_id},
    house::Plan,
    pki::plain_policy,
};

/// The log of one thread, which is that of one test: its runtime has no other.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn begin() -> (Self, DefaultGuard) {
        have_lines_written();
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.subscriber());
        (log, guard)
    }

    fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .with_ansi(false)
            .with_writer(self.clone())
            .finish()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// The one line with this text in it, which must also hold these.
    #[track_caller]
    pub(crate) fn check(&self, text: &str, parts: &[&str]) {
        let lines = self.lines();
        let found: Vec<_> = lines.iter().filter(|line| line.contains(text)).collect();
        assert_eq!(found.len(), 1, "{text}: {lines:#?}");
        for part in parts {
            assert!(found[0].contains(part), "{part}: {}", found[0]);
        }
    }
}

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Has every thread write the lines that a [`Log`] has, to be called before the first of them.
///
/// Whether a line is written at all is found out when the program first comes by it, and kept. As
/// long as there is one log alone, `tracing` asks the thread that comes by; a test without a log
/// would answer for the one that waits for the line.
pub(crate) fn have_lines_written() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let nowhere = tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .with_writer(io::sink)
            .finish();
        tracing::subscriber::set_global_default(nowhere).unwrap();
    });
}

#[test]
fn a_thread_without_a_log_takes_no_line_from_one_that_has_it() {
    fn come_by() {
        tracing::info!("somebody came by");
    }
    let (log, _guard) = Log::begin();
    std::thread::spawn(come_by).join().unwrap();
    come_by();
    log.check("somebody came by", &[]);
}

#[tokio::test]
async fn one_line_for_each_message() {
    let (log, _guard) = Log::begin();
    let house =
        Plan::with(|pki| vec![pki.partner("ministry", Stage::Enforce, Exclusivity::Shared)]);
    let house = house.serve();
    let identity = house.pki.client("out.ministry.example");
    let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&identity)).await;
    let reply = client
        .deliver("jo@ministry.example", "mo@own.example")
        .await;
    let id = format!("queue_id={}", queue_id(&reply));
    client.say("QUIT", "221").await;
    house.empty().await;
    log.check(
        " accepted ",
        &[
            " INFO session{session=",
            "peer=127.0.0.1:",
            &id,
            "reverse_path=<jo@ministry.example>",
            "forward_path=<mo@own.example>",
            "forward_paths=1",
            "octets=24",
            "helo=client.example",
            "basis=authenticated as out.ministry.example by ministry-ca.pem, TLSv1.3 ",
            "partner=ministry",
            "peer_identity=out.ministry.example",
            "tls_version=TLSv1.3",
            "tls_suite=TLS_AES_256_GCM_SHA384",
        ],
    );
    log.check("session ended", &["messages=1", "ending=the client quit"]);
}

#[tokio::test]
async fn refusals_and_their_reasons() {
    let (log, _guard) = Log::begin();
    let house =
        Plan::with(|pki| vec![pki.partner("ministry", Stage::Enforce, Exclusivity::Shared)]);
    let house = house.serve();
    let mut client = Client::greet(house.address).await;
    client.say("MAIL FROM:<jo@ministry.example>", "530").await;
    client.say("MAIL FROM:<jo@sender.example>", "250").await;
    client.say("RCPT TO:<x@victim.example>", "550").await;
    client.say("NONSENSE \u{202e}", "500").await;
    drop(client);
    house.empty().await;
    log.check(
        "MAIL refused by a partner's rule",
        &[
            " WARN ",
            "partner=ministry",
            "basis=plain (the client did not use TLS)",
            "reply_code=530",
            "enhanced_status=5.7.10",
            "refused_because=the channel is plain",
        ],
    );
    log.check(
        "RCPT refused",
        &[
            " INFO ",
            "forward_path=<x@victim.example>",
            "reply_code=550",
        ],
    );
    log.check("command refused", &[" INFO ", "reply_code=500"]);
    log.check(
        "gave the transaction up",
        &["reverse_path=<jo@sender.example>"],
    );
    log.check("session ended", &["the client closed the connection"]);
}

#[tokio::test]
async fn what_a_later_stage_would_refuse() {
    for (stage, level) in [(Stage::Warn, " WARN "), (Stage::Observe, " INFO ")] {
        let (log, _guard) = Log::begin();
        let house = Plan::with(|pki| vec![pki.partner("ministry", stage, Exclusivity::Shared)]);
        let house = house.serve();
        let mut client = Client::greet(house.address).await;
        client
            .deliver("jo@ministry.example", "mo@own.example")
            .await;
        log.check(
            "stage enforce would refuse this",
            &[level, "partner=ministry", "the channel is plain"],
        );
        log.check(" accepted ", &["basis=plain (the client did not use TLS)"]);
    }
}

#[tokio::test]
async fn each_message_let_in_while_the_glass_is_broken() {
    let until = UnixTime::now().as_secs() + 3600;
    let glass = BreakGlass {
        partner: "ministry".parse().unwrap(),
        direction: None,
        allow: Lowered::Any,
        reason: "their certificate ran out".into(),
        approved_by: "duty officer".into(),
        until: UnixTime::since_unix_epoch(Duration::from_secs(until)),
    };
    let (log, _guard) = Log::begin();
    let mut house = Plan::new().serve();
    let ministry = house
        .pki
        .partner("ministry", Stage::Enforce, Exclusivity::Shared);
    let policy = plain_policy(vec![ministry]).with_broken_glass(vec![glass]);
    house.settings.policy = Arc::new(policy.unwrap());
    house.control.replace(&house.settings).unwrap();
    let mut client = Client::greet(house.address).await;
    let reply = client
        .deliver("jo@ministry.example", "mo@own.example")
        .await;
    let id = format!("queue_id={}", queue_id(&reply));
    let parts = [
        " WARN ",
        &id,
        "partner=ministry",
        "reason=their certificate ran out",
        "approved_by=duty officer",
        "until=",
    ];
    log.check("the glass is broken", &parts);
    client
        .deliver("jo@stranger.example", "mo@own.example")
        .await;
    log.check("the glass is broken", &parts);
    by_the_ministry(&mut client, "250").await;
    let told = |line: &String| line.contains("the glass is broken");
    assert_eq!(log.lines().into_iter().filter(told).count(), 2);
}

/// A message by an author at the ministry, over a channel that is not the ministry's.
async fn by_the_ministry(client: &mut Client, expected: &str) {
    client
        .envelope("jo@stranger.example", "mo@own.example")
        .await;
    client.say("DATA", "354").await;
    let content = "From: jo@ministry.example\r\nTLS-Required: No\r\n\r\nHello\r\n.";
    client.say(content, expected).await;
}

#[tokio::test]
async fn authors_and_the_wish_of_tls() {
    for (stage, level) in [(Stage::Warn, " WARN "), (Stage::Observe, " INFO ")] {
        let (log, _guard) = Log::begin();
        let house = Plan::with(|pki| vec![pki.partner("ministry", stage, Exclusivity::Shared)]);
        let house = house.serve();
        let mut client = Client::greet(house.address).await;
        by_the_ministry(&mut client, "250").await;
        log.check(
            "stage enforce would refuse this",
            &[level, "author=ministry.example", "partner=ministry"],
        );
        log.check(" accepted ", &["tls_wish=TLS-Required: No"]);
        // What the reverse-path is told for is not told again for the author.
        client
            .envelope("jo@ministry.example", "mo@own.example")
            .await;
        client.say("DATA", "354").await;
        client
            .say("From: jo@ministry.example\r\n\r\nHello\r\n.", "250")
            .await;
        let told = |line: &String| line.contains("would refuse this");
        assert_eq!(log.lines().into_iter().filter(told).count(), 2);
    }

    let (log, _guard) = Log::begin();
    let house =
        Plan::with(|pki| vec![pki.partner("ministry", Stage::Enforce, Exclusivity::Shared)]);
    let house = house.serve();
    let mut client = Client::greet(house.address).await;
    by_the_ministry(&mut client, "550").await;
    log.check(
        "content refused by a partner's rule about authors",
        &[
            " WARN ",
            "reverse_path=<jo@stranger.example>",
            "author=ministry.example",
            "partner=ministry",
            "basis=plain (the client did not use TLS)",
            "reply_code=550",
            "enhanced_status=5.7.1",
            "refused_because=The From field names ministry.example: the channel is plain",
        ],
    );
}

#[tokio::test]
async fn a_poisoned_queue_is_told_of_once() {
    let (log, _guard) = Log::begin();
    let house = Plan::new().serve();
    house.spool.poison();
    let mut client = Client::greet(house.address).await;
    for _ in 0..5 {
        client.say("MAIL FROM:<jo@sender.example>", "451").await;
    }
    log.check(
        "no mail is accepted until a restart",
        &[" ERROR ", "the disk is gone"],
    );
}

#[tokio::test]
async fn foreign_text_stays_on_its_line() {
    let (log, _guard) = Log::begin();
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client
        .say(
            "MAIL FROM:<\"\u{202e}\u{2028}%s%n\"@sender.example> SMTPUTF8",
            "250",
        )
        .await;
    client
        .say("RCPT TO:<\"\u{2029}\u{1b}\"@victim.example>", "50")
        .await;
    client
        .say("RCPT TO:<\"\u{2029}\"@victim.example>", "550")
        .await;
    house.stop_and_wait().await;
    log.check("RCPT refused", &["\\u{202e}\\u{2028}%s%n", "\\u{2029}"]);
    for line in log.lines() {
        assert!(
            !line.contains(['\u{202e}', '\u{2028}', '\u{2029}', '\u{1b}']),
            "{line}"
        );
    }
}

#[tokio::test]
async fn the_end_is_told_with_figures() {
    let (log, _guard) = Log::begin();
    let house = Plan::new().serve();
    let mut client = Client::greet(house.address).await;
    client.deliver("jo@sender.example", "mo@own.example").await;
    client.say("MAIL FROM:<root@printer>", "553").await;
    house.stop_and_wait().await;
    log.check(
        "reception has ended",
        &[
            "connections=1",
            "accepted=1",
            "refused=1",
            "cut=0",
            "failed_handshakes=0",
        ],
    );
}
