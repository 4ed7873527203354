//! Domain names as mail uses them (RFC 5321 §2.3.5, §4.1.2; RFC 5890 for A-labels).

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The longest domain name in presentation form without the final dot (RFC 1035 §2.3.4 allows
/// 255 octets on the wire, which is 253 characters of text).
const LONGEST: usize = 253;

/// The longest label (RFC 1035 §2.3.4).
const LONGEST_LABEL: usize = 63;

/// A domain name, normalised: lower case, internationalised labels as A-labels, no final dot.
///
/// Two spellings of one domain are therefore equal, and every `Domain` can be asked of the DNS
/// or compared with a certificate as it stands. Cloning is cheap.
///
/// ```
/// use postern_mail::Domain;
///
/// let domain: Domain = "Bücher.Example".parse()?;
/// assert_eq!(domain.as_str(), "xn--bcher-kva.example");
/// # Ok::<(), postern_mail::DomainError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(Arc<str>);

impl Domain {
    /// The normalised name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels from left to right; there is at least one.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// The domain one label up, unless this is a top-level name.
    ///
    /// ```
    /// # use postern_mail::Domain;
    /// let domain: Domain = "mx.example.org".parse()?;
    /// assert_eq!(domain.parent().map(|d| d.to_string()), Some("example.org".to_owned()));
    /// # Ok::<(), postern_mail::DomainError>(())
    /// ```
    pub fn parent(&self) -> Option<Self> {
        self.0
            .split_once('.')
            .map(|(_, parent)| Self(parent.into()))
    }

    /// Whether this domain lies below `other`, at any depth; no domain lies below itself.
    pub fn is_below(&self, other: &Self) -> bool {
        self.0
            .strip_suffix(other.as_str())
            .is_some_and(|rest| rest.ends_with('.'))
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(DomainError::Empty);
        }
        // Four times the limit leaves room for U-labels, and bounds the work of normalising.
        if text.len() > 4 * LONGEST {
            return Err(DomainError::TooLong);
        }
        let name = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_strict(text).map_err(|_| DomainError::NotInternationalisable)?
        };
        if name.len() > LONGEST {
            return Err(DomainError::TooLong);
        }
        for label in name.split('.') {
            check_label(label)?;
        }
        Ok(Self(name.into()))
    }
}

/// Holds a label against `sub-domain = Let-dig [Ldh-str]` (RFC 5321 §4.1.2), with the
/// underscore admitted as well: hosts with it in their names exist and are looked up.
fn check_label(label: &str) -> Result<(), DomainError> {
    if label.is_empty() {
        return Err(DomainError::EmptyLabel);
    }
    if label.len() > LONGEST_LABEL {
        return Err(DomainError::LabelTooLong);
    }
    if let Some(bad) = label
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_'))
    {
        return Err(DomainError::Character(bad));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(DomainError::Hyphen);
    }
    Ok(())
}

/// Why a text is not a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// Nothing was given.
    #[error("a domain must not be empty")]
    Empty,
    /// Two dots stand together, or one stands first.
    #[error("a domain has an empty label")]
    EmptyLabel,
    /// The whole name is beyond RFC 1035 §2.3.4.
    #[error("a domain is longer than 253 characters")]
    TooLong,
    /// A label is beyond RFC 1035 §2.3.4.
    #[error("a label of a domain is longer than 63 characters")]
    LabelTooLong,
    /// A character that a domain cannot hold.
    #[error("a domain must not contain {0:?}")]
    Character(char),
    /// A label begins or ends with a hyphen.
    #[error("a label of a domain must not begin or end with a hyphen")]
    Hyphen,
    /// Not ASCII, and no valid internationalised name either (RFC 5891).
    #[error("a domain is not a valid internationalised name")]
    NotInternationalisable,
}

impl TryFrom<String> for Domain {
    type Error = DomainError;

    fn try_from(text: String) -> Result<Self, DomainError> {
        text.parse()
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.as_str().to_owned()
    }
}

impl AsRef<str> for Domain {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// Lets a map be asked by text that is already normalised.
impl Borrow<str> for Domain {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &Result<&str, DomainError>) {
        let domain = input.parse::<Domain>();
        let text = domain.as_ref().map(Domain::as_str).map_err(Clone::clone);
        assert_eq!(&text, expected, "{input}");
    }

    #[test]
    fn domains_are_normalised() {
        check("Example.ORG", &Ok("example.org"));
        check("example.org.", &Ok("example.org"));
        check("localhost", &Ok("localhost"));
        check("_dmarc.example.org", &Ok("_dmarc.example.org"));
        check("bücher.example", &Ok("xn--bcher-kva.example"));
        check("BÜCHER.example", &Ok("xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        check("", &Err(DomainError::Empty));
        check(".", &Err(DomainError::Empty));
        check("a..b", &Err(DomainError::EmptyLabel));
        check(".example.org", &Err(DomainError::EmptyLabel));
        check("exa mple.org", &Err(DomainError::Character(' ')));
        check("mx.mal.test\0.evil", &Err(DomainError::Character('\0')));
        check("-a.example", &Err(DomainError::Hyphen));
        check("a-.example", &Err(DomainError::Hyphen));
        check(&"a".repeat(64), &Err(DomainError::LabelTooLong));
        check(
            &"a.".repeat(127),
            &Ok("a.".repeat(127).trim_end_matches('.')),
        );
        check(&"ab.".repeat(90), &Err(DomainError::TooLong));
        check(&"é".repeat(5000), &Err(DomainError::TooLong));
    }

    #[test]
    fn a_domain_lies_below_its_parents_only() {
        let domain = |text: &str| text.parse::<Domain>().unwrap();
        assert!(domain("a.b.example").is_below(&domain("example")));
        assert!(domain("a.b.example").is_below(&domain("b.example")));
        assert!(!domain("b.example").is_below(&domain("b.example")));
        assert!(!domain("evilexample").is_below(&domain("example")));
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_is_the_identity(text in "\\PC{0,40}") {
            if let Ok(domain) = text.parse::<Domain>() {
                prop_assert_eq!(domain.to_string().parse::<Domain>(), Ok(domain));
            }
        }
    }
}
