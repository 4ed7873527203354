//! Reports: what domains are told about mail in their name and about TLS, and what they tell us.
//!
//! | what | where on disk | who does it |
//! |---|---|---|
//! | judged mail, counted for reports on DMARC | `reports/aggregate/` | reception records, a task writes |
//! | how far each of our reports has come | `reports/outgoing/` | a task that sends |
//! | reports of others | `reports/received/` | delivery hands them over ([`receiving`]) |
//! | what came for reports and is none | `reports/unrecognised/` | the same |
//!
//! Reports on TLS are made of the ledger. Whatever is sent goes through our own queue, signed
//! ([`courier`]), or by HTTPS; [`view`], [`theirs`] and [`order`] are what the control interface is
//! shown and what it asks for.

mod aggregate;
mod courier;
mod failing;
mod order;
mod receiving;
mod theirs;
mod view;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use postern_dns::Dns;
use postern_fetch::HttpClient;
use postern_inbound::JudgedMail;
use postern_reports::{
    Reporter,
    dmarc::AggregateBook,
    failure::FailureReports,
    ledger::{Fault, Ledger, LedgerError, Problem},
    sending::{Outgoing, Sending, Wanted},
};
use postern_spool::Spool;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    courier::Courier,
    failing::Failures,
    receiving::{Received, Receiver},
};
use crate::{
    failure::Failure,
    wiring::{Wiring, http_client},
};

/// How long a shutdown waits for what was ordered.
const DRAIN: Duration = Duration::from_secs(15);

/// All that is kept and done about reports, from one configuration to the next.
#[derive(Debug)]
pub(super) struct Reporting {
    book: AggregateBook,
    ledger: Ledger,
    outgoing: Outgoing,
    received: Arc<Received>,
    queue: Arc<dyn Spool>,
    dns: Arc<dyn Dns>,
    in_force: watch::Sender<Arc<InForce>>,
    /// What is sent besides, and nobody waits for.
    orders: TaskTracker,
}

/// What a configuration says about reports, made ready.
#[derive(Debug)]
pub(super) struct InForce {
    sending: Sending,
    wanted: Wanted,
    /// Where failure reports are wanted.
    failures: Option<Arc<Failures>>,
}

impl Reporting {
    /// Opens what is on disk below `state`. Reads files, and so blocks.
    pub(super) fn open(
        wiring: &Wiring,
        state: &Path,
        ledger: &Ledger,
        queue: Arc<dyn Spool>,
        dns: Arc<dyn Dns>,
    ) -> Result<Self, Failure> {
        let directory = state.join("reports");
        let book = opened(AggregateBook::open(&directory.join("aggregate")))?;
        let outgoing = opened(Outgoing::open(&directory.join("outgoing")))?;
        let received = Arc::new(Received::open(&directory)?);
        let (ledger, orders) = (ledger.clone(), TaskTracker::new());
        let first = in_force(wiring, &book, &ledger, &outgoing, &queue, &dns)?;
        Ok(Self {
            book,
            ledger,
            outgoing,
            received,
            queue,
            dns,
            in_force: watch::Sender::new(Arc::new(first)),
            orders,
        })
    }

    /// Makes ready what another configuration says.
    pub(super) fn prepare(&self, wiring: &Wiring) -> Result<InForce, Failure> {
        let Self {
            book,
            ledger,
            outgoing,
            queue,
            dns,
            ..
        } = self;
        in_force(wiring, book, ledger, outgoing, queue, dns)
    }

    /// Goes on with what was prepared. A report that is under way is made anew.
    pub(super) fn adopt(&self, prepared: InForce) {
        self.in_force.send_replace(Arc::new(prepared));
    }

