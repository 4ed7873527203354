//! Macros in the terms of a record (RFC 7208 §7).
//!
//! ```abnf
//! domain-spec   = macro-string ( "." toplabel [ "." ] / macro-expand )
//! macro-string  = *( macro-expand / macro-literal )
//! macro-expand  = "%{" macro-letter *DIGIT [ "r" ] *delimiter "}" / "%%" / "%_" / "%-"
//! macro-letter  = "s" / "l" / "o" / "d" / "i" / "p" / "h" / "v" / "c" / "r" / "t"
//! macro-literal = %x21-24 / %x26-7E
//! delimiter     = "." / "-" / "+" / "," / "/" / "_" / "="
//! ```

use std::{fmt::Write as _, net::IpAddr};

/// The longest name (RFC 7208 §7.3).
const LONGEST: usize = 253;

/// A name that may be made of macros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainSpec(MacroString);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Macro(Macro),
}

/// `%{…}`
#[derive(Debug, Clone, PartialEq, Eq)]
struct Macro {
    letter: Letter,
    /// How many parts from the right are kept.
    parts: usize,
    reversed: bool,
    delimiters: String,
    /// Whether the letter was upper case: what it stands for is URL-escaped.
    escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Sender,
    LocalPart,
    SenderDomain,
    Domain,
    Address,
    ValidatedName,
    Version,
    Helo,
    /// Letters that stand in explanations alone, which we do not quote.
    OfExplanations,
}

/// Which letters a text may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    OfNames,
    /// `c`, `r` and `t` as well.
    OfExplanations,
}

/// What the letters stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning<'a> {
    pub(super) local_part: &'a str,
    pub(super) sender_domain: &'a str,
    pub(super) domain: &'a str,
    pub(super) client: IpAddr,
    pub(super) validated_name: &'a str,
    pub(super) helo: &'a str,
}

impl DomainSpec {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let string = MacroString::parse(text, Letters::OfNames)?;
        let ends_well = match string.0.last()? {
            Part::Macro(_) => true,
            Part::Literal(literal) => {
                let plain = !text.ends_with("%%") && !text.ends_with("%_") && !text.ends_with("%-");
                !plain || ends_in_toplabel(literal)
            }
        };
        ends_well.then_some(Self(string))
    }

    /// Whether the name of the client must be found out first.
    pub(super) fn needs_validated_name(&self) -> bool {
        self.0.has(Letter::ValidatedName)
    }

    /// The name; `None` where it would take a local-part that is not ASCII: such a term never
    /// matches (RFC 8616 §4).
    pub(super) fn expand(&self, meaning: &Meaning<'_>) -> Option<String> {
        let of_sender = self.0.has(Letter::Sender) || self.0.has(Letter::LocalPart);
        if of_sender && !meaning.local_part.is_ascii() {
            return None;
        }
        Some(shortened(&self.0.expand(meaning)))
    }
}

/// `"." toplabel [ "." ]`, where a toplabel is not all digits.
fn ends_in_toplabel(literal: &str) -> bool {
    let literal = literal.strip_suffix('.').unwrap_or(literal);
    let Some((_, label)) = literal.rsplit_once('.') else {
        return false;
    };
    label
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || it == b'-')
        && label.bytes().any(|it| !it.is_ascii_digit())
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Labels are left out from the left until the name is short enough (RFC 7208 §7.3).
fn shortened(name: &str) -> String {
    let mut rest = name.strip_suffix('.').unwrap_or(name);
    while rest.len() > LONGEST {
        let Some((_, shorter)) = rest.split_once('.') else {
            break;
        };
        rest = shorter;
    }
    rest.to_owned()
}

impl MacroString {
    pub(super) fn parse(text: &str, letters: Letters) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            let (literal, behind) = rest.split_at_checked(at)?;
            push_literal(&mut parts, literal);
            let behind = behind.strip_prefix('%')?;
            if let Some(inner) = behind.strip_prefix('{') {
                let (inner, after) = inner.split_once('}')?;
                parts.push(Part::Macro(Macro::parse(inner, letters)?));
                rest = after;
                continue;
            }
            let (literal, width) = match behind.chars().next()? {
                '%' => ("%", 1),
                '_' => (" ", 1),
                '-' => ("%20", 1),
                _ => return None,
            };
            push_literal(&mut parts, literal);
            rest = behind.get(width..)?;
        }
        push_literal(&mut parts, rest);
        Some(Self(parts))
    }

    fn has(&self, letter: Letter) -> bool {
        let is_it = |part: &Part| matches!(part, Part::Macro(it) if it.letter == letter);
        self.0.iter().any(is_it)
    }

    fn expand(&self, meaning: &Meaning<'_>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Macro(it) => it.expand(meaning, &mut text),
            }
        }
        text
    }
}

fn push_literal(parts: &mut Vec<Part>, literal: &str) {
    match parts.last_mut() {
        _ if literal.is_empty() => {}
        Some(Part::Literal(last)) => last.push_str(literal),
        Some(Part::Macro(_)) | None => parts.push(Part::Literal(literal.to_owned())),
    }
}

impl Macro {
    fn parse(inner: &str, letters: Letters) -> Option<Self> {
        let first = inner.chars().next()?;
        let letter = Letter::of(first).filter(|letter| {
            *letter != Letter::OfExplanations || letters == Letters::OfExplanations
        })?;
        let rest = inner.get(1..)?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = rest.split_at_checked(digits)?;
        let parts = match number {
            "" => usize::MAX,
            // A number beyond all bounds keeps everything, as one larger than there are parts.
            _ => number.parse().unwrap_or(usize::MAX),
        };
        let reversed = rest.starts_with(['r', 'R']);
        let delimiters = rest.strip_prefix(['r', 'R']).unwrap_or(rest);
        let known = |c: char| matches!(c, '.' | '-' | '+' | ',' | '/' | '_' | '=');
        if parts == 0 || !delimiters.chars().all(known) {
            return None;
        }
        Some(Self {
            letter,
            parts,
            reversed,
            delimiters: delimiters.to_owned(),
            escaped: first.is_ascii_uppercase(),
        })
    }

