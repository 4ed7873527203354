//! `[spool]`: where accepted mail is kept.

use std::path::PathBuf;

use crate::{
    schema::{Key, Occurs, Reported, Section, Shown, Table},
    value::{ByteSize, FILE, SIZE},
};

/// Where accepted mail is kept until it is handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spool {
    /// The folder of the queue.
    pub path: PathBuf,
    /// How much of the file system stays free; below it mail is refused for now.
    pub reserve: ByteSize,
}

static PATH: Key<PathBuf> = Key::defaulted(
    "path",
    &FILE,
    r#""/var/lib/postern""#,
    "The folder of the queue. It is made when it does not exist, belongs to one running Postern \
     at a time, and must lie on a local file system that keeps what it has synced.",
)
.shown(Shown::Live(r#""/var/lib/postern""#));

static RESERVE: Key<ByteSize> = Key::defaulted(
    "reserve",
    &SIZE,
    r#""64MiB""#,
    "How much of the file system stays free. When less is left, new mail is answered 452 and \
     stays with its sender, while what is queued can still be delivered.",
);

pub(crate) static SPOOL: Section = Section {
    name: "spool",
    occurs: Occurs::Once,
    doc: "Where accepted mail is kept until it is handed on.",
    keys: &[&PATH.entry, &RESERVE.entry],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Result<Spool, Reported> {
    let path = table.one(&PATH);
    let reserve = table.one(&RESERVE)?.value;
    let notes = table.notes();
    let path = path?;
    let resolved = notes.resolve(&path.value);
    if resolved.exists() && !resolved.is_dir() {
        let wrong = format!("{} is not a folder", resolved.display());
        return Err(notes.error(&path.spot, wrong, "give the path of a folder"));
    }
    Ok(Spool {
        path: resolved,
        reserve,
    })
}
