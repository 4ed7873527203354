//! Writing our own header fields with folded lines (RFC 5322 §2.2.3).

use bytes::Bytes;

/// Lines are folded so as not to become longer, CRLF not counted: RFC 5322 §2.1.1 asks for at
/// most 78, and a quotation mark and a semicolon may still follow. A word that is longer by
/// itself stands on a line of its own.
const WIDTH: usize = 76;

/// A header field that is being written.
#[derive(Debug)]
pub(crate) struct FoldedField {
    text: String,
    /// How long the last line is.
    column: usize,
    /// Whether anything stands behind the name: a first line of nothing but the name is no
    /// longer allowed (RFC 5322 §3.2.2).
    begun: bool,
}

impl FoldedField {
    /// Begins the field of this name.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            text: format!("{name}:"),
            column: name.len() + 1,
            begun: false,
        }
    }

    /// Adds a word, with white space before it.
    pub(crate) fn word(&mut self, word: &str) {
        if self.begun && self.column + 1 + word.len() > WIDTH {
            self.fold();
        } else if self.column > 1 {
            self.push(" ");
        }
        self.push(word);
        self.begun = true;
    }

    /// Adds what must stand directly behind the last word.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.len();
    }

    /// Begins a new line.
    pub(crate) fn fold(&mut self) {
        self.text.push_str("\r\n\t");
        self.column = 1;
    }

    /// The field with its line end.
    pub(crate) fn finish(mut self) -> Bytes {
        self.text.push_str("\r\n");
        self.text.into()
    }
}
