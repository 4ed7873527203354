//! A domain whose mail hosts DNS names, and who it publishes them to be.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use postern_fetch::{StsFinding, StsPolicies};
use postern_mail::{Domain, QueueId, TlsWish};
use postern_outbound::{Accounts, Schedule};
use postern_policy::{KnownPolicy, StsPolicy};
use postern_reports::ledger::{PartnerAttempt, PlaintextMessage, TlsSession};
use postern_smtp::server::{Limits, RequireTls};
use postern_testkit::{Authority, Identity, Leaf, server_config};
use postern_tls::{CertificateSummary, TrustAnchors};
use rustls_pki_types::UnixTime;

use crate::{
    neighbour::{Neighbour, Tls},
    world::{Plan, World},
};

/// What a host shows, made from the authority and its name.
pub(crate) type Presenting<'a> = dyn Fn(&Authority, &str) -> Tls + 'a;

/// `to.example` with the hosts `a.to.example` and `b.to.example`, each at an address of its own
/// with the same port, and an authority that everybody trusts.
pub(crate) struct Published {
    pub(crate) authority: Authority,
    pub(crate) hosts: Vec<Neighbour>,
    pub(crate) accounts: Arc<Accounted>,
    port: u16,
}

impl Published {
    /// One host of each kind; `tls` is given the authority and the name of the host.
    pub(crate) async fn with(tls: &[&Presenting<'_>]) -> Self {
        Self::offering(tls, &[RequireTls::Offered, RequireTls::Offered]).await
    }

    pub(crate) async fn offering(tls: &[&Presenting<'_>], requiretls: &[RequireTls]) -> Self {
        let authority = Authority::new("Everybody's CA");
        let mut hosts: Vec<Neighbour> = Vec::new();
        for (at, (tls, requiretls)) in tls.iter().zip(requiretls).enumerate() {
            let name = ["a.to.example", "b.to.example"][at];
            let tls = tls(&authority, name);
            hosts.push(match hosts.first().map(|first| first.address.port()) {
                None => start(at, 0, tls, *requiretls).await,
                Some(port) => start(at, port, tls, *requiretls).await,
            });
        }
        Self {
            port: hosts[0].address.port(),
            authority,
            hosts,
            accounts: Arc::default(),
        }
    }

    /// The lines of a zone about the hosts, `a` preferred, and those given, in which `PORT`
    /// stands for the port.
    pub(crate) fn zone(&self, mx: &str, hosts: &str, lines: &str) -> String {
        let mut zone = format!("$PROOF {mx}\n");
        for (at, _) in self.hosts.iter().enumerate() {
            let name = ["a", "b"][at];
            zone += &format!("to.example MX {at} {name}.to.example\n");
        }
        zone += &format!("$PROOF {hosts}\n");
        for (at, host) in self.hosts.iter().enumerate() {
            let name = ["a", "b"][at];
            zone += &format!("{name}.to.example A {}\n", host.address.ip());
        }
        zone + &lines.replace("PORT", &self.port.to_string())
    }

    /// A world that goes by this zone.
    pub(crate) fn plan(&self, zone: String) -> Plan {
        Plan {
            zone,
            mx_port: self.port,
            accounts: Arc::<Accounted>::clone(&self.accounts),
            trust: Some(TrustAnchors::from_pem("everybody", &self.authority.pem()).unwrap()),
            schedule: Schedule {
                retry: vec![Duration::from_secs(3600)],
                ..Schedule::default()
            },
            ..Plan::default()
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections each host has had, and how many times MAIL was said to it.
    pub(crate) fn visits(&self) -> Vec<(usize, usize)> {
        let visits = |host: &Neighbour| (host.connections(), host.transactions());
        self.hosts.iter().map(visits).collect()
    }
}

async fn start(at: usize, port: u16, tls: Tls, requiretls: RequireTls) -> Neighbour {
    let address = SocketAddr::from(([127, 0, 7, 1 + u8::try_from(at).unwrap()], port));
    Neighbour::with(address, tls, Limits::default(), requiretls).await
}

/// A host with a certificate for its name.
pub(crate) fn sound(authority: &Authority, name: &str) -> Tls {
    serving(&authority.issue(&Leaf::named(name)))
}

/// A host with a certificate for another name.
pub(crate) fn misnamed(authority: &Authority, _: &str) -> Tls {
    serving(&authority.issue(&Leaf::named("other.example")))
}

/// A host without TLS.
pub(crate) fn plain(_: &Authority, _: &str) -> Tls {
    Tls::None
}

pub(crate) fn serving(identity: &Identity) -> Tls {
    Tls::With(Arc::new(server_config(identity, None)))
}

/// The record that speaks of this certificate.
pub(crate) fn tlsa(identity: &Identity) -> String {
    let fingerprint = CertificateSummary::of(identity.leaf()).fingerprint;
    format!("3 0 1 {fingerprint}")
}

/// A record that speaks of no certificate.
pub(crate) fn wrong_tlsa() -> String {
    format!("3 0 1 {}", "00".repeat(32))
}

/// A message for the domain, with this wish.
pub(crate) async fn submit(world: &World, wish: TlsWish) -> QueueId {
    let to = ["<jo@to.example>"];
    world.submit_under(wish, "<me@example.org>", &to).await
}

/// An MTA-STS policy of the domain.
pub(crate) fn policy(mode: &str, mx: &[&str]) -> StsFinding {
    let mx: String = mx.iter().map(|mx| format!("mx: {mx}\n")).collect();
    let text = format!("version: STSv1\nmode: {mode}\n{mx}max_age: 86400\n");
    let known = KnownPolicy::fetched(
        "to.example".parse().unwrap(),
        "1".parse().unwrap(),
        StsPolicy::parse(text.as_bytes()).unwrap(),
        UnixTime::now(),
    );
    StsFinding {
        known: Some(Arc::new(known)),
        trouble: None,
    }
}

/// Policies that are found one after the other: the first when asked, the next ones when asked
/// for newer ones.
#[derive(Debug)]
pub(crate) struct Succession(Mutex<VecDeque<StsFinding>>);

impl Succession {
    pub(crate) fn of(policies: impl IntoIterator<Item = StsFinding>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(policies.into_iter().collect())))
    }
}

#[async_trait]
impl StsPolicies for Succession {
    async fn find(&self, _: &Domain) -> StsFinding {
        let policies = self.0.lock().unwrap();
        policies.front().cloned().unwrap_or_default()
    }

    async fn renew(&self, domain: &Domain) -> StsFinding {
        {
            let mut policies = self.0.lock().unwrap();
            if policies.len() > 1 {
                policies.pop_front();
            }
        }
        self.find(domain).await
    }
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Accounted {
    sessions: Mutex<Vec<TlsSession>>,
    partners: Mutex<Vec<PartnerAttempt>>,
    plaintext: Mutex<Vec<PlaintextMessage>>,
}

impl Accounted {
    /// Type and failure of each policy of each session.
    pub(crate) fn results(&self) -> Vec<String> {
        let sessions = self.sessions.lock().unwrap();
        let policies = sessions.iter().flat_map(|session| &session.policies);
        policies
            .map(|outcome| {
                let failure = outcome.failure.as_ref();
                let result = failure.map_or("met", |failure| failure.result_type.as_str());
                format!("{} {result}", outcome.policy.policy_type)
            })
            .collect()
    }

    pub(crate) fn sessions(&self) -> Vec<TlsSession> {
        self.sessions.lock().unwrap().clone()
    }

    pub(crate) fn partners(&self) -> Vec<PartnerAttempt> {
        self.partners.lock().unwrap().clone()
    }

    pub(crate) fn plaintext(&self) -> Vec<PlaintextMessage> {
        self.plaintext.lock().unwrap().clone()
    }
}

impl Accounts for Accounted {
    fn session(&self, session: &TlsSession) {
        self.sessions.lock().unwrap().push(session.clone());
    }

    fn partner(&self, attempt: &PartnerAttempt) {
        self.partners.lock().unwrap().push(attempt.clone());
    }

    fn plaintext(&self, message: &PlaintextMessage) {
        self.plaintext.lock().unwrap().push(message.clone());
    }
}
