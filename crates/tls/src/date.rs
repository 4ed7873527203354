//! Moments as people read them.

use std::{fmt, time::Duration};

use rustls_pki_types::UnixTime;

/// A moment, printed as `2026-11-23 12:00 UTC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub UnixTime);

impl Date {
    /// The moment a number of seconds after the epoch; those before it become the epoch.
    pub(crate) fn from_timestamp(seconds: i64) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        Self(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_secs() / 60;
        let (year, month, day) = civil(minutes / (24 * 60));
        let (hour, minute) = (minutes / 60 % 24, minutes % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// Year, month and day of a day after 1970-01-01 in the Gregorian calendar. Years are counted
/// from March, which puts the leap day last: 400 of them have 146097 days, and months from
/// March on have 153 days in every five.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468; // from 0000-03-01
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (400 * era + year + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        assert_eq!(Date::from_timestamp(seconds).to_string(), expected);
    }

    #[test]
    fn dates() {
        check(0, "1970-01-01 00:00 UTC");
        check(-5, "1970-01-01 00:00 UTC");
        check(951_782_399, "2000-02-28 23:59 UTC");
        check(951_782_400, "2000-02-29 00:00 UTC");
        check(951_868_800, "2000-03-01 00:00 UTC");
        check(1_795_435_200, "2026-11-23 12:00 UTC");
        check(4_102_444_799, "2099-12-31 23:59 UTC");
    }
}
