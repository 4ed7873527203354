//! Lists from files and from web servers.

use std::{fs, path::Path, time::Duration};

use postern_testkit::{Authority, Leaf, RevocationList, Validity, crl_pem};

use super::{refresher::Kind, *};
use crate::{
    clock::{after, unix_time},
    testing::{Script, Server, Zone, client, judged_by},
};

const HOUR: Duration = Duration::from_secs(60 * 60);

struct World {
    authority: Authority,
    zone: Arc<Zone>,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            authority: Authority::new("Ministry CA"),
            zone: Zone::new("crl.example A 127.0.0.1"),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn list(&self, number: u64) -> Vec<u8> {
        self.authority.crl(&RevocationList::numbered(number))
    }

    fn refresher(&self) -> Arc<CrlRefresher> {
        let http = client(&self.zone, &self.authority);
        Arc::new(CrlRefresher::new(http, self.directory.path().join("crl")).unwrap())
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("ministry.crl")
    }
}

fn of_file(path: &Path) -> CrlSubscription {
    CrlSubscription {
        place: CrlPlace::File(path.to_owned()),
        source: Arc::new(CrlSource::new("ministry.crl")),
    }
}

fn of_url(port: u16) -> CrlSubscription {
    let url: WebUrl = format!("http://crl.example:{port}/ca.crl").parse().unwrap();
    CrlSubscription {
        source: Arc::new(CrlSource::new(url.as_str())),
        place: CrlPlace::Url(url),
    }
}

fn serving(list: &[u8]) -> Script {
    Script::answer("200 OK", &["Content-Type: application/pkix-crl"], list)
}

async fn round(refresher: &Arc<CrlRefresher>, now: UnixTime) {
    refresher.round(Kind::File, now).await;
    refresher.round(Kind::Url, now).await;
}

/// The number of the list that the source holds.
fn number(subscription: &CrlSubscription) -> Option<String> {
    let facts = subscription.source.facts()?;
    let shown = facts.number.map(|number| number.to_string())?;
    Some(shown.trim_start_matches('0').to_owned())
}

#[tokio::test]
async fn a_file_is_read_at_once_and_when_it_changes() {
    let world = World::new();
    let (refresher, file) = (world.refresher(), of_file(&world.path()));
    fs::write(world.path(), world.list(1)).unwrap();
    refresher.watch([file.clone()]);
    assert_eq!(number(&file).as_deref(), Some("1"));
    fs::write(world.path(), crl_pem(&world.list(2))).unwrap();
    let now = unix_time();
    round(&refresher, after(now, Duration::from_secs(1))).await;
    assert_eq!(number(&file).as_deref(), Some("1"), "it is not yet time");
    round(&refresher, after(now, Duration::from_secs(20))).await;
    assert_eq!(number(&file).as_deref(), Some("2"));
    assert_eq!(refresher.list()[0].trouble, None);
}

/// A clock that is behind is put right sooner or later, and the file stays what it is.
#[tokio::test]
async fn a_list_from_the_future_is_read_when_its_time_has_come() {
    let world = World::new();
    let (refresher, file) = (world.refresher(), of_file(&world.path()));
    let next = RevocationList::numbered(1).validity(Validity::NotYet);
    fs::write(world.path(), world.authority.crl(&next)).unwrap();
    refresher.watch([file.clone()]);
    assert_eq!(number(&file), None);
    let trouble = refresher.list().pop().unwrap().trouble.unwrap();
    assert!(trouble.1.contains("is yet to come"), "{trouble:?}");
    round(&refresher, after(unix_time(), 48 * HOUR)).await;
    assert_eq!(number(&file).as_deref(), Some("1"));
}

#[tokio::test]
async fn a_file_that_goes_wrong_changes_nothing() {
    let world = World::new();
    let (refresher, file) = (world.refresher(), of_file(&world.path()));
    refresher.watch([file.clone()]);
    let status = refresher.list().pop().unwrap();
    assert_eq!(status.facts, None);
    assert!(status.trouble.unwrap().1.contains("No such file"));
    fs::write(world.path(), world.list(2)).unwrap();
    let newest = world.list(3);
    let mut now = unix_time();
    for (written, trouble) in [
        (Some(world.list(2)), None),
        (Some(b"nonsense".to_vec()), Some("")),
        (Some(world.list(1)), Some("")),
        (None, Some("No such file")),
        (Some(vec![0; 10 * 1024 * 1024 + 1]), Some("longer than")),
        (Some(newest.clone()), None),
    ] {
        match &written {
            Some(octets) => fs::write(world.path(), octets).unwrap(),
            None => fs::remove_file(world.path()).unwrap(),
        }
        now = after(now, Duration::from_secs(20));
        round(&refresher, now).await;
        let status = refresher.list().pop().unwrap();
        let told = status.trouble.map(|(_, text)| text);
        assert_eq!(told.is_some(), trouble.is_some(), "{told:?}");
        assert!(
            told.unwrap_or_default()
                .contains(trouble.unwrap_or_default())
        );
        let held = if written.as_ref() == Some(&newest) {
            "3"
        } else {
            "2"
        };
        assert_eq!(number(&file).as_deref(), Some(held));
    }
}

