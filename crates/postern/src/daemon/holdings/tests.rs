use postern_spool::{LocalSpool, Settings};
use postern_testkit::Authority;

use super::*;
use crate::wiring::resolver;

/// A home for the state, with a file of authorities in it.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    Authority::new("Test CA").write(&home.path().join("ca.pem"));
    home
}

fn wiring(home: &Path, trust: &str, honour: bool) -> Arc<Wiring> {
    let text = format!(
        r#"
        hostname = "mx1.example.org"
        [spool]
        path = "queue"
        [[listener]]
        address = "127.0.0.1:0"
        role = "relay"
        tls = "none"
        networks = ["127.0.0.0/8"]
        [tls]
        trust = ["{trust}"]
        [dns]
        servers = ["127.0.0.1:1"]
        [mta-sts]
        honour = {honour}
        "#
    );
    match postern_config::parse(&text, &home.join("postern.toml")) {
        Ok(loaded) => Arc::new(Wiring::try_from(loaded.settings).unwrap()),
        Err(errors) => panic!("{errors}"),
    }
}

/// What is held beside a queue of its own.
fn open(home: &tempfile::TempDir, wiring: &Wiring) -> Result<Holdings, Failure> {
    let queue = tempfile::tempdir_in(home.path()).unwrap().keep();
    let queue = LocalSpool::open(&Settings::at(queue)).unwrap().spool;
    Holdings::open(wiring, Arc::new(queue), resolver(&wiring.dns).unwrap())
}

async fn go_on(holdings: &Holdings, wiring: &Arc<Wiring>) {
    let prepared = holdings.prepare(wiring).await.unwrap();
    holdings.adopt(prepared, resolver(&wiring.dns).unwrap());
}

#[tokio::test]
async fn what_need_not_change_goes_on_with_all_that_it_knows() {
    let home = home();
    let first = wiring(home.path(), "public", true);
    let holdings = open(&home, &first).unwrap();
    let at_start = Arc::clone(&holdings.fetchers.borrow());
    let same_policies = |other: &Fetchers| match (&at_start.policies, &other.policies) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (_, None) | (None, _) => false,
    };
    let same_lists = |other: &Fetchers| Arc::ptr_eq(&at_start.revocation, &other.revocation);

    go_on(&holdings, &wiring(home.path(), "public", true)).await;
    let unchanged = Arc::clone(&holdings.fetchers.borrow());
    assert!(same_policies(&unchanged) && same_lists(&unchanged));

    go_on(&holdings, &wiring(home.path(), "public", false)).await;
    assert_eq!(holdings.sts_list(), None);
    assert!(same_lists(&holdings.fetchers.borrow()));

    // Nobody is trusted because somebody trusted him before.
    go_on(&holdings, &wiring(home.path(), "ca.pem", true)).await;
    assert_eq!(holdings.sts_list(), Some(Vec::new()));
    assert!(!same_lists(&holdings.fetchers.borrow()));
}

#[tokio::test]
async fn a_configuration_that_is_given_up_leaves_what_was() {
    let home = home();
    let first = wiring(home.path(), "public", true);
    let holdings = open(&home, &first).unwrap();
    let before = Arc::clone(&holdings.fetchers.borrow());
    let other = wiring(home.path(), "ca.pem", false);
    let prepared = holdings.prepare(&other).await.unwrap();
    holdings.give_up(prepared, &first).await;
    assert!(Arc::ptr_eq(&before, &holdings.fetchers.borrow()));
}

#[tokio::test]
async fn one_daemon_at_a_time_measures() {
    let home = home();
    let wiring = wiring(home.path(), "public", true);
    let first = open(&home, &wiring).unwrap();
    let second = open(&home, &wiring).unwrap_err();
    let text = second.text();
    assert!(text.contains("is in use by another process"), "{text}");
    drop(first);
}

#[tokio::test]
async fn the_keepers_end_when_they_are_asked_to() {
    let home = home();
    let wiring = wiring(home.path(), "public", true);
    let holdings = open(&home, &wiring).unwrap();
    let mut keepers = holdings.keep();
    go_on(&holdings, &wiring).await;
    keepers.finish().await;
    assert!(keepers.fetching.is_finished() && keepers.sending.is_finished());
    assert!(keepers.writing.is_finished() && keepers.writing_counts.is_finished());
    assert!(home.path().join("queue/ledger").is_dir());
}
