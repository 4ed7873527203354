//! The task that looks after all sources.

use std::{
    future::Future,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls_pki_types::UnixTime;
use tokio::{
    sync::Notify,
    task::{self, JoinSet},
    time,
};

use super::{
    CrlPlace, CrlStatus, CrlSubscription,
    watched::{LONGEST, POLL, Watched},
};
use crate::{
    clock::unix_time,
    disk::make_directory,
    http::{HttpClient, Media, Targets, Terms, Wanted, WebUrl},
};

/// How long a list may take to come.
const FETCH: Duration = Duration::from_secs(120);

/// The most lists that are looked for at a time.
const AT_A_TIME: usize = 8;

/// What is looked for together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Url,
}

impl Kind {
    fn of(place: &CrlPlace) -> Self {
        match place {
            CrlPlace::File(_) => Self::File,
            CrlPlace::Url(_) => Self::Url,
        }
    }
}

/// Keeps sources fresh.
#[derive(Debug)]
pub struct CrlRefresher {
    http: HttpClient,
    directory: PathBuf,
    watched: Mutex<Vec<Arc<Watched>>>,
    wake_files: Notify,
    wake_urls: Notify,
}

impl CrlRefresher {
    /// Watches nothing so far. Copies of what is fetched are kept in `directory`, which is made
    /// if it is missing.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(http: HttpClient, directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        make_directory(&directory)?;
        Ok(Self {
            http,
            directory,
            watched: Mutex::default(),
            wake_files: Notify::new(),
            wake_urls: Notify::new(),
        })
    }

    /// Watches these sources and no others. When this returns, they hold what the files say, and
    /// what the URLs gave last; what those say now comes later. It reads files and may block.
    pub fn watch(&self, subscriptions: impl IntoIterator<Item = CrlSubscription>) {
        let now = unix_time();
        let watched: Vec<_> = subscriptions
            .into_iter()
            .map(|subscription| Arc::new(Watched::new(subscription, now)))
            .collect();
        for one in &watched {
            match &one.place {
                CrlPlace::File(path) => one.read_file(path, now),
                CrlPlace::Url(url) => one.read_copies(&self.directory, url.as_str(), now),
            }
        }
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
        self.wake();
    }

    /// Has everything looked at once, as far as [`CrlRefresher::keep_fresh`] runs.
    pub fn refresh_now(&self) {
        self.all_due(unix_time());
        self.wake();
    }

    fn wake(&self) {
        self.wake_files.notify_one();
        self.wake_urls.notify_one();
    }

    /// How all sources are, in the order in which they were given.
    pub fn list(&self) -> Vec<CrlStatus> {
        self.all().iter().map(|one| one.status()).collect()
    }

    /// Looks after the sources until `stop` comes to its end. Files do not wait for web servers.
    pub async fn keep_fresh(self: Arc<Self>, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.rounds(Kind::File, &self.wake_files) => {}
            () = self.rounds(Kind::Url, &self.wake_urls) => {}
        }
    }

    async fn rounds(self: &Arc<Self>, kind: Kind, wake: &Notify) {
        loop {
            self.round(kind, unix_time()).await;
            tokio::select! {
                () = wake.notified() => {}
                () = time::sleep(POLL) => {}
            }
        }
    }

    /// Looks for everything of a kind that is due.
    pub(super) async fn round(self: &Arc<Self>, kind: Kind, now: UnixTime) {
        let all = self.all().into_iter();
        // The set owns the tasks: where this is dropped, they end.
        let mut looks = JoinSet::new();
        for one in all.filter(|one| Kind::of(&one.place) == kind && one.is_due(now)) {
            if looks.len() >= AT_A_TIME {
                let _ended = looks.join_next().await;
            }
            let this = Arc::clone(self);
            looks.spawn(async move { this.look(one, now).await });
        }
        while looks.join_next().await.is_some() {}
    }

    async fn look(&self, one: Arc<Watched>, now: UnixTime) {
        let fetched = match &one.place {
            CrlPlace::File(_) => Ok(None),
            CrlPlace::Url(url) => self.fetch(url).await.map(Some),
        };
        let octets = match fetched {
            Ok(octets) => octets,
            Err(error) => return one.fail(error, now),
        };
        let directory = self.directory.clone();
        // Whatever becomes of it is in the state of the source.
        let _ended = task::spawn_blocking(move || match (&one.place, octets) {
            (CrlPlace::Url(url), Some(octets)) => {
                one.take_fetched(&directory, url.as_str(), &octets, now);
            }
            (CrlPlace::File(path), _) => one.read_file(path, now),
            (CrlPlace::Url(_), None) => {}
        })
        .await;
    }

    async fn fetch(&self, url: &WebUrl) -> Result<hyper::body::Bytes, String> {
        let terms = Terms {
            time: FETCH,
            octets: LONGEST,
            media: Media::Any,
            answer: Wanted::Document,
            targets: Targets::Any,
        };
        let fetched = self.http.get(url, &terms).await;
        fetched.map_err(|error| error.to_string())
    }

    pub(super) fn all_due(&self, now: UnixTime) {
        self.all().iter().for_each(|one| one.make_due(now));
    }

    fn all(&self) -> Vec<Arc<Watched>> {
        let watched = self.watched.lock();
        watched.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
