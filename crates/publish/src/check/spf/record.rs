//! A record with all that it leads to, and what it says of an address.

use std::{fmt, net::IpAddr};

/// Whether a text is an SPF record (RFC 7208 §4.5).
pub(super) fn is_spf(text: &[u8]) -> bool {
    let version = b"v=spf1";
    let Some((begin, rest)) = text.split_at_checked(version.len()) else {
        return false;
    };
    begin.eq_ignore_ascii_case(version) && matches!(rest.first(), None | Some(b' '))
}

/// What stands before a mechanism (RFC 7208 §4.6.2), and what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
        })
    }
}

/// Whom a mechanism is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    Everybody,
    /// Addresses, each with the length of the prefix that counts.
    Networks(Vec<(IpAddr, u8)>),
    /// Those that another record lets pass.
    Included(Record),
    /// Whoever the message makes it be about.
    Ptr,
    Unclear,
}

/// A record, looked up in full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) terms: Vec<(Qualifier, Whom)>,
    pub(super) redirect: Option<Box<Record>>,
}

/// What a record says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Sure(Qualifier),
    /// It depends on the message.
    Unsure,
}

impl Record {
    /// What the record says of an address (RFC 7208 §4.6.2, §4.7).
    pub(super) fn says_of(&self, address: IpAddr) -> Said {
        let mut doubts = Vec::new();
        for (qualifier, whom) in &self.terms {
            match whom.is_about(address) {
                Some(false) => {}
                Some(true) => return settle(*qualifier, &doubts),
                None => doubts.push(*qualifier),
            }
        }
        let last = self.redirect.as_ref().map(|it| it.says_of(address));
        match last.unwrap_or(Said::Sure(Qualifier::Neutral)) {
            Said::Sure(qualifier) => settle(qualifier, &doubts),
            Said::Unsure => Said::Unsure,
        }
    }

    /// What becomes of those whom nothing else names.
    pub(super) fn of_others(&self) -> Option<Qualifier> {
        let all = self.terms.iter().find(|(_, whom)| *whom == Whom::Everybody);
        match (all, &self.redirect) {
            (Some((qualifier, _)), _) => Some(*qualifier),
            (None, Some(redirect)) => redirect.of_others(),
            (None, None) => None,
        }
    }

    pub(super) fn has_ptr(&self) -> bool {
        self.terms.iter().any(|(_, whom)| *whom == Whom::Ptr)
    }
}

/// A mechanism of which it is not known whether it is about the address changes nothing where it
/// would lead to the same.
fn settle(qualifier: Qualifier, doubts: &[Qualifier]) -> Said {
    if doubts.iter().all(|doubt| *doubt == qualifier) {
        Said::Sure(qualifier)
    } else {
        Said::Unsure
    }
}

impl Whom {
    /// Whether this is about an address; `None` where that depends on the message.
    fn is_about(&self, address: IpAddr) -> Option<bool> {
        match self {
            Self::Everybody => Some(true),
            Self::Networks(networks) => {
                let mut networks = networks.iter();
                Some(networks.any(|(network, prefix)| share(*network, address, *prefix)))
            }
            Self::Included(record) => match record.says_of(address) {
                Said::Sure(qualifier) => Some(qualifier == Qualifier::Pass),
                Said::Unsure => None,
            },
            Self::Ptr | Self::Unclear => None,
        }
    }
}

/// Whether two addresses agree in their leading bits.
fn share(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let (differing, width) = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (u128::from(u32::from(one) ^ u32::from(other)), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => (u128::from(one) ^ u128::from(other), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let rest = u32::from(width - prefix.min(width));
    differing.checked_shr(rest).unwrap_or(0) == 0
}
