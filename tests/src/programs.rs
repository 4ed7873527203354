//! The foreign programs of the scenarios: where they are, and what to do when they are not.
//!
//! `.ci/install-test-programs` brings them. Exim and OpenSMTPD cannot be installed beside Postfix;
//! they are unpacked into the directory that `POSTERN_TEST_PROGRAMS` names, else `target/debian`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::fault::Fault;
use crate::users;

/// A program that scenarios speak with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// swaks, a scriptable SMTP client.
    Swaks,
    /// The openssl command.
    Openssl,
    /// Postfix: the path found is that of its master daemon.
    Postfix,
    /// Postfix's load generator.
    SmtpSource,
    /// Postfix's message sink.
    SmtpSink,
    /// The Exim daemon.
    Exim,
    /// The OpenSMTPD daemon.
    OpenSmtpd,
    /// nsd, an authoritative DNS server.
    Nsd,
    /// unbound, a recursive DNS resolver.
    Unbound,
    /// The signer of zones in ldns, with its generator of keys beside it.
    LdnsSignzone,
    /// BIND's validating DNS client.
    Delv,
    /// Postfix's prober of TLS.
    PosttlsFinger,
    /// nsd's checker of zone files.
    NsdCheckzone,
    /// ldns's reader of zone files.
    LdnsReadZone,
    /// Debian's Python, whose package of dkimpy is there.
    Dkimpy,
    /// opendkim's signer, with its generator of keys beside it.
    Opendkim,
    /// The validator of XML in libxml2.
    Xmllint,
    /// The library that tells a program another time.
    Faketime,
    /// unshare, with the right to mount in a name space of its own.
    Unshare,
    /// The C compiler.
    Cc,
}

/// A program cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{program:?}: {reason} (see .ci/install-test-programs)")]
pub struct Missing {
    /// Which.
    pub program: Program,
    /// Why.
    pub reason: String,
}

/// What becomes of a scenario whose program is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// On a developer's machine: it is reported as ignored.
    Ignored,
    /// In continuous integration (`CI` is set): it fails, so that nothing is lost silently.
    Fails,
}

impl Absence {
    /// What the environment asks for.
    pub fn from_environment() -> Self {
        match env::var("CI") {
            Ok(value) if !value.is_empty() && value != "false" => Self::Fails,
            _ => Self::Ignored,
        }
    }
}

impl Program {
    /// The executable, if it and what it needs are there.
    pub fn find(self) -> Result<PathBuf, Missing> {
        if let Some(user) = self.users().iter().find(|user| !users::exists(user)) {
            return Err(self.missing(format!("the user {user} does not exist")));
        }
        if !self.users().is_empty() && !rustix::process::geteuid().is_root() {
            return Err(self.missing("starts only as root".to_owned()));
        }
        let candidates = self.candidates();
        if self == Self::Dkimpy && !Path::new(DKIMPY).is_dir() {
            return Err(self.missing(format!("{DKIMPY} does not exist")));
        }
        match candidates.iter().find(|path| path.is_file()) {
            Some(path) => Ok(path.clone()),
            None => Err(self.missing(format!("not found as any of {candidates:?}"))),
        }
    }

    /// Users that a daemon takes on.
    pub fn users(self) -> &'static [&'static str] {
        match self {
            Self::Swaks
            | Self::Openssl
            | Self::SmtpSource
            | Self::SmtpSink
            | Self::LdnsSignzone
            | Self::Delv
            | Self::NsdCheckzone
            | Self::LdnsReadZone
            | Self::Dkimpy
            | Self::Opendkim
            | Self::Xmllint
            | Self::Faketime
            | Self::Cc
            | Self::PosttlsFinger => &[],
            // Ports below 1024 and mounts are root's.
            Self::Nsd | Self::Unbound | Self::Unshare => &["root"],
            Self::Postfix => &["postfix", "nobody"],
            Self::Exim => &["Debian-exim"],
            Self::OpenSmtpd => &["opensmtpd", "opensmtpq", "nobody"],
        }
    }

    fn candidates(self) -> Vec<PathBuf> {
        match self {
            Self::Swaks => in_path("swaks"),
            Self::Openssl => in_path("openssl"),
            Self::Postfix => vec![PathBuf::from("/usr/lib/postfix/sbin/master")],
            Self::SmtpSource => in_path("smtp-source"),
            Self::SmtpSink => in_path("smtp-sink"),
            Self::Exim => vec![unpacked("exim4").join("usr/sbin/exim4")],
            Self::OpenSmtpd => vec![unpacked("opensmtpd").join("usr/sbin/smtpd")],
            Self::Nsd => in_path("nsd"),
            Self::Unbound => in_path("unbound"),
            Self::LdnsSignzone => in_path("ldns-signzone"),
            Self::Delv => in_path("delv"),
            Self::PosttlsFinger => in_path("posttls-finger"),
            Self::NsdCheckzone => in_path("nsd-checkzone"),
            Self::LdnsReadZone => in_path("ldns-read-zone"),
            // Another Python that comes first in PATH does not know Debian's packages.
            Self::Dkimpy => vec![PathBuf::from("/usr/bin/python3")],
            Self::Opendkim => in_path("opendkim-testmsg"),
            Self::Xmllint => in_path("xmllint"),
            Self::Faketime => libraries("faketime/libfaketimeMT.so.1"),
            Self::Unshare => in_path("unshare"),
            Self::Cc => in_path("cc"),
        }
    }

    fn missing(self, reason: String) -> Missing {
        Missing {
            program: self,
            reason,
        }
    }
}

/// Why one of `programs` cannot be used, if so.
pub fn missing(programs: &[Program]) -> Option<Missing> {
    programs.iter().find_map(|program| program.find().err())
}

/// Runs a command to its end and gives what it wrote; its failure is a fault.
pub fn run(command: &mut Command) -> Result<Output, Fault> {
    let output = run_anyhow(command)?;
    if output.status.success() {
        return Ok(output);
    }
    let program = PathBuf::from(command.get_program());
    Err(Fault::Failed {
        program,
        output: both(&output),
    })
}

/// Runs a command to its end, whatever that is.
pub fn run_anyhow(command: &mut Command) -> Result<Output, Fault> {
    let program = PathBuf::from(command.get_program());
    command.output().map_err(Fault::at(&program))
}

/// A command that is ended when it takes longer than any healthy run could.
pub fn bounded(program: &Path) -> Command {
    let mut command = Command::new("/usr/bin/timeout");
    command.arg("60").arg(program);
    command
}

/// Standard output and standard error as one text.
pub fn both(output: &Output) -> String {
    let written = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&written).into_owned()
}

/// The root of the unpacked Debian package `package`.
pub fn unpacked(package: &str) -> PathBuf {
    let base =
        env::var_os("POSTERN_TEST_PROGRAMS").map_or_else(|| target().join("debian"), PathBuf::from);
    fs::canonicalize(&base).unwrap_or(base).join(package)
}

/// The project's root directory.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn target() -> PathBuf {
    project().join("target")
}

/// Where Debian keeps dkimpy.
const DKIMPY: &str = "/usr/lib/python3/dist-packages/dkim";

/// A library, which lies in a directory named after the machine.
fn libraries(name: &str) -> Vec<PathBuf> {
    let machines = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    machines.map(|it| it.path().join(name)).collect()
}

fn in_path(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Daemons live in sbin, which an ordinary user's PATH may lack.
    let always = ["/usr/sbin", "/usr/bin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(always)
        .map(|directory| directory.join(name))
        .collect()
}
