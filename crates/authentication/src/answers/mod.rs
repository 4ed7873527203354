//! Questions to the DNS on behalf of one message: counted, and answered in time or not at all.
//!
//! Whoever writes to us decides what is asked, of whom, and how slowly the answers come. An
//! honest message takes a dozen questions and well under a second; what needs more than the
//! settings allow is *not known*, which never turns into a pass.

pub(crate) mod library;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use postern_dns::{Dns, LookupError, Mx, Name, NameError};
use tokio::time::{Instant, timeout_at};

/// Why there are no records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Missing {
    /// The name does not exist.
    #[error("there is no such name")]
    NoSuchName,
    /// The name has no such records.
    #[error("there are no such records")]
    NoData,
    /// Whether there are is not known. The text says why, in printable ASCII.
    #[error("{0}")]
    Unknown(String),
}

/// What may be asked for one message, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Questions {
    dns: Arc<dyn Dns>,
    left: Arc<AtomicUsize>,
    deadline: Instant,
}

impl Questions {
    pub(crate) fn new(dns: Arc<dyn Dns>, number: usize, deadline: Instant) -> Self {
        Self {
            dns,
            left: Arc::new(AtomicUsize::new(number)),
            deadline,
        }
    }

    pub(crate) async fn txt(&self, name: &Name) -> Result<Vec<Vec<u8>>, Missing> {
        let answer = self.ask(1, self.dns.txt(name)).await??;
        Ok(answer.records)
    }

    pub(crate) async fn mx(&self, name: &Name) -> Result<Vec<Mx>, Missing> {
        Ok(self.ask(1, self.dns.mx(name)).await??.records)
    }

    pub(crate) async fn ptr(&self, address: IpAddr) -> Result<Vec<Name>, Missing> {
        Ok(self.ask(1, self.dns.ptr(address)).await??.records)
    }

    /// The addresses of the family of `like`. Both families are asked for at once, which counts
    /// as two questions.
    pub(crate) async fn addresses(
        &self,
        name: &Name,
        like: IpAddr,
    ) -> Result<Vec<IpAddr>, Missing> {
        let found = self.ask(2, self.dns.addresses(name)).await?;
        Ok(match like {
            IpAddr::V4(_) => found.ipv4?.records.into_iter().map(IpAddr::V4).collect(),
            IpAddr::V6(_) => found.ipv6?.records.into_iter().map(IpAddr::V6).collect(),
        })
    }

    async fn ask<T>(&self, cost: usize, answer: impl Future<Output = T>) -> Result<T, Missing> {
        let take = |left: usize| left.checked_sub(cost);
        self.left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map_err(|_| Missing::Unknown("the message asks for too many DNS look-ups".into()))?;
        timeout_at(self.deadline, answer)
            .await
            .map_err(|_| Missing::Unknown("the time for DNS look-ups is over".into()))
    }
}

impl From<LookupError> for Missing {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::NoSuchDomain(_) => Self::NoSuchName,
            LookupError::NoData(_) => Self::NoData,
            LookupError::Temporary(failure) => Self::Unknown(failure.to_string()),
        }
    }
}

/// A name of any octets, as macros of SPF and selectors of DKIM make them.
pub(crate) fn name(text: &str) -> Result<Name, NameError> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let labels: Vec<_> = text.split('.').map(str::as_bytes).collect();
    Name::of_labels(&labels)
}
