//! Daemons as child processes that leave nothing behind.
//!
//! Every daemon gets a process group of its own. Mail systems fork: stopping the one process we know
//! would leave its children on their ports. Postfix's master even signals its whole group when it
//! ends, which would be the test's own group.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::fault::Fault;
use crate::wait;

/// How long a daemon may take to end when asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A running daemon with all its children; stopped when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    id: Pid,
    output: PathBuf,
}

impl Daemon {
    /// Starts `command` with both outputs going to the file `output`, its standard input empty.
    pub fn spawn(command: &mut Command, output: PathBuf) -> Result<Self, Fault> {
        let file = File::create(&output).map_err(Fault::at(&output))?;
        let copy = file.try_clone().map_err(Fault::at(&output))?;
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        Self::spawn_with_own_output(command, output)
    }

    /// Starts `command`, whose outputs are arranged for already; `output` is the file that tells
    /// what went wrong.
    pub fn spawn_with_own_output(command: &mut Command, output: PathBuf) -> Result<Self, Fault> {
        use std::os::unix::process::CommandExt;
        let program = PathBuf::from(command.get_program());
        let child = command
            .process_group(0)
            .spawn()
            .map_err(Fault::at(&program))?;
        let id = Pid::from_child(&child);
        Ok(Self { child, id, output })
    }

    /// The first process.
    pub fn id(&self) -> Pid {
        self.id
    }

    /// What the daemon wrote so far.
    pub fn output(&self) -> String {
        read_lossy(&self.output)
    }

    /// A fault when the daemon is no longer there.
    pub fn check_running(&mut self) -> Result<(), Fault> {
        match self.exit_status()? {
            None => Ok(()),
            Some(status) => Err(Fault::Unexpected(format!(
                "daemon ended early with {status}:\n{}",
                wait::tail(&self.output())
            ))),
        }
    }

    /// Sends `signal` to the first process alone.
    pub fn signal(&self, signal: Signal) -> Result<(), Fault> {
        kill_process(self.id, signal).map_err(|error| Fault::doing("signal")(error.into()))
    }

    /// Waits for the first process to end by itself.
    pub fn wait_for_end(&mut self, limit: Duration) -> Result<ExitStatus, Fault> {
        let output = self.output.clone();
        wait::until(
            "the daemon's end",
            limit,
            || self.exit_status(),
            || read_lossy(&output),
        )
    }

    /// Seconds of processor time that the whole group has used so far, ended children included.
    pub fn cpu_seconds(&self) -> Result<f64, Fault> {
        let group = self.id.as_raw_nonzero().get();
        let ticks: u64 = members(group).map(|member| member.ticks).sum();
        Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// How the first process ended, if it has.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>, Fault> {
        self.child
            .try_wait()
            .map_err(Fault::doing("wait for a child"))
    }

    /// Asks the whole group to end, and kills what is left.
    fn stop(&mut self) {
        if self.wait_until_gone(Duration::ZERO).is_ok() {
            // The number of a group that is gone may already be another's.
            return;
        }
        // Failure to signal means that nobody is left; both waits are bounded.
        let _ = kill_process_group(self.id, Signal::TERM);
        if self.wait_until_gone(GRACE).is_err() {
            let _ = kill_process_group(self.id, Signal::KILL);
            let _ = self.wait_until_gone(GRACE);
        }
    }

    fn wait_until_gone(&mut self, limit: Duration) -> Result<(), Fault> {
        let group = self.id.as_raw_nonzero().get();
        let look = || Ok((self.exit_status()?.is_some() && !group_lives(group)).then_some(()));
        wait::until("the end of all processes", limit, look, String::new)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a process of `group` is still at work. Those that ended and wait for a distant parent to
/// notice (state `Z`) do not count: in a container nobody may ever notice.
fn group_lives(group: i32) -> bool {
    members(group).any(|member| member.state != "Z")
}

/// What `/proc/PID/stat` says of a process.
struct Member {
    state: String,
    /// Its processor time and that of its children that have ended.
    ticks: u64,
}

/// The processes of `group`.
fn members(group: i32) -> impl Iterator<Item = Member> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(move |process| {
        let stat = read_lossy(&process.path().join("stat"));
        // The name in parentheses may hold anything; what follows it is plain, from the third field
        // on: state, parent, group, and as the 14th to 17th the times.
        let (_, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let (state, own) = (fields.first()?, fields.get(2)?);
        let times = fields.get(11..15)?;
        (own.parse() == Ok(group)).then(|| Member {
            state: (*state).to_owned(),
            ticks: times.iter().filter_map(|it| it.parse::<u64>().ok()).sum(),
        })
    })
}

/// A file's text as far as it is there; logs are read while they are written.
pub fn read_lossy(path: &Path) -> String {
    fs::read(path)
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .unwrap_or_default()
}
