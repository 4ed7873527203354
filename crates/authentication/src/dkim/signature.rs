//! What a signature says of itself (RFC 6376 §3.5).

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use mail_auth::{
    Error,
    common::{crypto::Algorithm, verify::VerifySignature as _},
    dkim::{self, DkimError},
};
use postern_mail::Domain;

use super::{DkimAlgorithm, DkimOutcome, DkimResult};
use crate::{
    reason::printable,
    tags::{Tags, is_white, items},
};

/// Clocks differ; a signature from a little later than now is believed.
const SKEW: u64 = 300;

/// The longest identity that is kept: a local-part and a domain (RFC 5321 §4.5.3.1).
const IDENTITY: usize = 320;

/// How much of a signature is shown to tell it from others.
const START: usize = 12;

/// The most that is compared in a header for one signature: the names that it signs, times the
/// fields there are. mail-auth looks through all fields for each name, and a header of our size
/// could keep it busy for minutes.
const COMPARISONS: usize = 1 << 22;

/// A signature that mail-auth may check.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    /// What mail-auth read, without what it is not to act upon.
    pub(crate) read: dkim::Signature,
    /// How much of the body is said to be signed.
    pub(crate) length: Option<u64>,
}

/// Why a signature is not checked, or does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) result: DkimResult,
    pub(crate) reason: String,
}

impl Flaw {
    pub(crate) fn new(result: DkimResult, reason: impl Into<String>) -> Self {
        Self {
            result,
            reason: reason.into(),
        }
    }
}

fn permanent(reason: impl Into<String>) -> Flaw {
    Flaw::new(DkimResult::PermError, reason)
}

/// What can be told of a signature before it is checked.
pub(crate) fn facts(value: &[u8]) -> DkimOutcome {
    let tags = Tags::parse(value).ok();
    let get = |name| tags.as_ref().and_then(|tags| tags.get(name));
    let base64 = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let read = dkim::Signature::parse(value).ok();
    let identity = |it: &dkim::Signature| printable(&it.i).chars().take(IDENTITY).collect();
    DkimOutcome {
        result: DkimResult::Neutral,
        reason: None,
        domain: get("d").and_then(domain),
        identity: get("i").and(read.as_ref()).map(identity),
        selector: get("s").and_then(domain).map(|it| it.to_string()),
        algorithm: get("a").and(read.as_ref()).map(|it| match it.a {
            Algorithm::RsaSha1 => DkimAlgorithm::RsaSha1,
            Algorithm::RsaSha256 => DkimAlgorithm::RsaSha256,
            Algorithm::Ed25519Sha256 => DkimAlgorithm::Ed25519Sha256,
        }),
        signature_start: get("b")
            .unwrap_or_default()
            .chars()
            .filter(base64)
            .take(START)
            .collect(),
    }
}

impl Signature {
    /// Has the value of a field read by mail-auth, and refuses what that lets pass. There are so
    /// many fields in the header.
    pub(crate) fn read(value: &[u8], header: usize, now: SystemTime) -> Result<Self, Flaw> {
        let tags = Tags::parse(value).map_err(|error| permanent(error.to_string()))?;
        for name in ["v", "a", "d", "s", "h", "bh", "b"] {
            required(&tags, name)?;
        }
        let read = dkim::Signature::parse(value).map_err(|error| unread(&error))?;
        let domain = domain(required(&tags, "d")?)
            .ok_or_else(|| permanent("what it names as its domain (d=) is none"))?;
        self::domain(required(&tags, "s")?)
            .ok_or_else(|| permanent("its selector (s=) is none"))?;
        check_algorithm(read.a)?;
        check_fields(&read.h, header)?;
        if tags.get("i").is_some() {
            check_identity(&read.i, &domain)?;
        }
        let length = tags.get("l").map(|it| number(it, "l")).transpose()?;
        check_query(&tags)?;
        check_times(&tags, now)?;
        Ok(Self {
            read: dkim::Signature {
                // The length is judged here. Reports (RFC 6651) and signatures for others
                // (RFC 6541) would be questions that nobody counts.
                l: 0,
                r: false,
                atps: None,
                ..read
            },
            length,
        })
    }

