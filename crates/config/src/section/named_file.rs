//! Files that a section names: whether they are there, and protected.

use std::path::PathBuf;

use crate::{
    file::{self, Secrecy},
    schema::{Located, Notes, Reported},
};

/// The path of a file that is there and protected as `secrecy` asks.
pub(super) fn protected(
    notes: &Notes<'_>,
    written: &Located<PathBuf>,
    secrecy: Secrecy,
) -> Result<PathBuf, Reported> {
    let path = notes.resolve(&written.value);
    match file::check(&path, secrecy) {
        Ok(()) => Ok(path),
        Err(fault) => {
            let wrong = format!("{} {fault}", path.display());
            Err(notes.error(&written.spot, wrong, fault.right()))
        }
    }
}
