//! OpenSMTPD as a stranger.
//!
//! Its spool, its control socket and its helpers have fixed paths, so every instance gets a root
//! directory of its own (`chroot`, which needs root but no further right), filled with copies of the
//! programs, their libraries, and the system's lists of users. It stays in the foreground (`-d`) and
//! logs to standard error. The parent keeps root, the others become `opensmtpd` and `opensmtpq`; messages
//! are delivered as `nobody`. The users are those of Debian's package, not upstream's `_smtpd`.
//!
//! Debian 12's OpenSMTPD 6.8 cannot do TLS as a server: it hides its key in a way that OpenSSL 3 does
//! not honour (OpenSMTPD issues 1171 and 1239). With a certificate it offers STARTTLS and then ends
//! every handshake with the alert `internal_error`. So it stands for two strangers that exist: one
//! without TLS, and one that offers what it cannot do.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::certificates::Credentials;
use crate::fault::Fault;
use crate::home::{Home, set_mode};
use crate::mailbox::Mailbox;
use crate::message::Delivered;
use crate::process::Daemon;
use crate::programs::{self, Program};
use crate::server;
use crate::stranger::{Stranger, parts};
use crate::users::User;
use crate::wait;

/// A running OpenSMTPD; stopped and removed when dropped.
#[derive(Debug)]
pub struct OpenSmtpd {
    // Stopped before its directory is removed: fields are dropped in this order.
    daemon: Daemon,
    _home: Home,
    address: SocketAddr,
    mailbox: Mailbox,
}

impl OpenSmtpd {
    /// Starts it and waits until it greets.
    pub fn start(stranger: &Stranger) -> Result<Self, Fault> {
        Self::start_at(stranger, crate::ports::free()?)
    }

    /// Starts it on an address that was taken from [`ports::free`](crate::ports::free) before.
    pub fn start_at(stranger: &Stranger, address: SocketAddr) -> Result<Self, Fault> {
        Program::OpenSmtpd.find()?;
        let home = Home::new("opensmtpd")?;
        let root = Root::at(home.path());
        root.fill(&programs::unpacked("opensmtpd"))?;
        if let Some(certificate) = &stranger.certificate {
            root.keep(certificate)?;
        }
        let file = home.write("etc/smtpd.conf", configuration(stranger, address))?;
        set_mode(&file, 0o600)?;
        let mut command = Command::new("/usr/sbin/chroot");
        command
            .arg(home.path())
            .args([DAEMON, "-d", "-f", "/etc/smtpd.conf"]);
        let daemon = Daemon::spawn(&mut command, home.path().join("output"))?;
        let mailbox = Mailbox::at(home.path().join("mail/box"));
        let mut opensmtpd = Self {
            daemon,
            _home: home,
            address,
            mailbox,
        };
        let check = || opensmtpd.daemon.check_running();
        server::wait_for_greeting(address, check, String::new)?;
        Ok(opensmtpd)
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
        self.daemon.output()
    }
}

/// Where the daemon expects itself to be, in its root directory.
pub const DAEMON: &str = "/usr/sbin/smtpd";
const MAILDIR_AGENT: &str = "/usr/libexec/opensmtpd/mail.maildir";
const SHELL: &str = "/bin/sh";

/// The root directory of an instance.
#[derive(Debug)]
pub struct Root<'a> {
    path: &'a Path,
}

impl<'a> Root<'a> {
    /// A directory that is one, or will be.
    pub fn at(path: &'a Path) -> Self {
        Self { path }
    }

