//! What a delivery goes by, put together in this process for `explain` and `probe`: the same
//! settings, policy, resolver and certificates as the daemon's, but nothing that it keeps is
//! touched.
//!
//! Of the daemon's MTA-STS cache the policy of the destination is copied to a directory that goes
//! with the command; what is fetched meanwhile goes there too. Where the cache cannot be read,
//! the policy is fetched. It is the same with the revocation lists of the destination that come
//! from URLs: the daemon's copies count, and where there is none the list is fetched, since
//! without it certificates would be refused that a delivery accepts.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use postern_config::{HonourSts, Settings};
use postern_fetch::{
    CrlPlace, CrlRefresher, CrlSubscription, HttpClient, MtaSts, NoSts, StsPolicies, StsSettings,
};
use postern_mail::{Domain, ForwardPath, TlsWish};
use postern_outbound::{Situation, survey::Question};
use postern_policy::DeliveryRequest;
use rustls_pki_types::UnixTime;
use tempfile::TempDir;
use tokio::time;

use crate::{
    failure::Failure,
    wiring::{self, Wiring},
};

/// How often it is looked whether lists have come.
const LOOK: Duration = Duration::from_millis(50);

/// A delivery that is thought of.
pub(super) struct Live {
    pub(super) situation: Arc<Situation>,
    pub(super) question: Question,
    lists: Option<Arc<CrlRefresher>>,
    /// It goes with this.
    _cache: TempDir,
}

impl Live {
    /// Mail to `path`. It must be called on a runtime.
    pub(super) fn new(
        settings: Settings,
        path: &ForwardPath,
        wish: TlsWish,
    ) -> Result<Self, Failure> {
        // Where a listener has a port of the system's choice, nobody knows it here.
        let bound: Vec<_> = settings.listeners.iter().map(|it| it.address).collect();
        let wiring = Wiring::to_look(settings);
        let way = wiring.delivery.routes.way(path);
        let way = way.map_err(|error| Failure::new(path, &error))?;
        let resolver = wiring::resolver(&wiring.dns)?;
        let cache = tempfile::tempdir();
        let cache = cache.map_err(|error| Failure::new("a directory for a moment", &error))?;
        if let Some(domain) = way.destination.domain() {
            copy_policy(
                &wiring.spool.path.join("sts"),
                domain,
                &cache.path().join("sts"),
            );
        }
        let http = wiring::http_client(Arc::clone(&resolver) as _, wiring.trust())?;
        let question = Question { way, wish };
        let lists = lists(&wiring, &question, &http, cache.path())?;
        let sts = policies(&wiring, http, cache.path())?;
        let situation = wiring::situation(&wiring, &bound, resolver, sts);
        Ok(Self {
            situation: Arc::new(situation),
            question,
            lists,
            _cache: cache,
        })
    }

    /// Has the revocation lists fetched that certificates of the destination are held against,
    /// where the daemon left no copy.
    pub(super) async fn fetch_lists(&self) {
        let Some(lists) = &self.lists else {
            return;
        };
        let there = async {
            let is_missing = || {
                let mut all = lists.list().into_iter();
                all.any(|it| it.facts.is_none() && it.trouble.is_none())
            };
            while is_missing() {
                time::sleep(LOOK).await;
            }
        };
        Arc::clone(lists).keep_fresh(there).await;
    }
}

/// Who looks after the lists from URLs that the destination's rule names; nobody where it names
/// none.
fn lists(
    wiring: &Wiring,
    question: &Question,
    http: &HttpClient,
    cache: &Path,
) -> Result<Option<Arc<CrlRefresher>>, Failure> {
    let subscriptions = subscriptions(wiring, question);
    if subscriptions.is_empty() {
        return Ok(None);
    }
    let copies = cache.join("crl");
    let lists = CrlRefresher::new(http.clone(), &copies);
    let lists = lists.map_err(|error| Failure::new("a directory for a moment", &error))?;
    // Without it the lists are fetched.
    let _ = copy_all(&wiring.spool.path.join("crl"), &copies);
    lists.watch(subscriptions);
    Ok(Some(Arc::new(lists)))
}

