//! What is printed: text and tables for people, JSON for programs.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
};

use postern_mail::Foreign;
use serde::Serialize;

use crate::failure::Failure;

/// Prints text on standard output.
pub(crate) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Failure::new("standard output", &error)),
    }
}

/// Prints a value as JSON on standard output.
pub(crate) fn print_json(value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value);
    let json = json.map_err(|error| Failure::new("JSON", &error))?;
    print(format_args!("{json}\n"))
}

/// A table with a head. What is in its cells may be foreign: it stays on its line.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    head: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(head: [&'static str; N]) -> Self {
        let rows = Vec::new();
        Self { head, rows }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows
            .push(cells.map(|cell| Foreign::new(&cell).to_string()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn widths(&self) -> [usize; N] {
        let mut widths = self.head.map(str::len);
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        widths
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let head = self.head.map(str::to_owned);
        for row in [&head].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                write!(line, "{cell:<width$}  ")?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Values joined with commas, or `none` in their place.
pub(crate) fn list<T: ToString>(values: impl IntoIterator<Item = T>, none: &str) -> String {
    let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    if values.is_empty() {
        none.to_owned()
    } else {
        values.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_each_row_stays_on_its_line() {
        let mut table = Table::new(["ID", "WHY"]);
        assert!(table.is_empty());
        table.row(["long one".to_owned(), "a\r\nb\u{1b}[2J".to_owned()]);
        table.row(["x".to_owned(), String::new()]);
        assert_eq!(
            table.to_string(),
            "ID        WHY\nlong one  a\\r\\nb\\u{1b}[2J\nx\n"
        );
    }
}
