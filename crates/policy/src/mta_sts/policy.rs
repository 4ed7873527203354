//! The policy, as it is written and read (RFC 8461 §3.2).

use std::{
    fmt::{self, Write as _},
    str::FromStr,
    time::Duration,
};

use postern_mail::Host;
use serde::Serialize;

use super::{StsField, StsPolicyError, StsSyntax, is_field_name};
use crate::{HostPattern, UnknownWord};

/// The longest policy that is read (RFC 8461 §3.3 suggests 64 kilobytes).
pub const LONGEST_POLICY: usize = 64 * 1024;

/// The longest time for which a policy may count; a longer one is taken for this (RFC 8461 §3.2:
/// about a year).
pub const LONGEST_MAX_AGE: Duration = Duration::from_secs(31_557_600);

/// The most `mx` lines. Every delivery compares with them, and no domain has a hundred hosts
/// that no wildcard stands for. So many of the longest names fit into the longest policy, so
/// that whatever was read can be written.
pub(super) const MOST_HOSTS: usize = 200;

/// What a sender is to do when a host fails the policy (RFC 8461 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StsMode {
    /// Not deliver to it.
    Enforce,
    /// Deliver, and report.
    Testing,
    /// As if there were no policy: how a domain takes one back (RFC 8461 §8.3).
    None,
}

impl StsMode {
    /// The word used in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        }
    }
}

impl fmt::Display for StsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for StsMode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "testing" => Ok(Self::Testing),
            "none" => Ok(Self::None),
            _ => Err(UnknownWord("enforce, testing or none")),
        }
    }
}

/// What a domain says about its mail hosts: which they are, and that they prove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsPolicy {
    mode: StsMode,
    mx: Vec<HostPattern>,
    max_age: Duration,
}

impl StsPolicy {
    /// A policy of these parts. What is above [`LONGEST_MAX_AGE`] is taken for that.
    ///
    /// # Errors
    /// There is no host, unless the mode is [`StsMode::None`]; there are too many; or one is an
    /// address literal.
    pub fn new(
        mode: StsMode,
        mx: Vec<HostPattern>,
        max_age: Duration,
    ) -> Result<Self, StsPolicyError> {
        if mx.is_empty() && mode != StsMode::None {
            return Err(StsPolicyError::Missing(StsField::Mx));
        }
        if mx.len() > MOST_HOSTS {
            return Err(StsPolicyError::TooManyHosts);
        }
        if mx.iter().any(is_literal) {
            return Err(StsPolicyError::Host);
        }
        Ok(Self {
            mode,
            mx,
            max_age: Duration::from_secs(max_age.min(LONGEST_MAX_AGE).as_secs()),
        })
    }

    /// Reads a policy.
    ///
    /// ```text
    /// policy     = field *WSP *( term field *WSP ) [ term ]
    /// field      = name ":" *WSP value
    /// name       = "version" / "mode" / "mx" / "max_age" / ext-name
    /// value      = vchar [ *( SP / vchar ) vchar ]         ; vchar: printable, UTF-8
    /// term       = LF / CRLF
    /// ```
    /// Fields that nobody knows are passed over. Of a field that stands twice the first counts,
    /// save `mx`, which may. Empty lines are taken at the end alone, where editors leave them.
    ///
    /// # Errors
    /// The text is anything else.
    pub fn parse(text: &[u8]) -> Result<Self, StsPolicyError> {
        if text.len() > LONGEST_POLICY {
            return Err(StsPolicyError::TooLong);
        }
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err(StsPolicyError::ByteOrderMark);
        }
        let mut parts = Parts::default();
        for (at, line) in text.split_inclusive(|c| *c == b'\n').enumerate() {
            let taken = field(line).and_then(|field| parts.take(field));
            taken.map_err(|fault| StsPolicyError::Line {
                line: at + 1,
                fault,
            })?;
        }
        parts.finish()
    }

    /// What is to be done when a host fails the policy.
    pub fn mode(&self) -> StsMode {
        self.mode
    }

    /// The hosts (RFC 8461 §4.1); none where the mode is [`StsMode::None`], at least one else.
    pub fn mx(&self) -> &[HostPattern] {
        &self.mx
    }

    /// For how long the policy counts from the moment it was fetched, in whole seconds.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// The policy as it is served, its lines ending in CRLF.
    pub fn to_text(&self) -> String {
        let mut text = format!("version: STSv1\r\nmode: {}\r\n", self.mode);
        for host in &self.mx {
            // Writing into a string does not fail.
            let _ = write!(text, "mx: {host}\r\n");
        }
        let _ = write!(text, "max_age: {}\r\n", self.max_age.as_secs());
        text
    }
}

