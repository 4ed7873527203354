//! A sender's part in MTA-STS (RFC 8461 §3, §5.1).
//!
//! | what is cached | the record | what happens |
//! |---|---|---|
//! | nothing | none | there is no policy |
//! | nothing | an id | the policy is fetched, and waited for |
//! | a policy | the same id, none, or trouble | the policy counts, nothing is fetched |
//! | a policy | another id | the new one is fetched; where that fails, the old one counts |
//!
//! A policy counts for its `max_age`, whatever becomes of the record or the policy host; only
//! another policy takes it back. While that lasts it is fetched anew every day, in the
//! background. There a record that is gone means "no longer", and the policy is left to end, but
//! a record that cannot be looked up does not keep the policy from being fetched.
//!
//! There is room for so many policies. When it is full, those that are not enforced go first, and
//! then those of domains that were written to on one day only; what is enforced by a domain that
//! we have to do with stays until its end, and strangers are then served without being
//! remembered. No policy is fetched more than once a minute, whatever the record says.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use postern_mail::Domain;
use postern_policy::{KnownPolicy, StsId};
use rustls_pki_types::UnixTime;
use tokio::{
    sync::Semaphore,
    task::{self, JoinSet},
    time,
};
use tracing::{info, warn};

use super::{
    StsCacheError, StsFinding, StsPolicies, StsStatus, StsTrouble, StsTroubleKind,
    announcement::{Announcement, announcement, policy},
    places::{Enough, Place, Places},
    store::Store,
};
use crate::{
    clock::unix_time,
    http::{HttpClient, Targets},
};

/// The most domains of which something is known. A policy takes a few hundred octets, on disk a
/// block; those that take more count for several, so that all of them take 40 MiB at most.
const MOST_DOMAINS: usize = 10_000;

/// The most fetches at a time. A policy host that answers with silence occupies one for a
/// minute, and must not get far with that.
const FETCHES: usize = 64;

/// The most fetches at a time that nobody waits for.
const REFRESHES: usize = 8;

/// How long a delivery waits for a policy: a fetch, and somebody else's before it.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often it is looked for policies to be fetched anew.
const ROUND: Duration = Duration::from_secs(60);

/// Where policies are kept and come from.
#[derive(Debug, Clone)]
pub struct StsSettings {
    /// The directory of the policies on disk.
    pub directory: PathBuf,
    /// The port of policy hosts. It is 443 (RFC 8461 §3.3), save in test networks.
    pub port: u16,
    /// Where the names of policy hosts may lead.
    pub targets: Targets,
}

impl StsSettings {
    /// As the RFC has it, with the policies kept in `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            port: 443,
            targets: Targets::Public,
        }
    }
}

/// Finds, fetches and keeps the policies of the domains to which we send.
#[derive(Debug)]
pub struct MtaSts {
    http: HttpClient,
    settings: StsSettings,
    store: Arc<Store>,
    places: Arc<Places>,
    fetches: Semaphore,
}

impl MtaSts {
    /// Begins with the policies that are on disk.
    ///
    /// # Errors
    /// The directory cannot be used. A file in it that holds no policy is dropped, and logged.
    pub fn open(http: HttpClient, settings: StsSettings) -> Result<Self, StsCacheError> {
        let (store, found) = Store::open(&settings.directory)?;
        for (path, fault) in &found.dropped {
            warn!(path = %path.display(), fault, "a file of the MTA-STS cache is dropped");
        }
        for (path, cause) in &found.unread {
            warn!(path = %path.display(), %cause, "a file of the MTA-STS cache cannot be read");
        }
        let places = Places::new(MOST_DOMAINS);
        let left = places.restore(found.policies);
        if left > 0 {
            warn!(
                left,
                "there are more MTA-STS policies on disk than are kept in mind"
            );
        }
        Ok(Self {
            http,
            settings,
            store: Arc::new(store),
            places: Arc::new(places),
            fetches: Semaphore::new(FETCHES),
        })
    }

    /// Everything that is known, by domain.
    pub fn list(&self) -> Vec<StsStatus> {
        self.places.list(unix_time())
    }

    /// Fetches policies anew in good time, until `stop` comes to its end.
    pub async fn keep_fresh(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let rounds = async {
            loop {
                self.refresh_due(unix_time()).await;
                time::sleep(ROUND).await;
            }
        };
        tokio::select! {
            () = stop => {}
            () = rounds => {}
        }
    }

    pub(super) async fn find_at(&self, domain: &Domain, now: UnixTime) -> StsFinding {
        self.look(domain, Enough::SameId, now).await
    }

    pub(super) async fn renew_at(&self, domain: &Domain, now: UnixTime) -> StsFinding {
        self.look(domain, Enough::SameIdAndNew, now).await
    }

    async fn look(&self, domain: &Domain, enough: Enough, now: UnixTime) -> StsFinding {
        let cached = self.places.of(domain).and_then(|place| place.used(now));
        let trouble = match announcement(&self.http, domain).await {
            Announcement::Policy(id) if enough == Enough::SameId && is_called(&cached, &id) => None,
            Announcement::Policy(id) => return self.fetched(domain, &id, enough, now).await,
            Announcement::Nothing => None,
            Announcement::Unclear(trouble) => Some(trouble),
        };
        StsFinding {
            known: cached,
            trouble,
        }
    }

