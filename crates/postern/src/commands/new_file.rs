//! Files that are written once: a key that is gone cannot be made again.

use std::{
    fs::{File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use crate::failure::Failure;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner alone.
    Owner,
    /// Whoever the umask lets.
    Anybody,
}

/// Writes a file that is not there yet. It appears whole, under its name and on disk, or not at
/// all; in between it stands beside its place, with the same rights.
pub(super) fn write(path: &Path, text: &str, readers: Readers) -> Result<(), Failure> {
    let blame = |error: &io::Error| Failure::new(path.display(), error);
    refuse_existing(path)?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    };
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Anybody => 0o644,
    };
    let mut file = tempfile::Builder::new()
        .prefix(".postern-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
        .map_err(|error| blame(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| blame(&error))?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(in_the_way(path));
        }
        Err(failed) => return Err(blame(&failed.error)),
    }
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| blame(&error))
}

/// Refuses early what would be refused anyway, before a key is made for nothing.
pub(super) fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Err(in_the_way(path)),
        Err(_) => Ok(()),
    }
}

fn in_the_way(path: &Path) -> Failure {
    Failure::plain(format_args!(
        "{} is there already, and is left as it is",
        path.display()
    ))
}

/// Whether standard output is meant.
pub(super) fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.key");
        write(&path, "secret\n", Readers::Owner).unwrap();
        let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600);
        let again = write(&path, "other\n", Readers::Owner).unwrap_err();
        assert!(
            again
                .text()
                .ends_with("is there already, and is left as it is")
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "secret\n");
        let nowhere = directory.path().join("none/a.key");
        assert!(write(&nowhere, "x", Readers::Owner).is_err());
        let left: Vec<_> = directory.path().read_dir().unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_in_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.key");
        let target = directory.path().join("elsewhere");
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(write(&path, "secret\n", Readers::Owner).is_err());
        assert!(!target.exists());
    }
}
