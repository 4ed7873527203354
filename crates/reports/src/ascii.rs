//! Foreign text in a notice, most of which may be written in ASCII alone.

use std::fmt::Write;

use postern_mail::Foreign;

/// The most octets of one foreign text in a field. With the field's name, and unfolded, it stays
/// below the 998 octets of a line (RFC 5322 §2.1.1).
const LONGEST: usize = 900;

/// What a notice may be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// ASCII: it travels anywhere.
    Ascii,
    /// UTF-8: it travels with SMTPUTF8, and with 8BITMIME by that (RFC 6531 §3.1).
    Unicode,
}

impl Script {
    /// Foreign text on one line, without control characters, and not too long.
    pub(crate) fn text(self, text: &str) -> String {
        match self {
            Self::Ascii => printable(text),
            Self::Unicode => escaped(&Foreign::new(text).to_string(), |_| true),
        }
    }

    /// An address in the form `utf-8-addr-xtext` or `utf-8-addr-unitext` (RFC 6533 §3), in which
    /// more characters are left out.
    pub(crate) fn address(self, text: &str) -> String {
        match self {
            Self::Ascii => escaped(text, stands_in_address),
            Self::Unicode => escaped(text, |c| {
                !c.is_ascii() && !c.is_control() || stands_in_address(c)
            }),
        }
    }
}

fn stands_in_address(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '+' | '\\' | '=')
}

/// `text` in printable ASCII on one line: what is not is written as `\x{HEX}`, as RFC 6533 §3
/// does it, and what is too long is cut.
pub(crate) fn printable(text: &str) -> String {
    escaped(&Foreign::new(text).to_string(), |c| {
        c.is_ascii_graphic() || c == ' '
    })
}

fn escaped(text: &str, stands: impl Fn(char) -> bool) -> String {
    const CUT: &str = "...";
    let mut shown = String::new();
    for c in text.chars() {
        let before = shown.len();
        if stands(c) {
            shown.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\x{{{:X}}}", u32::from(c));
        }
        if shown.len() > LONGEST - CUT.len() {
            shown.truncate(before);
            shown.push_str(CUT);
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_ascii_is_escaped() {
        assert_eq!(printable("plain text \\ + ="), "plain text \\ + =");
        assert_eq!(printable("jö\u{1f600}"), "j\\x{F6}\\x{1F600}");
        assert_eq!(printable("a\r\nb\0\u{7f}"), "a\\r\\nb\\u{0}\\u{7f}");
        let address = |text| Script::Ascii.address(text);
        assert_eq!(address("jö+x@a"), "j\\x{F6}\\x{2B}x@a");
        assert_eq!(address("a b\r\n"), "a\\x{20}b\\x{D}\\x{A}");
    }

    #[test]
    fn what_does_not_show_is_escaped_in_utf8_as_well() {
        assert_eq!(Script::Unicode.text("jö\u{1f600} +"), "jö\u{1f600} +");
        assert_eq!(Script::Unicode.text("a\r\n\u{2028}"), "a\\r\\n\\u{2028}");
        let address = |text| Script::Unicode.address(text);
        assert_eq!(address("jö+x@a"), "jö\\x{2B}x@a");
        assert_eq!(address("ö \u{85}\r"), "ö\\x{20}\\x{85}\\x{D}");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        for text in ["x".repeat(5000), "\u{10ffff}".repeat(5000)] {
            for script in [Script::Ascii, Script::Unicode] {
                for cut in [script.text(&text), script.address(&text)] {
                    assert!(cut.len() <= LONGEST);
                    assert!(cut.is_ascii() || script == Script::Unicode);
                }
            }
        }
        let cut = Script::Ascii.address(&"x".repeat(5000));
        assert!(cut.ends_with("x..."));
    }
}
