//! Users and groups of the system: every mail system insists on its own.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::fault::Fault;

/// A user's numbers.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// The user's.
    pub uid: u32,
    /// The user's first group's.
    pub gid: u32,
}

impl User {
    /// Looks `name` up in `/etc/passwd`.
    pub fn named(name: &str) -> Result<Self, Fault> {
        let fields = entry("/etc/passwd", name)?;
        match (number(&fields, 2), number(&fields, 3)) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid }),
            _ => Err(Fault::Unexpected(format!(
                "/etc/passwd: {name} has no numbers"
            ))),
        }
    }

    /// Gives `path` to this user.
    pub fn own(self, path: &Path) -> Result<(), Fault> {
        chown(path, Some(self.uid), Some(self.gid)).map_err(Fault::at(path))
    }
}

/// The number of a group in `/etc/group`.
pub fn group(name: &str) -> Result<u32, Fault> {
    let fields = entry("/etc/group", name)?;
    number(&fields, 2).ok_or_else(|| Fault::Unexpected(format!("/etc/group: {name} has no number")))
}

/// Whether `/etc/passwd` has `name`.
pub fn exists(name: &str) -> bool {
    User::named(name).is_ok()
}

fn entry(file: &str, name: &str) -> Result<Vec<String>, Fault> {
    let text = fs::read_to_string(file).map_err(Fault::doing(file))?;
    text.lines()
        .map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>())
        .find(|fields| fields.first().is_some_and(|first| first == name))
        .ok_or_else(|| Fault::Unexpected(format!("{file}: no entry {name}")))
}

fn number(fields: &[String], place: usize) -> Option<u32> {
    fields.get(place)?.parse().ok()
}
