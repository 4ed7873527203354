//! What is of the grammar of RFC 7208 §12, and what is not. mail-auth reads more than that.
//!
//! ```abnf
//! domain-spec   = macro-string ( "." toplabel [ "." ] / macro-expand )
//! macro-string  = *( macro-expand / macro-literal )
//! macro-expand  = "%{" macro-letter *DIGIT [ "r" ] *delimiter "}" / "%%" / "%_" / "%-"
//! macro-letter  = "s" / "l" / "o" / "d" / "i" / "p" / "h" / "v" / "c" / "r" / "t"
//! macro-literal = %x21-24 / %x26-7E
//! delimiter     = "." / "-" / "+" / "," / "/" / "_" / "="
//! ```
//! Whatever is asked about here is printable ASCII without spaces.

use std::{net::IpAddr, str::FromStr};

/// The letters of macros in names. Explanations know `c`, `r` and `t` as well, and so do
/// modifiers that nobody knows.
const OF_NAMES: &str = "slodiphv";
const OF_EXPLANATIONS: &str = "slodiphvcrt";

pub(super) fn is_domain_spec(text: &str) -> bool {
    let behind_macros = last_literal(text, OF_NAMES);
    !text.is_empty() && behind_macros.is_some_and(|it| it.is_empty() || ends_in_toplabel(it))
}

pub(super) fn is_macro_string(text: &str) -> bool {
    last_literal(text, OF_EXPLANATIONS).is_some()
}

/// `name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )`
pub(super) fn is_modifier_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(rest)
}

/// An address of the family of `A`, and how many of its bits count, if that is said.
pub(super) fn is_network<A: FromStr + Into<IpAddr>>(text: &str) -> bool {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<A>().map(Into::into) else {
        return false;
    };
    let longest = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    length.is_none_or(|it| is_length(it, longest))
}

/// Divides `[ ":" domain-spec ] [ dual-cidr-length ]`. A slash may stand in a `domain-spec` too,
/// so the lengths are looked for at the end.
pub(super) fn target_and_lengths(text: &str) -> Option<(Option<&str>, &str)> {
    let mut target = text;
    for (mark, longest) in [("//", 128), ("/", 32)] {
        if let Some((before, digits)) = target.rsplit_once(mark)
            && is_number(digits)
        {
            target = before;
            if !is_length(digits, longest) {
                return None;
            }
        }
    }
    let lengths = text.get(target.len()..)?;
    if target.is_empty() {
        return Some((None, lengths));
    }
    let target = target.strip_prefix(':').filter(|it| is_domain_spec(it))?;
    Some((Some(target), lengths))
}

/// What follows the last macro, where all of them are right.
fn last_literal<'a>(text: &'a str, letters: &str) -> Option<&'a str> {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('%') {
        rest = match behind.strip_prefix('{') {
            Some(behind) => {
                let (expanded, rest) = behind.split_once('}')?;
                is_macro(expanded, letters).then_some(rest)?
            }
            None => behind.strip_prefix(['%', '_', '-'])?,
        };
    }
    Some(rest)
}

/// What stands between the braces.
fn is_macro(text: &str, letters: &str) -> bool {
    let mut chars = text.chars();
    let letter = chars.next().map(|it| it.to_ascii_lowercase());
    let rest = chars.as_str();
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = rest.strip_suffix(behind).unwrap_or_default();
    let delimiters = behind.strip_prefix(['r', 'R']).unwrap_or(behind);
    letter.is_some_and(|it| letters.contains(it))
        // No parts at all are not what anybody means.
        && (digits.is_empty() || digits.bytes().any(|it| it != b'0'))
        && delimiters.chars().all(|it| ".-+,/_=".contains(it))
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

fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
}

/// Digits without a leading zero, no more than `longest`.
fn is_length(digits: &str, longest: u8) -> bool {
    let padded = digits.len() > 1 && digits.starts_with('0');
    is_number(digits) && !padded && digits.parse().is_ok_and(|it: u8| it <= longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_in_a_top_level_label_or_a_macro() {
        for text in [
            "a.example",
            "a.example.",
            "%{d}",
            "x.%{d}",
            "a:b/c.example",
            "a.xn--p1ai",
            "a%_",
            "%{d999999999999999999999999r}",
            "%{l.-+,/_=}",
            "%{S1R-}",
        ] {
            assert!(is_domain_spec(text), "{text}");
        }
        for text in [
            "",
            "example",
            "example.",
            "a.1",
            "a.example/",
            "192.0.2.1",
            "a.-b",
            "a.b-",
            "a..",
            "a.}",
            "%{d}example",
        ] {
            assert!(!is_domain_spec(text), "{text}");
        }
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
            "%{drr}",
        ] {
            assert!(!is_domain_spec(text), "{text}");
        }
        assert!(is_macro_string("%{c}-%{r}%%%{T}"));
        assert!(is_macro_string(""));
    }

    #[test]
    fn lengths_stand_at_the_end() {
        let check = |text, expected| assert_eq!(target_and_lengths(text), expected, "{text}");
        check("", Some((None, "")));
        check("/24", Some((None, "/24")));
        check("/24//64", Some((None, "/24//64")));
        check("//0", Some((None, "//0")));
        check(":a/b.example/8", Some((Some("a/b.example"), "/8")));
        for text in [
            ":",
            "/33",
            "/024",
            "//129",
            "/8/8",
            "//64/24",
            "/",
            ":x.example/",
            "x.example",
        ] {
            check(text, None);
        }
    }
}
