//! What is fetched from others: revocation lists, and MTA-STS policies where these are honoured.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use postern_config::HonourSts;
use postern_dns::Dns;
use postern_fetch::{CrlRefresher, MtaSts, NoSts, StsPolicies, StsSettings, Targets};
use postern_tls::TrustAnchors;
use tokio::{sync::watch, task};
use tokio_util::sync::CancellationToken;

use crate::{
    failure::Failure,
    wiring::{Wiring, http_client},
};

/// Those who fetch, under one configuration.
#[derive(Debug)]
pub(super) struct Fetchers {
    trust: TrustAnchors,
    targets: Targets,
    pub(super) revocation: Arc<CrlRefresher>,
    pub(super) policies: Option<Arc<MtaSts>>,
}

impl Fetchers {
    /// Those for this configuration. What need not change is taken over from those before, with
    /// all that it knows; the rest begins with what is on disk below `state`. Reads files, and so
    /// blocks.
    pub(super) fn new(
        wiring: &Wiring,
        state: &Path,
        dns: Arc<dyn Dns>,
        before: Option<&Self>,
    ) -> Result<Self, Failure> {
        let (trust, targets) = (wiring.trust().clone(), wiring.targets);
        let http = http_client(dns, &trust)?;
        let before = before.filter(|it| it.trust == trust);
        let revocation = match before {
            Some(before) => Arc::clone(&before.revocation),
            None => {
                let made = CrlRefresher::new(http.clone(), state.join("crl"));
                Arc::new(
                    made.map_err(|error| Failure::new("cannot keep revocation lists", &error))?,
                )
            }
        };
        let known = before
            .filter(|it| it.targets == targets)
            .and_then(|it| it.policies.clone());
        let policies = match (wiring.honour, known) {
            (HonourSts::No, _) => None,
            (HonourSts::Yes, Some(known)) => Some(known),
            (HonourSts::Yes, None) => {
                let settings = StsSettings {
                    targets,
                    ..StsSettings::new(state.join("sts"))
                };
                let opened = MtaSts::open(http, settings);
                Some(Arc::new(
                    opened.map_err(|error| Failure::new("cannot start", &error))?,
                ))
            }
        };
        revocation.watch(wiring.revocation.clone());
        Ok(Self {
            trust,
            targets,
            revocation,
            policies,
        })
    }

    /// Who knows the MTA-STS policies of others.
    pub(super) fn sts(&self) -> Arc<dyn StsPolicies> {
        match &self.policies {
            Some(policies) => Arc::clone(policies) as _,
            None => Arc::new(NoSts),
        }
    }

    /// Fetches what is due, until this is dropped.
    async fn fetch(&self) {
        let forever = std::future::pending::<()>;
        let lists = Arc::clone(&self.revocation).keep_fresh(forever());
        let policies = async {
            if let Some(policies) = &self.policies {
                Arc::clone(policies).keep_fresh(forever()).await;
            }
        };
        tokio::join!(lists, policies);
    }
}

/// Has those in force fetch what is due, until the end.
pub(super) async fn keep_fresh(
    mut in_force: watch::Receiver<Arc<Fetchers>>,
    stop: CancellationToken,
) {
    loop {
        let fetchers = Arc::clone(&in_force.borrow_and_update());
        tokio::select! {
            () = stop.cancelled() => return,
            // Nobody is left who could exchange them.
            changed = in_force.changed() => if changed.is_err() { return },
            () = fetchers.fetch() => {}
        }
    }
}

/// Makes those for another configuration, away from the threads that must not block.
pub(super) async fn prepare(
    wiring: Arc<Wiring>,
    state: PathBuf,
    dns: Arc<dyn Dns>,
    before: Arc<Fetchers>,
) -> Result<Fetchers, Failure> {
    let make = move || Fetchers::new(&wiring, &state, dns, Some(&before));
    let made = task::spawn_blocking(make).await;
    made.map_err(|error| Failure::new("what others publish", &error))?
}

/// Has them watch the revocation lists of this configuration again.
pub(super) async fn watch_again(fetchers: Arc<Fetchers>, wiring: Arc<Wiring>) {
    let watch = move || fetchers.revocation.watch(wiring.revocation.clone());
    // A panic was logged.
    let _ = task::spawn_blocking(watch).await;
}
