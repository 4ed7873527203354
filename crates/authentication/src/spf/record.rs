//! The text of a record (RFC 7208 §12).
//!
//! ```abnf
//! record    = "v=spf1" *( 1*SP ( directive / modifier ) ) *SP
//! directive = [ "+" / "-" / "?" / "~" ] mechanism
//! mechanism = "all" / "include:" domain-spec
//!           / ( "a" / "mx" ) [ ":" domain-spec ] [ dual-cidr-length ]
//!           / "ptr" [ ":" domain-spec ] / "exists:" domain-spec
//!           / "ip4:" ip4-network [ ip4-cidr-length ]
//!           / "ip6:" ip6-network [ ip6-cidr-length ]
//! modifier  = ( "redirect=" / "exp=" ) domain-spec / name "=" macro-string
//! dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]
//! ```
//! A record is read as a whole before anything in it counts: a mistake anywhere is a
//! `permerror` (RFC 7208 §4.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    SpfResult,
    macros::{DomainSpec, Letters, MacroString},
};

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<DomainSpec>,
}

/// A mechanism, and the result when it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) result: SpfResult,
    pub(super) mechanism: Mechanism,
    /// As it is written.
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(DomainSpec),
    A(Option<DomainSpec>, Lengths),
    Mx(Option<DomainSpec>, Lengths),
    Ptr(Option<DomainSpec>),
    Ip(IpAddr, u8),
    Exists(DomainSpec),
}

/// How many leading bits of an address must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lengths {
    ipv4: u8,
    ipv6: u8,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the record holds more than printable ASCII")]
    NotAscii,
    #[error("{0:?} is no term")]
    Term(String),
    #[error("{0} stands there twice")]
    Twice(&'static str),
}

/// Whether a text is a record of this version (RFC 7208 §4.5).
pub(super) fn is_spf(text: &[u8]) -> bool {
    let version = text.split(|octet| *octet == b' ').next();
    version.is_some_and(|it| it.eq_ignore_ascii_case(b"v=spf1"))
}

impl Record {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Fault> {
        let printable = text.iter().all(|it| *it == b' ' || it.is_ascii_graphic());
        let text = str::from_utf8(text).map_err(|_| Fault::NotAscii)?;
        if !printable {
            return Err(Fault::NotAscii);
        }
        let mut record = Self {
            directives: Vec::new(),
            redirect: None,
        };
        let mut explained = false;
        for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
            match Term::parse(term).ok_or_else(|| Fault::Term(term.to_owned()))? {
                Term::Directive(directive) => record.directives.push(directive),
                Term::Redirect(target) => {
                    if record.redirect.replace(target).is_some() {
                        return Err(Fault::Twice("redirect"));
                    }
                }
                Term::Exp => {
                    if std::mem::replace(&mut explained, true) {
                        return Err(Fault::Twice("exp"));
                    }
                }
                Term::Unknown => {}
            }
        }
        Ok(record)
    }
}

enum Term {
    Directive(Directive),
    Redirect(DomainSpec),
    /// Where an explanation of a `fail` could be got, which we do not quote.
    Exp,
    /// A modifier that we need not know (RFC 7208 §6).
    Unknown,
}

impl Term {
    fn parse(term: &str) -> Option<Self> {
        if let Some((name, value)) = term.split_once('=')
            && is_modifier_name(name)
        {
            return Self::modifier(name, value);
        }
        let (result, mechanism) = match term.as_bytes().first()? {
            b'+' => (SpfResult::Pass, term.get(1..)?),
            b'-' => (SpfResult::Fail, term.get(1..)?),
            b'~' => (SpfResult::SoftFail, term.get(1..)?),
            b'?' => (SpfResult::Neutral, term.get(1..)?),
            _ => (SpfResult::Pass, term),
        };
        Some(Self::Directive(Directive {
            result,
            mechanism: Mechanism::parse(mechanism)?,
            text: term.to_owned(),
        }))
    }

    fn modifier(name: &str, value: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("redirect") {
            return Some(Self::Redirect(DomainSpec::parse(value)?));
        }
        if name.eq_ignore_ascii_case("exp") {
            DomainSpec::parse(value)?;
            return Some(Self::Exp);
        }
        MacroString::parse(value, Letters::OfExplanations)?;
        Some(Self::Unknown)
    }
}

/// `name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )`
fn is_modifier_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(rest)
}

impl Mechanism {
    fn parse(text: &str) -> Option<Self> {
        let end = text.find([':', '/']).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        let argument = rest.strip_prefix(':');
        Some(match name.to_ascii_lowercase().as_str() {
            "all" if rest.is_empty() => Self::All,
            "include" => Self::Include(DomainSpec::parse(argument?)?),
            "exists" => Self::Exists(DomainSpec::parse(argument?)?),
            "ptr" if rest.is_empty() => Self::Ptr(None),
            "ptr" => Self::Ptr(Some(DomainSpec::parse(argument?)?)),
            "a" => {
                let (target, lengths) = target_and_lengths(rest)?;
                Self::A(target, lengths)
            }
            "mx" => {
                let (target, lengths) = target_and_lengths(rest)?;
                Self::Mx(target, lengths)
            }
            "ip4" => {
                let (address, length) = network(argument?, 32)?;
                Self::Ip(address.parse::<Ipv4Addr>().ok()?.into(), length)
            }
            "ip6" => {
                let (address, length) = network(argument?, 128)?;
                Self::Ip(address.parse::<Ipv6Addr>().ok()?.into(), length)
            }
            _ => return None,
        })
    }
}

impl Lengths {
    pub(super) fn agree(self, one: IpAddr, other: IpAddr) -> bool {
        let length = match one {
            IpAddr::V4(_) => self.ipv4,
            IpAddr::V6(_) => self.ipv6,
        };
        agree(one, other, length)
    }
}

/// Whether two addresses of one family share their first bits.
pub(super) fn agree(one: IpAddr, other: IpAddr, length: u8) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let differing = u32::from(one) ^ u32::from(other);
            differing.leading_zeros() >= u32::from(length)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let differing = u128::from(one) ^ u128::from(other);
            differing.leading_zeros() >= u32::from(length)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]`. A slash may stand in a `domain-spec` too, so the
/// lengths are looked for at the end.
fn target_and_lengths(text: &str) -> Option<(Option<DomainSpec>, Lengths)> {
    let mut rest = text;
    let mut lengths = Lengths {
        ipv4: 32,
        ipv6: 128,
    };
    if let Some((before, digits)) = trailing_number(rest, "//") {
        lengths.ipv6 = cidr_length(digits, 128)?;
        rest = before;
    }
    if let Some((before, digits)) = trailing_number(rest, "/") {
        lengths.ipv4 = cidr_length(digits, 32)?;
        rest = before;
    }
    if rest.is_empty() {
        return Some((None, lengths));
    }
    let target = DomainSpec::parse(rest.strip_prefix(':')?)?;
    Some((Some(target), lengths))
}

fn trailing_number<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (before, digits) = text.rsplit_once(mark)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    is_number.then_some((before, digits))
}

fn network(text: &str, longest: u8) -> Option<(&str, u8)> {
    match text.split_once('/') {
        Some((address, digits)) => Some((address, cidr_length(digits, longest)?)),
        None => Some((text, longest)),
    }
}

/// Digits without a leading zero, no more than `longest`.
fn cidr_length(digits: &str, longest: u8) -> Option<u8> {
    let plain = digits.bytes().all(|it| it.is_ascii_digit());
    if !plain || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    digits.parse().ok().filter(|length| *length <= longest)
}
