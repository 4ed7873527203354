//! Processes as `/proc` tells of them (proc(5)).

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use postern_tests::process::read_lossy;
use rustix::process::Pid;

/// What `/proc/PID/stat` says.
struct Process {
    id: i32,
    parent: i32,
    /// Its processor time and that of its children that have ended.
    ticks: u64,
}

impl Process {
    fn read(directory: &Path) -> Option<Self> {
        let stat = read_lossy(&directory.join("stat"));
        // The name in parentheses may hold anything; behind it come the state, the parent, and as
        // the 14th to 17th field of all the times.
        let (_, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        Some(Self {
            id: stat.split(' ').next()?.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            ticks: fields
                .get(11..15)?
                .iter()
                .filter_map(|it| it.parse::<u64>().ok())
                .sum(),
        })
    }
}

/// `roots` and what descends from them.
fn tree(roots: &[Pid]) -> Vec<Process> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    let mut found = Vec::new();
    for process in processes.filter_map(|entry| Process::read(&entry.path())) {
        if roots
            .iter()
            .any(|root| root.as_raw_nonzero().get() == process.id)
        {
            found.push(process);
        } else {
            children.entry(process.parent).or_default().push(process);
        }
    }
    let mut next = 0;
    while let Some(process) = found.get(next) {
        let below = children.remove(&process.id).unwrap_or_default();
        found.extend(below);
        next += 1;
    }
    found
}

pub(super) fn members(roots: &[Pid]) -> Vec<i32> {
    tree(roots).into_iter().map(|process| process.id).collect()
}

pub(super) fn processor_time(roots: &[Pid]) -> Duration {
    time(tree(roots).iter().map(|process| process.ticks).sum())
}

pub(super) fn own_processor_time() -> Duration {
    time(Process::read(Path::new("/proc/self")).map_or(0, |process| process.ticks))
}

fn time(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Proportional set sizes; where the system does not tell them, resident ones.
pub(super) fn memory(roots: &[Pid]) -> u64 {
    let of = |process: Process| {
        let directory = Path::new("/proc").join(process.id.to_string());
        let proportional = kibibytes(&directory.join("smaps_rollup"), "Pss:");
        proportional.or_else(|| kibibytes(&directory.join("status"), "VmRSS:"))
    };
    tree(roots).into_iter().filter_map(of).sum::<u64>() * 1024
}

fn kibibytes(file: &Path, field: &str) -> Option<u64> {
    let text = read_lossy(file);
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
