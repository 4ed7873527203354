//! Foreign text where only ASCII may stand.

use std::fmt::Write;

use postern_mail::Foreign;

/// The most octets of one foreign text in a field. With the field's name, and unfolded, it stays
/// below the 998 octets of a line (RFC 5322 §2.1.1).
const LONGEST: usize = 900;

/// `text` in printable ASCII on one line: what is not is written as `\x{HEX}`, as RFC 6533 §3
/// does it, and what is too long is cut.
pub(crate) fn printable(text: &str) -> String {
    escaped(&Foreign::new(text).to_string(), |c| {
        c.is_ascii_graphic() || c == ' '
    })
}

/// An address in the form `utf-8-addr-xtext` (RFC 6533 §3), which leaves out more characters.
pub(crate) fn utf8_address(text: &str) -> String {
    escaped(text, |c| {
        c.is_ascii_graphic() && !matches!(c, '+' | '\\' | '=')
    })
}

fn escaped(text: &str, stands: impl Fn(char) -> bool) -> String {
    const CUT: &str = "...";
    let mut ascii = String::new();
    for c in text.chars() {
        let before = ascii.len();
        if stands(c) {
            ascii.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(ascii, "\\x{{{:X}}}", u32::from(c));
        }
        if ascii.len() > LONGEST - CUT.len() {
            ascii.truncate(before);
            ascii.push_str(CUT);
            break;
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_ascii_is_escaped() {
        assert_eq!(printable("plain text \\ + ="), "plain text \\ + =");
        assert_eq!(printable("jö\u{1f600}"), "j\\x{F6}\\x{1F600}");
        assert_eq!(printable("a\r\nb\0\u{7f}"), "a\\r\\nb\\u{0}\\u{7f}");
        assert_eq!(utf8_address("jö+x@a"), "j\\x{F6}\\x{2B}x@a");
        assert_eq!(utf8_address("a b\r\n"), "a\\x{20}b\\x{D}\\x{A}");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        for text in ["x".repeat(5000), "\u{10ffff}".repeat(5000)] {
            for cut in [printable(&text), utf8_address(&text)] {
                assert!(cut.len() <= LONGEST && cut.is_ascii());
            }
        }
        assert!(utf8_address(&"x".repeat(5000)).ends_with("x..."));
    }
}
