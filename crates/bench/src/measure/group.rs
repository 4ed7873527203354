//! A control group for the processes of one subject.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postern_tests::process::read_lossy;

/// A group of our own; its members go back to the group above, and it is removed, when dropped.
#[derive(Debug)]
pub(super) struct Group {
    directory: PathBuf,
}

/// Where groups are made: the accounts of version 1, or version 2.
const PLACES: [&str; 2] = ["/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"];

/// The list of a group's processes, which others are moved to by writing their numbers to it.
const MEMBERS: &str = "cgroup.procs";

static MADE: AtomicU32 = AtomicU32::new(0);

impl Group {
    /// A group of the processes that `members` tells, with all that they will start; nothing where
    /// there are no groups, or they are not ours to make.
    pub(super) fn holding(members: impl Fn() -> Vec<i32>) -> Option<Self> {
        PLACES
            .iter()
            .find_map(|place| Self::at(Path::new(place), &members))
    }

    fn at(place: &Path, members: impl Fn() -> Vec<i32>) -> Option<Self> {
        // Only groups have such a list; elsewhere a directory would be made for nothing.
        place.join(MEMBERS).exists().then_some(())?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("postern-bench-{}-{number}", process::id());
        let directory = place.join(name);
        fs::create_dir(&directory).ok()?;
        let group = Self { directory };
        // A process may start another while it is moved: the second time that one is found.
        for _ in 0..2 {
            for member in members() {
                fs::write(group.directory.join(MEMBERS), member.to_string()).ok()?;
            }
        }
        group.processor_time().map(|_| group)
    }

    pub(super) fn processor_time(&self) -> Option<Duration> {
        if let Ok(usage) = fs::read_to_string(self.directory.join("cpuacct.usage")) {
            return usage.trim().parse().ok().map(Duration::from_nanos);
        }
        let stat = read_lossy(&self.directory.join("cpu.stat"));
        let usage = stat
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "))?;
        usage.trim().parse().ok().map(Duration::from_micros)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Who is no longer there need not be moved; a group that stays is empty and in nobody's way.
        let above = self.directory.with_file_name(MEMBERS);
        for member in read_lossy(&self.directory.join(MEMBERS)).lines() {
            let _ = fs::write(&above, member);
        }
        let _ = fs::remove_dir(&self.directory);
    }
}
