//! Days and moments as the ledger writes them.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime};

/// A day in UTC, which is what one report covers (RFC 8460 §4.1). Written `2026-11-23`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

impl Day {
    /// The day that `moment` falls into.
    pub fn of(moment: SystemTime) -> Self {
        Self(to_utc(moment).date())
    }

    /// Its first moment.
    pub fn start(self) -> SystemTime {
        self.0.midnight().assume_utc().into()
    }

    /// The first moment of the day after.
    pub fn end(self) -> SystemTime {
        self.start() + Duration::from_secs(24 * 60 * 60)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        write!(f, "{year:04}-{:02}-{day:02}", u8::from(month))
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let day = parse(text).ok_or(DayError)?;
        // One spelling each: days are names of files.
        (day.to_string() == text).then_some(day).ok_or(DayError)
    }
}

fn parse(text: &str) -> Option<Day> {
    let mut parts = text.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    let day = parts.next()?.parse().ok()?;
    Date::from_calendar_date(year, month, day).ok().map(Day)
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, DayError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// A text that is not a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written as 2026-11-23")]
pub struct DayError;

/// To the second. What lies beyond the years of RFC 3339, as a certificate's dates may, or before
/// 1970 is moved to the nearest moment within.
fn to_utc(moment: SystemTime) -> OffsetDateTime {
    let seconds = moment
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or_else(|| Date::MAX.midnight().assume_utc())
}

/// Moments in files and answers: RFC 3339 in UTC, to the second.
pub(crate) mod moment {
    use serde::{Deserializer, Serializer, de::Error};
    use time::format_description::well_known::Rfc3339;

    use super::{OffsetDateTime, SystemTime, to_utc};

    pub(crate) fn serialize<S: Serializer>(moment: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        time::serde::rfc3339::serialize(&to_utc(*moment), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let moment = time::serde::rfc3339::deserialize(from)?;
        SystemTime::UNIX_EPOCH
            .checked_add(std::time::Duration::from_secs(
                u64::try_from(moment.unix_timestamp()).map_err(D::Error::custom)?,
            ))
            .ok_or_else(|| D::Error::custom("a moment beyond what this host can count"))
    }

    /// For people.
    pub(crate) fn text(moment: SystemTime) -> String {
        let moment: OffsetDateTime = to_utc(moment);
        moment
            .format(&Rfc3339)
            .unwrap_or_else(|_| moment.date().to_string())
    }

    /// The same where there may be none.
    pub(crate) mod option {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        use super::SystemTime;

        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        struct Moment(#[serde(with = "super")] SystemTime);

        pub(crate) fn serialize<S: Serializer>(
            moment: &Option<SystemTime>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            moment.map(Moment).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<SystemTime>, D::Error> {
            Option::<Moment>::deserialize(from).map(|moment| moment.map(|it| it.0))
        }
    }
}

/// The moment without what a file does not hold, so that it reads the same before and after.
pub(crate) fn whole_second(moment: SystemTime) -> SystemTime {
    to_utc(moment).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let cases = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_391_999, "2026-11-22"),
            (1_795_392_000, "2026-11-23"),
        ];
        for (seconds, day) in cases {
            assert_eq!(Day::of(at(seconds)).to_string(), day);
            assert_eq!(day.parse(), Ok(Day::of(at(seconds))));
        }
        let day = Day::of(at(1_795_392_000));
        assert_eq!(day.start(), at(1_795_392_000));
        assert_eq!(Day::of(day.end()).to_string(), "2026-11-24");
    }

    #[test]
    fn a_day_has_one_spelling() {
        for text in [
            "",
            "2026-2-03",
            "2026-02-30",
            "+026-02-03",
            "2026-02-03-",
            "../../etc",
        ] {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
    }

    #[test]
    fn moments_outside_the_calendar_are_moved_into_it() {
        let beyond = at(400_000_000_000);
        assert_eq!(Day::of(beyond).to_string(), "9999-12-31");
        assert_eq!(
            Day::of(SystemTime::UNIX_EPOCH - Duration::from_secs(9)),
            Day::of(at(0))
        );
        assert_eq!(moment::text(at(1_795_435_200)), "2026-11-23T12:00:00Z");
    }
}
