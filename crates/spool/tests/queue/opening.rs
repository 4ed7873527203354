//! Starts that find something else than a sound queue or a damaged one: files that the system cannot
//! read, a store that was never finished, the store of a later version.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use postern_spool::{LocalSpool, OpenError, Settings, Spool};

use crate::common::{copy_all, open, settings, submission};

/// A queue of one message, in the journal.
#[tokio::main(flavor = "current_thread")]
async fn queue() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let submission = submission(&["a@x.example"], "content\r\n");
    spool.accept(submission).await.unwrap();
    directory
}

/// The files below a directory with what is in them, but not who has the queue.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("lock") {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
    found
}

fn message(error: &OpenError) -> String {
    let source = std::error::Error::source(error);
    format!(
        "{error}: {}",
        source.map(ToString::to_string).unwrap_or_default()
    )
}

/// In the place of a file that the disk cannot read stands one that leads nowhere: the system answers
/// with an error that is not about what is in it.
#[test]
fn a_file_that_cannot_be_read_fails_the_start_and_changes_nothing() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v3");
    let mut failed = 0;
    for file in files(&fixture).into_keys() {
        let file = file.strip_prefix(&fixture).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("queue");
        copy_all(&fixture, &root);
        for empty in ["incoming", "quarantine"] {
            fs::create_dir(root.join(empty)).unwrap();
        }
        let path = root.join(file);
        let sound = directory.path().join("sound");
        fs::rename(&path, &sound).unwrap();
        symlink(&path, &path).unwrap();
        let before = files(&root);
        match LocalSpool::open(&settings(&root)) {
            // Content is read when it is delivered, and a list that has been replaced never.
            Ok(opened) => assert_eq!(opened.quarantined, [], "{}", path.display()),
            Err(error) => {
                let said = message(&error);
                let path = path.display().to_string();
                assert!(
                    said.contains("os error 40") && said.contains(&path),
                    "{said}"
                );
                assert!(files(&root) == before, "{path}");
                fs::rename(&sound, &path).unwrap();
                assert_eq!(open(&root).figures().messages, 2, "{path}");
                failed += 1;
            }
        }
    }
    // Both seeds, the mark, the journal, the lists of three keyspaces and their names, two tables.
    assert_eq!(failed, 12);
}

/// What the engine leaves behind when it is killed while it makes its store.
#[test]
fn a_store_that_was_never_finished_is_begun_anew() {
    for mark in [None, Some(""), Some("F"), Some("FJL")] {
        for journal in [None, Some(0), Some(5000)] {
            let directory = tempfile::tempdir().unwrap();
            drop(open(directory.path()));
            let store = directory.path().join("store");
            fs::remove_dir_all(&store).unwrap();
            fs::create_dir_all(store.join("keyspaces")).unwrap();
            fs::write(store.join("lock"), "").unwrap();
            if let Some(length) = journal {
                fs::write(store.join("0.jnl"), vec![0; length]).unwrap();
            }
            if let Some(mark) = mark {
                fs::write(store.join("version"), mark).unwrap();
            }
            open(directory.path());
            let quarantine = fs::read_dir(directory.path().join("quarantine"));
            assert_eq!(quarantine.unwrap().count(), 0, "{mark:?}, {journal:?}");
        }
    }
}

/// A mark that was lost later is damage: here a message was acknowledged.
#[test]
fn a_store_that_lost_its_mark_is_damaged() {
    for tables in [true, false] {
        let directory = queue();
        let store = directory.path().join("store");
        fs::remove_file(store.join("version")).unwrap();
        if !tables {
            fs::remove_dir_all(store.join("keyspaces")).unwrap();
        }
        let opened = LocalSpool::open(&settings(directory.path())).unwrap();
        assert_eq!(opened.quarantined.len(), 1);
        assert_eq!(opened.spool.figures().messages, 1);
    }
}

#[test]
fn the_store_of_a_later_version_is_not_touched() {
    let directory = queue();
    let mark = directory.path().join("store/version");
    fs::write(&mark, b"FJL\x04").unwrap();
    let before = files(directory.path());
    let error = LocalSpool::open(&Settings::at(directory.path())).unwrap_err();
    assert!(matches!(error, OpenError::Later { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.contains("says version 4, and this one knows version 3")
            && said.contains("start that version")
            && said.contains(mark.to_str().unwrap()),
        "{said}"
    );
    assert!(files(directory.path()) == before);
    fs::write(&mark, b"FJL\x03").unwrap();
    assert_eq!(open(directory.path()).figures().messages, 1);
}
