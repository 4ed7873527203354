//! The others: Postfix, Exim, OpenSMTPD and Haraka, each as a throw-away relay on loopback.
//!
//! Their settings are files in `crates/bench/rivals`, with the reason beside everything that differs
//! from the default; here they are filled in and the programs started. What holds for all of them:
//! each keeps whatever durability it has, none asks the DNS or judges mail, all log to a file at
//! their usual level, limits admit all connections of the workload, and TLS is demanded of nobody
//! more than of Postern. `crates/bench/rivals/install` brings the programs.

mod exim;
mod haraka;
mod opensmtpd;
mod postfix;
mod template;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use postern_tests::fault::Fault;
use postern_tests::home::Home;
use postern_tests::process::{Daemon, read_lossy};
use postern_tests::server;
use rustix::process::Pid;

use crate::subject::{Running, Site, Subject};
use crate::workload::Channel;

/// All of them, in the order of the table.
pub fn all() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(postfix::Postfix),
        Box::new(exim::Exim),
        Box::new(opensmtpd::OpenSmtpd),
        Box::new(haraka::Haraka),
    ]
}

/// A system that was started; its files are removed after it has ended.
#[derive(Debug)]
struct Instance {
    // Fields are dropped in this order.
    daemon: Daemon,
    _home: Home,
    address: SocketAddr,
    log: PathBuf,
}

impl Instance {
    /// Starts `command` at `address` and waits until it greets. It logs to `log`, or else to its
    /// outputs.
    fn start(
        mut command: Command,
        home: Home,
        address: SocketAddr,
        log: Option<PathBuf>,
    ) -> Result<Box<dyn Running>, Fault> {
        let output = home.path().join("output");
        let daemon = Daemon::spawn(&mut command, output.clone())?;
        let log = log.unwrap_or(output);
        let mut instance = Self {
            daemon,
            _home: home,
            address,
            log,
        };
        let log = instance.log.clone();
        let check = || instance.daemon.check_running();
        server::wait_for_greeting(address, check, || read_lossy(&log))?;
        Ok(Box::new(instance))
    }
}

impl Running for Instance {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn processes(&self) -> Vec<Pid> {
        vec![self.daemon.id()]
    }

    fn log(&self) -> String {
        [self.daemon.output(), read_lossy(&self.log)].concat()
    }
}

/// What every settings file may name.
fn common(site: &Site, address: SocketAddr, home: &Path) -> template::Values {
    template::Values::default()
        .with("hostname", site.hostname)
        .with("home", home.display())
        .with("listen", address)
        .with("address", address.ip())
        .with("port", address.port())
        .with("next-hop", site.next_hop.ip())
        .with("next-hop-port", site.next_hop.port())
        .with("certificate", site.credentials.chain.display())
        .with("key", site.credentials.key.display())
}

/// Of two words of a settings file the one that the channel asks for.
fn by_channel<'a>(site: &Site, tls: &'a str, plain: &'a str) -> &'a str {
    match site.channel {
        Channel::Tls => tls,
        Channel::Plain => plain,
    }
}

/// None of these runs under valgrind or the like: they change users and start further processes.
fn without_wrapper(site: &Site) -> Result<(), Fault> {
    match site.wrapper.first() {
        None => Ok(()),
        Some(wrapper) => Err(Fault::Unexpected(format!(
            "only Postern can be run under {wrapper}"
        ))),
    }
}
