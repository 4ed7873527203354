//! Moments in answers: RFC 3339 in UTC, to the millisecond that the queue keeps.

use std::{fmt, time::SystemTime};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A moment, written as `2026-11-23T12:00:00.123Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(#[serde(with = "time::serde::rfc3339")] OffsetDateTime);

impl Timestamp {
    /// The moment by the wall clock of this host.
    pub fn system_time(self) -> SystemTime {
        self.0.into()
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let time = OffsetDateTime::from(time);
        let whole = time.replace_millisecond(time.millisecond());
        Self(whole.unwrap_or(time))
    }
}

/// To the second, for people.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.replace_millisecond(0).unwrap_or(self.0);
        // Only years beyond 9999 cannot be written.
        f.pad(&whole.format(&Rfc3339).unwrap_or_else(|_| "?".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn milliseconds_survive_and_people_see_seconds() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_435_200_123_456);
        let stamp = Timestamp::from(time);
        let json = serde_json::to_string(&stamp).unwrap();
        assert_eq!(json, r#""2026-11-23T12:00:00.123Z""#);
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), stamp);
        assert_eq!(stamp.to_string(), "2026-11-23T12:00:00Z");
    }
}
