//! The test of the name servers: after the start and after every reload, beside everything else.
//!
//! A server that strips signatures makes mail wait for a reason that no single failure tells
//! (RFC 7672 §2.1.2 leaves no other choice), so it is told at once, and loudly.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use postern_admin::DnsStatus;
use postern_dns::{Resolver, SelfTest};
use tokio::task::JoinHandle;

/// What the last test found.
#[derive(Debug, Clone, Default)]
pub(super) struct Finding(Arc<Mutex<DnsStatus>>);

/// The test under way, which ends with this.
#[derive(Debug, Default)]
pub(super) struct DnsTest {
    finding: Finding,
    running: Option<JoinHandle<()>>,
}

impl Finding {
    pub(super) fn status(&self) -> DnsStatus {
        let status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        status.clone()
    }

    fn set(&self, status: DnsStatus) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

impl DnsTest {
    /// Where to read what was found.
    pub(super) fn finding(&self) -> Finding {
        self.finding.clone()
    }

    /// Tests this resolver, in place of the one before.
    pub(super) fn begin(&mut self, resolver: Arc<Resolver>) {
        self.end();
        let finding = self.finding.clone();
        self.running = Some(tokio::spawn(async move {
            let test = resolver.self_test().await;
            tell(&test);
            finding.set(status(&test, SystemTime::now()));
        }));
    }

    fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

impl Drop for DnsTest {
    fn drop(&mut self) {
        self.end();
    }
}

fn tell(test: &SelfTest) {
    match test {
        // The configuration was warned of when it was read.
        SelfTest::Off => tracing::info!("{test}"),
        SelfTest::NoServers(_) => tracing::error!("{test}"),
        SelfTest::Servers(_) if test.is_passed() => tracing::info!("{test}"),
        SelfTest::Servers(_) => tracing::error!("{test}"),
    }
}

fn status(test: &SelfTest, now: SystemTime) -> DnsStatus {
    let (text, tested) = (test.to_string(), now.into());
    if test.is_passed() {
        DnsStatus::Good { text, tested }
    } else {
        DnsStatus::Trouble { text, tested }
    }
}