fn is_literal(host: &HostPattern) -> bool {
    matches!(host, HostPattern::Exact(Host::Literal(_)))
}

/// Splits a line into the name and the value of its field; an empty line has none.
fn field(line: &[u8]) -> Result<Option<(&str, &str)>, StsSyntax> {
    let line = line
        .strip_suffix(b"\r\n")
        .or_else(|| line.strip_suffix(b"\n"))
        .unwrap_or(line);
    let line = std::str::from_utf8(line).map_err(|_| StsSyntax::Octets)?;
    let line = line.trim_end_matches(WHITE);
    if line.is_empty() {
        return Ok(None);
    }
    let (name, value) = line.split_once(':').ok_or(StsSyntax::Shape)?;
    let value = value.trim_start_matches(WHITE);
    if value.contains(char::is_control) {
        return Err(StsSyntax::Control);
    }
    if !is_field_name(name) || value.is_empty() {
        return Err(StsSyntax::Shape);
    }
    Ok(Some((name, value)))
}

const WHITE: [char; 2] = [' ', '\t'];

/// The fields that have been read so far.
#[derive(Debug, Default)]
struct Parts {
    version: Option<()>,
    mode: Option<StsMode>,
    mx: Vec<HostPattern>,
    max_age: Option<Duration>,
    ended: bool,
}

impl Parts {
    fn take(&mut self, field: Option<(&str, &str)>) -> Result<(), StsSyntax> {
        let Some((name, value)) = field else {
            self.ended = true;
            return Ok(());
        };
        if self.ended {
            return Err(StsSyntax::BehindEmpty);
        }
        match name {
            "version" if self.version.is_none() => self.version = Some(version(value)?),
            "mode" if self.mode.is_none() => self.mode = Some(mode(value)?),
            "max_age" if self.max_age.is_none() => self.max_age = Some(max_age(value)?),
            // One too many is enough to be told of.
            "mx" if self.mx.len() <= MOST_HOSTS => self.mx.push(host(value)?),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<StsPolicy, StsPolicyError> {
        let missing = StsPolicyError::Missing;
        self.version.ok_or(missing(StsField::Version))?;
        let mode = self.mode.ok_or(missing(StsField::Mode))?;
        let max_age = self.max_age.ok_or(missing(StsField::MaxAge))?;
        StsPolicy::new(mode, self.mx, max_age)
    }
}

fn version(value: &str) -> Result<(), StsSyntax> {
    let known = value == "STSv1";
    known
        .then_some(())
        .ok_or(StsSyntax::Value(StsField::Version))
}

fn mode(value: &str) -> Result<StsMode, StsSyntax> {
    value.parse().map_err(|_| StsSyntax::Value(StsField::Mode))
}

/// The grammar has at most ten digits. Whoever writes more means "for ever", and gets the
/// longest there is, like whoever writes ten nines.
fn max_age(value: &str) -> Result<Duration, StsSyntax> {
    if !value.bytes().all(|c| c.is_ascii_digit()) {
        return Err(StsSyntax::Value(StsField::MaxAge));
    }
    Ok(Duration::from_secs(value.parse().unwrap_or(u64::MAX)).min(LONGEST_MAX_AGE))
}

/// Internationalised names are written in A-labels (RFC 8461 §3.2), so anything beyond ASCII is
/// refused rather than interpreted.
fn host(value: &str) -> Result<HostPattern, StsSyntax> {
    let refused = StsSyntax::Value(StsField::Mx);
    if !value.is_ascii() {
        return Err(refused);
    }
    match value.parse() {
        Ok(HostPattern::Exact(Host::Literal(_))) | Err(_) => Err(refused),
        Ok(host) => Ok(host),
    }
}
