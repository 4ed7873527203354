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
        };
        fields.record(&mut line);
        line.result
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    result: fmt::Result,
    begun: bool,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: &str) {
        let name = field.name();
        // What comes by way of the `log` crate says in fields of its own where it comes from.
        if self.result.is_err() || name.starts_with("log.") {
            return;
        }
        let separator = if self.begun { " " } else { "" };
        self.begun = true;
        self.result = if name == "message" {
            write!(self.writer, "{separator}{value}")
        } else {
            write!(self.writer, "{separator}{name}={}", Word(value))
        };
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, value);
    }

    /// What is given by its `Display` comes here as well.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, &format!("{value:?}"));
    }
}

/// A value as one word.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let splits = |it: char| it.is_whitespace() || it.is_control() || it == '"';
        if !self.0.is_empty() && !self.0.contains(splits) {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        for it in self.0.chars() {
            match it {
                '"' | '\\' => write!(f, "\\{it}")?,
                it if it.is_control() => write!(f, "{}", it.escape_default())?,
                it => f.write_char(it)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(Word(value).to_string(), expected);
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