    /// A message was judged: it is counted for the domain whose policy applies to it, and where
    /// that is wanted, told to it.
    pub(super) fn judged(&self, mail: &JudgedMail<'_>) {
        let in_force = self.now();
        if in_force.wanted.dmarc
            && let Some(counted) = aggregate::judged(mail)
        {
            self.book.record(&counted);
        }
        let report = in_force.failures.as_ref().and_then(|it| it.report(mail));
        if let Some(report) = report {
            self.orders.spawn(report);
        }
    }

    /// Who takes in what others report, under a configuration.
    pub(super) fn receiver(&self, wiring: &Wiring) -> Arc<Receiver> {
        Arc::new(Receiver {
            received: Arc::clone(&self.received),
            authserv_id: wiring.authserv_id(),
        })
    }

    /// Who writes what was counted to the disk.
    pub(super) fn book(&self) -> AggregateBook {
        self.book.clone()
    }

    /// Sends what is due, until `stop`; then waits for what was ordered.
    pub(super) fn send(&self, stop: CancellationToken) -> impl Future<Output = ()> + use<> {
        let in_force = self.in_force.subscribe();
        let orders = self.orders.clone();
        async move {
            send(in_force, stop).await;
            orders.close();
            // What is not done by then is cut off, and is due again where it is noted.
            let _ = tokio::time::timeout(DRAIN, orders.wait()).await;
        }
    }

    fn now(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.borrow())
    }
}

/// Has those in force send what is due, until the end.
async fn send(mut in_force: watch::Receiver<Arc<InForce>>, stop: CancellationToken) {
    loop {
        let sending = in_force.borrow_and_update().sending.clone();
        let run = sending.run(stop.clone());
        tokio::select! {
            () = stop.cancelled() => return,
            // Nobody is left who could exchange them.
            changed = in_force.changed() => if changed.is_err() { return },
            () = run => {}
        }
    }
}

fn in_force(
    wiring: &Wiring,
    book: &AggregateBook,
    ledger: &Ledger,
    outgoing: &Outgoing,
    queue: &Arc<dyn Spool>,
    dns: &Arc<dyn Dns>,
) -> Result<InForce, Failure> {
    let written = &wiring.reports;
    let http: HttpClient = http_client(Arc::clone(dns), wiring.trust())?;
    let courier = Arc::new(Courier {
        queue: Arc::clone(queue),
        signer: Arc::clone(&wiring.signer),
        http,
        targets: wiring.targets,
    });
    let wanted = Wanted {
        dmarc: written.dmarc,
        tls: written.tls,
    };
    let sending = Sending::new(
        reporter(wiring),
        wanted,
        book.clone(),
        ledger.clone(),
        outgoing.clone(),
        Arc::clone(dns),
        Arc::clone(&courier) as _,
    );
    let failures = written.failures.map(|per_hour| {
        let reports = FailureReports::new(reporter(wiring), per_hour.get());
        let (dns, id) = (Arc::clone(dns), wiring.authserv_id());
        Arc::new(Failures::new(reports, id, dns, courier))
    });
    Ok(InForce {
        sending,
        wanted,
        failures,
    })
}

fn reporter(wiring: &Wiring) -> Reporter {
    Reporter {
        hostname: wiring.reception.hostname.clone(),
        organisation: wiring.reports.organisation.clone(),
        contact: wiring.reports.contact.clone(),
    }
}

/// What was opened; what is damaged in it is told.
fn opened<T>(opened: Result<(T, Vec<Problem>), LedgerError>) -> Result<T, Failure> {
    let (opened, problems) = opened.map_err(|error| Failure::new("cannot start", &error))?;
    tell(&problems, "reports");
    Ok(opened)
}

/// Tells what is damaged on disk.
pub(super) fn tell(problems: &[Problem], of: &str) {
    for problem in problems {
        match problem.fault {
            // To be expected after a crash.
            Fault::Torn => tracing::info!("{of}: {problem}"),
            Fault::Damaged(_) | Fault::Version(_) | Fault::Unreadable(_) => {
                tracing::error!("{of}: {problem}");
            }
        }
    }
}
