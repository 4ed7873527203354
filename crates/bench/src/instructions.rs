//! Instructions that a message takes: the figure that other load on the machine does not move, and
//! by which a change is judged.
//!
//! Postern runs under callgrind, which counts every instruction of the program outside of the kernel.
//! It does so twice, with few messages and with more; what the second run took more, divided by how
//! many more messages there were, is the figure. Start, end and whatever happens once cancel out.

use std::path::{Path, PathBuf};

use postern_tests::fault::Fault;
use postern_tests::home::Home;
use postern_tests::process::read_lossy;

use crate::run::Bench;
use crate::subject::Subject;
use crate::workload::Workload;

/// Messages of the first run for each connection, and of the second.
const FEW: usize = 4;
const MORE: usize = 16;

/// Instructions for a message of `workload`, which `subject` must be able to do under another
/// program.
pub fn for_a_message(workload: Workload, subject: &dyn Subject) -> Result<f64, Fault> {
    let valgrind = find("valgrind")?;
    // Fewer connections do: what is compared is one message with another.
    let connections = workload.connections.min(8);
    let count = |each: usize| {
        let workload = Workload {
            connections,
            messages: connections * each,
            ..workload
        };
        total(workload, subject, &valgrind)
    };
    let (few, more) = (count(FEW)?, count(MORE)?);
    let messages = connections * (MORE - FEW);
    Ok((more - few) / messages as f64)
}

/// Instructions of the whole life of the subject.
fn total(workload: Workload, subject: &dyn Subject, valgrind: &Path) -> Result<f64, Fault> {
    let home = Home::new("callgrind")?;
    let file = home.path().join("callgrind.out");
    let wrapper = vec![
        valgrind.display().to_string(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", file.display()),
        "--quiet".to_owned(),
    ];
    let bench = Bench::prepare(workload, subject, wrapper)?;
    // The same warming up for both runs, of one message a connection.
    bench.warm_up()?;
    bench.put_through_all()?;
    bench.end();
    let text = read_lossy(&file);
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let count = totals.and_then(|it| it.trim().parse::<f64>().ok());
    count.ok_or_else(|| Fault::Unexpected(format!("{}: no totals", file.display())))
}

fn find(program: &str) -> Result<PathBuf, Fault> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Fault::Unexpected(format!("{program} is not there: install {program}")))
}
