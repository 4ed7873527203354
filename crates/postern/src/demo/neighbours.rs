//! The hosts around the relay that take its mail: each is a Postern of its own, as far as
//! receiving goes, with a mailbox in place of a queue.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use postern_inbound::{Inbound, Judgement, Limits, Listener, NoAccounts, Role, Settings, TlsMode};
use postern_mail::DomainMap;
use postern_policy::{ChannelLevel, Defaults, IdentityTerms, InboundTerms, Partner, Policy, Stage};
use postern_tls::{CertificateStore, Profile, ProfileName, TrustAnchors};
use rustls_pki_types::UnixTime;
use tokio::net::TcpListener;

use super::{home::Home, mailbox::Mailbox, meddler};
use crate::failure::Failure;

/// Any port of this host that is free.
pub(super) const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The mail system behind the relay, with the mailboxes of our own users.
    OurMailSystem,
    /// A partner that shows its certificate and demands ours.
    Ministry,
    /// A partner in whose place somebody else answers.
    Bank,
    /// A partner behind somebody who strips STARTTLS.
    Clinic,
    /// A partner whose rule is only observed, and whose certificate has expired.
    Supplier,
    /// A stranger without TLS, who stands for the rest of the world as well.
    Plain,
    /// A stranger with a certificate that nobody vouches for.
    SelfSigned,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OurMailSystem => "our mail system",
            Self::Ministry => "the ministry",
            Self::Bank => "the impostor",
            Self::Clinic => "the clinic",
            Self::Supplier => "the supplier",
            Self::Plain => "the stranger without TLS",
            Self::SelfSigned => "the stranger with a self-signed certificate",
        })
    }
}

/// What there is to know of a neighbour.
pub(super) struct Neighbour {
    pub(super) who: Who,
    hostname: &'static str,
    /// The domains whose mail it takes.
    takes: &'static str,
    shows: Shows,
    demands: Demands,
    path: Path,
}

/// Which certificate a neighbour shows, by the stem of its files.
#[derive(Clone, Copy)]
enum Shows {
    /// It does not offer TLS.
    Nothing,
    Current(&'static str),
    /// It was loaded while it was valid, and nobody has looked at it since.
    LoadedLastWeek(&'static str),
}

/// What a neighbour demands of whoever brings mail from `example.org`.
#[derive(Clone, Copy)]
enum Demands {
    Nothing,
    /// The certificate of our gateway.
    OurCertificate,
}

/// What lies between the relay and a neighbour.
#[derive(Clone, Copy)]
enum Path {
    Clear,
    /// Somebody who strips STARTTLS.
    Meddled,
}

pub(super) static NEIGHBOURS: [Neighbour; 7] = [
    Neighbour {
        shows: Shows::Nothing,
        ..neighbour(Who::OurMailSystem, "mail.example.org", "example.org")
    },
    Neighbour {
        shows: Shows::Current("ministry-mx1"),
        demands: Demands::OurCertificate,
        ..neighbour(Who::Ministry, "mx1.ministry.example", "ministry.example")
    },
    Neighbour {
        shows: Shows::Current("impostor"),
        ..neighbour(Who::Bank, "mx1.bank.example", "bank.example")
    },
    Neighbour {
        shows: Shows::Current("clinic-mx1"),
        path: Path::Meddled,
        ..neighbour(Who::Clinic, "mx1.clinic.example", "clinic.example")
    },
    Neighbour {
        shows: Shows::LoadedLastWeek("supplier-mx1"),
        ..neighbour(Who::Supplier, "mx1.supplier.example", "supplier.example")
    },
    neighbour(Who::Plain, "mail.plain.example", "*"),
    Neighbour {
        shows: Shows::Current("selfsigned"),
        ..neighbour(
            Who::SelfSigned,
            "mail.selfsigned.example",
            "selfsigned.example",
        )
    },
];

const fn neighbour(who: Who, hostname: &'static str, takes: &'static str) -> Neighbour {
    Neighbour {
        who,
        hostname,
        takes,
        shows: Shows::Nothing,
        demands: Demands::Nothing,
        path: Path::Clear,
    }
}

impl Neighbour {
    /// Receives from now on, and says where the relay reaches it.
    pub(super) async fn start(&self, home: &Home, mailbox: Mailbox) -> Result<SocketAddr, Failure> {
        let settings = self.settings(home)?;
        let bound = Inbound::bind(&settings, Arc::new(mailbox), Arc::new(NoAccounts));
        let inbound = bound.map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Failure::plain(errors.join("\n"))
        })?;
        let address = inbound.local_addresses().first().copied();
        let address = address.unwrap_or(ANY_PORT);
        tokio::spawn(inbound.serve(std::future::pending()));
        match self.path {
            Path::Clear => Ok(address),
            Path::Meddled => {
                let listener = TcpListener::bind(ANY_PORT).await;
                let listener = listener.map_err(|error| cannot_start(&error))?;
                let meddler = listener
                    .local_addr()
                    .map_err(|error| cannot_start(&error))?;
                tokio::spawn(meddler::meddle(listener, address));
                Ok(meddler)
            }
        }
    }

