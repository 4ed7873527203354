//! What the daemon holds beside its queue, from one configuration to the next: what it measured,
//! what others publish, and which of it looks after itself.
//!
//! | what | where on disk | who keeps it fresh |
//! |---|---|---|
//! | the ledger | `ledger/` | a task that writes every few seconds, and at the very end |
//! | MTA-STS policies of others | `sts/` | a task, as long as they are honoured |
//! | revocation lists | `crl/` | a task |
//! | reports | `reports/` | see [`super::reporting`] |
//!
//! Everything records into the ledger, so it is written last of all when the daemon ends.

mod books;
mod fetchers;
mod names;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use postern_dns::Resolver;
use postern_fetch::{CrlStatus, StsPolicies, StsStatus};
use postern_reports::ledger::Ledger;
use postern_spool::Spool;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{books::Books, fetchers::Fetchers, names::CurrentDns};
use super::{
    figures::Figures,
    parts::finish,
    reporting::{self, InForce, Reporting},
};
use crate::{failure::Failure, wiring::Wiring};

/// What the daemon holds beside its queue.
#[derive(Debug)]
pub(super) struct Holdings {
    pub(super) ledger: Ledger,
    pub(super) reporting: Arc<Reporting>,
    pub(super) figures: Arc<Figures>,
    /// The directory that all of it is below, as long as the daemon runs.
    state: PathBuf,
    dns: Arc<CurrentDns>,
    fetchers: watch::Sender<Arc<Fetchers>>,
}

/// What is made ready for another configuration, and not in force yet.
#[derive(Debug)]
pub(super) struct Prepared {
    fetchers: Arc<Fetchers>,
    reporting: InForce,
}

/// The tasks that look after what is held.
#[derive(Debug)]
pub(super) struct Keepers {
    stop_fetching: CancellationToken,
    stop_sending: CancellationToken,
    stop_writing: CancellationToken,
    fetching: JoinHandle<()>,
    sending: JoinHandle<()>,
    writing: JoinHandle<()>,
    writing_counts: JoinHandle<()>,
}

impl Holdings {
    /// Opens what is on disk. Reads files, and so blocks.
    pub(super) fn open(
        wiring: &Wiring,
        queue: Arc<dyn Spool>,
        resolver: Arc<Resolver>,
    ) -> Result<Self, Failure> {
        let state = wiring.spool.path.clone();
        let ledger = open_ledger(&state.join("ledger"))?;
        let dns = Arc::new(CurrentDns::new(resolver));
        let fetchers = Fetchers::new(wiring, &state, Arc::clone(&dns) as _, None)?;
        let current = Arc::clone(&dns) as _;
        let reporting = Reporting::open(wiring, &state, &ledger, queue, current)?;
        Ok(Self {
            ledger,
            reporting: Arc::new(reporting),
            figures: Arc::default(),
            state,
            dns,
            fetchers: watch::Sender::new(Arc::new(fetchers)),
        })
    }

    /// Begins to look after all of it.
    pub(super) fn keep(&self) -> Keepers {
        let [stop_fetching, stop_sending, stop_writing] =
            [(); 3].map(|()| CancellationToken::new());
        let fetching = fetchers::keep_fresh(self.fetchers.subscribe(), stop_fetching.clone());
        Keepers {
            fetching: tokio::spawn(fetching),
            sending: tokio::spawn(self.reporting.send(stop_sending.clone())),
            writing: tokio::spawn(self.ledger.clone().run(stop_writing.clone())),
            writing_counts: tokio::spawn(self.reporting.book().run(stop_writing.clone())),
            stop_fetching,
            stop_sending,
            stop_writing,
        }
    }

    /// Makes ready what another configuration needs. Revocation lists that it names hold what
    /// files and the last fetches gave when this returns.
    pub(super) async fn prepare(&self, wiring: &Arc<Wiring>) -> Result<Prepared, Failure> {
        // Whatever fails has to do so before revocation lists are watched for the new one.
        let reporting = self.reporting.prepare(wiring)?;
        let before = Arc::clone(&self.fetchers.borrow());
        let dns = Arc::clone(&self.dns) as _;
        let state = self.state.clone();
        let made = fetchers::prepare(Arc::clone(wiring), state, dns, before).await?;
        Ok(Prepared {
            fetchers: Arc::new(made),
            reporting,
        })
    }

    /// Does without what was prepared: the configuration in force goes on as before.
    pub(super) async fn give_up(&self, prepared: Prepared, in_force: &Arc<Wiring>) {
        drop(prepared);
        let fetchers = Arc::clone(&self.fetchers.borrow());
        fetchers::watch_again(fetchers, Arc::clone(in_force)).await;
    }

    /// Goes on with what was prepared.
    pub(super) fn adopt(&self, prepared: Prepared, resolver: Arc<Resolver>) {
        self.dns.replace(resolver);
        self.fetchers.send_replace(prepared.fetchers);
        self.reporting.adopt(prepared.reporting);
        self.fetchers.borrow().revocation.refresh_now();
    }

    /// Who keeps account of the mail that comes in.
    pub(super) fn books(&self) -> Arc<dyn postern_inbound::Accounts> {
        Arc::new(Books {
            ledger: self.ledger.clone(),
            reporting: Arc::clone(&self.reporting),
            figures: Arc::clone(&self.figures),
        })
    }

    /// All that is known of the MTA-STS policies of others; nothing where they are not honoured.
    pub(super) fn sts_list(&self) -> Option<Vec<StsStatus>> {
        Some(self.fetchers.borrow().policies.as_ref()?.list())
    }

    /// Who knows the MTA-STS policies of others.
    pub(super) fn sts(&self) -> Arc<dyn StsPolicies> {
        self.fetchers.borrow().sts()
    }

    /// How the revocation lists are.
    pub(super) fn revocation(&self) -> Vec<CrlStatus> {
        self.fetchers.borrow().revocation.list()
    }

    /// The resolver in force.
    pub(super) fn resolver(&self) -> Arc<Resolver> {
        self.dns.current()
    }
}

impl Prepared {
    pub(super) fn sts(&self) -> Arc<dyn StsPolicies> {
        self.fetchers.sts()
    }
}

impl Keepers {
    /// Waits until a task ends that should not, and names it.
    pub(super) async fn ended(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.fetching => "the fetching of policies and revocation lists",
            _ = &mut self.sending => "the sending of reports",
            _ = &mut self.writing => "the ledger",
            _ = &mut self.writing_counts => "the counts for reports",
        }
    }

    /// Ends the tasks, once everything that records has ended.
    pub(super) async fn finish(&mut self) {
        self.stop_sending.cancel();
        finish(&mut self.sending).await;
        self.stop_fetching.cancel();
        finish(&mut self.fetching).await;
        self.stop_writing.cancel();
        finish(&mut self.writing).await;
        finish(&mut self.writing_counts).await;
    }
}

fn open_ledger(directory: &Path) -> Result<Ledger, Failure> {
    let opened = Ledger::open(directory, SystemTime::now());
    let (ledger, problems) = opened.map_err(|error| Failure::new("cannot start", &error))?;
    reporting::tell(&problems, "the ledger");
    Ok(ledger)
}
