//! The axis of hosts: which next hops a rule lets mail be handed to.

use std::{collections::BTreeSet, fmt, str::FromStr};

use postern_mail::{Domain, Host, HostError};

use crate::Provenance;

/// One host, or the hosts directly below a domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host and no other.
    Exact(Host),
    /// Hosts one label below this domain, as the `mx` of RFC 8461 §4.1 means a wildcard.
    OneLabelBelow(Domain),
}

impl HostPattern {
    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(exact), host) => exact == host,
            (Self::OneLabelBelow(domain), Host::Domain(host)) => host
                .as_str()
                .split_once('.')
                .is_some_and(|(_, parent)| parent == domain.as_str()),
            (Self::OneLabelBelow(_), Host::Literal(_)) => false,
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        match text.strip_prefix("*.") {
            Some(domain) => Ok(Self::OneLabelBelow(domain.parse()?)),
            None => text.parse().map(Self::Exact),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::OneLabelBelow(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// Which hosts may be used: a conjunction of sets, each of which must hold the host.
///
/// The conjunction of nothing is any host. A set without patterns holds no host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostRule(BTreeSet<HostSet>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum HostSet {
    /// Hosts that one of the patterns matches.
    Among(BTreeSet<HostPattern>),
    /// Hosts of which it is proven that they are the destination's.
    Proven,
}

impl HostSet {
    fn holds(&self, host: &Host, provenance: Provenance) -> bool {
        match self {
            Self::Among(patterns) => patterns.iter().any(|pattern| pattern.matches(host)),
            Self::Proven => provenance.is_proven(),
        }
    }
}

impl HostRule {
    /// Any host.
    pub fn any() -> Self {
        Self::default()
    }

    /// Only hosts that one of the patterns matches.
    pub fn among(patterns: impl IntoIterator<Item = HostPattern>) -> Self {
        let patterns = patterns.into_iter().collect();
        Self(BTreeSet::from([HostSet::Among(patterns)]))
    }

    /// Only hosts of which it is proven that they take mail for the destination: the operator
    /// configured them, or a DNSSEC-secure answer names them.
    pub fn proven() -> Self {
        Self(BTreeSet::from([HostSet::Proven]))
    }

    /// Whether nothing is asked of the host.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every set of the conjunction holds `host`, which came to be known so.
    pub fn admits(&self, host: &Host, provenance: Provenance) -> bool {
        self.0.iter().all(|set| set.holds(host, provenance))
    }

    /// The rule that holds where both hold.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }
}

/// `any host`, or the sets: `a.example or b.example, and *.example`.
impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("any host");
        }
        for (at, set) in self.0.iter().enumerate() {
            write!(f, "{}{set}", if at == 0 { "" } else { ", and " })?;
        }
        Ok(())
    }
}

impl fmt::Display for HostSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven => f.write_str("hosts proven to be the destination's"),
            Self::Among(patterns) if patterns.is_empty() => f.write_str("no host"),
            Self::Among(patterns) => {
                for (at, pattern) in patterns.iter().enumerate() {
                    write!(f, "{}{pattern}", if at == 0 { "" } else { " or " })?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: &HostRule, host: &str, expected: bool) {
        assert_eq!(
            rule.admits(&host.parse().unwrap(), Provenance::Configured),
            expected,
            "{host}"
        );
    }

    fn among(patterns: &[&str]) -> HostRule {
        HostRule::among(patterns.iter().map(|pattern| pattern.parse().unwrap()))
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let rule = among(&["*.example.com"]);
        check(&rule, "a.example.com", true);
        check(&rule, "A.EXAMPLE.COM.", true);
        check(&rule, "example.com", false);
        check(&rule, "a.b.example.com", false);
        check(&rule, "aexample.com", false);
        check(&rule, "[192.0.2.1]", false);
    }

    #[test]
    fn joined_rules_all_hold() {
        let both = among(&["a.example", "b.example"]).join(&among(&["*.example"]));
        check(&both, "a.example", true);
        check(&both, "c.example", false);
        let none = both.join(&among(&["[192.0.2.1]"]));
        check(&none, "a.example", false);
        check(&none, "[192.0.2.1]", false);
        check(&HostRule::any(), "[192.0.2.1]", true);
        check(&HostRule::among([]), "a.example", false);
        assert_eq!(both.join(&HostRule::any()), both);
        assert_eq!(both.to_string(), "a.example or b.example, and *.example");
    }
}
