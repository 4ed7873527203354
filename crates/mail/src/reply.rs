//! SMTP replies (RFC 5321 §4.2).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{EnhancedStatusCode, Foreign};

/// The three digits of a reply. The first is 2 to 5, as RFC 5321 §4.2.1 defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct ReplyCode(u16);

/// What the first digit of a reply code says (RFC 5321 §4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// 2yz: done.
    PositiveCompletion,
    /// 3yz: go on.
    PositiveIntermediate,
    /// 4yz: not now.
    TransientNegative,
    /// 5yz: not at all.
    PermanentNegative,
}

/// The reply codes that Postern itself says, each with the section that defines it.
impl ReplyCode {
    /// 211 system status (RFC 5321 §4.2.2).
    pub const SYSTEM_STATUS: Self = Self(211);
    /// 214 help message (RFC 5321 §4.2.2).
    pub const HELP: Self = Self(214);
    /// 220 service ready; also the answer to STARTTLS (RFC 5321 §4.2.2, RFC 3207 §4).
    pub const READY: Self = Self(220);
    /// 221 closing the channel (RFC 5321 §4.2.2).
    pub const CLOSING: Self = Self(221);
    /// 250 done (RFC 5321 §4.2.2).
    pub const OK: Self = Self(250);
    /// 252 cannot verify, will accept (RFC 5321 §3.5.3).
    pub const CANNOT_VERIFY: Self = Self(252);
    /// 354 send the content (RFC 5321 §4.2.2).
    pub const START_CONTENT: Self = Self(354);
    /// 421 service not available, closing (RFC 5321 §4.2.2).
    pub const NOT_AVAILABLE: Self = Self(421);
    /// 450 mailbox unavailable for now (RFC 5321 §4.2.2).
    pub const MAILBOX_BUSY: Self = Self(450);
    /// 451 local error (RFC 5321 §4.2.2).
    pub const LOCAL_ERROR: Self = Self(451);
    /// 452 insufficient storage, too many recipients (RFC 5321 §4.2.2, §4.5.3.1.10).
    pub const INSUFFICIENT_STORAGE: Self = Self(452);
    /// 454 TLS not available for now (RFC 3207 §4).
    pub const TLS_NOT_AVAILABLE: Self = Self(454);
    /// 500 syntax error, command unrecognised (RFC 5321 §4.2.2).
    pub const UNRECOGNISED: Self = Self(500);
    /// 501 syntax error in parameters (RFC 5321 §4.2.2).
    pub const BAD_PARAMETERS: Self = Self(501);
    /// 502 command not implemented (RFC 5321 §4.2.2).
    pub const NOT_IMPLEMENTED: Self = Self(502);
    /// 503 bad sequence of commands (RFC 5321 §4.2.2).
    pub const BAD_SEQUENCE: Self = Self(503);
    /// 504 parameter not implemented (RFC 5321 §4.2.2).
    pub const PARAMETER_NOT_IMPLEMENTED: Self = Self(504);
    /// 530 must issue a STARTTLS command first (RFC 3207 §4).
    pub const STARTTLS_FIRST: Self = Self(530);
    /// 550 mailbox unavailable, or refused for policy (RFC 5321 §4.2.2).
    pub const UNAVAILABLE: Self = Self(550);
    /// 552 content too large (RFC 5321 §4.2.2, RFC 1870 §6).
    pub const TOO_LARGE: Self = Self(552);
    /// 553 mailbox name not allowed (RFC 5321 §4.2.2).
    pub const NAME_NOT_ALLOWED: Self = Self(553);
    /// 554 transaction failed (RFC 5321 §4.2.2).
    pub const FAILED: Self = Self(554);
    /// 555 MAIL or RCPT parameters not recognised (RFC 5321 §4.2.2).
    pub const PARAMETERS_NOT_RECOGNISED: Self = Self(555);
    /// 556 domain does not accept mail (RFC 7504 §2, RFC 7505 §4).
    pub const NULL_MX: Self = Self(556);

