//! Points in time: `2026-11-30T18:00:00+01:00`.

use std::time::Duration;

use rustls_pki_types::UnixTime;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The moment that a date and time of RFC 3339 means. Without an offset it would mean another one
/// in each time zone.
pub(crate) fn moment(text: &str) -> Result<UnixTime, String> {
    let refused = || format!("{text:?} is no date and time with an offset");
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| refused())?;
    let seconds = u64::try_from(moment.unix_timestamp()).map_err(|_| refused())?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
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
}
