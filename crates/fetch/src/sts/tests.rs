//! A domain, its zone and its policy host, in good days and bad.

use std::time::Duration;

use postern_policy::{StsMode, mta_sts::StsPolicy};
use postern_testkit::{Authority, Identity, Leaf, Validity};
use rustls_pki_types::UnixTime;

use super::*;
use crate::{
    http::Targets,
    testing::{Script, Server, Zone, client},
};

const DAY: u64 = 24 * 60 * 60;

/// When the tests begin; the policies of [`text`] count for a week.
const T: u64 = 1_790_000_000;

const PLAIN: &str = "Content-Type: text/plain";

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn text(mode: &str) -> String {
    format!("version: STSv1\nmode: {mode}\nmx: *.example.org\nmax_age: 604800\n")
}

struct World {
    authority: Authority,
    zone: Arc<Zone>,
    server: Server,
    directory: tempfile::TempDir,
    sts: Arc<MtaSts>,
}

impl World {
    /// A domain that announces a policy with the id 1 and serves it.
    async fn new() -> Self {
        let authority = Authority::new("Web CA");
        let identity = authority.issue(&Leaf::named("mta-sts.example.org"));
        let server = Server::start(Some(identity), Script::text(&text("enforce"))).await;
        let zone = Zone::new(&announcing("1"));
        let directory = tempfile::tempdir().unwrap();
        let sts = open(&zone, &authority, &server, directory.path());
        Self {
            authority,
            zone,
            server,
            directory,
            sts,
        }
    }

    /// What a restart begins with.
    fn reopened(&self) -> Arc<MtaSts> {
        open(
            &self.zone,
            &self.authority,
            &self.server,
            self.directory.path(),
        )
    }

    async fn find(&self, seconds: u64) -> StsFinding {
        self.sts.find_at(&domain(), at(seconds)).await
    }

    /// The mode of the policy that counts, and the kind of trouble.
    async fn check(&self, seconds: u64, expected: (Option<StsMode>, Option<StsTroubleKind>)) {
        let finding = self.find(seconds).await;
        assert_eq!(summary(&finding), expected, "{seconds}: {finding:?}");
    }

    fn issue(&self, leaf: &Leaf) -> Identity {
        self.authority.issue(leaf)
    }
}

fn open(
    zone: &Arc<Zone>,
    authority: &Authority,
    server: &Server,
    directory: &std::path::Path,
) -> Arc<MtaSts> {
    let settings = StsSettings {
        port: server.address.port(),
        targets: Targets::Any,
        ..StsSettings::new(directory.join("sts"))
    };
    Arc::new(MtaSts::open(client(zone, authority), settings).unwrap())
}

fn domain() -> Domain {
    "example.org".parse().unwrap()
}

fn announcing(id: &str) -> String {
    format!("_mta-sts.example.org TXT v=STSv1; id={id};\n{HOST}")
}

const HOST: &str = "mta-sts.example.org A 127.0.0.1";

fn summary(finding: &StsFinding) -> (Option<StsMode>, Option<StsTroubleKind>) {
    (
        finding.known.as_ref().map(|known| known.policy.mode()),
        finding.trouble.as_ref().map(|trouble| trouble.kind),
    )
}

const ENFORCED: (Option<StsMode>, Option<StsTroubleKind>) = (Some(StsMode::Enforce), None);