    /// Where its key is.
    pub(crate) fn key(&self) -> String {
        self.read.domain_key()
    }
}

/// Why mail-auth does not read a signature.
fn unread(error: &Error) -> Flaw {
    let neutral = |reason| Flaw::new(DkimResult::Neutral, reason);
    match error {
        Error::Dkim(DkimError::UnsupportedVersion) => permanent("its version is not 1"),
        Error::Dkim(DkimError::UnsupportedAlgorithm) => neutral("its algorithm (a=) is not known"),
        Error::Dkim(DkimError::UnsupportedCanonicalization) => {
            neutral("its canonical form (c=) is not known")
        }
        Error::Base64 => permanent("its hash (bh=) or signature (b=) is not Base64"),
        error => permanent(error.to_string()),
    }
}

fn required<'a>(tags: &Tags<'a>, name: &str) -> Result<&'a str, Flaw> {
    tags.get(name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| permanent(format!("the tag {name} is missing")))
}

/// A domain as signatures name it: without a final dot, which would be another spelling of it.
pub(crate) fn domain(text: &str) -> Option<Domain> {
    text.parse().ok().filter(|_| !text.ends_with('.'))
}

/// SHA-1 must not count (RFC 8301 §3.1).
pub(crate) fn check_algorithm(algorithm: Algorithm) -> Result<(), Flaw> {
    match algorithm {
        Algorithm::RsaSha1 => Err(permanent("rsa-sha1 is not accepted")),
        Algorithm::RsaSha256 | Algorithm::Ed25519Sha256 => Ok(()),
    }
}

/// `h=`, which must name `From` (RFC 6376 §5.4).
pub(crate) fn check_fields(names: &[String], header: usize) -> Result<(), Flaw> {
    if !names.iter().any(|name| name.eq_ignore_ascii_case("from")) {
        return Err(permanent("From is not among the signed fields"));
    }
    let each = header.saturating_add(names.len());
    match names.len().saturating_mul(each) {
        0..=COMPARISONS => Ok(()),
        _ => Err(permanent("it names too many fields (h=)")),
    }
}

/// The domain of `i=` must be `d=` or below it (RFC 6376 §3.5).
fn check_identity(identity: &str, domain: &Domain) -> Result<(), Flaw> {
    let host = identity
        .rsplit_once('@')
        .and_then(|(_, host)| self::domain(host));
    match host {
        Some(host) if host == *domain || host.is_below(domain) => Ok(()),
        Some(_) | None => Err(permanent("its identity (i=) is not at its domain")),
    }
}

/// Base64 that may be folded.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text
        .chars()
        .filter(|c| !is_white(*c))
        .map(|c| u8::try_from(c).unwrap_or(0))
        .collect();
    BASE64.decode(&text).ok()
}

/// Digits. A number too large for us is larger than any message and later than any time.
fn number(text: &str, name: &str) -> Result<u64, Flaw> {
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_digit()) {
        return Err(permanent(format!("the tag {name} is no number")));
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// How the key is got; there is one way (RFC 6376 §3.5).
fn check_query(tags: &Tags<'_>) -> Result<(), Flaw> {
    let known = |methods| items(methods).any(|it| it.eq_ignore_ascii_case("dns/txt"));
    match tags.get("q").is_none_or(known) {
        true => Ok(()),
        false => Err(Flaw::new(
            DkimResult::Neutral,
            "its key is not in the DNS (q=)",
        )),
    }
}

fn check_times(tags: &Tags<'_>, now: SystemTime) -> Result<(), Flaw> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let signed = tags.get("t").map(|it| number(it, "t")).transpose()?;
    let expires = tags.get("x").map(|it| number(it, "x")).transpose()?;
    if signed.is_some_and(|signed| signed > now.saturating_add(SKEW)) {
        return Err(Flaw::new(DkimResult::Policy, "it is from the future (t=)"));
    }
    match (signed, expires) {
        (Some(signed), Some(expires)) if expires <= signed => {
            Err(permanent("it expires before it was made (x=)"))
        }
        (_, Some(expires)) if expires < now => {
            Err(Flaw::new(DkimResult::Fail, "it has expired (x=)"))
        }
        _ => Ok(()),
    }
}
