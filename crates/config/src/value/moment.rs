//! Points in time: `2026-11-30T18:00:00+01:00`.

use std::time::Duration;

use rustls_pki_types::UnixTime;
use time::{
    Date, OffsetDateTime, format_description::well_known::Iso8601,
    format_description::well_known::Rfc3339,
};

/// The moment that a date and time of RFC 3339 means. Without an offset it would mean another one
/// in each time zone.
pub(crate) fn moment(text: &str) -> Result<UnixTime, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| refused(text))?;
    let seconds = u64::try_from(moment.unix_timestamp());
    let seconds = seconds.map_err(|_| format!("{text:?} lies before 1970"))?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

/// What is wrong with a moment. A day that the calendar lacks is told of before a missing offset:
/// with one it would be no better.
fn refused(text: &str) -> String {
    let date = text.get(..10).unwrap_or_default();
    let is_shaped = date.bytes().enumerate().all(|(at, octet)| match at {
        4 | 7 => octet == b'-',
        _ => octet.is_ascii_digit(),
    });
    if is_shaped && date.len() == 10 && Date::parse(date, &Iso8601::DATE).is_err() {
        return format!("{text:?} names {date}, a day that the calendar does not have");
    }
    format!("{text:?} is no date and time with an offset")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        let read = moment(text).ok().map(|moment| moment.as_secs());
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn moments_have_an_offset() {
        check("2026-11-23T12:00:00Z", Some(1_795_435_200));
        check("2026-11-23T13:00:00+01:00", Some(1_795_435_200));
        check("2026-11-23T12:00:00.5Z", Some(1_795_435_200));
        check("1969-12-31T23:59:59Z", None);
        check("2026-11-23T12:00:00", None);
        check("2026-11-23", None);
        check("2026-02-30T12:00:00Z", None);
        check("tomorrow", None);
    }

    #[test]
    fn what_is_wrong_with_a_moment_is_told() {
        let check = |text: &str, expected: &str| {
            let wrong = moment(text).unwrap_err();
            assert_eq!(wrong, format!("{text:?} {expected}"));
        };
        let no_day = "names 2027-02-31, a day that the calendar does not have";
        check("2027-02-31", no_day);
        check("2027-02-31T18:00:00+01:00", no_day);
        check("2027-02-28", "is no date and time with an offset");
        check("2027-02-28T25:00:00Z", "is no date and time with an offset");
        check("31.02.2027", "is no date and time with an offset");
        check(
            "\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}",
            "is no date and time with an offset",
        );
        check("1969-12-31T23:59:59Z", "lies before 1970");
    }
}
