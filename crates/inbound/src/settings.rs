//! What reception goes by.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use postern_authentication::{Sealer, Signer, Verifier};
use postern_mail::{Domain, DomainMap, Network};
use postern_policy::{Label, ListenerFloor, Policy};
use postern_rewriting::Rewriting;
use postern_tls::{CertificateStore, CryptoBounds, Profile};

use crate::budget::Allowances;

/// Everything that reception goes by. On reload it is replaced as a whole.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What this host calls itself.
    pub hostname: Domain,
    /// What channels must prove, and by which crypto profile TLS is offered.
    pub policy: Arc<Policy>,
    /// What we show to clients.
    pub certificates: Arc<CertificateStore>,
    /// The domains that mail is accepted for from anybody.
    pub domains: DomainMap<()>,
    /// How it is found out who wrote a message, and how our own mail is signed. Without, nobody
    /// asks, and results that messages bring stay in them.
    pub authentication: Option<Arc<Authentication>>,
    /// Which recipients stand for others.
    pub rewriting: Arc<Rewriting>,
    /// Where mail comes in.
    pub listeners: Vec<Listener>,
    /// What peers may cost.
    pub limits: Limits,
}

/// How it is found out who wrote a message, and how our own mail is signed.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// Who finds out.
    pub verifier: Arc<Verifier>,
    /// The name under which our results are known (RFC 8601 §2.5).
    pub authserv_id: String,
    /// Whether SPF is told in a field of its own as well (RFC 7208 §9.1).
    pub received_spf: bool,
    /// For how long mail is put off because something cannot be found out. After that it is taken
    /// as it is.
    pub temperror_limit: Duration,
    /// Who signs for our domains.
    pub signer: Arc<Signer>,
    /// Who seals what strangers send, for those whom it is passed on to (RFC 8617).
    pub sealer: Option<Arc<Sealer>>,
}

/// Where mail comes in, from whom, and over what.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Address and port. Port 0 lets the system choose.
    pub address: SocketAddr,
    /// For whom it is.
    pub role: Role,
    /// How TLS is offered.
    pub tls: TlsMode,
    /// The crypto profile of this listener beside the policy's: what both allow is offered.
    pub profile: Option<&'static Profile>,
    /// The most connections to it at the same time.
    pub connections: usize,
    /// What follows for strangers from who wrote a message. It needs
    /// [`Settings::authentication`].
    pub judgement: Judgement,
}

/// What follows for strangers from who wrote a message. Clients of our own networks are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Nobody asks.
    Off,
    /// It is said in the header, and nothing is refused for it.
    Mark,
    /// What the author domain asks for is done, and there must be one author domain to ask.
    Enforce(Quarantine),
}

/// What becomes of a message that is under suspicion, because its author domain asks for that
/// (RFC 9989 §4.7). Whichever it is, a header field says so as well: `Postern-Quarantine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarantine {
    /// It goes its way, and whoever delivers it looks at the field.
    Mark,
    /// It is kept in the queue until an operator releases it.
    Hold,
    /// It goes to the next hop for such mail.
    Redirect,
}

impl Listener {
    /// What is negotiated here, under the policy's own bounds.
    pub(crate) fn bounds(&self, general: &CryptoBounds) -> CryptoBounds {
        match self.profile {
            Some(profile) => general.intersect(profile.bounds()),
            None => general.clone(),
        }
    }

    /// What it demands of everybody.
    pub fn floor(&self) -> Option<ListenerFloor> {
        match self.tls {
            TlsMode::Required | TlsMode::Implicit => {
                let label = Label::new(&self.address.to_string());
                Some(ListenerFloor::encrypted(label))
            }
            TlsMode::StartTls | TlsMode::None => None,
        }
    }
}

/// For whom a listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Strangers, with mail for our domains only.
    Mx,
    /// Our own hosts, which may send to any domain. Others are strangers here as well.
    Relay {
        /// Where our own hosts are.
        networks: Vec<Network>,
    },
}

/// How a listener offers TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// STARTTLS is offered to everyone.
    StartTls,
    /// STARTTLS is offered, and nothing that matters is accepted before it. Not for strangers:
    /// RFC 3207 §4 forbids it on a host that MX records name.
    Required,
    /// The connection begins with the handshake (RFC 8314 §3.3).
    Implicit,
    /// TLS is not offered.
    None,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mx => "mx",
            Self::Relay { .. } => "relay",
        })
    }
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::StartTls => "starttls",
            Self::Required => "required",
            Self::Implicit => "implicit",
            Self::None => "none",
        })
    }
}

/// How far mail of a client may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To our domains.
    OwnDomains,
    /// To any domain.
    Anywhere,
}

impl Role {
    /// How far mail of a client at this address may go.
    pub(crate) fn reach(&self, client: IpAddr) -> Reach {
        match self {
            Self::Relay { networks } if networks.iter().any(|it| it.contains(client)) => {
                Reach::Anywhere
            }
            Self::Relay { .. } | Self::Mx => Reach::OwnDomains,
        }
    }
}

/// What peers may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most connections of all listeners together.
    pub connections: usize,
    /// The most connections from one address; of IPv6, from one network of 64 bits.
    pub connections_per_address: usize,
    /// The most connections of strangers from one network: of IPv4, one of 24 bits; of IPv6, one of
    /// 48.
    pub connections_per_network: usize,
    /// How many of `connections` are for our own hosts and `reserved_networks` alone. Of the
    /// connections of each listener the same share is.
    pub reserved: usize,
    /// From where partners come. They are not counted against `allowances`.
    pub reserved_networks: Vec<Network>,
    /// What strangers may ask for within a time, and partners by their certificates.
    pub allowances: Allowances,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// How long a shutdown waits for content that is on its way in.
    pub drain: Duration,
    /// What one session may cost.
    pub session: postern_smtp::server::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            connections_per_address: 50,
            connections_per_network: 200,
            reserved: 0,
            reserved_networks: Vec::new(),
            allowances: Allowances::default(),
            handshake: Duration::from_secs(30),
            drain: Duration::from_secs(60),
            session: postern_smtp::server::Limits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(role: &Role, client: &str, expected: Reach) {
        assert_eq!(role.reach(client.parse().unwrap()), expected, "{client}");
    }

    #[test]
    fn only_hosts_of_a_relay_listener_s_networks_reach_out() {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
        let relay = Role::Relay {
            networks: networks.to_vec(),
        };
        check(&relay, "10.1.2.3", Reach::Anywhere);
        check(&relay, "::ffff:10.1.2.3", Reach::Anywhere);
        check(&relay, "2001:db8::1", Reach::Anywhere);
        check(&relay, "11.0.0.1", Reach::OwnDomains);
        check(&relay, "127.0.0.1", Reach::OwnDomains);
        check(&relay, "::1", Reach::OwnDomains);
        check(&Role::Mx, "10.1.2.3", Reach::OwnDomains);
        check(&Role::Mx, "127.0.0.1", Reach::OwnDomains);
        check(
            &Role::Relay { networks: vec![] },
            "127.0.0.1",
            Reach::OwnDomains,
        );
    }
}
