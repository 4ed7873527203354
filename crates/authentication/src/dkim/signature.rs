//! What a signature says of itself (RFC 6376 §3.5).

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use postern_mail::Domain;

use super::{DkimAlgorithm, DkimOutcome, DkimResult};
use crate::{
    message::Form,
    reason::printable,
    tags::{Tags, is_white, items},
};

/// Clocks differ; a signature from a little later than now is believed.
const SKEW: u64 = 300;

/// The longest identity that is kept: a local-part and a domain (RFC 5321 §4.5.3.1).
const IDENTITY: usize = 320;

/// How much of a signature is shown to tell it from others.
const START: usize = 12;

/// Whose signature it is. The field of ARC has no version, and no identity (RFC 8617 §4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Dkim,
    Arc,
}

/// A signature that can be checked.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) domain: Domain,
    pub(crate) selector: Domain,
    /// The domain of the identity; the domain itself, where there is none.
    pub(crate) identity: Domain,
    pub(crate) algorithm: DkimAlgorithm,
    pub(crate) header_form: Form,
    pub(crate) body_form: Form,
    /// The names of the signed fields in lower case.
    pub(crate) fields: Vec<String>,
    pub(crate) body_hash: Vec<u8>,
    pub(crate) signature: Vec<u8>,
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
    DkimOutcome {
        result: DkimResult::Neutral,
        reason: None,
        domain: get("d").and_then(domain),
        identity: get("i")
            .map(|it| identity(it).unwrap_or_default())
            .map(|it| {
                let shown = printable(&it);
                shown.chars().take(IDENTITY).collect()
            }),
        selector: get("s").and_then(domain).map(|it| it.to_string()),
        algorithm: get("a").and_then(|it| algorithm(it).ok()),
        signature_start: get("b")
            .unwrap_or_default()
            .chars()
            .filter(base64)
            .take(START)
            .collect(),
    }
}

impl Signature {
    /// Reads the value of a field.
    pub(crate) fn parse(value: &[u8], kind: Kind, now: SystemTime) -> Result<Self, Flaw> {
        let tags = Tags::parse(value).map_err(|error| permanent(error.to_string()))?;
        if kind == Kind::Dkim && required(&tags, "v")? != "1" {
            return Err(permanent("its version is not 1"));
        }
        let domain = domain(required(&tags, "d")?)
            .ok_or_else(|| permanent("what it names as its domain (d=) is none"))?;
        let (header_form, body_form) = forms(tags.get("c").unwrap_or("simple/simple"))?;
        let signature = Self {
            selector: selector(required(&tags, "s")?)?,
            identity: match tags.get("i") {
                Some(written) if kind == Kind::Dkim => identity_domain(written, &domain)?,
                Some(_) | None => domain.clone(),
            },
            domain,
            algorithm: algorithm(required(&tags, "a")?)?,
            header_form,
            body_form,
            fields: fields(required(&tags, "h")?)?,
            body_hash: base64(&tags, "bh")?,
            signature: base64(&tags, "b")?,
            length: tags.get("l").map(|it| number(it, "l")).transpose()?,
        };
        check_query(&tags)?;
        check_times(&tags, now)?;
        Ok(signature)
    }
}

fn required<'a>(tags: &Tags<'a>, name: &str) -> Result<&'a str, Flaw> {
    tags.get(name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| permanent(format!("the tag {name} is missing")))
}

/// A domain as signatures name it: without a final dot, which would be another spelling of it.
fn domain(text: &str) -> Option<Domain> {
    text.parse().ok().filter(|_| !text.ends_with('.'))
}

/// `sub-domain *( "." sub-domain )`, which is what a domain is.
fn selector(text: &str) -> Result<Domain, Flaw> {
    domain(text).ok_or_else(|| permanent("its selector (s=) is none"))
}

pub(crate) fn algorithm(text: &str) -> Result<DkimAlgorithm, Flaw> {
    match text.to_ascii_lowercase().as_str() {
        "rsa-sha256" => Ok(DkimAlgorithm::RsaSha256),
        "ed25519-sha256" => Ok(DkimAlgorithm::Ed25519Sha256),
        "rsa-sha1" => Ok(DkimAlgorithm::RsaSha1),
        _ => Err(Flaw::new(
            DkimResult::Neutral,
            "its algorithm (a=) is not known",
        )),
    }
}

/// `c=`: the form of the header, and that of the body, which is simple where it is not said.
fn forms(text: &str) -> Result<(Form, Form), Flaw> {
    let form = |text: &str| match text.to_ascii_lowercase().as_str() {
        "simple" => Ok(Form::Simple),
        "relaxed" => Ok(Form::Relaxed),
        _ => Err(Flaw::new(
            DkimResult::Neutral,
            "its canonical form (c=) is not known",
        )),
    };
    let (header, body) = text.split_once('/').unwrap_or((text, "simple"));
    Ok((form(header)?, form(body)?))
}

/// `h=`, which must name `From` (RFC 6376 §5.4).
fn fields(text: &str) -> Result<Vec<String>, Flaw> {
    let fields: Vec<_> = items(text).map(str::to_ascii_lowercase).collect();
    match fields.iter().any(|name| name == "from") {
        true => Ok(fields),
        false => Err(permanent("From is not among the signed fields")),
    }
}

fn base64(tags: &Tags<'_>, name: &str) -> Result<Vec<u8>, Flaw> {
    decoded(required(tags, name)?).ok_or_else(|| permanent(format!("the tag {name} is not Base64")))
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

/// The domain of `i=`, which must be `d=` or below it (RFC 6376 §3.5).
fn identity_domain(written: &str, domain: &Domain) -> Result<Domain, Flaw> {
    let outside = || permanent("its identity (i=) is not at its domain");
    let text = identity(written).ok_or_else(outside)?;
    let (_, host) = text.rsplit_once('@').ok_or_else(outside)?;
    let host = self::domain(host).ok_or_else(outside)?;
    match host == *domain || host.is_below(domain) {
        true => Ok(host),
        false => Err(outside()),
    }
}

/// Undoes `dkim-quoted-printable` (RFC 6376 §2.11).
fn identity(written: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = written.bytes().filter(|it| !is_white(char::from(*it)));
    while let Some(octet) = rest.next() {
        if octet != b'=' {
            octets.push(octet);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = str::from_utf8(&digits).ok()?;
        octets.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(octets).ok()
}