    /// Places what the daemon of an unpacked package needs.
    pub fn fill(&self, package: &Path) -> Result<(), Fault> {
        let daemon = package.join(DAEMON.trim_start_matches('/'));
        let agent = package.join(MAILDIR_AGENT.trim_start_matches('/'));
        // The delivery agent is started through the shell.
        for (from, to) in [
            (daemon.as_path(), DAEMON),
            (&agent, MAILDIR_AGENT),
            (Path::new(SHELL), SHELL),
        ] {
            self.program(from, to)?;
        }
        for file in ["/etc/passwd", "/etc/group", "/etc/hosts"] {
            self.copy(Path::new(file), file)?;
        }
        // An empty file takes the place of the device: nothing reads back what went into it.
        self.write("dev/null", "")?;
        set_mode(&self.path.join("dev/null"), 0o666)?;
        for directory in ["run", "var/run", "tmp", "var/lib/opensmtpd/empty"] {
            self.directory(directory)?;
        }
        set_mode(&self.directory("var/spool/smtpd")?, 0o711)?;
        User::named("nobody")?.own(&self.directory("mail")?)
    }

    /// Places a program with the libraries it is linked to.
    fn program(&self, from: &Path, to: &str) -> Result<(), Fault> {
        self.link(from, to)?;
        let output = programs::run(Command::new("/usr/bin/ldd").arg(from))?;
        // Lines are `name => /path (address)`, or `/path (address)` for the loader.
        for word in programs::both(&output)
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
        {
            self.link(Path::new(word), word)?;
        }
        Ok(())
    }

    /// Links a file, or copies it where that cannot be. A fresh copy of a program may be refused as
    /// busy: a child that another scenario forks just then still has it open for writing.
    fn link(&self, from: &Path, to: &str) -> Result<(), Fault> {
        let place = self.place(to)?;
        // What is linked must be the file itself and not a symbolic link to somewhere outside.
        let file = fs::canonicalize(from).map_err(Fault::at(from))?;
        if place.exists() || fs::hard_link(&file, &place).is_ok() {
            return Ok(());
        }
        self.copy(&file, to)
    }

    /// Copies certificate and key to where the daemon finds them, and gives their paths in the root.
    pub fn keep(&self, credentials: &Credentials) -> Result<(&'static str, &'static str), Fault> {
        self.copy(&credentials.chain, CERTIFICATE)?;
        self.copy(&credentials.key, KEY)?;
        Ok((CERTIFICATE, KEY))
    }

    fn copy(&self, from: &Path, to: &str) -> Result<(), Fault> {
        fs::copy(from, self.place(to)?)
            .map_err(Fault::at(from))
            .map(drop)
    }

    fn write(&self, name: &str, content: &str) -> Result<(), Fault> {
        let path = self.place(name)?;
        fs::write(&path, content).map_err(Fault::at(&path))
    }

    fn directory(&self, name: &str) -> Result<PathBuf, Fault> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(Fault::at(&path))?;
        Ok(path)
    }

    /// The path of `name` within the root, whose directory is made.
    fn place(&self, name: &str) -> Result<PathBuf, Fault> {
        let path = self.path.join(name.trim_start_matches('/'));
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(Fault::at(directory))?;
        }
        Ok(path)
    }
}

const CERTIFICATE: &str = "/etc/tls/certificate.pem";
const KEY: &str = "/etc/tls/certificate.key";

fn configuration(stranger: &Stranger, address: SocketAddr) -> String {
    let Stranger {
        hostname,
        domain,
        certificate,
        relayed,
    } = stranger;
    let (host, port) = parts(address);
    let (pki, tls) = match certificate {
        None => (String::new(), String::new()),
        Some(_) => (
            format!("pki {hostname} cert \"{CERTIFICATE}\"\npki {hostname} key \"{KEY}\"\n"),
            format!("tls pki {hostname}"),
        ),
    };
    let relaying = relayed
        .as_ref()
        .map(|(domain, next_hop)| {
            let action = format!("action \"onward\" relay host smtp://{next_hop}\n");
            format!("{action}match from any for domain \"{domain}\" action \"onward\"\n")
        })
        .unwrap_or_default();
    format!(
        "{pki}table everyone {{ \"@\" = nobody }}
listen on {host} port {port} hostname {hostname} {tls}
action \"keep\" maildir \"/mail/box\" virtual <everyone>
match from any for domain \"{domain}\" action \"keep\"
{relaying}"
    )
}
