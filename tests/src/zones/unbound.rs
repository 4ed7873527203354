//! unbound, the recursive resolver.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use crate::fault::Fault;
use crate::process::{Daemon, read_lossy};
use crate::programs::Program;
use crate::wait::{self, PATIENCE};

/// What a resolver does about signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It validates: what is secure has the AD bit, what is bogus becomes SERVFAIL.
    Validates,
    /// It passes them on to those that ask for them.
    Relays,
}

/// A running unbound; stopped when dropped.
#[derive(Debug)]
pub(super) struct Unbound {
    _daemon: Daemon,
}

impl Unbound {
    /// Answers on port 53 of `address`, from the root servers in the file `hints` down.
    pub(super) fn start(
        manner: Manner,
        address: Ipv4Addr,
        hints: &Path,
        anchor: &Path,
        place: &Path,
    ) -> Result<Self, Fault> {
        let modules = match manner {
            Manner::Validates => "validator iterator",
            Manner::Relays => "iterator",
        };
        // `nodefault`: by itself unbound answers for example names and addresses that nobody should
        // have.
        let text = format!(
            "server:
  interface: {address}@53
  access-control: 127.0.0.0/8 allow
  username: \"\"
  chroot: \"\"
  directory: \"{}\"
  pidfile: \"\"
  use-syslog: no
  logfile: \"\"
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  root-hints: \"{}\"
  module-config: \"{modules}\"
  trust-anchor-file: \"{}\"
  trust-anchor-signaling: no
  local-zone: \"example.\" nodefault
  local-zone: \"2.0.192.in-addr.arpa.\" nodefault
remote-control:
  control-enable: no
",
            place.display(),
            hints.display(),
            anchor.display()
        );
        let file = place.join("unbound.conf");
        fs::write(&file, text).map_err(Fault::at(&file))?;
        let mut command = Command::new(Program::Unbound.find()?);
        command.args(["-d", "-p", "-c"]).arg(file);
        let log = place.join("output");
        let mut daemon = Daemon::spawn(&mut command, log.clone())?;
        let look = || {
            daemon.check_running()?;
            Ok(read_lossy(&log).contains("start of service").then_some(()))
        };
        wait::until("unbound's start", PATIENCE, look, || {
            wait::tail(&read_lossy(&log))
        })?;
        Ok(Self { _daemon: daemon })
    }
}
