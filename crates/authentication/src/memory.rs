//! A share of the memory that verification may take.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// What is counted, in octets: the semaphore counts no further than 2^32 of anything.
const UNIT: u64 = 1024;

/// Leave to hold the octets of one message in memory, until it is dropped.
#[derive(Debug)]
#[must_use = "the share is given back when it is dropped"]
pub struct Share(#[expect(dead_code, reason = "held for what its end does")] OwnedSemaphorePermit);

/// Why a message cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// It never can be.
    #[error("the message is larger than what may be held for verification")]
    TooLarge,
    /// Other messages take all there is.
    #[error("the memory for verification is in use")]
    Busy,
}

#[derive(Debug)]
pub(crate) struct Memory {
    octets: u64,
    units: Arc<Semaphore>,
}

impl Memory {
    pub(crate) fn new(octets: u64) -> Self {
        let units = usize::try_from(octets / UNIT).unwrap_or(usize::MAX);
        Self {
            octets,
            units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Whether a message of this size can be held at all.
    pub(crate) fn can_hold(&self, octets: u64) -> bool {
        octets <= self.octets
    }

    pub(crate) async fn share(&self, octets: u64, patience: Duration) -> Result<Share, NoRoom> {
        let units = u32::try_from(octets.div_ceil(UNIT)).map_err(|_| NoRoom::TooLarge)?;
        let all = u32::try_from(self.octets / UNIT).unwrap_or(u32::MAX);
        if !self.can_hold(octets) {
            return Err(NoRoom::TooLarge);
        }
        let units = Arc::clone(&self.units).acquire_many_owned(units.min(all));
        match timeout(patience, units).await {
            Ok(Ok(permit)) => Ok(Share(permit)),
            Ok(Err(_)) | Err(_) => Err(NoRoom::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn shares_are_waited_for_and_given_back() {
        let memory = Memory::new(10 * UNIT);
        let patience = Duration::from_secs(20);
        assert_eq!(
            memory.share(10 * UNIT + 1, patience).await.unwrap_err(),
            NoRoom::TooLarge
        );
        let most = memory.share(9 * UNIT + 1, patience).await.unwrap();
        assert_eq!(memory.share(1, patience).await.unwrap_err(), NoRoom::Busy);
        drop(most);
        assert!(memory.share(10 * UNIT, patience).await.is_ok());
    }
}
