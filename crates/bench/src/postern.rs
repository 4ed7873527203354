//! Postern as a subject: the program of this workspace, with the settings it ships with.
//!
//! Only what the work itself demands is set: the listener, the route to the sink, as many
//! connections from one address as there will be. The log goes to a file, at the level it ships with.

use std::net::SocketAddr;
use std::path::PathBuf;

use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::ports;
use postern_tests::postern::{Installation, Postern, executable};
use postern_tests::wait;
use rustix::process::Pid;

use crate::subject::{Running, Site, Subject, SubjectName};
use crate::workload::Channel;

/// The program that `POSTERN_TEST_EXECUTABLE` names, else one built in the profile of this one.
#[derive(Clone, Copy, Debug)]
pub struct ThisPostern;

#[derive(Debug)]
struct RunningPostern {
    // Stopped before its directory is removed: fields are dropped in this order.
    daemon: Postern,
    address: SocketAddr,
    _installation: Installation,
}

impl Subject for ThisPostern {
    fn name(&self) -> SubjectName {
        SubjectName::Postern
    }

    fn version(&self) -> Result<String, Fault> {
        let output = std::process::Command::new(executable()?)
            .arg("--version")
            .output()
            .map_err(Fault::doing("postern --version"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text
            .split_whitespace()
            .nth(1)
            .unwrap_or("unknown")
            .to_owned())
    }

    fn start(&self, site: &Site) -> Result<Box<dyn Running>, Fault> {
        Preparation::new(site, "")?.start(site)
    }
}

/// A Postern that is configured and not yet started.
#[derive(Debug)]
pub(crate) struct Preparation {
    installation: Installation,
    address: SocketAddr,
}

impl Preparation {
    /// One for `site`, with `further` tables in its configuration.
    pub(crate) fn new(site: &Site, further: &str) -> Result<Self, Fault> {
        let installation = Installation::new()?;
        let address = ports::free()?;
        let text = configuration(&installation, site, address)?;
        installation.configure(&[&text, further].concat())?;
        Ok(Self {
            installation,
            address,
        })
    }

    /// The directory that its queue will be in.
    pub(crate) fn queue(&self) -> PathBuf {
        self.installation.path().join("spool")
    }

    /// Starts it and waits until it greets.
    pub(crate) fn start(self, site: &Site) -> Result<Box<dyn Running>, Fault> {
        let daemon = self.installation.serve_under(&site.wrapper)?;
        Ok(Box::new(RunningPostern {
            daemon,
            address: self.address,
            _installation: self.installation,
        }))
    }
}

fn configuration(
    installation: &Installation,
    site: &Site,
    address: SocketAddr,
) -> Result<String, Fault> {
    let (chain, key) = installation.keep("default", &site.credentials)?;
    let (offered, required) = match site.channel {
        Channel::Tls => ("starttls", "encrypted"),
        Channel::Plain => ("none", "any"),
    };
    // The next hop is watched while it is idle too, and control connections are none of these.
    let connections = site.connections + 100;
    let octets = site.octets + 1024 * 1024;
    let Site {
        domain, next_hop, ..
    } = site;
    let text = Configuration::of(installation, site.hostname)
        .relay_with_tls(address, offered)
        .table(&format!("max-connections = {connections}"))
        .certificate("default", &chain, &key)
        .route(domain, *next_hop)
        .table(&format!("require = \"{required}\""))
        .table("[limits]")
        .table(&format!("message-size = \"{octets}B\""))
        .table(&format!("connections = {connections}"))
        .table(&format!("connections-per-address = {connections}"))
        .text();
    // The tests' own haste is not what ships.
    Ok(without_table(&text, "[queue]"))
}

/// The text without the table that begins with `header`.
fn without_table(text: &str, header: &str) -> String {
    let mut within = false;
    let kept = text.lines().filter(|line| {
        if line.starts_with('[') {
            within = *line == header;
        }
        !within
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

impl Running for RunningPostern {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn processes(&self) -> Vec<Pid> {
        vec![self.daemon.id()]
    }

    fn log(&self) -> String {
        wait::tail(&self.daemon.stderr())
    }
}
