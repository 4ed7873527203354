//! Postfix: partner, next hop or sending system, as a throw-away instance.
//!
//! An instance has its own configuration, queue and data directories, one SMTP listener on loopback
//! and one maildir for all the domains it serves. It makes no DNS query: addresses come from the
//! configuration, host names are not looked up. Its master must be started by root; its processes
//! change to the user `postfix`, and messages are delivered as `nobody`.

mod configuration;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::certificates::Credentials;
use crate::fault::Fault;
use crate::home::{Home, set_mode};
use crate::mailbox::Mailbox;
use crate::message::Delivered;
use crate::process::{Daemon, read_lossy};
use crate::programs::{self, Program};
use crate::server;
use crate::users::{self, User};
use crate::wait;

pub use configuration::{ClientCertificates, ServerTls, Upstream};

/// A Postfix to be started.
#[derive(Debug)]
pub struct Setup {
    hostname: String,
    domains: Vec<String>,
    certificate: Option<Credentials>,
    server_tls: ServerTls,
    client_certificates: ClientCertificates,
    relays: Vec<(String, SocketAddr)>,
    upstream: Upstream,
    presented: Option<Credentials>,
    parameters: Vec<(String, String)>,
    further: Vec<Listener>,
    by_name: Vec<(String, Credentials)>,
}

/// One more address on which a Postfix listens, as if it were another host.
#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    server_tls: ServerTls,
    certificate: Option<Credentials>,
}

impl Setup {
    /// A Postfix called `hostname` that serves no domain, relays none and knows no TLS.
    pub fn named(hostname: &str) -> Self {
        Self {
            hostname: hostname.to_owned(),
            domains: Vec::new(),
            certificate: None,
            server_tls: ServerTls::Off,
            client_certificates: ClientCertificates::NotAsked,
            relays: Vec::new(),
            upstream: Upstream::Clear,
            presented: None,
            parameters: Vec::new(),
            further: Vec::new(),
            by_name: Vec::new(),
        }
    }

    /// Takes messages for every mailbox of `domain` and puts them into the maildir.
    #[must_use]
    pub fn serving(mut self, domain: &str) -> Self {
        self.domains.push(domain.to_owned());
        self
    }

    /// Shows this certificate as server, under these conditions.
    #[must_use]
    pub fn tls(self, server_tls: ServerTls, certificate: &Credentials) -> Self {
        Self {
            server_tls,
            certificate: Some(certificate.clone()),
            ..self
        }
    }

    /// What is asked of clients.
    #[must_use]
    pub fn client_certificates(self, client_certificates: ClientCertificates) -> Self {
        Self {
            client_certificates,
            ..self
        }
    }

    /// Relays messages for `domain` to `next_hop`.
    #[must_use]
    pub fn relaying(mut self, domain: &str, next_hop: SocketAddr) -> Self {
        self.relays.push((domain.to_owned(), next_hop));
        self
    }

    /// What is asked of next hops.
    #[must_use]
    pub fn upstream(self, upstream: Upstream) -> Self {
        Self { upstream, ..self }
    }

    /// Shows this client certificate to next hops.
    #[must_use]
    pub fn presenting(self, certificate: &Credentials) -> Self {
        Self {
            presented: Some(certificate.clone()),
            ..self
        }
    }

    /// Sets any other parameter of `main.cf`; it overrides what the harness set.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Shows this certificate to those that ask for `name` (RFC 6066 §3), on every address.
    #[must_use]
    pub fn tls_for(mut self, name: &str, certificate: &Credentials) -> Self {
        self.by_name.push((name.to_owned(), certificate.clone()));
        self
    }

    /// Listens on `address` too, and shows this certificate there, or knows no TLS there.
    #[must_use]
    pub fn also_at(mut self, address: SocketAddr, certificate: Option<&Credentials>) -> Self {
        self.further.push(Listener {
            address,
            server_tls: certificate.map_or(ServerTls::Off, |_| ServerTls::Offered),
            certificate: certificate.cloned(),
        });
        self
    }

    /// Starts it and waits until it greets.
    pub fn start(self) -> Result<Postfix, Fault> {
        let address = crate::ports::free()?;
        Postfix::start(&self, address)
    }

