//! What can be asked for on the command line.

mod queue;

use std::{fmt, path::PathBuf, str::FromStr};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use postern_mail::{Domain, Host, Mailbox, TlsWish};
use postern_tls::{ProfileName, RequestedName};

pub(crate) use self::queue::{
    Age, ChangeMany, Flush, Freeze, HoldMany, List, Only, QueueAction, Recipients, Show, Summary,
    Thaw, Which,
};

/// How every command ends; `serve` as well.
const EXIT_STATUS: &str = "\
Exit status:
  0  done, and nothing is wrong
  1  a negative finding: the configuration has errors, there is no such message,
     the daemon had to give up
  2  wrong usage
  3  it could not be done or found out: the daemon could not start, a file cannot
     be read, nobody answers";

/// A mail transfer agent that enforces authenticated TLS with partners.
#[derive(Debug, Parser)]
#[command(name = "postern", version, after_help = EXIT_STATUS)]
pub(crate) struct CommandLine {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/postern/postern.toml"
    )]
    pub(crate) config: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon: receive, keep and deliver mail.
    ///
    /// One line is printed when every listener is ready. SIGHUP reads configuration and
    /// certificates anew; what is wrong is logged and the old settings stay. SIGTERM and SIGINT
    /// let what is under way finish; a second one ends at once.
    Serve,
    /// Tell what is wrong with the configuration, or what it means.
    Check(Format),
    /// Tell which rules a message meets, and why, without dialling anybody.
    ///
    /// Mail that we deliver is looked into as a delivery would: name servers and MTA-STS policy
    /// hosts are asked, no mail host is. The cache of the daemon is read, and not written. Exit
    /// status 1 means that the mail would go nowhere; 3 that something could not be found out.
    Explain(Explain),
    /// Dial the mail hosts of a domain as a delivery would, without sending mail.
    ///
    /// Each host is dialled up to where a message would begin, and what it proved is held against
    /// every rule. Exit status 1 means that a delivery would be refused by a rule, or would be if
    /// all rules were in force, or that a handshake does not meet the profile asked for; 3 that a
    /// host could not be found or reached.
    Probe(Probe),
    /// Look at the queue and work with it, whether the daemon runs or not.
    Queue {
        #[command(subcommand)]
        action: QueueAction,
    },
    /// Tell how the rules of partners fare, and when they can be enforced.
    Partner {
        #[command(subcommand)]
        action: PartnerAction,
    },
    /// Tell what the DNS should say of our domains, and whether it does.
    Dns {
        #[command(subcommand)]
        action: DnsAction,
    },
    /// Make a private key, and tell what to do with it.
    Key {
        #[command(subcommand)]
        kind: KeyKind,
    },
    /// Write a request for a certificate (PKCS #10) for a key of ours.
    ///
    /// The key stays where it is: what the authority gets is the public half, the names, and a
    /// signature. A key that others can read is refused.
    Csr(Csr),
    /// Look at reports on authentication and TLS, ours and those of others, and send ours.
    ///
    /// The daemon must run: it keeps and sends them.
    Report {
        #[command(subcommand)]
        action: ReportAction,
    },
    /// Tell how the running daemon is.
    Status(Format),
    /// Have the running daemon read its configuration and certificates anew.
    Reload(Format),
    /// Tell the versions of Postern and of what it encrypts with.
    Version(Format),
    /// Show what Postern does, with real messages between neighbours made up on loopback.
    ///
    /// It needs no configuration, DNS, network or privileges. A relay and some neighbours, good
    /// and bad, are started in a temporary directory; what went where over which channel, and
    /// what was refused and why, is shown as a table. The relay then stays up until Ctrl-C. Exit
    /// status 0 means that every outcome was as it must be.
    Demo(Demo),
    /// Write the manual pages into a folder.
    Man {
        /// The folder, which is made when it does not exist.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Print what a shell completes of this command line.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PartnerAction {
    /// List partners, with how often their rules were met. The daemon must run.
    List(Format),
    /// Show all about one partner: what is demanded, what failed and why, its certificates.
    ///
    /// The daemon must run: it keeps the measurements.
    ///
    /// To the partner, every connection is one attempt, however many messages travel on it; from
    /// the partner, every message is. Denied certificates are among the failures, with the reason
    /// why they are denied.
    Show {
        /// The partner's name, as the configuration has it.
        name: String,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DnsAction {
    /// Print the records that our domains, hosts and addresses should have.
    ///
    /// Nobody is asked: they follow from the configuration, its keys and its certificates. What
    /// the section `publish` leaves open gets its default.
    Records(DnsRecords),
    /// Compare what is published with what should be, and tell how bad the differences are.
    ///
    /// Broken: mail is lost or refused, or what we sign cannot be verified. Weak: protection is not
    /// asked for, or not used. Exit status 1 means that something is broken or weak; 3 that
    /// nothing is, and something could not be looked up.
    Check {
        /// Only this domain, and our hosts.
        domain: Option<Domain>,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportAction {
    /// List reports, the newest first: ours that are due or were sent, and those received.
    List(Format),
    /// Show all about one report: who sent mail and how it fared, or which sessions failed.
    Show {
        /// The report's name, as a list tells it.
        id: String,
        #[command(flatten)]
        format: Format,
    },
    /// Send our reports now, rather than when the daemon would.
    ///
    /// Exit status 1 means that one could not be sent.
    Send {
        /// Only those of this day in UTC, as 2026-11-22.
        #[arg(long, value_name = "DAY")]
        day: Option<String>,
        /// Only those about this domain.
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<Domain>,
        /// Tell what would be sent, and send nothing.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        format: Format,
    },
}

/// Which records, and in which form.
#[derive(Debug, Args)]
pub(crate) struct DnsRecords {
    /// Only for this domain, and our hosts.
    pub(crate) domain: Option<Domain>,
    /// Print zone files; what belongs to other zones stands in comments.
    #[arg(long, conflicts_with = "json")]
    pub(crate) zone: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyKind {
    /// Make a key that signs mail, and print its record and its place in the configuration.
    Dkim(DkimKey),
    /// Make a key for a certificate, and print its TLSA record and what to do next.
    Tls(TlsKey),
}

/// A key that signs mail.
#[derive(Debug, Args)]
pub(crate) struct DkimKey {
    /// Whose mail it signs.
    #[arg(long)]
    pub(crate) domain: Domain,
    /// What the key is called: one label or several, such as 2026a.
    #[arg(long)]
    pub(crate) selector: Domain,
    /// Which kind. Many verifiers do not know Ed25519: it is for a second key beside an RSA one.
    #[arg(long = "type", value_name = "TYPE", default_value = "rsa")]
    pub(crate) kind: DkimType,
    /// The file to keep it in, mode 0600. It must not be there yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// The kinds of keys that sign mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DkimType {
    /// RSA with 2048 bits.
    Rsa,
    /// RSA with 3072 bits.
    Rsa3072,
    /// Ed25519 (RFC 8463).
    Ed25519,
}

/// A key for a certificate.
#[derive(Debug, Args)]
pub(crate) struct TlsKey {
    /// Which kind.
    #[arg(long = "type", value_name = "TYPE", default_value = "ecdsa")]
    pub(crate) kind: TlsType,
    /// How long: 2048, 3072 or 4096 for RSA, 256 or 384 for ECDSA. [default: 3072 or 256]
    #[arg(long)]
    pub(crate) bits: Option<u16>,
    /// The host that it is for, as MX records name it. May be given several times.
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) hosts: Vec<Domain>,
    /// The file to keep it in, mode 0600. It must not be there yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// The kinds of keys for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsType {
    /// RSA.
    Rsa,
    /// ECDSA on P-256 or P-384.
    Ecdsa,
}

/// A request for a certificate.
#[derive(Debug, Args)]
pub(crate) struct Csr {
    /// The private key in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// A host to be certified, or *.DOMAIN. May be given several times.
    #[arg(long = "name", value_name = "HOST", required = true)]
    pub(crate) names: Vec<RequestedName>,
    /// Where to write it; it must not be there yet. - is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
}

/// How the demonstration is given.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Demo {
    /// End after the table.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// For whom output is.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Format {
    /// Print JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// At least one of `--to`, `--from` and `--helo`.
#[derive(Debug, Args)]
#[group(id = "parties", required = true, multiple = true, args = ["to", "from", "helo"])]
pub(crate) struct Explain {
    /// The recipient: an address, or a domain.
    #[arg(long, value_name = "ADDRESS|DOMAIN")]
    pub(crate) to: Option<Party>,
    /// The sender: an address, a domain, or <> for notifications.
    #[arg(long, value_name = "ADDRESS|DOMAIN")]
    pub(crate) from: Option<Party>,
    /// What the client greets with. It speaks where the reverse-path is null.
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) helo: Option<Domain>,
    /// What the sender wishes of TLS for mail that we deliver (RFC 8689).
    #[arg(long)]
    pub(crate) wish: Option<Wish>,
    /// Ask nobody: leave out what DNS and MTA-STS would add.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Mail that we deliver or mail that comes in. By default outbound with --to, else inbound.
    #[arg(long)]
    pub(crate) direction: Option<Direction>,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// What a sender wishes of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wish {
    /// As with the parameter REQUIRETLS: over proven TLS or not at all.
    Requiretls,
    /// As with the field TLS-Required: No: whatever the recipient publishes about TLS.
    TlsOptional,
}

impl Wish {
    /// The wish as deliveries know it.
    pub(crate) fn wish(self) -> TlsWish {
        match self {
            Self::Requiretls => TlsWish::Required,
            Self::TlsOptional => TlsWish::Waived,
        }
    }
}

/// What to dial, and how to tell of it.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// Whose mail hosts: a domain, or an address in it.
    #[arg(value_name = "DOMAIN|ADDRESS")]
    pub(crate) to: Party,
    /// Hold each handshake against this profile, point by point.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<ProfileName>,
    /// What a sender wishes of TLS (RFC 8689).
    #[arg(long)]
    pub(crate) wish: Option<Wish>,
    /// Dial only this host. May be given several times.
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<Host>,
    /// Dial every address of a host, not only the first.
    #[arg(long)]
    pub(crate) all_addresses: bool,
    /// How many seconds one address may take.
    #[arg(long, value_name = "SECONDS", default_value = "60",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// Mail that we deliver.
    Outbound,
    /// Mail that comes in.
    Inbound,
}

/// A sender or a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Party {
    /// The null reverse-path.
    Nobody,
    /// An address.
    Mailbox(Mailbox),
    /// Anybody in a domain.
    Domain(Domain),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("<>"),
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
            Self::Domain(domain) => domain.fmt(f),
        }
    }
}

impl FromStr for Party {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'));
        match bare {
            Some("") => Ok(Self::Nobody),
            Some(address) => Ok(Self::Mailbox(address.parse()?)),
            None if text.contains('@') => Ok(Self::Mailbox(text.parse()?)),
            None => Ok(Self::Domain(text.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn parties_are_told_apart() {
        assert_eq!("<>".parse::<Party>().unwrap(), Party::Nobody);
        let mailbox = Party::Mailbox("a@x.example".parse().unwrap());
        assert_eq!("a@x.example".parse::<Party>().unwrap(), mailbox);
        assert_eq!("<a@X.example>".parse::<Party>().unwrap(), mailbox);
        let domain = Party::Domain("x.example".parse().unwrap());
        assert_eq!("X.EXAMPLE".parse::<Party>().unwrap(), domain);
        assert!("<x.example>".parse::<Party>().is_err());
        assert!("".parse::<Party>().is_err());
    }
}
