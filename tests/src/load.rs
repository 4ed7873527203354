//! Postfix's load generator and message sink.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::fault::Fault;
use crate::home::Home;
use crate::process::{Daemon, read_lossy};
use crate::programs::Program;
use crate::server;
use crate::wait;

/// A load to be put on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Sessions at the same time, each of many transactions.
    pub sessions: u32,
    /// Messages in all.
    pub messages: u32,
    /// Octets of each.
    pub octets: u32,
}

/// smtp-source at work; ended when dropped.
#[derive(Debug)]
pub struct Source {
    daemon: Daemon,
    _home: Home,
}

impl Load {
    /// Begins to send from `reverse_path` to `forward_path` through `server`.
    pub fn put_on(
        self,
        server: SocketAddr,
        reverse_path: &str,
        forward_path: &str,
    ) -> Result<Source, Fault> {
        let home = Home::new("smtp-source")?;
        let mut command = Command::new(Program::SmtpSource.find()?);
        // -d: a session is not ended after each message.
        command.arg("-d").args(["-s", &self.sessions.to_string()]);
        command.args(["-m", &self.messages.to_string()]);
        command.args(["-l", &self.octets.to_string()]);
        command.args(["-M", "source.example"]);
        command.args(["-f", reverse_path, "-t", forward_path]);
        command.arg(format!("inet:{server}"));
        let daemon = Daemon::spawn(&mut command, home.path().join("output"))?;
        Ok(Source {
            daemon,
            _home: home,
        })
    }
}

impl Source {
    /// Waits until every message was accepted, at most for `limit`.
    pub fn finished(mut self, limit: Duration) -> Result<(), Fault> {
        let status = self.daemon.wait_for_end(limit)?;
        if status.success() {
            return Ok(());
        }
        let said = self.daemon.output();
        Err(Fault::Unexpected(format!("smtp-source: {status}: {said}")))
    }
}

/// A running smtp-sink, which counts messages and throws them away; stopped when dropped.
#[derive(Debug)]
pub struct CountingSink {
    daemon: Daemon,
    counters: PathBuf,
    _home: Home,
    address: SocketAddr,
}

impl CountingSink {
    /// Starts it and waits until it greets.
    pub fn start() -> Result<Self, Fault> {
        let program = Program::SmtpSink.find()?;
        let home = Home::new("smtp-sink")?;
        let address = crate::ports::free()?;
        let counters = home.path().join("counters");
        let errors = home.path().join("errors");
        let mut command = Command::new(program);
        command.args(["-c", "-h", "sink.example"]);
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        command.arg(format!("inet:{address}")).arg("1024");
        command.stdin(Stdio::null());
        command.stdout(File::create(&counters).map_err(Fault::at(&counters))?);
        command.stderr(File::create(&errors).map_err(Fault::at(&errors))?);
        let daemon = Daemon::spawn_with_own_output(&mut command, errors)?;
        let mut sink = Self {
            daemon,
            counters,
            _home: home,
            address,
        };
        server::wait_for_greeting(address, || sink.daemon.check_running(), String::new)?;
        Ok(sink)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many messages it has taken.
    pub fn messages(&self) -> u64 {
        // Counters overwrite each other: `sess=1 quit=1 mesg=0` CR.
        let counters = read_lossy(&self.counters);
        let last = counters.rsplit("mesg=").next().unwrap_or_default();
        last.trim().parse().unwrap_or_default()
    }

    /// Waits until `count` messages have come, at most for `limit`.
    pub fn wait_for(&self, count: u64, limit: Duration) -> Result<(), Fault> {
        let look = || Ok((self.messages() >= count).then_some(()));
        let what = format!("{count} messages in smtp-sink");
        wait::until(&what, limit, look, || format!("{} came", self.messages()))
    }
}
