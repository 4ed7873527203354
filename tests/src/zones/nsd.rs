//! nsd, the authoritative server.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use crate::fault::Fault;
use crate::process::{Daemon, read_lossy};
use crate::programs::Program;
use crate::wait::{self, PATIENCE};

/// A running nsd; stopped when dropped.
#[derive(Debug)]
pub(super) struct Nsd {
    _daemon: Daemon,
}

impl Nsd {
    /// Serves `zones`, each with its name and its file in the directory above `place`, on port 53 of
    /// `address`.
    pub(super) fn start(
        zones: &[(String, String)],
        address: Ipv4Addr,
        place: &Path,
    ) -> Result<Self, Fault> {
        let here = place.display();
        let log = place.join("log");
        let mut text = format!(
            "server:
  ip-address: {address}@53
  username: root
  chroot: \"\"
  zonesdir: \"{here}/..\"
  database: \"\"
  pidfile: \"\"
  logfile: \"{}\"
  xfrdfile: \"\"
  zonelistfile: \"{here}/zone.list\"
  xfrdir: \"{here}\"
  cookie-secret-file: \"\"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
",
            log.display()
        );
        for (name, file) in zones {
            let _ = writeln!(text, "zone:\n  name: \"{name}\"\n  zonefile: \"{file}\"");
        }
        let file = place.join("nsd.conf");
        fs::write(&file, text).map_err(Fault::at(&file))?;
        let mut command = Command::new(Program::Nsd.find()?);
        command.arg("-d").arg("-c").arg(file);
        let mut daemon = Daemon::spawn(&mut command, place.join("output"))?;
        let look = || {
            daemon.check_running()?;
            Ok(read_lossy(&log).contains("nsd started").then_some(()))
        };
        wait::until("nsd's start", PATIENCE, look, || {
            wait::tail(&read_lossy(&log))
        })?;
        Ok(Self { _daemon: daemon })
    }
}
