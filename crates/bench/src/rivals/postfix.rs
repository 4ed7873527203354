//! Postfix, as Debian installs it.

use std::process::Command;

use postern_tests::fault::Fault;
use postern_tests::home::{Home, write_aged};
use postern_tests::programs::{self, Program};
use postern_tests::{ports, postfix};

use super::{Instance, by_channel, common, without_wrapper};
use crate::subject::{Running, Site, Subject, SubjectName};

/// Processes beside those that serve connections: cleanup, smtp and the like.
const OTHERS: usize = 100;

/// Postfix.
#[derive(Debug)]
pub(super) struct Postfix;

impl Subject for Postfix {
    fn name(&self) -> SubjectName {
        SubjectName::Postfix
    }

    fn version(&self) -> Result<String, Fault> {
        Program::Postfix.find()?;
        let output =
            programs::run(Command::new("/usr/sbin/postconf").args(["-dh", "mail_version"]))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn start(&self, site: &Site) -> Result<Box<dyn Running>, Fault> {
        without_wrapper(site)?;
        let master = Program::Postfix.find()?;
        let home = Home::new("bench-postfix")?;
        postfix::lay_out(home.path())?;
        let address = ports::free()?;
        let values = common(site, address, home.path())
            .with("processes", site.connections + OTHERS)
            .with("server-tls", by_channel(site, "may", "none"))
            .with("client-tls", by_channel(site, "encrypt", "none"));
        let etc = home.path().join("etc");
        for name in ["main.cf", "master.cf"] {
            write_aged(
                &etc.join(name),
                &values.fill_file(&format!("postfix/{name}"))?,
            )?;
        }
        let mut command = Command::new(master);
        // -d: in the foreground, in the process group that it was given.
        command.arg("-d").arg("-c").arg(etc);
        let log = home.path().join("log");
        Instance::start(command, home, address, Some(log))
    }
}
