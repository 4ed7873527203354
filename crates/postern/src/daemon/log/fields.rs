//! Fields of an event on a line: `name=value`, in quotation marks where a value would not be one
//! word. So a line can be taken apart again by whoever reads logs (logfmt), whatever a peer said.

use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

/// Writes fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line {
            writer,
            result: Ok(()),
            begun: false,
            word: String::new(),
        };
        fields.record(&mut line);
        line.result
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    result: fmt::Result,
    begun: bool,
    /// The value at hand. What it holds decides how it is written.
    word: String,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let name = field.name();
        // What comes by way of the `log` crate says in fields of its own where it comes from.
        if self.result.is_ok() && !name.starts_with("log.") {
            self.result = self.try_write(name, value);
        }
    }

    fn try_write(&mut self, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
        if std::mem::replace(&mut self.begun, true) {
            self.writer.write_char(' ')?;
        }
        if name == "message" {
            return self.writer.write_fmt(value);
        }
        self.writer.write_str(name)?;
        self.writer.write_char('=')?;
        self.word.clear();
        self.word.write_fmt(value)?;
        Word(&self.word).write_to(&mut self.writer)
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, format_args!("{value}"));
    }

    /// What is given by its `Display` comes here as well.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, format_args!("{value:?}"));
    }
}

/// A value as one word.
pub(super) struct Word<'a>(pub(super) &'a str);

impl Word<'_> {
    pub(super) fn write_to(&self, line: &mut impl fmt::Write) -> fmt::Result {
        let splits = |it: char| it.is_whitespace() || it.is_control() || it == '"';
        if !self.0.is_empty() && !self.0.contains(splits) {
            return line.write_str(self.0);
        }
        line.write_char('"')?;
        let is_escaped = |it: char| it == '"' || it == '\\' || it.is_control();
        for stretch in self.0.split_inclusive(is_escaped) {
            let mut plain = stretch.chars();
            match plain.next_back().filter(|last| is_escaped(*last)) {
                Some(last @ ('"' | '\\')) => write!(line, "{}\\{last}", plain.as_str())?,
                Some(last) => write!(line, "{}{}", plain.as_str(), last.escape_default())?,
                None => line.write_str(stretch)?,
            }
        }
        line.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &str) {
        let mut line = String::new();
        Word(value).write_to(&mut line).unwrap();
        assert_eq!(line, expected);
    }

    #[test]
    fn values_are_one_word() {
        check("127.0.0.1:25", "127.0.0.1:25");
        check("<a@example.org>", "<a@example.org>");
        check("CN=mx,O=x", "CN=mx,O=x");
        check("", "\"\"");
        check("timed out", "\"timed out\"");
        check("say \"no\"", r#""say \"no\"""#);
        check("a\\b c", r#""a\\b c""#);
        check("a\r\nlevel=ERROR", r#""a\r\nlevel=ERROR""#);
        check("größer", "größer");
        check("a\u{2028}b", "\"a\u{2028}b\"");
    }
}
