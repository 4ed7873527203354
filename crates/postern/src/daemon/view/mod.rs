//! What the daemon shows of itself through the control interface, read off the values that
//! decide: nothing is worked out anew.

mod destinations;
mod nearest;
mod partners;
mod protection;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_admin::Timestamp;
use postern_policy::Policy;
use rustls_pki_types::UnixTime;

pub(super) use self::destinations::{delay, destinations};
use super::holdings::Holdings;

/// What a view is made of.
pub(super) struct View<'a> {
    pub(super) policy: &'a Arc<Policy>,
    pub(super) holdings: &'a Holdings,
    pub(super) now: SystemTime,
}

impl View<'_> {
    fn unix_time(&self) -> UnixTime {
        let since = self.now.duration_since(SystemTime::UNIX_EPOCH);
        UnixTime::since_unix_epoch(since.unwrap_or_default())
    }
}

fn timestamp(time: UnixTime) -> Timestamp {
    let since = Duration::from_secs(time.as_secs());
    // Only what lies beyond what this host can count has no such time.
    let time = SystemTime::UNIX_EPOCH.checked_add(since);
    time.unwrap_or(SystemTime::UNIX_EPOCH).into()
}
