//! Whether the queue can be kept where it is to be kept. Nothing is made or changed by looking.

use std::path::Path;

use rustix::{
    fs::{Access, access},
    io::Errno,
};

/// Why the queue cannot be kept there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// This user cannot write there. The daemon may run as another one.
    ForThisUser(String),
    /// Nobody can.
    ForAnybody(String),
}

/// Looks at the directory, or where it is missing, at the one above that there is: the daemon
/// makes what is missing below.
pub(super) fn look(path: &Path) -> Option<Unfit> {
    let exists = |it: &&Path| it.symlink_metadata().is_ok();
    let absolute = std::path::absolute(path).ok()?;
    let there = absolute.ancestors().find(exists)?;
    let shown = there.display();
    if !there.is_dir() {
        let why = format!("{shown} is not a folder");
        return Some(Unfit::ForAnybody(why));
    }
    match access(there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => None,
        Err(Errno::ROFS) => {
            let why = format!("{shown} is on a file system that cannot be written");
            Some(Unfit::ForAnybody(why))
        }
        Err(error) => {
            let why = format!("this user may not write in {shown} ({error})");
            Some(Unfit::ForThisUser(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_that_is_missing_can_be_made() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(look(home.path()), None);
        assert_eq!(look(&home.path().join("a/b/c")), None);
        assert!(!home.path().join("a").exists());
    }

    #[test]
    fn a_file_is_no_directory() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("queue");
        fs::write(&file, "").unwrap();
        let expected = Unfit::ForAnybody(format!("{} is not a folder", file.display()));
        assert_eq!(look(&file.join("below")), Some(expected));
    }
}
