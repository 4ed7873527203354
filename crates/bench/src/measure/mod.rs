//! What a subject uses of the machine: processor time and memory of all its processes.
//!
//! Mail systems fork. Processor time is read from a control group of the subject's own where the
//! system has them and lets us make one (cpuacct of version 1, else version 2), because it misses no
//! child however short its life was, and counts nanoseconds. Elsewhere it is the sum over the tree of
//! processes in `/proc`, with what ended children had used. Memory is the proportional set size
//! (PSS), in which pages shared by several processes count once; it is looked at again and again, as
//! seldom as keeps the looking cheap.

mod group;
mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use group::Group;

/// Watches the processes of a subject.
#[derive(Debug)]
pub struct Meter {
    roots: Vec<Pid>,
    group: Option<Group>,
}

impl Meter {
    /// Watches `roots` and all that descend from them.
    pub fn of(roots: Vec<Pid>) -> Self {
        let group = Group::holding(|| tree::members(&roots));
        Self { roots, group }
    }

    /// Processor time of all together, since a moment that stays the same: only differences mean
    /// something.
    pub fn processor_time(&self) -> Duration {
        let of_group = self.group.as_ref().and_then(Group::processor_time);
        of_group.unwrap_or_else(|| tree::processor_time(&self.roots))
    }

    /// Octets of memory that they have together.
    pub fn memory(&self) -> u64 {
        tree::memory(&self.roots)
    }

    /// Waits until the subject has as good as nothing to do any more, at most for some seconds: what
    /// it has yet to tidy up belongs to its work.
    pub fn settle(&self) {
        const LIMIT: Duration = Duration::from_secs(10);
        const LOOK: Duration = Duration::from_millis(200);
        let begun = Instant::now();
        let mut before = self.processor_time();
        while begun.elapsed() < LIMIT {
            thread::sleep(LOOK);
            let now = self.processor_time();
            if now.saturating_sub(before) < LOOK / 50 {
                return;
            }
            before = now;
        }
    }

    /// Begins to look for the most memory they have.
    pub fn watch_memory(&self) -> MemoryWatch {
        let (peak, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let roots = self.roots.clone();
        let shared = (Arc::clone(&peak), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let (peak, stop) = shared;
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                peak.fetch_max(tree::memory(&roots), Ordering::Relaxed);
                thread::park_timeout(PAUSE.max(begun.elapsed() * RARITY));
            }
            peak.fetch_max(tree::memory(&roots), Ordering::Relaxed);
        });
        MemoryWatch {
            peak,
            stop,
            thread: Some(thread),
        }
    }
}

/// The least time between two looks at memory, and how many times longer than a look it is.
const PAUSE: Duration = Duration::from_millis(100);
const RARITY: u32 = 50;

/// Looks for the most memory until it is asked.
#[derive(Debug)]
pub struct MemoryWatch {
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryWatch {
    /// The most that was seen, in octets.
    pub fn peak(mut self) -> u64 {
        self.end();
        self.peak.load(Ordering::Relaxed)
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has nothing that could panic; and if so, the figure is what was seen till then.
            let _ = thread.join();
        }
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.end();
    }
}

/// Processor time of this process: generator and sink together.
pub fn own_processor_time() -> Duration {
    tree::own_processor_time()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_that_have_ended_are_counted() {
        // A shell that, once told to, has a child count for a while, tells that it is over, and stays.
        let script = "read go; (i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done); \
                      echo over; exec sleep 60";
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let meter = Meter::of(vec![Pid::from_child(&child)]);
        let before = meter.processor_time();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"go\n").unwrap();
        let mut over = [0; 5];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut over).unwrap();
        let used = meter.processor_time() - before;
        assert!(used > Duration::from_millis(20), "{used:?}");
        assert!(meter.memory() > 50_000, "{}", meter.memory());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_most_memory_is_what_is_told() {
        let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let meter = Meter::of(vec![Pid::from_child(&child)]);
        let watch = meter.watch_memory();
        assert!(watch.peak() > 50_000);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
