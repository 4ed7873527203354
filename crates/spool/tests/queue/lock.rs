//! One queue, one process.

use postern_spool::{LocalSpool, OpenError};

use crate::common::{open, settings};

#[test]
fn a_second_user_of_the_queue_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let Err(OpenError::Locked { path, pid }) = LocalSpool::open(&settings(directory.path())) else {
        panic!("the queue is in use");
    };
    assert_eq!(path, directory.path());
    assert_eq!(pid, Some(std::process::id()));
    drop(first);
    open(directory.path());
}
