//! Texts of others on their way into the ledger: escaped and cut.

use postern_mail::Foreign;

/// What stands for everything that had no room of its own. No domain and no reason of ours is
/// written like this.
pub(crate) const OTHER: &str = "(other)";

/// The most octets of one text that are kept: enough for a host name, a TLSA record with a
/// digest, the sentence of an error.
const KEPT: usize = 400;

/// The text as it is kept.
pub(crate) fn shown(text: &str) -> String {
    let is_plain = |octet: u8| octet == b' ' || octet.is_ascii_graphic();
    if text.len() <= KEPT && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let mut shown = Foreign::new(text).to_string();
    if shown.len() > KEPT {
        shown.truncate(shown.floor_char_boundary(KEPT));
        shown.push('…');
    }
    shown
}

/// Puts `text` in the place of `old` without work where it is the same.
pub(crate) fn keep(old: &mut String, text: &str) {
    if old != text {
        *old = shown(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_cut() {
        assert_eq!(shown("a\nb"), "a\\nb");
        let long = shown(&"é".repeat(300));
        assert_eq!(long, "é".repeat(200) + "…");
    }
}
