//! Exim as a stranger.
//!
//! Started by root, it gives its privileges up at once and works as `Debian-exim`, deliveries
//! included (`deliver_drop_privilege`): it re-executes itself for them with the configuration file
//! named on the command line, which would cost it its privileges anyway. Therefore all that it reads
//! or writes, the TLS key too, belongs to that user. TLS is GnuTLS here.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::certificates::Credentials;
use crate::fault::Fault;
use crate::home::{Home, set_mode};
use crate::mailbox::Mailbox;
use crate::message::Delivered;
use crate::process::{Daemon, read_lossy};
use crate::programs::Program;
use crate::server;
use crate::stranger::{Stranger, parts};
use crate::users::User;
use crate::wait;

/// A running Exim; stopped and removed when dropped.
#[derive(Debug)]
pub struct Exim {
    // Stopped before its directory is removed: fields are dropped in this order.
    daemon: Daemon,
    home: Home,
    address: SocketAddr,
    mailbox: Mailbox,
}

impl Exim {
    /// Starts it and waits until it greets.
    pub fn start(stranger: &Stranger) -> Result<Self, Fault> {
        Self::start_at(stranger, crate::ports::free()?)
    }

    /// Starts it on an address that was taken from [`ports::free`](crate::ports::free) before.
    pub fn start_at(stranger: &Stranger, address: SocketAddr) -> Result<Self, Fault> {
        let program = Program::Exim.find()?;
        let home = Home::new("exim")?;
        let user = User::named("Debian-exim")?;
        for name in ["spool", "mail", "tls"] {
            user.own(&home.directory(name)?)?;
        }
        let certificate = stranger.certificate.as_ref();
        let tls = certificate
            .map(|given| keep(given, user, home.path()))
            .transpose()?;
        let text = configuration(stranger, address, home.path(), tls.as_deref());
        let file = home.write("exim.conf", text)?;
        let mut command = Command::new(program);
        // -bdf: a listening daemon in the foreground. Every message is delivered on arrival.
        command.arg("-bdf").arg("-C").arg(file);
        let daemon = Daemon::spawn(&mut command, home.path().join("output"))?;
        let mailbox = Mailbox::at(home.path().join("mail/box"));
        let mut exim = Self {
            daemon,
            home,
            address,
            mailbox,
        };
        let log = log_file(exim.home.path());
        server::wait_for_greeting(address, || exim.daemon.check_running(), || read_lossy(&log))?;
        Ok(exim)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The maildir of its domain.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Waits until `count` messages are in the maildir, and gives all that are there.
    pub fn delivered(&self, count: usize) -> Result<Vec<Delivered>, Fault> {
        self.mailbox.wait_for(count, wait::PATIENCE, || self.log())
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        [
            read_lossy(&log_file(self.home.path())),
            self.daemon.output(),
        ]
        .concat()
    }
}

fn log_file(home: &Path) -> PathBuf {
    home.join("spool/mainlog")
}

/// Copies certificate and key to where `user` may read them; gives the two lines that name them.
fn keep(credentials: &Credentials, user: User, home: &Path) -> Result<String, Fault> {
    let mut lines = String::new();
    for (option, from) in [
        ("tls_certificate", &credentials.chain),
        ("tls_privatekey", &credentials.key),
    ] {
        let to = home.join("tls").join(option);
        fs::copy(from, &to).map_err(Fault::at(from))?;
        user.own(&to)?;
        set_mode(&to, 0o400)?;
        lines.push_str(&format!("{option} = {}\n", to.display()));
    }
    Ok(lines)
}

fn configuration(
    stranger: &Stranger,
    address: SocketAddr,
    home: &Path,
    tls: Option<&str>,
) -> String {
    let Stranger {
        hostname, domain, ..
    } = stranger;
    let (host, port) = parts(address);
    let offer = if tls.is_some() { "*" } else { "" };
    let tls = tls.unwrap_or_default();
    let (relayed, router, transport) = relaying(stranger);
    let home = home.display();
    format!(
        "primary_hostname = {hostname}
spool_directory = {home}/spool
log_file_path = {home}/spool/%slog
pid_file_path = {home}/spool/pid
notifier_socket =
keep_environment =
local_interfaces = {host}
daemon_smtp_ports = {port}
disable_ipv6 = true
host_lookup =
rfc1413_hosts =
deliver_drop_privilege = true
tls_advertise_hosts = {offer}
{tls}
log_selector = +tls_peerdn +tls_certificate_verified
domainlist served = {domain}
domainlist relayed = {relayed}
acl_smtp_rcpt = recipient
begin acl
recipient:
  accept domains = +served : +relayed
  deny message = relay not permitted
begin routers
{router}served:
  driver = accept
  domains = +served
  transport = maildir
begin transports
{transport}maildir:
  driver = appendfile
  directory = {home}/mail/box
  maildir_format = true
  return_path_add = true
  envelope_to_add = true
  message_prefix =
  message_suffix =
"
    )
}

/// The domain that is handed on, the router that says where to, and the transport that does it.
fn relaying(stranger: &Stranger) -> (&str, String, &str) {
    let Some((domain, next_hop)) = &stranger.relayed else {
        return ("", String::new(), "");
    };
    let (host, port) = parts(*next_hop);
    // A host on loopback looks like ourselves: `self = send` sends there anyway.
    let router = format!(
        "relayed:
  driver = manualroute
  domains = +relayed
  route_list = * {host}::{port}
  self = send
  transport = onward
"
    );
    (
        domain,
        router,
        "onward:\n  driver = smtp\n  hosts_try_chunking = *\n",
    )
}
