//! Text that somebody else wrote, made safe to show.

use std::fmt;

/// The most characters of a foreign text that are shown.
const SHOWN: usize = 512;

/// Text from a peer, DNS or a message on its way into a log line, a reply or a header field:
/// control characters, line separators and bidirectional overrides are escaped, and what is
/// beyond 512 characters is cut. It prints on one line whatever it holds (CWE-117).
///
/// ```
/// use postern_mail::Foreign;
///
/// assert_eq!(Foreign::new("a\r\nb\u{1b}[2J").to_string(), "a\\r\\nb\\u{1b}[2J");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Foreign<'a>(&'a str);

impl<'a> Foreign<'a> {
    /// Marks `text` as foreign.
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }
}

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, cut) = match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => (self.0.get(..end).unwrap_or_default(), "…"),
            None => (self.0, ""),
        };
        // Stretches that are safe are written at once: nearly all text is one of them, and every
        // line of the log and every reply comes by here.
        for stretch in shown.split_inclusive(is_unsafe_to_show) {
            let mut safe = stretch.chars();
            match safe.next_back().filter(|last| is_unsafe_to_show(*last)) {
                Some(last) => write!(f, "{}{}", safe.as_str(), last.escape_default())?,
                None => f.write_str(stretch)?,
            }
        }
        f.write_str(cut)
    }
}

fn is_unsafe_to_show(c: char) -> bool {
    let breaks_lines = matches!(c, '\u{2028}' | '\u{2029}');
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || breaks_lines || reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_line() {
        let shown = Foreign::new("x\r\ny\0\u{85}\u{2028}\u{202e}z").to_string();
        assert_eq!(shown, "x\\r\\ny\\u{0}\\u{85}\\u{2028}\\u{202e}z");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(
            Foreign::new(&"é".repeat(600)).to_string(),
            format!("{}…", "é".repeat(512))
        );
    }
}
