//! Enhanced status codes (RFC 3463 §2, RFC 2034).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// `class.subject.detail`, such as `5.7.1`.
///
/// ```
/// use postern_mail::{EnhancedStatusCode, StatusClass};
///
/// let status: EnhancedStatusCode = "4.7.5".parse()?;
/// assert_eq!(status.class(), StatusClass::Transient);
/// assert_eq!(status, EnhancedStatusCode::transient(7, 5));
/// # Ok::<(), postern_mail::EnhancedStatusCodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnhancedStatusCode {
    class: StatusClass,
    subject: u16,
    detail: u16,
}

/// The first number of an enhanced status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StatusClass {
    /// 2: success.
    Success,
    /// 4: persistent transient failure; trying later may help.
    Transient,
    /// 5: permanent failure.
    Permanent,
}

impl EnhancedStatusCode {
    /// `2.subject.detail`.
    pub const fn success(subject: u16, detail: u16) -> Self {
        Self {
            class: StatusClass::Success,
            subject,
            detail,
        }
    }

    /// `4.subject.detail`.
    pub const fn transient(subject: u16, detail: u16) -> Self {
        Self {
            class: StatusClass::Transient,
            subject,
            detail,
        }
    }

    /// `5.subject.detail`.
    pub const fn permanent(subject: u16, detail: u16) -> Self {
        Self {
            class: StatusClass::Permanent,
            subject,
            detail,
        }
    }

    /// The first number.
    pub fn class(self) -> StatusClass {
        self.class
    }

    /// The second number.
    pub fn subject(self) -> u16 {
        self.subject
    }

    /// The third number.
    pub fn detail(self) -> u16 {
        self.detail
    }
}

impl FromStr for EnhancedStatusCode {
    type Err = EnhancedStatusCodeError;

    fn from_str(text: &str) -> Result<Self, EnhancedStatusCodeError> {
        let mut parts = text.split('.');
        let class = match parts.next() {
            Some("2") => StatusClass::Success,
            Some("4") => StatusClass::Transient,
            Some("5") => StatusClass::Permanent,
            Some(_) | None => return Err(EnhancedStatusCodeError),
        };
        let mut number = || {
            parts
                .next()
                .filter(|part| matches!(part.len(), 1..=3))
                .filter(|part| part.bytes().all(|octet| octet.is_ascii_digit()))
                .and_then(|part| part.parse().ok())
                .ok_or(EnhancedStatusCodeError)
        };
        let (subject, detail) = (number()?, number()?);
        match parts.next() {
            None => Ok(Self {
                class,
                subject,
                detail,
            }),
            Some(_) => Err(EnhancedStatusCodeError),
        }
    }
}

impl fmt::Display for EnhancedStatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            StatusClass::Success => 2,
            StatusClass::Transient => 4,
            StatusClass::Permanent => 5,
        };
        write!(f, "{class}.{}.{}", self.subject, self.detail)
    }
}

/// A text is not an enhanced status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an enhanced status code is 2, 4 or 5, a dot, up to three digits, a dot, up to three digits"
)]
pub struct EnhancedStatusCodeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_parsed_or_refused() {
        for good in ["2.0.0", "4.7.5", "5.7.30", "5.999.999"] {
            assert_eq!(
                good.parse::<EnhancedStatusCode>().unwrap().to_string(),
                good
            );
        }
        for bad in [
            "", "5", "5.7", "3.0.0", "5.7.1000", "5.7.1.1", "5.+7.1", "5..1", "5.7.", "é.1.1",
        ] {
            assert_eq!(
                bad.parse::<EnhancedStatusCode>(),
                Err(EnhancedStatusCodeError),
                "{bad}"
            );
        }
    }
}
