//! What a look-up brings back.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use crate::{Cause, Denial, LookupError, Name};

/// The most aliases on the way from a name to its records. Honest chains have one or two; each
/// further one is work that somebody else orders us to do, so a longer one counts as a failure.
pub const MOST_ALIASES: usize = 11;

/// How well an answer is proven (RFC 4033 §5). The order is from worst to best, and a whole is
/// as good as its worst part.
///
/// The fourth status of that section, *bogus*, is missing on purpose: data that is shown to be
/// false is not an answer but a [`Failure`](crate::Failure).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Proof {
    /// Nobody checked.
    Indeterminate,
    /// It was proven that the zone is not signed.
    Insecure,
    /// An unbroken chain of signatures leads to a trust anchor.
    Secure,
}

/// The records found, at least one, and the way to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The records, in the order in which they came.
    pub records: Vec<T>,
    /// How well the records and all aliases before them are proven together.
    pub proof: Proof,
    /// When it came from a server; `None` where that is no longer known.
    pub received: Option<Instant>,
    /// Until when the answer may be used.
    pub valid_until: Instant,
    /// Where the records were found: the name that was asked for, or where its aliases lead.
    pub canonical: Name,
    /// The aliases on the way, in their order.
    pub aliases: Vec<Alias>,
}

impl<T> Answer<T> {
    /// The same answer with every record turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Answer<U> {
        Answer {
            records: self.records.into_iter().map(turn).collect(),
            proof: self.proof,
            received: self.received,
            valid_until: self.valid_until,
            canonical: self.canonical,
            aliases: self.aliases,
        }
    }

    /// How long ago the answer came from a server, where that is known.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.received?))
    }

    /// For how much longer the answer may be used.
    pub fn ttl(&self, now: Instant) -> Duration {
        self.valid_until.saturating_duration_since(now)
    }
}

/// One step from an alias to another name (CNAME, RFC 1034 §3.6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The alias.
    pub name: Name,
    /// The name it stands for.
    pub target: Name,
    /// How well this step is proven, by itself.
    pub proof: Proof,
}

/// A mail exchange.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host; the root where mail is not wanted (RFC 7505 §3).
    pub exchange: Name,
}

/// A TLSA record, its numbers as they came: what they mean, and whether they mean anything, is
/// for whoever judges a certificate by them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tlsa {
    /// Certificate usage (RFC 6698 §2.1.1).
    pub usage: u8,
    /// Selector (RFC 6698 §2.1.2).
    pub selector: u8,
    /// Matching type (RFC 6698 §2.1.3).
    pub matching: u8,
    /// Certificate association data (RFC 6698 §2.1.4).
    pub association: Vec<u8>,
}

/// Who may issue certificates for a name, as one property of a CAA record says it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caa {
    /// Whether an authority that does not know the tag must not issue (RFC 8659 §4.1, bit 0).
    pub critical: bool,
    /// The property's tag in lower case.
    pub tag: String,
    /// The property's value.
    pub value: Vec<u8>,
}

/// What each address family said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The A records.
    pub ipv4: Result<Answer<Ipv4Addr>, LookupError>,
    /// The AAAA records.
    pub ipv6: Result<Answer<Ipv6Addr>, LookupError>,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Indeterminate => "indeterminate",
            Self::Insecure => "insecure",
            Self::Secure => "secure",
        })
    }
}

