//! The wall clock: what is fetched outlives the process, and monotonic time does not.

use std::time::{Duration, SystemTime};

use rustls_pki_types::UnixTime;

/// Now, in whole seconds since 1970.
pub(crate) fn unix_time() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::since_unix_epoch(since_epoch.unwrap_or_default())
}

/// `span` later.
pub(crate) fn after(time: UnixTime, span: Duration) -> UnixTime {
    let seconds = time.as_secs().saturating_add(span.as_secs());
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// Whether `time` is less than `span` ago. A clock that was set back does not prolong anything:
/// what lies far ahead is not recent. A little ahead is: callers read the clock, and then wait
/// for each other.
pub(crate) fn is_recent(time: UnixTime, span: Duration, now: UnixTime) -> bool {
    now < after(time, span) && time < after(now, span)
}
