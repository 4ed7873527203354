//! Postern itself: built once, run as a daemon, killed, restarted.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde::Deserialize;

use crate::certificates::Credentials;
use crate::fault::Fault;
use crate::home::Home;
use crate::process::{Daemon, read_lossy};
use crate::programs::{self, Program};
use crate::wait::{self, PATIENCE};

/// What Postern needs to run: a directory for its files, and the configuration in it.
///
/// It outlives the daemon, so that another one can be started on the same spool.
#[derive(Debug)]
pub struct Installation {
    home: Home,
    executable: PathBuf,
}

impl Installation {
    /// Builds the program if need be, and makes an empty directory.
    pub fn new() -> Result<Self, Fault> {
        Self::of(executable()?)
    }

    fn of(executable: PathBuf) -> Result<Self, Fault> {
        Ok(Self {
            executable,
            home: Home::new("postern")?,
        })
    }

    /// The directory, to name in the configuration: `spool.path` and so on.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// Writes the configuration file, `postern.toml`.
    pub fn configure(&self, text: &str) -> Result<(), Fault> {
        self.home.write("postern.toml", text).map(drop)
    }

    /// Copies a certificate and its key to `NAME.pem` and `NAME.key`, over what is there.
    pub fn keep(&self, name: &str, credentials: &Credentials) -> Result<(PathBuf, PathBuf), Fault> {
        let place = |extension: &str| self.path().join(name).with_extension(extension);
        let (chain, key) = (place("pem"), place("key"));
        for (from, to) in [(&credentials.chain, &chain), (&credentials.key, &key)] {
            // The mode of a key is copied as well: nobody else may read it.
            fs::copy(from, to).map_err(Fault::at(to))?;
        }
        Ok((chain, key))
    }

    /// What stands in the configuration file.
    pub fn configuration(&self) -> Result<String, Fault> {
        let path = self.configuration_file();
        fs::read_to_string(&path).map_err(Fault::at(&path))
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub fn serve(&self) -> Result<Postern, Fault> {
        self.start(|_| Ok(()))
    }

    /// The same under another program, such as `["valgrind", "--tool=callgrind"]`; under none where
    /// there are no words.
    pub fn serve_under(&self, wrapper: &[String]) -> Result<Postern, Fault> {
        let Some((program, arguments)) = wrapper.split_first() else {
            return self.serve();
        };
        self.start(|command| {
            let mut wrapped = Command::new(program);
            wrapped.current_dir(self.home.path()).args(arguments);
            wrapped.arg(command.get_program()).args(command.get_args());
            *command = wrapped;
            Ok(())
        })
    }

    /// The same on another day, such as `-1d` or `+30d`, counted from now.
    pub fn serve_on_day(&self, day: &str) -> Result<Postern, Fault> {
        self.start(|command| {
            command.env("LD_PRELOAD", Program::Faketime.find()?);
            command.env("FAKETIME", day);
            // Deadlines go on as ever.
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            Ok(())
        })
    }

    /// Leaves the directory where it is, for somebody to look at, and says where.
    pub fn abandon(self) -> PathBuf {
        self.home.keep()
    }

    fn start(
        &self,
        prepare: impl FnOnce(&mut Command) -> Result<(), Fault>,
    ) -> Result<Postern, Fault> {
        let mut postern = self.begin(prepare)?;
        postern.wait_until_ready()?;
        Ok(postern)
    }

    /// Starts the daemon, changed by `prepare`, and does not wait until it is ready.
    pub fn begin(
        &self,
        prepare: impl FnOnce(&mut Command) -> Result<(), Fault>,
    ) -> Result<Postern, Fault> {
        let out = self.home.path().join("stdout");
        let err = self.home.path().join("stderr");
        let mut command = self.command(&["serve"]);
        prepare(&mut command)?;
        command.stdin(std::process::Stdio::null());
        command.stdout(File::create(&out).map_err(Fault::at(&out))?);
        command.stderr(File::create(&err).map_err(Fault::at(&err))?);
        let daemon = Daemon::spawn_with_own_output(&mut command, err.clone())?;
        Ok(Postern { daemon, out, err })
    }

    /// Runs another subcommand to its end, such as `["queue", "list", "--json"]`.
    pub fn run(&self, arguments: &[&str]) -> Result<Output, Fault> {
        let mut command = programs::bounded(&self.executable);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.configuration_file());
        programs::run_anyhow(&mut command)
    }

