//! Whether the disk has room.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{Health, SpoolError};

/// How long an answer of the file system is believed. At a gigabyte a second a reserve of
/// 256 MiB outlasts it.
const BELIEVED: Duration = Duration::from_millis(200);

/// Asks the file system now and then how much is free, and holds it against the reserve.
#[derive(Debug)]
pub(crate) struct Space {
    path: PathBuf,
    reserve: u64,
    known: Mutex<Option<(Instant, u64)>>,
}

impl Space {
    pub(crate) fn new(path: PathBuf, reserve: u64) -> Self {
        Self {
            path,
            reserve,
            known: Mutex::new(None),
        }
    }

    /// Refuses early, while the queue itself still has room to work.
    pub(crate) fn admit(&self, octets: u64) -> Result<(), SpoolError> {
        let available = self.available();
        if available.saturating_sub(octets) < self.reserve {
            return Err(SpoolError::Full {
                available,
                reserve: self.reserve,
            });
        }
        Ok(())
    }

    pub(crate) fn health(&self) -> Health {
        let available = self.available();
        if available < self.reserve {
            return Health::Full {
                available,
                reserve: self.reserve,
            };
        }
        Health::Good
    }

    /// The error for a write that found no room.
    pub(crate) fn full(&self) -> SpoolError {
        SpoolError::Full {
            available: self.available(),
            reserve: self.reserve,
        }
    }

    /// The call takes a microsecond and reads no disk, so that it may be made from async code.
    fn available(&self) -> u64 {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, available)) = *known
            && when.elapsed() < BELIEVED
        {
            return available;
        }
        // Where the file system does not say, the write itself will.
        let available = fs4::available_space(&self.path).unwrap_or(u64::MAX);
        *known = Some((Instant::now(), available));
        available
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_refused_before_the_disk_is_full() {
        let directory = tempfile::tempdir().unwrap();
        let free = fs4::available_space(directory.path()).unwrap();
        let roomy = Space::new(directory.path().into(), 0);
        assert!(roomy.admit(1024).is_ok());
        assert_eq!(roomy.health(), Health::Good);
        let tight = Space::new(directory.path().into(), free * 2);
        assert!(matches!(tight.admit(0), Err(SpoolError::Full { .. })));
        assert!(matches!(tight.health(), Health::Full { .. }));
        let exact = Space::new(directory.path().into(), free / 2);
        assert!(exact.admit(0).is_ok());
        assert!(matches!(exact.admit(free), Err(SpoolError::Full { .. })));
    }
}
