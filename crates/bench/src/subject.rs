//! A system that is given the work: started afresh for every run, in a directory of its own, with
//! whatever it offers to keep an accepted message over a crash.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use postern_tests::certificates::Credentials;
use postern_tests::fault::Fault;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::workload::Channel;

/// A system whose cost can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectName {
    /// Postern.
    Postern,
    /// Postfix.
    Postfix,
    /// Exim.
    Exim,
    /// OpenSMTPD.
    OpenSmtpd,
    /// Haraka.
    Haraka,
    /// Nobody: the load goes to the sink itself. What generator and sink can do, and cost.
    Nothing,
}

impl SubjectName {
    /// All mail systems, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::Postern,
        Self::Postfix,
        Self::Exim,
        Self::OpenSmtpd,
        Self::Haraka,
    ];
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Postern => "Postern",
            Self::Postfix => "Postfix",
            Self::Exim => "Exim",
            Self::OpenSmtpd => "OpenSMTPD",
            Self::Haraka => "Haraka",
            Self::Nothing => "nothing",
        })
    }
}

impl FromStr for SubjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |it: &Self| it.to_string().eq_ignore_ascii_case(text);
        let found = Self::ALL.into_iter().chain([Self::Nothing]).find(named);
        found.ok_or_else(|| {
            let names = Self::ALL.map(|name| name.to_string()).join(", ");
            format!("no subject {text:?}: there are {names} and nothing")
        })
    }
}

/// What surrounds a subject: the same for all.
#[derive(Clone, Debug)]
pub struct Site {
    /// The subject's name as a host; its certificate has it.
    pub hostname: &'static str,
    /// The domain of all recipients. Mail for it is relayed from loopback to `next_hop`, without
    /// asking the DNS anything.
    pub domain: &'static str,
    /// The sink, which takes all messages.
    pub next_hop: SocketAddr,
    /// The name of the sink as a host, which its certificate has. Subjects need not check it.
    pub next_hop_name: &'static str,
    /// With [`Channel::Tls`] the subject offers STARTTLS, and must have TLS with the sink; with
    /// [`Channel::Plain`] neither.
    pub channel: Channel,
    /// The subject's certificate, ECDSA P-256.
    pub credentials: Credentials,
    /// The certificate of the authority that has issued it and the sink's.
    pub authority: PathBuf,
    /// How many connections come at the same time, from one address: no limit of the subject may be
    /// below it.
    pub connections: usize,
    /// The largest message, in octets.
    pub octets: usize,
    /// A program with arguments that the subject is run under, such as valgrind; empty for none.
    pub wrapper: Vec<String>,
}

/// A system under test.
pub trait Subject: fmt::Debug {
    /// Which it is.
    fn name(&self) -> SubjectName;

    /// The version that is measured, for the table.
    fn version(&self) -> Result<String, Fault>;

    /// Starts it and waits until it greets. What is not installed is a fault that names the package.
    fn start(&self, site: &Site) -> Result<Box<dyn Running>, Fault>;
}

/// A running system; stopped, with its files removed, when dropped.
pub trait Running: fmt::Debug {
    /// Where it takes mail.
    fn address(&self) -> SocketAddr;

    /// Its processes, of which all that descend from them are measured too.
    fn processes(&self) -> Vec<Pid>;

    /// Whatever its log holds, to be shown when a run fails.
    fn log(&self) -> String;
}