#[tokio::test]
async fn a_list_is_fetched_and_fetched_again_half_way_to_its_end() {
    let world = World::new();
    let server = Server::start(None, serving(&world.list(1))).await;
    let (refresher, url) = (world.refresher(), of_url(server.address.port()));
    refresher.watch([url.clone()]);
    assert_eq!(number(&url), None);
    let now = unix_time();
    round(&refresher, now).await;
    assert_eq!(number(&url).as_deref(), Some("1"));
    let status = refresher.list().pop().unwrap();
    assert_eq!(status.next, after(now, 24 * HOUR), "at most a day");
    server.now(serving(&world.list(2)));
    round(&refresher, after(now, 23 * HOUR)).await;
    assert_eq!(number(&url).as_deref(), Some("1"));
    round(&refresher, after(now, 24 * HOUR)).await;
    assert_eq!(number(&url).as_deref(), Some("2"));
    assert_eq!(server.asked(), 2);
    let short = RevocationList::numbered(3).validity(Validity::EndsInDays(1));
    server.now(serving(&world.authority.crl(&short)));
    let later = after(now, Duration::from_secs(60));
    refresher.all_due(later);
    round(&refresher, later).await;
    let next = refresher.list()[0].next.as_secs();
    assert!(next < after(now, 13 * HOUR).as_secs() && next > after(now, 11 * HOUR).as_secs());
}

#[tokio::test]
async fn what_was_fetched_survives_a_restart_without_a_network() {
    let world = World::new();
    let server = Server::start(None, serving(&world.list(1))).await;
    let (refresher, url) = (world.refresher(), of_url(server.address.port()));
    refresher.watch([url]);
    round(&refresher, unix_time()).await;
    server.now(Script::Say(Vec::new()));
    let (restarted, url) = (world.refresher(), of_url(server.address.port()));
    restarted.watch([url.clone()]);
    assert_eq!(number(&url).as_deref(), Some("1"), "before any fetch");
    let now = unix_time();
    round(&restarted, now).await;
    assert_eq!(
        number(&url).as_deref(),
        Some("1"),
        "nor does a failure take it away"
    );
    assert!(restarted.list()[0].trouble.is_some());
    // A copy that is damaged is no list, and goes.
    let crl = world.directory.path().join("crl");
    let copy = fs::read_dir(&crl).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&copy).unwrap();
    fs::write(&copy, &whole[..whole.len() / 2]).unwrap();
    let (again, url) = (world.refresher(), of_url(server.address.port()));
    again.watch([url.clone()]);
    assert_eq!(number(&url), None);
    assert_eq!(fs::read_dir(&crl).unwrap().count(), 0);
}

/// Lists come over plain HTTP. Whoever stands in the way gives us one of his own making, and
/// waits for us to be started again.
#[tokio::test]
async fn a_forged_list_displaces_no_copy_of_a_true_one() {
    let world = World::new();
    let server = Server::start(None, serving(&world.list(1))).await;
    let forger = Authority::new("Ministry CA");
    let url = || of_url(server.address.port());
    let numbers = |of: &CrlSubscription| -> Vec<String> {
        let facts = of.source.all_facts().into_iter();
        facts.map(|it| it.number.unwrap().to_string()).collect()
    };
    let refresher = world.refresher();
    refresher.watch([url()]);
    round(&refresher, unix_time()).await;
    for forged in [8, 9] {
        server.now(serving(&forger.crl(&RevocationList::numbered(forged))));
        let restarted = world.refresher();
        restarted.watch([url()]);
        round(&restarted, unix_time()).await;
        let (again, held) = (world.refresher(), url());
        again.watch([held.clone()]);
        assert_eq!(numbers(&held), [format!("0{forged}"), "01".to_owned()]);
    }
    // A true one takes the place of the forged one, and of the first once it is proven.
    let somebody = world.authority.issue(&Leaf::named("mx.ministry.example"));
    for (number, expected) in [(2, ["02", "01"]), (3, ["03", "02"]), (4, ["04", "03"])] {
        server.now(serving(&world.list(number)));
        let (refresher, held) = (world.refresher(), url());
        refresher.watch([held.clone()]);
        judged_by(&world.authority, &somebody, &held.source)
            .await
            .unwrap();
        round(&refresher, unix_time()).await;
        let (again, held) = (world.refresher(), url());
        again.watch([held.clone()]);
        assert_eq!(numbers(&held), expected);
    }
}

