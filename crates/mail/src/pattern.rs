//! Which domains a rule is for, and how the rule for a domain is found.

use std::{collections::HashMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Domain, DomainError};

/// Which domains a rule is for: one, all below one, or all.
///
/// `*.example` is for every domain below `example`, at any depth, and not for `example` itself;
/// `*` alone is for every domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DomainPattern {
    /// This domain.
    Exact(Domain),
    /// Every domain below this one.
    Below(Domain),
    /// Every domain.
    Any,
}

impl DomainPattern {
    /// Whether the pattern is for `domain`.
    pub fn matches(&self, domain: &Domain) -> bool {
        match self {
            Self::Exact(exact) => domain == exact,
            Self::Below(parent) => domain.is_below(parent),
            Self::Any => true,
        }
    }
}

impl FromStr for DomainPattern {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        match (text, text.strip_prefix("*.")) {
            ("*", _) => Ok(Self::Any),
            (_, Some(parent)) => Ok(Self::Below(parent.parse()?)),
            (_, None) => Ok(Self::Exact(text.parse()?)),
        }
    }
}

impl TryFrom<String> for DomainPattern {
    type Error = DomainError;

    fn try_from(text: String) -> Result<Self, DomainError> {
        text.parse()
    }
}

impl From<DomainPattern> for String {
    fn from(pattern: DomainPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(domain) => domain.fmt(f),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// Values by domain pattern, of which the most specific counts: the exact domain before the
/// nearest parent's `*.parent`, and that before `*`.
///
/// Finding a value costs one look-up per label of the domain, however many patterns there are.
///
/// ```
/// use postern_mail::DomainMap;
///
/// let mut map = DomainMap::new();
/// map.insert("*.example".parse()?, "below");
/// map.insert("mx.example".parse()?, "exact");
/// assert_eq!(map.find(&"mx.example".parse()?), Some(&"exact"));
/// assert_eq!(map.find(&"a.b.example".parse()?), Some(&"below"));
/// assert_eq!(map.find(&"example".parse()?), None);
/// # Ok::<(), postern_mail::DomainError>(())
/// ```
#[derive(Debug, Clone)]
pub struct DomainMap<T> {
    exact: HashMap<Domain, T>,
    below: HashMap<Domain, T>,
    any: Option<T>,
}

impl<T> DomainMap<T> {
    /// A map without patterns.
    pub fn new() -> Self {
        Self {
            exact: HashMap::new(),
            below: HashMap::new(),
            any: None,
        }
    }

    /// Gives `pattern` a value, and returns the one it had.
    pub fn insert(&mut self, pattern: DomainPattern, value: T) -> Option<T> {
        match pattern {
            DomainPattern::Exact(domain) => self.exact.insert(domain, value),
            DomainPattern::Below(parent) => self.below.insert(parent, value),
            DomainPattern::Any => self.any.replace(value),
        }
    }

    /// The value of the most specific pattern for `domain`.
    pub fn find(&self, domain: &Domain) -> Option<&T> {
        self.matching(domain).next()
    }

    /// The values of all patterns for `domain`, the most specific first.
    pub fn matching(&self, domain: &Domain) -> impl Iterator<Item = &T> {
        let parents = std::iter::successors(parent(domain.as_str()), |name| parent(name));
        self.exact
            .get(domain.as_str())
            .into_iter()
            .chain(parents.filter_map(|parent| self.below.get(parent)))
            .chain(&self.any)
    }

    /// Whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty() && self.any.is_none()
    }
}

impl<T> Default for DomainMap<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> FromIterator<(DomainPattern, T)> for DomainMap<T> {
    fn from_iter<I: IntoIterator<Item = (DomainPattern, T)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (pattern, value) in pairs {
            map.insert(pattern, value);
        }
        map
    }
}

/// The name without its first label.
fn parent(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, parent)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> DomainPattern {
        text.parse().unwrap()
    }

    #[test]
    fn all_patterns_are_found_the_most_specific_first() {
        let patterns = [
            "*",
            "*.example",
            "*.b.example",
            "a.b.example",
            "*.a.b.example",
        ];
        let map: DomainMap<_> = patterns
            .map(|text| (pattern(text), text))
            .into_iter()
            .collect();
        let found: Vec<_> = map.matching(&"a.b.example".parse().unwrap()).collect();
        assert_eq!(found, [&"a.b.example", &"*.b.example", &"*.example", &"*"]);
    }

    #[test]
    fn patterns_match_whole_labels() {
        for (text, domain, expected) in [
            ("example", "example", true),
            ("example", "a.example", false),
            ("*.example", "a.example", true),
            ("*.example", "a.b.example", true),
            ("*.example", "example", false),
            ("*.example", "badexample", false),
            ("*", "anything.test", true),
        ] {
            assert_eq!(
                pattern(text).matches(&domain.parse().unwrap()),
                expected,
                "{text} {domain}"
            );
        }
        for bad in ["", "*.", "a.*.b", "**", "*example"] {
            assert!(bad.parse::<DomainPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_most_specific_pattern_counts() {
        let map: DomainMap<_> = ["*", "*.example", "*.b.example", "b.example"]
            .map(|text| (pattern(text), text))
            .into_iter()
            .collect();
        for (domain, expected) in [
            ("other.test", "*"),
            ("a.example", "*.example"),
            ("a.b.example", "*.b.example"),
            ("x.a.b.example", "*.b.example"),
            ("b.example", "b.example"),
        ] {
            assert_eq!(
                map.find(&domain.parse().unwrap()),
                Some(&expected),
                "{domain}"
            );
        }
        assert_eq!(
            DomainMap::<()>::new().find(&"a.test".parse().unwrap()),
            None
        );
    }
}
