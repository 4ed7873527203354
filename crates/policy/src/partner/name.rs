//! What a partner is called.

use std::{fmt, str::FromStr, sync::Arc};

use postern_mail::Foreign;
use serde::Serialize;

/// The most characters of a name, so that it fits a reply line and a table column.
const LONGEST: usize = 100;

/// The name by which the configuration, logs, replies and reports speak of a partner.
///
/// It stands on one line wherever it is shown: control characters, line ends and what turns the
/// direction of text around are refused (CWE-117).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PartnerName(Arc<str>);

impl PartnerName {
    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartnerName {
    type Err = PartnerNameError;

    fn from_str(text: &str) -> Result<Self, PartnerNameError> {
        if text.trim().is_empty() {
            return Err(PartnerNameError::Empty);
        }
        if text.trim() != text {
            return Err(PartnerNameError::Space);
        }
        if text.chars().count() > LONGEST {
            return Err(PartnerNameError::TooLong);
        }
        if Foreign::new(text).to_string() != text {
            return Err(PartnerNameError::Character);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for PartnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for PartnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartnerName({})", self.0)
    }
}

/// Why a text does not name a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartnerNameError {
    /// Nothing, or nothing but space.
    #[error("a partner's name must not be empty")]
    Empty,
    /// Space at an end.
    #[error("a partner's name must not begin or end with space")]
    Space,
    /// Beyond what fits a line.
    #[error("a partner's name is at most {LONGEST} characters long")]
    TooLong,
    /// A character that would not stay on its line.
    #[error("a partner's name must not hold control characters or line ends")]
    Character,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_on_their_line() {
        for (text, expected) in [
            ("Ministry of Examples", None),
            ("Bücherei, Länder & Söhne", None),
            ("", Some(PartnerNameError::Empty)),
            ("  ", Some(PartnerNameError::Empty)),
            (" a", Some(PartnerNameError::Space)),
            ("a\nb", Some(PartnerNameError::Character)),
            ("a\u{202e}b", Some(PartnerNameError::Character)),
            (&"a".repeat(101), Some(PartnerNameError::TooLong)),
        ] {
            assert_eq!(text.parse::<PartnerName>().err(), expected, "{text:?}");
        }
    }
}
