//! Events in the journal of systemd, with their fields as its fields (systemd.journal-fields(7)).
//!
//! Events come as lines of JSON from the thread that writes the log, so that mail does not wait for
//! a journal that is slow. In the journal `queue_id` is `POSTERN_QUEUE_ID`; the message repeats the
//! fields for whoever reads it without asking for them.

use std::{fmt::Write as _, io};

use libsystemd::logging::{Priority, journal_send};
use serde_json::{Map, Value};

use super::fields::Word;

/// Fields that the journal has by itself.
const KNOWN: [&str; 4] = ["timestamp", "level", "message", "target"];

/// Sends lines of JSON to the journal. What it does not take goes to standard error as it is.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// A line that has not come to its end.
    begun: Vec<u8>,
}

impl io::Write for Journal {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(octets);
        let end = self.begun.iter().rposition(|octet| *octet == b'\n');
        let lines: Vec<u8> = self.begun.drain(..end.map_or(0, |end| end + 1)).collect();
        for line in lines.split_inclusive(|octet| *octet == b'\n') {
            if send(line).is_none() {
                io::stderr().write_all(line)?;
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hands an event over; nothing if that was not possible.
fn send(line: &[u8]) -> Option<()> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let entry = Entry::of(line);
    journal_send(entry.priority, &entry.message, entry.fields.into_iter()).ok()
}

/// An event as the journal has it.
#[derive(Debug)]
struct Entry {
    priority: Priority,
    message: String,
    fields: Vec<(String, String)>,
}

impl Entry {
    fn of(line: &str) -> Self {
        let event: Map<String, Value> = match serde_json::from_str(line) {
            Ok(event) => event,
            // What the writer itself says of lines that were dropped.
            Err(_) => return Self::plain(line),
        };
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut entry = Self {
            priority: priority(text("level")),
            message: text("message").to_owned(),
            fields: vec![
                ("SYSLOG_IDENTIFIER".to_owned(), "postern".to_owned()),
                ("TARGET".to_owned(), text("target").to_owned()),
            ],
        };
        for (name, value) in &event {
            entry.add(name, value);
        }
        entry
    }

    fn plain(line: &str) -> Self {
        Self {
            priority: Priority::Warning,
            message: line.to_owned(),
            fields: vec![("SYSLOG_IDENTIFIER".to_owned(), "postern".to_owned())],
        }
    }

    fn add(&mut self, name: &str, value: &Value) {
        match value {
            _ if KNOWN.contains(&name) => {}
            // The innermost span is among all of them.
            _ if name == "span" => {}
            Value::Array(spans) if name == "spans" => {
                let fields = spans.iter().filter_map(Value::as_object).flatten();
                for (name, value) in fields.filter(|(name, _)| *name != "name") {
                    self.add(name, value);
                }
            }
            Value::String(text) => self.add_text(name, text),
            other => self.add_text(name, &other.to_string()),
        }
    }

    fn add_text(&mut self, name: &str, text: &str) {
        // Writing to a string does not fail.
        let _ = write!(self.message, " {name}=");
        let _ = Word(text).write_to(&mut self.message);
        self.fields.push((field_name(name), text.to_owned()));
    }
}

/// A name of the journal: capital letters, digits and underscores.
fn field_name(name: &str) -> String {
    let fits = |it: char| {
        if it.is_ascii_alphanumeric() {
            it.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(fits).collect();
    format!("POSTERN_{name}")
}

fn priority(level: &str) -> Priority {
    match level {
        "ERROR" => Priority::Error,
        "WARN" => Priority::Warning,
        "INFO" => Priority::Info,
        _ => Priority::Debug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_an_event_and_of_its_spans_are_fields_of_the_journal() {
        let line = r#"{"timestamp":"2026-01-01T00:00:00Z","level":"WARN","message":"MAIL refused",
            "reverse_path":"<a b@x.example>","size":7,"target":"postern_inbound",
            "span":{"session":"A1","name":"session"},"spans":[{"session":"A1","name":"session"}]}"#;
        let entry = Entry::of(line);
        assert_eq!(priority("WARN") as u8, entry.priority as u8);
        assert_eq!(
            entry.message,
            r#"MAIL refused reverse_path="<a b@x.example>" size=7 session=A1"#
        );
        let fields: Vec<_> = entry
            .fields
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(
            fields,
            [
                "SYSLOG_IDENTIFIER=postern",
                "TARGET=postern_inbound",
                "POSTERN_REVERSE_PATH=<a b@x.example>",
                "POSTERN_SIZE=7",
                "POSTERN_SESSION=A1",
            ]
        );
    }

    #[test]
    fn a_line_that_is_no_event_is_told_as_it_is() {
        let entry = Entry::of("3 lines of the log were dropped: nobody read them");
        assert_eq!(
            entry.message,
            "3 lines of the log were dropped: nobody read them"
        );
    }
}