    fn settings(&self, home: &Home) -> Result<Settings, Failure> {
        let mut domains = DomainMap::new();
        domains.insert(parse(self.takes)?, ());
        Ok(Settings {
            hostname: parse(self.hostname)?,
            policy: Arc::new(self.policy(home)?),
            certificates: Arc::new(self.certificates(home)?),
            domains,
            authentication: None,
            rewriting: Arc::default(),
            listeners: vec![Listener {
                address: ANY_PORT,
                role: Role::Mx,
                tls: match self.shows {
                    Shows::Nothing => TlsMode::None,
                    Shows::Current(_) | Shows::LoadedLastWeek(_) => TlsMode::StartTls,
                },
                profile: None,
                connections: 100,
                judgement: Judgement::Off,
            }],
            limits: Limits::default(),
        })
    }

    fn certificates(&self, home: &Home) -> Result<CertificateStore, Failure> {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
        let now = UnixTime::now();
        let (stem, at) = match self.shows {
            Shows::Nothing => return load(&[], now),
            Shows::Current(stem) => (stem, now),
            Shows::LoadedLastWeek(stem) => {
                let then = Duration::from_secs(now.as_secs()).saturating_sub(WEEK);
                (stem, UnixTime::since_unix_epoch(then))
            }
        };
        load(&[home.pair(stem)], at)
    }

    fn policy(&self, home: &Home) -> Result<Policy, Failure> {
        let partners = match self.demands {
            Demands::Nothing => Vec::new(),
            Demands::OurCertificate => vec![example_organisation(home)?],
        };
        let defaults = Defaults {
            profile: Profile::named(ProfileName::Intermediate),
            trust: TrustAnchors::union([]),
        };
        Policy::new(defaults, partners).map_err(|errors| cannot_start(&Several(errors)))
    }
}

/// We, as a partner of ours sees us: nobody speaks for `example.org` but our gateway.
fn example_organisation(home: &Home) -> Result<Partner, Failure> {
    let gateway: postern_mail::Domain = parse("gateway.example.org")?;
    let terms = InboundTerms {
        identity: IdentityTerms {
            names: vec![gateway.into()],
            trust: Some(home.anchors("example-ca")?),
            ..IdentityTerms::default()
        },
        ..InboundTerms::requiring(ChannelLevel::Authenticated)
    };
    let partner = Partner::builder(parse("Example Organisation")?, Stage::Enforce)
        .domain(parse("example.org")?)
        .inbound(terms);
    partner
        .build()
        .map_err(|errors| cannot_start(&Several(errors)))
}

fn load(
    files: &[postern_tls::CertificateFiles],
    at: UnixTime,
) -> Result<CertificateStore, Failure> {
    CertificateStore::load(files, at).map_err(|errors| cannot_start(&Several(errors)))
}

/// What is written in this program and still has to be parsed.
pub(super) fn parse<T>(text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr<Err: std::error::Error>,
{
    text.parse()
        .map_err(|error| Failure::new(format_args!("{text:?}"), &error))
}

pub(super) fn cannot_start(error: &dyn std::error::Error) -> Failure {
    Failure::new("a neighbour cannot start", error)
}

/// Several errors as one.
#[derive(Debug)]
struct Several<E>(Vec<E>);

impl<E: fmt::Display> fmt::Display for Several<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Several<E> {}
