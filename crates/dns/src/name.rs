//! Names as the DNS has them (RFC 1035 §3.1, RFC 2181 §11).

use std::{fmt, net::IpAddr, str::FromStr};

use hickory_resolver::proto::rr;

/// A fully qualified name in lower case.
///
/// Whoever writes a name down may use letters, digits, `-` and `_` only, so no surprise is ever
/// asked for. A name that came in an answer may hold any octets, as RFC 2181 §11 allows; those
/// print escaped and on one line. Unlike a domain of mail, a name may also be the root.
///
/// ```
/// use postern_dns::Name;
///
/// let host: Name = "MX.Example.org.".parse()?;
/// assert_eq!(host.to_string(), "mx.example.org");
/// assert_eq!(host.tlsa_owner(25)?.to_string(), "_25._tcp.mx.example.org");
/// # Ok::<(), postern_dns::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(rr::Name);

impl Name {
    /// The root.
    pub(crate) fn root() -> Self {
        Self(rr::Name::root())
    }

    /// Whether this is the root, which as the exchange of an MX record means that mail is not
    /// wanted (RFC 7505 §3).
    pub fn is_root(&self) -> bool {
        self.0.is_root()
    }

    /// The name below which the TLSA records of this host and a TCP port are (RFC 6698 §3).
    ///
    /// # Errors
    /// Refuses when the result would be too long for a name.
    pub fn tlsa_owner(&self, port: u16) -> Result<Self, NameError> {
        let owner = self
            .0
            .prepend_label("_tcp")
            .and_then(|name| name.prepend_label(format!("_{port}")));
        owner.map(Self).map_err(|_| NameError::TooLong)
    }

    /// A name of labels that may hold any octets, for names that others make: macros of SPF may
    /// put a local-part into one (RFC 7208 §7.3).
    ///
    /// # Errors
    /// A label must not be empty, and no length beyond its limit.
    pub fn of_labels(labels: &[&[u8]]) -> Result<Self, NameError> {
        if labels.is_empty() || labels.iter().any(|label| label.is_empty()) {
            return Err(NameError::EmptyLabel);
        }
        let name = rr::Name::from_labels(labels.iter().copied()).map_err(|_| NameError::TooLong)?;
        Ok(Self::from_wire(&name))
    }

    /// The name at which an address says what it is called (RFC 1035 §3.5, RFC 3596 §2.5).
    pub fn reverse(address: IpAddr) -> Self {
        Self::from_wire(&address.into())
    }

    /// A name out of an answer.
    pub(crate) fn from_wire(name: &rr::Name) -> Self {
        let mut name = name.to_lowercase();
        name.set_fqdn(true);
        Self(name)
    }

    pub(crate) fn as_wire(&self) -> &rr::Name {
        &self.0
    }

    /// Whether `self` is `name` or one of the domains that hold it.
    pub(crate) fn holds(&self, name: &Self) -> bool {
        self.0.zone_of(&name.0)
    }

    /// The name one label up; the root is its own.
    pub fn parent(&self) -> Self {
        Self(self.0.base_name())
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self(rr::Name::root()));
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let admitted = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if let Some(bad) = text.chars().find(|c| !admitted(c)) {
            return Err(NameError::Character(bad));
        }
        if text.split('.').any(str::is_empty) {
            return Err(NameError::EmptyLabel);
        }
        let labels = text.split('.').map(str::as_bytes);
        let name = rr::Name::from_labels(labels).map_err(|_| NameError::TooLong)?;
        Ok(Self::from_wire(&name))
    }
}

/// The name without its final dot; the root is `.`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_ascii();
        if self.is_root() {
            return f.write_str(".");
        }
        f.pad(text.strip_suffix('.').unwrap_or(&text))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given, or two dots stand together, or one stands first.
    #[error("a name has an empty label")]
    EmptyLabel,
    /// A character that we do not ask for.
    #[error("a name must not contain {0:?}")]
    Character(char),
    /// A label of more than 63, or a name of more than 255 octets (RFC 1035 §2.3.4).
    #[error("a name or one of its labels is too long")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NameError>) {
        let name = text.parse::<Name>().map(|name| name.to_string());
        assert_eq!(name.as_deref().map_err(|error| *error), expected, "{text}");
    }

    #[test]
    fn labels_of_any_octets_make_a_name() {
        let name = |text: &str| {
            let labels: Vec<_> = text.split('.').map(str::as_bytes).collect();
            Name::of_labels(&labels)
        };
        assert_eq!(name("Example.ORG"), "example.org".parse());
        // What is no letter is shown as master files write it (RFC 1035 §5.1).
        assert_eq!(name("a+b.example").unwrap().to_string(), r"a\+b.example");
        assert_eq!(name("a..example"), Err(NameError::EmptyLabel));
        assert_eq!(name(""), Err(NameError::EmptyLabel));
        assert_eq!(name(&"a".repeat(64)), Err(NameError::TooLong));
        assert_eq!(name(&"abcd.".repeat(51)[..254]), Err(NameError::TooLong));
    }

    #[test]
    fn names_are_normalised_or_refused() {
        check("Example.ORG", Ok("example.org"));
        check("example.org.", Ok("example.org"));
        check("_25._tcp.mx.example", Ok("_25._tcp.mx.example"));
        check(
            "1.0/25.2.0.192.in-addr.arpa",
            Err(NameError::Character('/')),
        );
        check(".", Ok("."));
        check("", Err(NameError::EmptyLabel));
        check("a..b", Err(NameError::EmptyLabel));
        check(".a", Err(NameError::EmptyLabel));
        check("a b", Err(NameError::Character(' ')));
        check("a\\046b", Err(NameError::Character('\\')));
        check("bücher.example", Err(NameError::Character('ü')));
        check("*.example", Err(NameError::Character('*')));
        check(&"a".repeat(64), Err(NameError::TooLong));
        check(&"abcdefg.".repeat(32), Err(NameError::TooLong));
    }

    #[test]
    fn two_spellings_are_one_name() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        assert_eq!(name("EXAMPLE.org"), name("example.org."));
        assert!(name("example.org").holds(&name("a.example.org")));
        assert!(name("example.org").holds(&name("example.org")));
        assert!(!name("example.org").holds(&name("notexample.org")));
        assert_eq!(name("a.example").parent().parent().parent(), name("."));
    }

    #[test]
    fn foreign_octets_print_on_one_line() {
        let labels = [&b"a\r\nb"[..], b"\x1b[2J", b"exa.mple", b"\xc3\xa9"];
        let name = Name::from_wire(&rr::Name::from_labels(labels).unwrap());
        let text = name.to_string();
        assert!(
            text.is_ascii() && !text.contains(char::is_control),
            "{text:?}"
        );
        assert_eq!(text, r"a\015\012b.\033\[2j.exa\.mple.\303\251");
    }

    #[test]
    fn a_name_has_room_for_its_tlsa_owner_or_says_so() {
        let long: Name = format!("{}.example", "abcdefg.".repeat(30).trim_end_matches('.'))
            .parse()
            .unwrap();
        assert_eq!(long.tlsa_owner(25), Err(NameError::TooLong));
    }

    #[test]
    fn reverse_names() {
        let reverse = |text: &str| Name::reverse(text.parse().unwrap()).to_string();
        assert_eq!(reverse("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        assert!(reverse("2001:db8::1").ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"));
    }
}