    /// Starts it on an address that was taken from [`ports::free`](crate::ports::free) before.
    pub fn start_at(self, address: SocketAddr) -> Result<Postfix, Fault> {
        Postfix::start(&self, address)
    }
}

/// A running Postfix; stopped and removed when dropped.
#[derive(Debug)]
pub struct Postfix {
    // Stopped before its directory is removed: fields are dropped in this order.
    daemon: Daemon,
    home: Home,
    address: SocketAddr,
    mailbox: Mailbox,
}

impl Postfix {
    fn start(setup: &Setup, address: SocketAddr) -> Result<Self, Fault> {
        let master = Program::Postfix.find()?;
        let home = Home::new("postfix")?;
        let mailbox = Mailbox::at(lay_out(home.path())?);
        configuration::write(setup, &home, address)?;
        let mut command = Command::new(master);
        // Debug mode keeps master in the foreground and in the process group it was given.
        command.arg("-d").arg("-c").arg(config(home.path()));
        let daemon = Daemon::spawn(&mut command, home.path().join("master.output"))?;
        let mut postfix = Self {
            daemon,
            home,
            address,
            mailbox,
        };
        let log = postfix.log_file();
        server::wait_for_greeting(
            address,
            || postfix.daemon.check_running(),
            || read_lossy(&log),
        )?;
        Ok(postfix)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The maildir of all domains it serves.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Waits until `count` messages are in the maildir, and gives all that are there.
    pub fn delivered(&self, count: usize) -> Result<Vec<Delivered>, Fault> {
        self.mailbox.wait_for(count, wait::PATIENCE, || self.log())
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        read_lossy(&self.log_file())
    }

    /// Waits until a line of the log contains `text`, and gives the line.
    pub fn logged(&self, text: &str) -> Result<String, Fault> {
        self.logged_within(text, wait::PATIENCE)
    }

    /// Waits at most for `limit` until a line of the log contains `text`, and gives the line.
    pub fn logged_within(&self, text: &str, limit: Duration) -> Result<String, Fault> {
        let look = || {
            Ok(self
                .log()
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned))
        };
        let what = format!("{text:?} in the log of Postfix");
        wait::until(&what, limit, look, || wait::tail(&self.log()))
    }

    /// Seconds of processor time that all its processes have used so far.
    pub fn cpu_seconds(&self) -> Result<f64, Fault> {
        self.daemon.cpu_seconds()
    }

    /// Tries every queued message again, now.
    pub fn flush(&self) -> Result<(), Fault> {
        let mut command = programs::bounded(Path::new("/usr/sbin/postqueue"));
        command.arg("-c").arg(config(self.home.path())).arg("-f");
        programs::run(&mut command).map(drop)
    }

    fn log_file(&self) -> PathBuf {
        log_file(self.home.path())
    }
}

fn config(home: &Path) -> PathBuf {
    home.join("etc")
}

fn log_file(home: &Path) -> PathBuf {
    home.join("log")
}

/// Makes the directories Postfix wants, as its own `post-install` would, and gives the maildir.
pub fn lay_out(home: &Path) -> Result<PathBuf, Fault> {
    let postfix = User::named("postfix")?;
    let nobody = User::named("nobody")?;
    let make = |name: &str| {
        let path = home.join(name);
        fs::create_dir_all(&path)
            .map_err(Fault::at(&path))
            .map(|()| path)
    };
    make("etc")?;
    postfix.own(&make("data")?)?;
    for name in QUEUES {
        let directory = make(&format!("queue/{name}"))?;
        postfix.own(&directory)?;
        set_mode(&directory, 0o700)?;
    }
    let postdrop = users::group("postdrop")?;
    for (name, mode) in [("maildrop", 0o1730), ("public", 0o2710)] {
        let directory = make(&format!("queue/{name}"))?;
        chown(&directory, Some(postfix.uid), Some(postdrop)).map_err(Fault::at(&directory))?;
        set_mode(&directory, mode)?;
    }
    make("queue/pid")?;
    let mail = make("mail")?;
    nobody.own(&mail)?;
    Ok(mail.join("box"))
}

/// Queue directories that belong to the mail system alone.
const QUEUES: [&str; 11] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
    "saved", "trace",
];