    /// The policy that is announced as `id`, by whoever fetches it.
    async fn fetched(
        &self,
        domain: &Domain,
        id: &StsId,
        enough: Enough,
        now: UnixTime,
    ) -> StsFinding {
        let (place, displaced) = self.places.make(domain, now);
        self.forget(displaced).await;
        let fetched = async {
            let _flight = place.flight.lock().await;
            if let Some(finding) = place.settled(id, enough, now) {
                return finding;
            }
            let trouble = self.fetch(&place, domain, id, now).await.err();
            StsFinding {
                known: place.current(now),
                trouble,
            }
        };
        let in_time = time::timeout(PATIENCE, fetched).await;
        in_time.unwrap_or_else(|_elapsed| StsFinding {
            known: place.current(now),
            trouble: Some(StsTrouble::new(
                StsTroubleKind::Fetch,
                &format!("it did not come within {} s", PATIENCE.as_secs()),
            )),
        })
    }

    /// Fetches a policy and makes it durable. Whoever calls this holds the place's flight.
    async fn fetch(
        &self,
        place: &Place,
        domain: &Domain,
        id: &StsId,
        now: UnixTime,
    ) -> Result<(), StsTrouble> {
        // The semaphore is never closed.
        let _slot = self.fetches.acquire().await;
        let StsSettings { port, targets, .. } = self.settings;
        match policy(&self.http, domain, port, targets).await {
            Ok(policy) => {
                info!(%domain, %id, mode = %policy.mode(), "an MTA-STS policy was fetched");
                let known = KnownPolicy::fetched(domain.clone(), id.clone(), policy, now);
                self.keep(place, known).await;
                Ok(())
            }
            Err(trouble) => {
                info!(%domain, %id, %trouble, "no MTA-STS policy was fetched");
                place.fail(trouble.clone(), now);
                Err(trouble)
            }
        }
    }

    /// What cannot be written counts all the same, and is forgotten with the process. What there
    /// is no room for counts for those who wait for it.
    async fn keep(&self, place: &Place, known: KnownPolicy) {
        let known = Arc::new(known);
        if !self.places.hold(&known.domain, place) {
            warn!(domain = %known.domain, "there is no room to remember an MTA-STS policy");
            return place.succeed(known);
        }
        let (store, copy) = (Arc::clone(&self.store), Arc::clone(&known));
        let saved = task::spawn_blocking(move || store.save(&copy)).await;
        if let Ok(Err(cause)) = saved {
            warn!(domain = %known.domain, %cause, "an MTA-STS policy cannot be written to disk");
        }
        place.succeed(known);
    }

    async fn forget(&self, domains: Vec<Domain>) {
        if domains.is_empty() {
            return;
        }
        let (store, places) = (Arc::clone(&self.store), Arc::clone(&self.places));
        let forgotten = task::spawn_blocking(move || {
            let mut domains = domains.iter();
            domains.try_for_each(|domain| store.remove(domain, || places.of(domain).is_some()))
        });
        if let Ok(Err(cause)) = forgotten.await {
            warn!(%cause, "an old MTA-STS policy cannot be removed from disk");
        }
    }

    /// Fetches what is due, and lets go of what has ended.
    pub(super) async fn refresh_due(self: &Arc<Self>, now: UnixTime) {
        self.forget(self.places.sweep(now)).await;
        // The set owns the tasks: where this is dropped, they end.
        let mut refreshes = JoinSet::new();
        for domain in self.places.due(now) {
            if refreshes.len() >= REFRESHES {
                let _ended = refreshes.join_next().await;
            }
            let this = Arc::clone(self);
            refreshes.spawn(async move { this.refresh(&domain, now).await });
        }
        while refreshes.join_next().await.is_some() {}
    }

    async fn refresh(&self, domain: &Domain, now: UnixTime) {
        let Some(place) = self.places.of(domain) else {
            return;
        };
        let Some(known) = place.current(now) else {
            return;
        };
        let id = match announcement(&self.http, domain).await {
            Announcement::Policy(id) => id,
            Announcement::Nothing => return place.postpone(now),
            Announcement::Unclear(_) => known.id.clone(),
        };
        let _flight = place.flight.lock().await;
        if place.settled(&id, Enough::SameIdAndNew, now).is_none() {
            // What goes wrong is kept in the place.
            let _ = self.fetch(&place, domain, &id, now).await;
        }
    }
}

fn is_called(known: &Option<Arc<KnownPolicy>>, id: &StsId) -> bool {
    known.as_deref().is_some_and(|known| known.id == *id)
}

#[async_trait]
impl StsPolicies for MtaSts {
    async fn find(&self, domain: &Domain) -> StsFinding {
        self.find_at(domain, unix_time()).await
    }

    async fn renew(&self, domain: &Domain) -> StsFinding {
        self.renew_at(domain, unix_time()).await
    }
}