impl Addresses {
    /// The addresses of both families as one answer, IPv6 first.
    ///
    /// One family is enough where the other one does not exist, and also where it could not be
    /// found out: name servers that never answer questions for AAAA are known (RFC 4074 §4). The
    /// exception is data shown to be false. RFC 7672 §2.1.2 has such a host skipped, so a bogus
    /// answer for one family spoils both.
    ///
    /// # Errors
    /// Says that the name does not exist, has no address, or why that is not known.
    pub fn combined(self) -> Result<Answer<IpAddr>, LookupError> {
        let ipv4 = self.ipv4.map(|answer| answer.map(IpAddr::V4));
        let ipv6 = self.ipv6.map(|answer| answer.map(IpAddr::V6));
        match (ipv6, ipv4) {
            (Ok(mut first), Ok(second)) => {
                first.records.extend(second.records);
                first.proof = first.proof.min(second.proof);
                first.received = first.received.min(second.received);
                first.valid_until = first.valid_until.min(second.valid_until);
                Ok(first)
            }
            (Ok(found), Err(error)) | (Err(error), Ok(found)) => beside(found, error),
            (Err(one), Err(other)) => Err(neither(one, other)),
        }
    }
}

/// What is left of one family's answer when the other family has none.
fn beside(found: Answer<IpAddr>, error: LookupError) -> Result<Answer<IpAddr>, LookupError> {
    match error {
        LookupError::NoSuchDomain(denial) | LookupError::NoData(denial) => Ok(Answer {
            proof: found.proof.min(denial.proof),
            ..found
        }),
        LookupError::Temporary(failure) if failure.cause == Cause::Bogus => {
            Err(LookupError::Temporary(failure))
        }
        LookupError::Temporary(_) => Ok(found),
    }
}

/// What two families without an address say together: not knowing outweighs a denial, and a name
/// that exists for one family exists.
fn neither(one: LookupError, other: LookupError) -> LookupError {
    let weaker = |a: Denial, b: &Denial| Denial {
        proof: a.proof.min(b.proof),
        ..a
    };
    match (one, other) {
        (LookupError::Temporary(failure), _) | (_, LookupError::Temporary(failure)) => {
            LookupError::Temporary(failure)
        }
        (LookupError::NoSuchDomain(a), LookupError::NoSuchDomain(b)) => {
            LookupError::NoSuchDomain(weaker(a, &b))
        }
        (LookupError::NoData(a), LookupError::NoData(b) | LookupError::NoSuchDomain(b))
        | (LookupError::NoSuchDomain(b), LookupError::NoData(a)) => {
            LookupError::NoData(weaker(a, &b))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dns, FixedZone};

    #[track_caller]
    fn check(zone: &str, expected: Result<(&[&str], Proof), &str>) {
        let zone: FixedZone = zone.parse().unwrap();
        let lookup = async { zone.addresses(&"h.example".parse().unwrap()).await };
        let combined = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(lookup)
            .combined();
        let shown = match &combined {
            Ok(answer) => Ok((
                answer.records.iter().map(IpAddr::to_string).collect(),
                answer.proof,
            )),
            Err(error) => Err(error.to_string()),
        };
        let expected: Result<(Vec<String>, Proof), String> = match expected {
            Ok((records, proof)) => Ok((records.iter().map(ToString::to_string).collect(), proof)),
            Err(error) => Err(error.to_owned()),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn two_families_are_one_answer() {
        let secure = "$PROOF secure\n h.example A 192.0.2.1\n";
        check(secure, Ok((&["192.0.2.1"], Proof::Secure)));
        check(
            &format!("{secure} h.example AAAA 2001:db8::1"),
            Ok((&["2001:db8::1", "192.0.2.1"], Proof::Secure)),
        );
        check(
            &format!("{secure} $PROOF insecure\n h.example AAAA 2001:db8::1"),
            Ok((&["2001:db8::1", "192.0.2.1"], Proof::Insecure)),
        );
        check(
            &format!("{secure} h.example AAAA FAIL timeout"),
            Ok((&["192.0.2.1"], Proof::Secure)),
        );
        check(
            &format!("{secure} h.example AAAA FAIL bogus"),
            Err("DNSSEC shows the answer to be false: AAAA of h.example"),
        );
        check(
            "h.example A FAIL timeout",
            Err("no answer in time: A of h.example"),
        );
        check("h.example TXT x", Err("h.example has no such records"));
        check("", Err("h.example does not exist"));
    }
}
