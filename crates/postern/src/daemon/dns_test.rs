//! The test of the name servers: after the start and after every reload, beside everything else,
//! and again for as long as one fails. Who starts before the network is there is not told of
//! trouble for ever.
//!
//! A server that strips signatures makes mail wait for a reason that no single failure tells
//! (RFC 7672 §2.1.2 leaves no other choice), so it is told at once, and loudly.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use postern_admin::DnsStatus;
use postern_dns::{Cause, Dns, LookupError, Name, Resolver, SelfTest};
use tokio::task::JoinHandle;

/// How long after a test that failed there is another one.
const AGAIN: Duration = Duration::from_secs(5 * 60);

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

    /// Tests this resolver, in place of the one before, and tells of it.
    pub(super) fn begin(&mut self, resolver: Arc<Resolver>) {
        self.finding.set(DnsStatus::NotTested);
        self.test(resolver);
    }

    /// Tests this resolver again if it is time, and tells of what has changed.
    pub(super) fn look(&mut self, resolver: impl FnOnce() -> Arc<Resolver>) {
        let over = self.running.as_ref().is_none_or(JoinHandle::is_finished);
        if over && is_due(&self.finding.status(), SystemTime::now()) {
            self.test(resolver());
        }
    }

    fn test(&mut self, resolver: Arc<Resolver>) {
        self.end();
        let finding = self.finding.clone();
        self.running = Some(tokio::spawn(async move {
            let test = resolver.self_test().await;
            let silent = match &test {
                SelfTest::Off => silence(&*resolver).await,
                SelfTest::NoServers(_) | SelfTest::Servers(_) => None,
            };
            let now = SystemTime::now();
            let found = silent.map_or_else(
                || status(&test, now),
                |text| DnsStatus::Trouble {
                    text,
                    tested: now.into(),
                },
            );
            if is_news(&finding.status(), &found) {
                tell(&test, &found);
            }
            finding.set(found);
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

/// Whether a test failed, and that is a while ago. A clock that was set back makes none wait.
fn is_due(status: &DnsStatus, now: SystemTime) -> bool {
    match status {
        DnsStatus::NotTested | DnsStatus::Good { .. } => false,
        DnsStatus::Trouble { tested, .. } => {
            let ago = now.duration_since(tested.system_time());
            ago.map_or(true, |ago| ago >= AGAIN)
        }
    }
}

fn is_news(before: &DnsStatus, found: &DnsStatus) -> bool {
    let text = |status: &DnsStatus| match status {
        DnsStatus::NotTested => None,
        DnsStatus::Good { text, .. } | DnsStatus::Trouble { text, .. } => Some(text.clone()),
    };
    text(before) != text(found)
}

/// Without validation the test asks nobody. That no name server answers stops mail all the same,
/// so one question is asked whose answer does not matter, whatever it is.
async fn silence(dns: &dyn Dns) -> Option<String> {
    let name = "arpa".parse::<Name>().ok()?;
    let Err(LookupError::Temporary(failure)) = dns.mx(&name).await else {
        return None;
    };
    matches!(failure.cause, Cause::Timeout | Cause::Network).then(|| {
        format!(
            "no name server answers ({failure}): every look-up fails, and mail that needs one \
             waits; see whether they run and may be reached from here"
        )
    })
}

fn tell(test: &SelfTest, found: &DnsStatus) {
    match (test, found) {
        (SelfTest::Off, DnsStatus::Trouble { text, .. }) => tracing::error!("{text}"),
        // The configuration was warned of when it was read.
        (SelfTest::Off, DnsStatus::NotTested | DnsStatus::Good { .. }) => tracing::info!("{test}"),
        (SelfTest::NoServers(_), _) => tracing::error!("{test}"),
        (SelfTest::Servers(_), _) if test.is_passed() => tracing::info!("{test}"),
        (SelfTest::Servers(_), _) => tracing::error!("{test}"),
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

#[cfg(test)]
mod tests {
    use postern_dns::{Servers, Settings, Validation};

    use super::*;

    fn trouble(tested: SystemTime) -> DnsStatus {
        let (text, tested) = ("nobody answers".to_owned(), tested.into());
        DnsStatus::Trouble { text, tested }
    }

    #[test]
    fn what_failed_is_tested_again_after_a_while() {
        let (tested, text) = (SystemTime::now(), "they pass".to_owned());
        let check = |status: &DnsStatus, now, expected| {
            assert_eq!(is_due(status, now), expected, "{status:?}");
        };
        let failed = trouble(tested);
        check(&failed, tested + AGAIN - Duration::from_secs(1), false);
        check(&failed, tested + AGAIN, true);
        check(&failed, tested - AGAIN, true);
        check(&DnsStatus::NotTested, tested + AGAIN, false);
        let tested_at = tested.into();
        let good = DnsStatus::Good {
            text,
            tested: tested_at,
        };
        check(&good, tested + AGAIN, false);
        assert!(is_news(&failed, &good) && is_news(&DnsStatus::NotTested, &failed));
        assert!(!is_news(&failed, &trouble(tested + AGAIN)));
    }

    #[tokio::test]
    async fn silent_servers_are_told_of_without_validation() {
        let settings = Settings {
            servers: Servers::At(vec!["127.0.0.1:1".parse().unwrap()]),
            validation: Validation::Off,
            ..Settings::default()
        };
        let resolver = Arc::new(Resolver::new(&settings).unwrap());
        let mut test = DnsTest::default();
        test.begin(resolver);
        test.running.take().unwrap().await.unwrap();
        let DnsStatus::Trouble { text, .. } = test.finding().status() else {
            panic!("{test:?}");
        };
        assert!(text.contains("no name server answers"), "{text}");
    }

    #[tokio::test]
    async fn a_test_that_is_due_replaces_what_was_found() {
        let settings = Settings {
            servers: Servers::At(vec!["127.0.0.1:1".parse().unwrap()]),
            ..Settings::default()
        };
        let resolver = Arc::new(Resolver::new(&settings).unwrap());
        let mut test = DnsTest::default();
        test.finding().set(trouble(SystemTime::now()));
        test.look(|| panic!("it is not due"));
        test.finding().set(trouble(SystemTime::UNIX_EPOCH));
        test.look(|| resolver);
        test.running.take().unwrap().await.unwrap();
        let DnsStatus::Trouble { text, .. } = test.finding().status() else {
            panic!("{test:?}");
        };
        assert!(text.contains("127.0.0.1:1"), "{text}");
        test.look(|| panic!("it is not due"));
    }
}
