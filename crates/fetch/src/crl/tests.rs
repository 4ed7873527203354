//! Lists from files and from web servers.

use std::{fs, path::Path, time::Duration};

use postern_testkit::{Authority, RevocationList, Validity, crl_pem};

use super::{refresher::Kind, *};
use crate::{
    clock::{after, unix_time},
    testing::{Script, Server, Zone, client},
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