/// Files were read with the configuration.
fn subscriptions(wiring: &Wiring, question: &Question) -> Vec<CrlSubscription> {
    let way = &question.way;
    let request = DeliveryRequest::to(&way.destination).over(way.floor());
    let plan = wiring.policy.plan_delivery(&request, UnixTime::now());
    let check = plan.partner().map(|it| &it.outbound().identity.revocation);
    let Some(check) = check.and_then(Option::as_ref) else {
        return Vec::new();
    };
    let asked = |it: &&CrlSubscription| {
        let is_asked = |source| Arc::ptr_eq(source, &it.source);
        matches!(it.place, CrlPlace::Url(_)) && check.sources().iter().any(is_asked)
    };
    wiring.revocation.iter().filter(asked).cloned().collect()
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Each policy is in a file of its domain's name. What is no policy is found out when the copy
/// is read.
fn copy_policy(from: &Path, domain: &Domain, to: &Path) {
    let name = domain.as_str();
    // Without it the policy is fetched.
    let _ = fs::create_dir_all(to).and_then(|()| fs::copy(from.join(name), to.join(name)));
}

fn policies(
    wiring: &Wiring,
    http: HttpClient,
    cache: &Path,
) -> Result<Arc<dyn StsPolicies>, Failure> {
    if wiring.honour == HonourSts::No {
        return Ok(Arc::new(NoSts));
    }
    let settings = StsSettings {
        targets: wiring.targets,
        ..StsSettings::new(cache.join("sts"))
    };
    let opened = MtaSts::open(http, settings);
    Ok(Arc::new(
        opened.map_err(|error| Failure::new("MTA-STS", &error))?,
    ))
}

#[cfg(test)]
mod tests {
    use postern_testkit::{Authority, RevocationList};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn only_the_policy_of_the_destination_is_copied() {
        let [from, to] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for name in ["a.example", "b.example"] {
            fs::write(from.path().join(name), name).unwrap();
        }
        for domain in ["a.example", "c.example"] {
            copy_policy(from.path(), &domain.parse().unwrap(), to.path());
        }
        let names = |directory: &TempDir| {
            let entries = fs::read_dir(directory.path()).unwrap();
            let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&to), ["a.example"]);
        assert_eq!(names(&from), ["a.example", "b.example"]);
    }

    /// What a probe of the partner goes by where the daemon keeps its state in `queue`.
    fn live(home: &Path, url: &str) -> Live {
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
            trust = ["ca.pem"]
            [dns]
            servers = ["127.0.0.1:1"]
            [[partner]]
            name = "P"
            domains = ["partner.example"]
            stage = "enforce"
            [partner.outbound]
            require = "authenticated"
            crl = ["{url}"]
            "#
        );
        let loaded = postern_config::parse(&text, &home.join("postern.toml"));
        let settings = loaded.unwrap_or_else(|errors| panic!("{errors}")).settings;
        let path = "b@partner.example"
            .parse::<postern_mail::Mailbox>()
            .unwrap();
        Live::new(settings, &path.into(), TlsWish::Unstated).unwrap()
    }

    /// Serves a list once.
    async fn serve_once(listener: TcpListener, list: Vec<u8>) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", list.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&list).await.unwrap();
    }

    #[tokio::test]
    async fn revocation_lists_are_those_of_the_daemon_or_fetched() {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::new("Test CA");
        authority.write(&home.path().join("ca.pem"));
        let list = authority.crl(&RevocationList::numbered(1)).to_vec();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ca.crl", listener.local_addr().unwrap());
        let server = tokio::spawn(serve_once(listener, list));

        let fetched = live(home.path(), &url);
        assert_eq!(facts(&fetched), [false]);
        fetched.fetch_lists().await;
        assert_eq!(facts(&fetched), [true]);
        server.await.unwrap();

        // What the daemon has fetched is as good when nobody can be asked any more.
        fs::create_dir_all(home.path().join("queue/crl")).unwrap();
        copy_all(
            &fetched._cache.path().join("crl"),
            &home.path().join("queue/crl"),
        )
        .unwrap();
        let copied = live(home.path(), &url);
        assert_eq!(facts(&copied), [true]);
        copied.fetch_lists().await;

        fs::remove_dir_all(home.path().join("queue")).unwrap();
        let missing = live(home.path(), &url);
        missing.fetch_lists().await;
        assert_eq!(facts(&missing), [false]);
    }

    /// Whether there is a list for each source that the destination's rule asks.
    fn facts(live: &Live) -> Vec<bool> {
        let partner = live.situation.policy.partners().next().unwrap();
        let check = partner.outbound().identity.revocation.as_ref().unwrap();
        check
            .sources()
            .iter()
            .map(|it| it.facts().is_some())
            .collect()
    }
}