    /// Runs a subcommand that prints JSON.
    pub fn json<T: for<'a> Deserialize<'a>>(&self, arguments: &[&str]) -> Result<T, Fault> {
        let output = self.run(arguments)?;
        let unexpected = |why: String| {
            let said = programs::both(&output);
            Fault::Unexpected(format!("{arguments:?}: {why}:\n{said}"))
        };
        if !output.status.success() {
            return Err(unexpected(output.status.to_string()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| unexpected(error.to_string()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command.current_dir(self.home.path());
        command
            .args(arguments)
            .arg("--config")
            .arg(self.configuration_file());
        command
    }

    fn configuration_file(&self) -> PathBuf {
        self.home.path().join("postern.toml")
    }
}

/// A running daemon; stopped when dropped.
#[derive(Debug)]
pub struct Postern {
    daemon: Daemon,
    out: PathBuf,
    err: PathBuf,
}

impl Postern {
    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        read_lossy(&self.out)
    }

    /// What it wrote to standard error so far: its log.
    pub fn stderr(&self) -> String {
        read_lossy(&self.err)
    }

    /// Waits until a line of the log contains `text`, and gives the line.
    pub fn logged(&self, text: &str) -> Result<String, Fault> {
        let look = || {
            Ok(self
                .stderr()
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned))
        };
        let what = format!("{text:?} in the log of Postern");
        wait::until(&what, PATIENCE, look, || wait::tail(&self.stderr()))
    }

    /// Waits until a line of the log contains `text` but not `other`, and gives the line.
    pub fn logged_beside(&self, other: &str, text: &str) -> Result<String, Fault> {
        let look = || {
            Ok(self
                .stderr()
                .lines()
                .find(|line| line.contains(text) && !line.contains(other))
                .map(str::to_owned))
        };
        let what = format!("{text:?} without {other:?} in the log of Postern");
        wait::until(&what, PATIENCE, look, || wait::tail(&self.stderr()))
    }

    /// Its process.
    pub fn id(&self) -> Pid {
        self.daemon.id()
    }

    /// Seconds of processor time it has used so far.
    pub fn cpu_seconds(&self) -> Result<f64, Fault> {
        self.daemon.cpu_seconds()
    }

    /// Ends it between two instructions (SIGKILL), and waits until it is gone.
    pub fn kill(mut self) -> Result<(), Fault> {
        self.daemon.signal(Signal::KILL)?;
        self.daemon.wait_for_end(PATIENCE).map(drop)
    }

    /// Asks it to drain and end (SIGTERM), and waits for at most `limit`.
    pub fn terminate(mut self, limit: Duration) -> Result<ExitStatus, Fault> {
        self.daemon.signal(Signal::TERM)?;
        self.daemon.wait_for_end(limit)
    }

    /// Asks it to drain and end (SIGTERM).
    pub fn ask_to_end(&self) -> Result<(), Fault> {
        self.daemon.signal(Signal::TERM)
    }

    /// Asks it to read its configuration and certificates anew (SIGHUP).
    pub fn reload(&self) -> Result<(), Fault> {
        self.daemon.signal(Signal::HUP)
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>, Fault> {
        self.daemon.exit_status()
    }

    /// Waits until it ends by itself, for at most `limit`.
    pub fn wait_for_end(&mut self, limit: Duration) -> Result<ExitStatus, Fault> {
        self.daemon.wait_for_end(limit)
    }

    /// Waits until it says that it is ready, or has ended before.
    pub fn ready_or_ended(&mut self) -> Result<Option<ExitStatus>, Fault> {
        let look = || {
            let ready = self.stdout().lines().any(|line| line.contains("ready"));
            let ended = self.has_ended()?;
            Ok((ready || ended.is_some()).then_some(ended))
        };
        wait::until(
            "Postern's ready line or its end",
            PATIENCE,
            look,
            String::new,
        )
    }

    fn wait_until_ready(&mut self) -> Result<(), Fault> {
        let (out, err) = (self.out.clone(), self.err.clone());
        let look = || {
            self.daemon.check_running()?;
            Ok(read_lossy(&out)
                .lines()
                .any(|line| line.contains("ready"))
                .then_some(()))
        };
        wait::until("Postern's ready line", PATIENCE, look, || {
            wait::tail(&read_lossy(&err))
        })
    }
}

/// The program that `POSTERN_TEST_EXECUTABLE` names, else one that is built once per test process in
/// the profile of the tests.
pub fn executable() -> Result<PathBuf, Fault> {
    if let Some(given) = env::var_os("POSTERN_TEST_EXECUTABLE") {
        return Ok(PathBuf::from(given));
    }
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|fault| fault.to_string()));
    built.clone().map_err(Fault::Unexpected)
}

/// What cargo says of each thing it made, as far as it is of interest here.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn build() -> Result<PathBuf, Fault> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    };
    let mut command = Command::new(cargo);
    command.current_dir(programs::project());
    command.args([
        "build",
        "--package",
        "postern",
        "--bin",
        "postern",
        "--locked",
    ]);
    command.args([
        "--profile",
        profile,
        "--message-format",
        "json-render-diagnostics",
    ]);
    let output = programs::run_anyhow(&mut command)?;
    if !output.status.success() {
        let diagnostics = String::from_utf8_lossy(&output.stderr);
        return Err(Fault::Unexpected(format!("not built:\n{diagnostics}")));
    }
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.reason == "compiler-artifact")
        .filter(|artifact| {
            artifact
                .target
                .as_ref()
                .is_some_and(|it| it.name == "postern")
        })
        .find_map(|artifact| artifact.executable)
        .ok_or_else(|| Fault::Unexpected("cargo built no executable postern".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;
    use crate::home::set_mode;

    /// One test at a time: a script that was just written is refused as busy while a child forked by
    /// another test still has it open.
    static ALONE: Mutex<()> = Mutex::new(());

    /// An installation of a stand-in: a shell script in the place of the program.
    fn stand_in(script: &str) -> (MutexGuard<'static, ()>, Home, Installation) {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let home = Home::new("stand-in").unwrap();
        let program = home
            .write("postern", format!("#!/bin/sh\n{script}\n"))
            .unwrap();
        set_mode(&program, 0o755).unwrap();
        let installation = Installation::of(program).unwrap();
        installation.configure("hostname = 'mx.example'").unwrap();
        (alone, home, installation)
    }

    #[test]
    fn a_daemon_is_killed_and_started_again_in_the_same_place() {
        let (_alone, _home, installation) =
            stand_in("echo started >> runs; cat \"$3\" >&2; echo it is ready; exec sleep 600");
        installation.serve().unwrap().kill().unwrap();
        let again = installation.serve().unwrap();
        assert_eq!(again.stdout(), "it is ready\n");
        assert_eq!(again.logged("hostname").unwrap(), "hostname = 'mx.example'");
        let status = again.terminate(PATIENCE).unwrap();
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
        assert_eq!(
            read_lossy(&installation.path().join("runs")),
            "started\nstarted\n"
        );
    }

    #[test]
    fn a_daemon_that_ends_before_it_is_ready_is_a_fault_that_shows_its_log() {
        let (_alone, _home, installation) = stand_in("echo no listener >&2; exit 3");
        let fault = installation.serve().unwrap_err().to_string();
        assert!(
            fault.contains("exit status: 3") && fault.contains("no listener"),
            "{fault}"
        );
    }

    #[test]
    fn other_commands_are_given_the_configuration() {
        let (_alone, _home, installation) = stand_in("echo \"$1 $2 $3\"; exit 1");
        let output = installation.run(&["queue", "list"]).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(output.stdout, b"queue list --config\n");
    }
}