    fn expand(&self, meaning: &Meaning<'_>, text: &mut String) {
        let value = self.letter.value(meaning);
        let delimiters = match self.delimiters.as_str() {
            "" => ".",
            written => written,
        };
        let mut parts: Vec<_> = value.split(|c| delimiters.contains(c)).collect();
        if self.reversed {
            parts.reverse();
        }
        let left_out = parts.len().saturating_sub(self.parts);
        for (at, part) in parts.into_iter().skip(left_out).enumerate() {
            if at > 0 {
                text.push('.');
            }
            if self.escaped {
                escape(part, text);
            } else {
                text.push_str(part);
            }
        }
    }
}

/// Octets that RFC 3986 §2.3 does not leave as they are.
fn escape(part: &str, text: &mut String) {
    for octet in part.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(octet));
        } else {
            let _never_fails = write!(text, "%{octet:02X}");
        }
    }
}

impl Letter {
    fn of(c: char) -> Option<Self> {
        Some(match c.to_ascii_lowercase() {
            's' => Self::Sender,
            'l' => Self::LocalPart,
            'o' => Self::SenderDomain,
            'd' => Self::Domain,
            'i' => Self::Address,
            'p' => Self::ValidatedName,
            'v' => Self::Version,
            'h' => Self::Helo,
            'c' | 'r' | 't' => Self::OfExplanations,
            _ => return None,
        })
    }

    fn value(self, meaning: &Meaning<'_>) -> String {
        match self {
            Self::Sender => format!("{}@{}", meaning.local_part, meaning.sender_domain),
            Self::LocalPart => meaning.local_part.to_owned(),
            Self::SenderDomain => meaning.sender_domain.to_owned(),
            Self::Domain => meaning.domain.to_owned(),
            Self::Address => dotted(meaning.client),
            Self::ValidatedName => meaning.validated_name.to_owned(),
            Self::Version => match meaning.client {
                IpAddr::V4(_) => "in-addr".to_owned(),
                IpAddr::V6(_) => "ip6".to_owned(),
            },
            Self::Helo => meaning.helo.to_owned(),
            Self::OfExplanations => String::new(),
        }
    }
}

/// An IPv6 address is written as 32 nibbles with dots between them (RFC 7208 §7.3).
fn dotted(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let nibbles = address
                .octets()
                .into_iter()
                .flat_map(|it| [it >> 4, it & 15]);
            let nibbles: Vec<_> = nibbles.map(|it| format!("{it:x}")).collect();
            nibbles.join(".")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(client: &str) -> Meaning<'static> {
        Meaning {
            local_part: "strong-bad",
            sender_domain: "email.example.com",
            domain: "email.example.com",
            client: client.parse().unwrap(),
            validated_name: "unknown",
            helo: "mx.example.org",
        }
    }

    #[track_caller]
    fn check(client: &str, text: &str, expected: Option<&str>) {
        let string = MacroString::parse(text, Letters::OfNames);
        let expanded = string.map(|it| it.expand(&meaning(client)));
        assert_eq!(expanded.as_deref(), expected, "{text}");
    }

    #[test]
    fn macros_stand_for_what_the_rfc_says() {
        // RFC 7208 §7.4.
        for (text, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            (
                "%{ir}.%{v}._spf.%{d2}",
                "3.2.0.192.in-addr._spf.example.com",
            ),
            ("%{d999999999999999999999999r}", "com.example.email"),
            ("%{S}", "strong-bad%40email.example.com"),
            ("%%%_%-", "% %20"),
        ] {
            check("192.0.2.3", text, Some(expected));
        }
        check(
            "2001:db8::cb01",
            "%{ir}.%{v}",
            Some("1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6"),
        );
    }

    #[test]
    fn what_is_no_macro_is_refused() {
        for text in [
            "%",
            "%a",
            "%{",
            "%{}",
            "%{x}",
            "%{d0}",
            "%{dx}",
            "%{l.-+/_=",
            "%{c}",
            "%{\u{fc}}",
        ] {
            check("192.0.2.3", text, None);
        }
    }

    #[test]
    fn a_name_that_is_too_long_loses_labels_from_the_left() {
        let spec = DomainSpec::parse(&format!("%{{l}}.{}example.com", "a1234567.".repeat(28)));
        let name = spec.unwrap().expand(&meaning("192.0.2.3")).unwrap();
        assert_eq!(name, format!("{}example.com", "a1234567.".repeat(26)));
        assert!(name.len() <= LONGEST);
    }

    #[test]
    fn a_name_ends_in_a_top_level_label_or_a_macro() {
        let good = [
            "a.example",
            "a.example.",
            "%{d}",
            "x.%{d}",
            "a:b/c.example",
            "a.xn--p1ai",
            "a%_",
        ];
        let bad = [
            "",
            "example",
            "example.",
            "a.1",
            "a.example/",
            "192.0.2.1",
            "a.-b",
            "a.b-",
            "a..",
        ];
        for text in good {
            assert!(DomainSpec::parse(text).is_some(), "{text}");
        }
        for text in bad {
            assert!(DomainSpec::parse(text).is_none(), "{text}");
        }
    }
}
