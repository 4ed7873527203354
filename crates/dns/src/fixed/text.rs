//! Reading a zone from text, by the grammar that [`FixedZone`] gives.

use std::{net::IpAddr, str::FromStr, time::Duration};

use super::{Data, Entry, FixedZone, Kind};
use crate::{Caa, Cause, Mx, Proof, Tlsa};

/// How long an answer is valid where nothing is said about it.
const VALID: Duration = Duration::from_secs(3600);

impl FromStr for FixedZone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let mut zone = Self::default();
        let (mut proof, mut ttl) = (Proof::Indeterminate, VALID);
        for (at, line) in text.lines().enumerate() {
            // Texts hold semicolons too, as in `v=STSv1; id=1`.
            let mut words = line
                .split_whitespace()
                .take_while(|word| !word.starts_with(';'));
            let Some(first) = words.next() else { continue };
            let rest: Vec<_> = words.collect();
            let parsed = match first {
                "$PROOF" => parse_proof(&rest).map(|word| proof = word),
                "$TTL" => parse_ttl(&rest).map(|seconds| ttl = seconds),
                name => parse_entry(name, &rest, proof, ttl).map(|entry| zone.entries.push(entry)),
            };
            parsed.ok_or_else(|| ZoneError {
                line: at + 1,
                text: line.trim().to_owned(),
            })?;
        }
        Ok(zone)
    }
}

fn parse_proof(words: &[&str]) -> Option<Proof> {
    match words {
        ["secure"] => Some(Proof::Secure),
        ["insecure"] => Some(Proof::Insecure),
        ["indeterminate"] => Some(Proof::Indeterminate),
        _ => None,
    }
}

fn parse_ttl(words: &[&str]) -> Option<Duration> {
    match words {
        [seconds] => Some(Duration::from_secs(seconds.parse::<u32>().ok()?.into())),
        _ => None,
    }
}

fn parse_entry(name: &str, words: &[&str], proof: Proof, ttl: Duration) -> Option<Entry> {
    Some(Entry {
        name: name.parse().ok()?,
        data: parse_data(words)?,
        proof,
        ttl,
    })
}

fn parse_data(words: &[&str]) -> Option<Data> {
    Some(match words {
        ["FAIL", cause] => Data::Failure(None, parse_cause(cause)?),
        [kind, "FAIL", cause] => Data::Failure(Some(parse_kind(kind)?), parse_cause(cause)?),
        ["NONE"] => Data::Nothing(None),
        [kind, "NONE"] => Data::Nothing(Some(parse_kind(kind)?)),
        ["MX", preference, exchange] => Data::Mx(Mx {
            preference: preference.parse().ok()?,
            exchange: exchange.parse().ok()?,
        }),
        ["A", address] => Data::Address(IpAddr::V4(address.parse().ok()?)),
        ["AAAA", address] => Data::Address(IpAddr::V6(address.parse().ok()?)),
        ["TXT", text @ ..] => Data::Txt(text.join(" ").into_bytes()),
        ["TLSA", usage, selector, matching, hex] => Data::Tlsa(Tlsa {
            usage: usage.parse().ok()?,
            selector: selector.parse().ok()?,
            matching: matching.parse().ok()?,
            association: parse_hex(hex)?,
        }),
        ["PTR", name] => Data::Ptr(name.parse().ok()?),
        ["CAA", flags, tag, value @ ..] => Data::Caa(Caa {
            critical: parse_critical(flags)?,
            tag: tag.to_ascii_lowercase(),
            value: value.join(" ").into_bytes(),
        }),
        ["CNAME", target] => Data::Alias(target.parse().ok()?),
        _ => return None,
    })
}

fn parse_kind(word: &str) -> Option<Kind> {
    Some(match word {
        "MX" => Kind::Mx,
        "A" => Kind::A,
        "AAAA" => Kind::Aaaa,
        "TXT" => Kind::Txt,
        "TLSA" => Kind::Tlsa,
        "PTR" => Kind::Ptr,
        "CAA" => Kind::Caa,
        _ => return None,
    })
}

fn parse_cause(word: &str) -> Option<Cause> {
    Some(match word {
        "timeout" => Cause::Timeout,
        "servfail" => Cause::ServerFailure,
        "refused" => Cause::Refused,
        "bogus" => Cause::Bogus,
        "network" => Cause::Network,
        "malformed" => Cause::Malformed,
        "excessive" => Cause::Excessive,
        _ => return None,
    })
}

fn parse_critical(flags: &str) -> Option<bool> {
    match flags {
        "0" => Some(false),
        "128" => Some(true),
        _ => None,
    }
}

fn parse_hex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let value = |digit: u8| char::from(digit).to_digit(16);
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(value(*high)? << 4 | value(*low)?).ok())
        .collect()
}

/// A line of a zone is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the zone is not understood: {text}")]
pub struct ZoneError {
    /// Which line, counted from one.
    pub line: usize,
    /// What it says.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        for line in [
            "example.org",
            "example.org MX mx.example.org",
            "example.org A 2001:db8::1",
            "example.org TLSA 3 1 1 0ff",
            "example.org TLSA 3 1 1 0g",
            "example.org FAIL somehow",
            "example.org CAA 1 issue ca.example",
            "example.org NS FAIL timeout",
            "exa$mple.org A 192.0.2.1",
            "example.org NS NONE",
            "$PROOF bogus",
            "$TTL",
            "$TTL -1",
        ] {
            let error = format!("\n{line}").parse::<FixedZone>().unwrap_err();
            assert_eq!((error.line, error.text.as_str()), (2, line));
        }
    }
}
