//! The two forms of a local-part of SRS, read and written.

use std::fmt;

use postern_mail::{Host, LocalPart};

use super::CYCLE;

/// `SRS0` or `SRS1`.
pub(super) const PREFIX: usize = 4;

/// The characters of base32 (RFC 4648 §6), which mean the same in either case.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A local-part of SRS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form<'a> {
    First(First<'a>),
    Next(Next<'a>),
}

/// What the first forwarder makes: `SRS0=hash=day=host=local-part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First<'a> {
    pub(super) hash: &'a str,
    pub(super) day: &'a str,
    pub(super) host: &'a str,
    pub(super) local_part: &'a str,
}

/// What all others make: `SRS1=hash=host=rest`, where the rest is what stood behind `SRS0` at
/// the first forwarder, so that failures go to that one at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next<'a> {
    pub(super) hash: &'a str,
    pub(super) host: &'a str,
    pub(super) rest: &'a str,
}

/// Whether a local-part begins like one of SRS. Forwarders put `=`, `+` or `-` behind the first
/// word, and anything may have become of its case.
pub(super) fn is_marked(local_part: &str) -> bool {
    let word = local_part.get(..PREFIX).unwrap_or_default();
    (word.eq_ignore_ascii_case("SRS0") || word.eq_ignore_ascii_case("SRS1"))
        && begins_with_mark(local_part.get(PREFIX..).unwrap_or_default())
}

fn begins_with_mark(text: &str) -> bool {
    text.starts_with(['=', '+', '-'])
}

impl<'a> Form<'a> {
    /// Reads a local-part, ours or that of another forwarder.
    pub(super) fn of(local_part: &'a LocalPart) -> Option<Self> {
        let text = local_part.as_str();
        if !is_marked(text) {
            return None;
        }
        let behind = text.get(PREFIX + 1..)?;
        if text.get(..PREFIX)?.ends_with('0') {
            First::read(behind).map(Self::First)
        } else {
            Next::read(behind).map(Self::Next)
        }
    }
}

impl<'a> First<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (hash, text) = text.split_once('=')?;
        let (day, text) = text.split_once('=')?;
        let (host, local_part) = text.split_once('=')?;
        let whole = ![hash, day, host, local_part].contains(&"");
        whole.then_some(Self {
            hash,
            day,
            host,
            local_part,
        })
    }

    /// What the hash is computed over, in lower case. It cannot be that of a [`Next`].
    pub(super) fn guarded(&self) -> String {
        let Self {
            day,
            host,
            local_part,
            ..
        } = self;
        format!("0={day}={host}={local_part}").to_ascii_lowercase()
    }
}

impl<'a> Next<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (hash, text) = text.split_once('=')?;
        let (host, rest) = text.split_once('=')?;
        let whole = !hash.is_empty() && host.parse::<Host>().is_ok() && begins_with_mark(rest);
        whole.then_some(Self { hash, host, rest })
    }

    /// What the hash is computed over, in lower case.
    pub(super) fn guarded(&self) -> String {
        let Self { host, rest, .. } = self;
        format!("1={host}={rest}").to_ascii_lowercase()
    }
}

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hash,
            day,
            host,
            local_part,
        } = self;
        write!(f, "SRS0={hash}={day}={host}={local_part}")
    }
}

impl fmt::Display for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash, host, rest } = self;
        write!(f, "SRS1={hash}={host}={rest}")
    }
}

/// A day of the cycle in two characters.
pub(super) fn day_characters(day: u64) -> String {
    let character = |value: u64| {
        let at = usize::try_from(value % 32).unwrap_or_default();
        BASE32.get(at).copied().map_or('A', char::from)
    };
    [character(day / 32), character(day)].iter().collect()
}

/// The day of the cycle that two characters stand for.
pub(super) fn day_of(characters: &str) -> Option<u64> {
    let &[high, low] = characters.as_bytes() else {
        return None;
    };
    let value = |character: u8| {
        let wanted = character.to_ascii_uppercase();
        let at = BASE32.iter().position(|one| *one == wanted)?;
        u64::try_from(at).ok()
    };
    Some((value(high)? * 32 + value(low)?) % CYCLE)
}
