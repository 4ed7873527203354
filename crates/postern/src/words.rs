//! Words for what several commands and the daemon tell: those of the configuration for what the
//! policy knows by type, and spans of time.

use std::time::{Duration, SystemTime};

use postern_admin::{BreakGlassStatus, Delay, Loading};
use postern_policy::{BreakGlass, Direction, Lowered};
use postern_tls::Date;
use rustls_pki_types::UnixTime;

/// What a break-glass entry is for.
pub(crate) fn scope(only: Option<Direction>) -> &'static str {
    only.map_or("both", Direction::as_str)
}

/// What is still demanded.
pub(crate) fn lowered(lowered: Lowered) -> &'static str {
    match lowered {
        Lowered::Encrypted => "encrypted",
        Lowered::Any => "any",
    }
}

/// A break-glass entry, for people and programs.
pub(crate) fn break_glass(entry: &BreakGlass, now: UnixTime) -> BreakGlassStatus {
    BreakGlassStatus {
        partner: entry.partner.to_string(),
        direction: entry.direction.map(|it| it.as_str().to_owned()),
        allow: lowered(entry.allow).to_owned(),
        reason: entry.reason.to_string(),
        approved_by: entry.approved_by.to_string(),
        until: Date(entry.until).to_string(),
        active: now < entry.until,
    }
}

/// How often.
pub(crate) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

/// Seconds, as [`duration`].
pub(crate) fn seconds(seconds: u64) -> String {
    duration(Duration::from_secs(seconds))
}

/// To the larger two units that count.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        (_, _, _) => format!("{days}d{:02}h", hours % 24),
    }
}

/// How far the queue has been read.
pub(crate) fn loading(loading: Loading) -> String {
    let Loading { read, total } = loading;
    format!("{read} of about {total} messages")
}

/// A number of octets, in the unit that fits.
pub(crate) fn octets(octets: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(size, _)| octets >= *size);
    unit.map_or_else(
        || format!("{octets}B"),
        |(size, name)| {
            let tenths = octets.saturating_mul(10) / size;
            format!("{}.{}{name}", tenths / 10, tenths % 10)
        },
    )
}

/// What keeps mail for a domain from going, each cause in a sentence.
pub(crate) fn delay(delay: &Delay, now: SystemTime) -> Vec<String> {
    let mut causes = Vec::new();
    let domain = &delay.domain;
    if let Some(frozen) = &delay.frozen {
        let partner = frozen.partner.as_ref();
        let partner = partner.map_or_else(String::new, |name| format!(" (partner {name})"));
        causes.push(format!(
            "mail for {domain} is frozen by {}{partner} since {}: {}",
            frozen.domain, frozen.since, frozen.reason
        ));
    }
    if let Some(down) = &delay.down {
        let (to, down) = (&down.to, &down.down);
        let wait = down.next_probe.system_time().duration_since(now);
        let probe = wait.map_or_else(
            |_| "with the next message".to_owned(),
            |wait| format!("in {}", duration(wait)),
        );
        let host = down.failure.host.as_ref();
        let said = host.map_or_else(String::new, |host| format!("{host} said: "));
        causes.push(format!(
            "mail for {domain}: {to} cannot be reached since {} ({}), and is tried again {probe}: \
             {said}{}",
            down.since,
            times(u64::from(down.attempts)),
            down.failure.text
        ));
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(octets(1023), "1023B");
        assert_eq!(octets(1536), "1.5KiB");
        assert_eq!(octets(50 << 20), "50.0MiB");
        assert_eq!(octets(4 << 40), "4096.0GiB");
    }

    #[test]
    fn durations_have_two_units() {
        let check = |seconds, expected| {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        };
        check(0, "0s");
        check(59, "59s");
        check(61, "1m01s");
        check(3 * 3600 + 5 * 60 + 7, "3h05m");
        check(2 * 86_400 + 3 * 3600, "2d03h");
    }
}