    /// A reply code that a peer sent.
    ///
    /// # Errors
    /// Refuses what is not three digits of which the first is 2 to 5 and the second 0 to 5
    /// (`Reply-code` of RFC 5321 §4.2), save that any second digit is taken: some servers send
    /// such codes, and only the first digit decides.
    pub fn new(code: u16) -> Result<Self, ReplyCodeError> {
        if (200..=599).contains(&code) {
            Ok(Self(code))
        } else {
            Err(ReplyCodeError(code))
        }
    }

    /// The code as a number.
    pub fn as_u16(self) -> u16 {
        self.0
    }

    /// What the first digit says.
    pub fn severity(self) -> Severity {
        match self.0 / 100 {
            2 => Severity::PositiveCompletion,
            3 => Severity::PositiveIntermediate,
            4 => Severity::TransientNegative,
            _ => Severity::PermanentNegative,
        }
    }
}

impl TryFrom<u16> for ReplyCode {
    type Error = ReplyCodeError;

    fn try_from(code: u16) -> Result<Self, ReplyCodeError> {
        Self::new(code)
    }
}

impl From<ReplyCode> for u16 {
    fn from(code: ReplyCode) -> Self {
        code.0
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number is not a reply code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a reply code")]
pub struct ReplyCodeError(u16);

/// An answer to a command: a code, an enhanced status code where one is due, and text.
///
/// The text is free of line ends and control characters whoever gave it: [`Reply::new`] replaces
/// them, so nothing that a peer said can start a line of its own when we repeat it.
///
/// ```
/// use postern_mail::{EnhancedStatusCode, Reply, ReplyCode};
///
/// let reply = Reply::new(ReplyCode::UNAVAILABLE, "no mail for\r\n250 you")
///     .with_status(EnhancedStatusCode::permanent(7, 1));
/// assert_eq!(reply.to_string(), "550 5.7.1 no mail for\\r\\n250 you");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    code: ReplyCode,
    status: Option<EnhancedStatusCode>,
    lines: Vec<String>,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: ReplyCode, text: impl AsRef<str>) -> Self {
        Self {
            code,
            status: None,
            lines: vec![Foreign::new(text.as_ref()).to_string()],
        }
    }

    /// The same reply with an enhanced status code, which every line will carry
    /// (RFC 2034 §4).
    #[must_use]
    pub fn with_status(mut self, status: EnhancedStatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The same reply with a further line.
    #[must_use]
    pub fn with_line(mut self, text: impl AsRef<str>) -> Self {
        self.lines.push(Foreign::new(text.as_ref()).to_string());
        self
    }

    /// The reply code.
    pub fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced status code, where there is one.
    pub fn status(&self) -> Option<EnhancedStatusCode> {
        self.status
    }

    /// The text of each line, without codes; there is at least one.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// What the first digit of the code says.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Whether the reply is 2yz.
    pub fn is_positive(&self) -> bool {
        self.severity() == Severity::PositiveCompletion
    }
}

/// The reply on one line, as logs and notices show it: `550 5.7.1 text / more text`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        for (at, line) in self.lines.iter().enumerate() {
            write!(f, "{}{line}", if at == 0 { " " } else { " / " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_outside_the_grammar_are_refused() {
        assert!(ReplyCode::new(199).is_err());
        assert!(ReplyCode::new(600).is_err());
        assert_eq!(
            ReplyCode::new(421).unwrap().severity(),
            Severity::TransientNegative
        );
        assert_eq!(
            ReplyCode::new(354).unwrap().severity(),
            Severity::PositiveIntermediate
        );
    }

    #[test]
    fn several_lines_print_on_one() {
        let reply = Reply::new(ReplyCode::OK, "one").with_line("two");
        assert_eq!(reply.to_string(), "250 one / two");
    }
}