#[tokio::test]
async fn a_policy_is_fetched_once_and_kept() {
    let world = World::new().await;
    let found = world.find(T).await.known.unwrap();
    assert_eq!(found.domain, domain());
    assert_eq!(found.id.as_str(), "1");
    assert_eq!(
        found.policy,
        StsPolicy::parse(text("enforce").as_bytes()).unwrap()
    );
    assert_eq!((found.fetched, found.expires), (at(T), at(T + 7 * DAY)));
    world.check(T + 1, ENFORCED).await;
    world.check(T + 6 * DAY, ENFORCED).await;
    assert_eq!(world.server.asked(), 1);
    let head = world.server.head();
    assert!(
        head.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_domain_without_a_record_is_left_alone() {
    let world = World::new().await;
    for nothing in [
        HOST.to_owned(),
        format!("_mta-sts.example.org TXT v=spf1 -all\n{HOST}"),
        format!("_mta-sts.example.org A 192.0.2.1\n{HOST}"),
    ] {
        world.zone.becomes(&nothing);
        world.check(T, (None, None)).await;
    }
    let invalid = Some(StsTroubleKind::Invalid);
    world
        .zone
        .becomes(&format!("{}\n{}", announcing("1"), announcing("2")));
    world.check(T, (None, invalid)).await;
    world.zone.becomes(&announcing("1-2"));
    world.check(T, (None, invalid)).await;
    for cause in ["servfail", "timeout", "bogus"] {
        world
            .zone
            .becomes(&format!("_mta-sts.example.org FAIL {cause}\n{HOST}"));
        world.check(T, (None, Some(StsTroubleKind::Dns))).await;
    }
    let longest = "a.".repeat(126).parse().unwrap();
    assert_eq!(
        world.sts.find_at(&longest, at(T)).await,
        StsFinding::default()
    );
    assert_eq!(world.server.asked(), 0);
    assert_eq!(world.sts.list(), []);
}

/// Each fault of a policy host, first where nothing is known, then where a policy is.
#[tokio::test]
async fn a_fetch_that_fails_changes_nothing() {
    use StsTroubleKind::{Fetch, Invalid};
    let sound = text("none");
    let html = ["Content-Type: text/html"];
    let gzip = [PLAIN, "Content-Encoding: gzip"];
    let too_long = format!("{sound}{}", "x: y\n".repeat(13_200));
    for (script, kind) in [
        (
            Script::answer("301 Moved", &[PLAIN, "Location: /"], sound.as_bytes()),
            Fetch,
        ),
        (
            Script::answer("302 Found", &[PLAIN, "Location: /"], sound.as_bytes()),
            Fetch,
        ),
        (
            Script::answer("404 Not Found", &[PLAIN], sound.as_bytes()),
            Fetch,
        ),
        (Script::answer("200 OK", &html, sound.as_bytes()), Fetch),
        (Script::answer("200 OK", &gzip, sound.as_bytes()), Fetch),
        (Script::text(&too_long), Fetch),
        (Script::Say(b"nonsense".to_vec()), Fetch),
        (Script::text(&format!("\u{feff}{sound}")), Invalid),
        (Script::text(&sound.replace('\n', "\r")), Invalid),
        (
            Script::text(&sound.replace("max_age: 604800\n", "")),
            Invalid,
        ),
        (Script::text("<html></html>"), Invalid),
        (Script::text(""), Invalid),
    ] {
        check_failure(Fault::Says(script), kind).await;
    }
}

/// An answer that goes on until the connection ends may be cut anywhere by whoever stands in the
/// way, and what is left of this one is a policy, if one of a shorter life.
#[tokio::test]
async fn a_policy_that_was_cut_is_none() {
    let whole = format!("HTTP/1.1 200 OK\r\n{PLAIN}\r\n\r\n{}", text("testing"));
    let cut = whole.trim_end().strip_suffix("800").unwrap();
    let fault = Fault::Says(Script::Cut(cut.into()));
    check_failure(fault, StsTroubleKind::Fetch).await;
    let world = World::new().await;
    world.server.now(Script::Say(whole.into()));
    world.check(T, (Some(StsMode::Testing), None)).await;
}

#[tokio::test]
async fn a_policy_host_must_prove_to_be_it() {
    let leaf = Leaf::named("mta-sts.example.org");
    for wrong in [
        Leaf::named("example.org"),
        Leaf::named("mta-sts.example.net"),
        Leaf::common_name_only("mta-sts.example.org"),
        leaf.clone().validity(Validity::Expired),
    ] {
        check_failure(Fault::Shows(wrong), StsTroubleKind::WebPki).await;
    }
    check_failure(Fault::Stranger(leaf), StsTroubleKind::WebPki).await;
}

#[tokio::test]
async fn a_policy_host_must_be_found() {
    let record = |id: &str| format!("_mta-sts.example.org TXT v=STSv1; id={id}");
    for zone in ["", "\nmta-sts.example.org FAIL servfail"] {
        let fault = Fault::Announces(record("2") + zone);
        check_failure(fault, StsTroubleKind::Fetch).await;
    }
}

enum Fault {
    Says(Script),
    Shows(Leaf),
    Stranger(Leaf),
    Announces(String),
}

async fn check_failure(fault: Fault, kind: StsTroubleKind) {
    let world = World::new().await;
    let known = world.find(T).await.known;
    world.zone.becomes(&announcing("2"));
    match fault {
        Fault::Says(script) => world.server.now(script),
        Fault::Shows(leaf) => world.server.shows(world.issue(&leaf)),
        Fault::Stranger(leaf) => world.server.shows(Authority::new("Web CA").issue(&leaf)),
        Fault::Announces(zone) => world.zone.becomes(&zone),
    }
    let finding = world.find(T + 60).await;
    let text = finding.trouble.as_ref().map(ToString::to_string);
    assert_eq!(
        summary(&finding),
        (Some(StsMode::Enforce), Some(kind)),
        "{text:?}"
    );
    assert_eq!(finding.known, known);
    assert_eq!(
        world.reopened().find_at(&domain(), at(T + 61)).await.known,
        known
    );
    // Once its time is over there is none, and no longer one on disk.
    world.check(T + 7 * DAY, (None, Some(kind))).await;
    world.sts.refresh_due(at(T + 8 * DAY)).await;
    assert_eq!(world.reopened().list(), []);
}

#[tokio::test]
async fn strangers_do_not_send_us_into_our_own_network() {
    let world = World::new().await;
    let settings = StsSettings {
        port: world.server.address.port(),
        ..StsSettings::new(world.directory.path().join("other"))
    };
    assert_eq!(settings.targets, Targets::Public);
    let sts = MtaSts::open(client(&world.zone, &world.authority), settings).unwrap();
    let finding = sts.find_at(&domain(), at(T)).await;
    assert_eq!(summary(&finding), (None, Some(StsTroubleKind::Fetch)));
    assert_eq!(
        finding.trouble.unwrap().to_string(),
        "the MTA-STS policy cannot be fetched: the host's address 127.0.0.1 is not a public one"
    );
    assert_eq!(world.server.asked(), 0);
}

#[tokio::test]
async fn a_policy_survives_its_record_and_its_host() {
    let world = World::new().await;
    let known = world.find(T).await.known;
    world.server.now(Script::Say(Vec::new()));
    for (zone, trouble) in [
        (String::new(), None),
        (
            "_mta-sts.example.org FAIL servfail".to_owned(),
            Some(StsTroubleKind::Dns),
        ),
        (
            format!("{}\n{}", announcing("2"), announcing("3")),
            Some(StsTroubleKind::Invalid),
        ),
    ] {
        world.zone.becomes(&zone);
        world
            .check(T + 7 * DAY - 1, (Some(StsMode::Enforce), trouble))
            .await;
        let restarted = world.reopened();
        let found = restarted.find_at(&domain(), at(T + 7 * DAY - 1)).await;
        assert_eq!(found.known, known);
        world.check(T + 7 * DAY, (None, trouble)).await;
    }
    assert_eq!(world.server.asked(), 1);
}

#[tokio::test]
async fn another_id_brings_another_policy() {
    let world = World::new().await;
    world.check(T, ENFORCED).await;
    for (later, id, mode, expected) in [
        (60, "2", "testing", StsMode::Testing),
        (120, "3", "none", StsMode::None),
        (180, "1", "enforce", StsMode::Enforce),
    ] {
        world.server.now(Script::text(&text(mode)));
        world.zone.becomes(&announcing(id));
        world.check(T + later, (Some(expected), None)).await;
        let restarted = world.reopened().find_at(&domain(), at(T + later)).await;
        assert_eq!(summary(&restarted), (Some(expected), None));
    }
    assert_eq!(world.server.asked(), 4);
}

/// A record that says something else to everybody who asks.
#[tokio::test]
async fn an_id_that_never_stays_the_same_costs_a_fetch_a_minute() {
    let world = World::new().await;
    for second in 0..120 {
        world.zone.becomes(&announcing(&second.to_string()));
        world.check(T + second, ENFORCED).await;
        let renewed = world.sts.renew_at(&domain(), at(T + second)).await;
        assert_eq!(summary(&renewed), ENFORCED);
    }
    assert_eq!(world.server.asked(), 2);
}

#[tokio::test]
async fn a_host_that_failed_is_left_alone_for_five_minutes() {
    let world = World::new().await;
    let sound = text("enforce");
    world.server.now(Script::text("no policy"));
    let failed = (None, Some(StsTroubleKind::Invalid));
    world.check(T, failed).await;
    world.server.now(Script::text(&sound));
    world.check(T + 299, failed).await;
    let renewed = world.sts.renew_at(&domain(), at(T + 299)).await;
    assert_eq!(summary(&renewed), failed);
    assert_eq!(world.server.asked(), 1);
    world.check(T + 300, ENFORCED).await;
    assert_eq!(world.server.asked(), 2);
}

#[tokio::test]
async fn everybody_waits_for_the_one_fetch() {
    let world = World::new().await;
    let mut finds = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let sts = Arc::clone(&world.sts);
        finds.spawn(async move { sts.find(&domain()).await });
    }
    for finding in finds.join_all().await {
        assert_eq!(summary(&finding), ENFORCED);
    }
    assert_eq!(world.server.asked(), 1);
}

#[tokio::test]
async fn whoever_gives_up_does_not_keep_others_from_fetching() {
    let world = World::new().await;
    world.server.now(Script::SayAndStall(Vec::new()));
    let impatient = Duration::from_millis(50);
    let given_up = tokio::time::timeout(impatient, world.find(T)).await;
    assert!(given_up.is_err());
    world.server.now(Script::text(&text("enforce")));
    world.check(T, ENFORCED).await;
}

/// Before a message is given up, a policy of the same id is fetched as well: ids are forgotten
/// more often than policies.
#[tokio::test]
async fn renewing_looks_at_the_policy_itself() {
    let world = World::new().await;
    world.check(T, ENFORCED).await;
    world.server.now(Script::text(&text("none")));
    let renewed = world.sts.renew_at(&domain(), at(T + 299)).await;
    assert_eq!(summary(&renewed), ENFORCED, "it was fetched minutes ago");
    let renewed = world.sts.renew_at(&domain(), at(T + 300)).await;
    assert_eq!(summary(&renewed), (Some(StsMode::None), None));
    world.server.now(Script::text("no policy"));
    let kept = world.sts.renew_at(&domain(), at(T + 3000)).await;
    let expected = (Some(StsMode::None), Some(StsTroubleKind::Invalid));
    assert_eq!(summary(&kept), expected);
}

#[tokio::test]
async fn policies_are_fetched_anew_before_they_end() {
    let world = World::new().await;
    world.check(T, ENFORCED).await;
    world.sts.refresh_due(at(T + DAY - 1)).await;
    assert_eq!(world.server.asked(), 1);
    world.sts.refresh_due(at(T + DAY)).await;
    assert_eq!(world.server.asked(), 2);
    world.check(T + 8 * DAY - 1, ENFORCED).await;
    // Trouble with DNS does not keep the policy from being fetched.
    world
        .zone
        .becomes(&format!("_mta-sts.example.org FAIL timeout\n{HOST}"));
    world.sts.refresh_due(at(T + 2 * DAY)).await;
    assert_eq!(world.server.asked(), 3);
    // A record that is gone does: the domain is done with it.
    world.zone.becomes(HOST);
    world.sts.refresh_due(at(T + 3 * DAY)).await;
    assert_eq!(world.server.asked(), 3);
    world.check(T + 9 * DAY - 1, ENFORCED).await;
    world.check(T + 9 * DAY, (None, None)).await;
}

#[tokio::test]
async fn a_policy_that_ends_at_once_counts_for_those_who_waited() {
    let world = World::new().await;
    let zero = text("enforce").replace("604800", "0");
    world.server.now(Script::text(&zero));
    world.check(T, ENFORCED).await;
    world.check(T + 59, ENFORCED).await;
    assert_eq!(world.server.asked(), 1);
    world.zone.becomes(HOST);
    world.check(T + 60, (None, None)).await;
    world.zone.becomes(&announcing("1"));
    let for_ever = text("enforce").replace("604800", "1000000000000");
    world.server.now(Script::text(&for_ever));
    let known = world.find(T + 61).await.known.unwrap();
    assert_eq!(known.expires, at(T + 61 + 31_557_600));
}

#[tokio::test]
async fn operators_see_what_is_known() {
    let world = World::new().await;
    let now = crate::clock::unix_time().as_secs();
    let known = world.find(now).await.known;
    world.zone.becomes(&announcing("2"));
    world.server.now(Script::text("no policy"));
    world
        .check(
            now + 60,
            (Some(StsMode::Enforce), Some(StsTroubleKind::Invalid)),
        )
        .await;
    let status = world.sts.list().pop().unwrap();
    assert_eq!((status.domain, status.known), (domain(), known));
    let (when, trouble) = status.trouble.unwrap();
    assert_eq!(when, at(now + 60));
    assert_eq!(
        trouble.to_string(),
        "the MTA-STS record or policy is invalid: line 1 of the policy is not `name: value`"
    );
    assert_eq!(status.refresh, Some(at(now + 360)));
}

#[tokio::test]
async fn the_watch_over_policies_ends_when_it_is_told_to() {
    let world = World::new().await;
    world.check(T, ENFORCED).await;
    world.server.now(Script::SayAndStall(Vec::new()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let kept = Arc::clone(&world.sts).keep_fresh(async { drop(stopped.await) });
    let kept = tokio::spawn(kept);
    stop.send(()).unwrap();
    kept.await.unwrap();
    assert_eq!(Arc::strong_count(&world.sts), 1, "no task is left");
}