#[tokio::test]
async fn a_list_that_turned_out_forged_is_soon_fetched_again() {
    let world = World::new();
    let forged = RevocationList::numbered(1000);
    let forged = Authority::new("Ministry CA").crl(&forged);
    let server = Server::start(None, serving(&forged)).await;
    let (refresher, held) = (world.refresher(), of_url(server.address.port()));
    refresher.watch([held.clone()]);
    let now = unix_time();
    round(&refresher, now).await;
    round(&refresher, after(now, 2 * HOUR)).await;
    assert_eq!(server.asked(), 1, "nobody knows yet");
    let somebody = world.authority.issue(&Leaf::named("mx.ministry.example"));
    let judged = judged_by(&world.authority, &somebody, &held.source).await;
    judged.unwrap_err();
    let trouble = refresher.list().pop().unwrap().trouble.unwrap();
    assert!(trouble.1.contains("did not verify"), "{trouble:?}");
    server.now(Script::answer("500 Oh", &[], b""));
    round(&refresher, after(now, 2 * HOUR)).await;
    round(&refresher, after(now, 2 * HOUR)).await;
    assert_eq!(
        server.asked(),
        2,
        "nor is a server that fails asked again at once"
    );
    server.now(serving(&world.list(1)));
    round(&refresher, after(now, 3 * HOUR)).await;
    assert_eq!(number(&held).as_deref(), Some("1"));
    let judged = judged_by(&world.authority, &somebody, &held.source).await;
    judged.unwrap();
    assert_eq!(refresher.list()[0].trouble, None);
}

#[tokio::test]
async fn a_server_that_fails_is_asked_more_and_more_rarely() {
    let world = World::new();
    let server = Server::start(None, Script::answer("500 Oh", &[], b"")).await;
    let (refresher, url) = (world.refresher(), of_url(server.address.port()));
    refresher.watch([url.clone()]);
    let mut now = unix_time();
    for (asked, wait) in [60, 120, 240, 480, 960, 1920, 3600, 3600]
        .into_iter()
        .enumerate()
    {
        round(&refresher, now).await;
        assert_eq!(server.asked(), asked + 1);
        let status = refresher.list().pop().unwrap();
        assert_eq!(status.trouble.unwrap().1, "the answer is 500");
        assert_eq!(status.next, after(now, Duration::from_secs(wait)));
        now = status.next;
    }
    for (script, trouble) in [
        (
            Script::answer("302 Found", &["Location: /"], b""),
            "redirect",
        ),
        (serving(b"<html>"), ""),
    ] {
        server.now(script);
        round(&refresher, now).await;
        let status = refresher.list().pop().unwrap();
        assert!(status.trouble.unwrap().1.contains(trouble));
        assert_eq!(status.facts, None);
        now = status.next;
    }
    server.now(serving(&world.list(1)));
    round(&refresher, now).await;
    assert_eq!(refresher.list()[0].trouble, None);
    assert_eq!(number(&url).as_deref(), Some("1"));
}

/// What it lists is revoked, but that its successor is not there is trouble.
#[tokio::test]
async fn a_list_that_ran_out_is_taken_and_told_of() {
    let world = World::new();
    let old = RevocationList::numbered(1).validity(Validity::Expired);
    let server = Server::start(None, serving(&world.authority.crl(&old))).await;
    let (refresher, url) = (world.refresher(), of_url(server.address.port()));
    refresher.watch([url.clone()]);
    let now = unix_time();
    round(&refresher, now).await;
    assert_eq!(number(&url).as_deref(), Some("1"));
    let status = refresher.list().pop().unwrap();
    assert!(status.trouble.unwrap().1.starts_with("it ran out on "));
    assert_eq!(status.next, after(now, Duration::from_secs(60)));
}

#[tokio::test]
async fn a_web_server_that_stalls_holds_no_file_up() {
    let world = World::new();
    let server = Server::start(None, Script::SayAndStall(Vec::new())).await;
    let (refresher, file) = (world.refresher(), of_file(&world.path()));
    refresher.watch([of_url(server.address.port()), file.clone()]);
    let read = async {
        while server.asked() == 0 {
            tokio::task::yield_now().await;
        }
        fs::write(world.path(), world.list(1)).unwrap();
        refresher.refresh_now();
        while number(&file).is_none() {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(8), read);
    tokio::select! {
        outcome = in_time => outcome.unwrap(),
        () = Arc::clone(&refresher).keep_fresh(std::future::pending()) => unreachable!(),
    }
}

#[tokio::test]
async fn the_watch_over_lists_acts_when_told_and_ends_when_told() {
    let world = World::new();
    let (refresher, file) = (world.refresher(), of_file(&world.path()));
    fs::write(world.path(), world.list(1)).unwrap();
    refresher.watch([file.clone()]);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watch = Arc::clone(&refresher).keep_fresh(async { drop(stopped.await) });
    let watch = tokio::spawn(watch);
    fs::write(world.path(), world.list(2)).unwrap();
    refresher.refresh_now();
    let read = async {
        while number(&file).as_deref() != Some("2") {
            tokio::task::yield_now().await;
        }
    };
    // Well within the ten seconds after which it would have looked by itself.
    tokio::time::timeout(Duration::from_secs(8), read)
        .await
        .unwrap();
    stop.send(()).unwrap();
    watch.await.unwrap();
    assert_eq!(Arc::strong_count(&refresher), 1, "no task is left");
}
