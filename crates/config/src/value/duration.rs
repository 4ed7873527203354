//! Durations with a unit: `30s`, `5m`, `5d`.

use std::{fmt, str::FromStr};

use super::unit;

/// The units, the longest first, with their seconds.
const UNITS: [(&str, u64); 5] = [
    ("w", 7 * 24 * 60 * 60),
    ("d", 24 * 60 * 60),
    ("h", 60 * 60),
    ("m", 60),
    ("s", 1),
];

/// A whole number of seconds, written with the unit that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Duration(u64);

impl Duration {
    pub(crate) const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    pub(crate) const fn from_days(days: u64) -> Self {
        Self(days * 24 * 60 * 60)
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        Self::from_secs(duration.0)
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        unit::parse(text, &UNITS).map(Self)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&unit::print(self.0, &UNITS))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u64, &str>) {
        let parsed = text.parse().map(|Duration(seconds)| seconds);
        assert_eq!(parsed, expected.map_err(str::to_owned));
    }

    #[test]
    fn durations_carry_a_unit() {
        check("0s", Ok(0));
        check("90s", Ok(90));
        check("5m", Ok(300));
        check("4h", Ok(14_400));
        check("5d", Ok(432_000));
        check("2w", Ok(1_209_600));
        check("5", Err(r#""5" has no unit"#));
        check("", Err(r#""" does not begin with a number"#));
        check("-1m", Err(r#""-1m" does not begin with a number"#));
        check("5 m", Err(r#""5 m" has the unknown unit " m""#));
        check("5min", Err(r#""5min" has the unknown unit "min""#));
        check("1h30m", Err(r#""1h30m" has the unknown unit "h30m""#));
        let long = "99999999999999999999w";
        check(long, Err(&format!("{long:?} is too great")));
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_is_the_identity(seconds in any::<u64>()) {
            let duration = Duration(seconds);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }
}
