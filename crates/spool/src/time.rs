//! Wall-clock time as the queue stores it: whole milliseconds since 1970.
//!
//! Milliseconds are what a queue id carries and more than a retry schedule needs. Times before
//! 1970 count as 1970.

use std::time::{Duration, SystemTime};

#[cfg(feature = "simulation")]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) type Millis = u64;

/// Later than any time: what is never due by itself.
pub(crate) const NEVER: Millis = Millis::MAX;

pub(crate) fn to_millis(time: SystemTime) -> Millis {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            Millis::try_from(since.as_millis()).unwrap_or(NEVER - 2)
        })
}

pub(crate) fn from_millis(millis: Millis) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// For `#[serde(with = "time")]` on a [`SystemTime`].
pub(crate) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to_millis(*time).serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    Millis::deserialize(from).map(from_millis)
}

/// The same time without what a record cannot hold, so that a message reads the same before
/// and after it was written.
pub(crate) fn whole_millis(time: SystemTime) -> SystemTime {
    from_millis(to_millis(time))
}

/// Where the queue reads the time.
#[derive(Debug, Clone)]
pub(crate) enum Clock {
    System,
    /// Milliseconds since 1970, as the simulation sets them.
    #[cfg(feature = "simulation")]
    Simulated(Arc<AtomicU64>),
}

impl Clock {
    pub(crate) fn now(&self) -> Millis {
        match self {
            Self::System => to_millis(SystemTime::now()),
            #[cfg(feature = "simulation")]
            Self::Simulated(millis) => millis.load(Ordering::Relaxed),
        }
    }
}
