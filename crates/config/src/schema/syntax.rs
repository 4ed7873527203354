//! From text to TOML's document, with the faults of syntax noted.

use std::collections::BTreeSet;

use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};

use super::{Notes, Reported, Spot};

/// How toml says that a key or a table is given twice.
const DUPLICATE: &str = "duplicate key";

/// The document that the text holds.
///
/// A key that is given twice is noted and the document returned all the same, so that its other
/// problems are told as well. After a fault of syntax no such thing is safe to say, since the
/// rest may have been read as something else; then only the faults of syntax are told.
pub(crate) fn document<'a>(notes: &Notes<'a>) -> Result<DeTable<'a>, Reported> {
    let (document, errors) = DeTable::parse_recoverable(notes.text());
    let document = document.into_inner();
    let (duplicates, faults): (Vec<_>, Vec<_>) = errors
        .iter()
        .partition(|error| error.message() == DUPLICATE);
    if faults.is_empty() {
        for duplicate in duplicates {
            note_duplicate(notes, &document, duplicate);
        }
        return Ok(document);
    }
    // One slip of the pen makes several faults, and the first on a line is the telling one.
    let mut lines = BTreeSet::new();
    for fault in faults {
        let offset = fault.span().map_or(0, |span| span.start);
        if lines.insert(notes.position(offset).line) {
            let key = String::new();
            let right = fault.message();
            notes.error(&Spot { key, offset }, "this is not TOML", right);
        }
    }
    Err(Reported)
}

fn note_duplicate(notes: &Notes<'_>, document: &DeTable<'_>, error: &Error) {
    let span = error.span().unwrap_or_default();
    let written = notes.text().get(span.clone()).unwrap_or_default();
    let offset = span.start;
    let key = holder(document, written, offset, "")
        .map(|(_, path)| path)
        .unwrap_or_else(|| written.to_owned());
    notes.error(
        &Spot { key, offset },
        "is given twice",
        "keep one of the two",
    );
}

/// The path of key `name` in the last table that begins before `offset` and holds it: what the
/// duplicate at `offset` is a duplicate of.
fn holder(table: &DeTable<'_>, name: &str, offset: usize, path: &str) -> Option<(usize, String)> {
    let own = table.contains_key(name).then(|| (0, join(path, name)));
    let below = table.iter().flat_map(|(key, value)| {
        let path = join(path, key.get_ref());
        tables(value).filter_map(move |(start, inner)| {
            let (within, found) = holder(inner, name, offset, &path)?;
            (start <= offset).then_some((start.max(within), found))
        })
    });
    own.into_iter().chain(below).max_by_key(|(start, _)| *start)
}

/// The tables that a value is or lists, with where they begin.
fn tables<'a, 't>(
    value: &'a Spanned<DeValue<'t>>,
) -> impl Iterator<Item = (usize, &'a DeTable<'t>)> {
    let items = match value.get_ref() {
        DeValue::Array(items) => items.as_ref(),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => std::slice::from_ref(value),
    };
    items
        .iter()
        .filter_map(|item| Some((item.span().start, item.get_ref().as_table()?)))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
