//! What the operator decides about delivery.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use postern_authentication::Signer;
use postern_mail::{Domain, DomainMap, Mailbox, NextHop};
use postern_policy::{DeliveryPlan, PartnerName};
use postern_rewriting::Srs;

use crate::{LocalDelivery, Pace, PaceOverride, PrivateTargets, Routes, Schedule, Way};

/// What the operator decides about delivery.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What we call ourselves in EHLO and in notices.
    pub hostname: Domain,
    /// Next hops that the configuration names.
    pub routes: Routes,
    /// When to try again, when to tell the sender, when to give up.
    pub schedule: Schedule,
    /// How fast one destination is given mail, where its route and its partner do not say
    /// otherwise.
    pub pace: Pace,
    /// What partners say of it; that goes before what routes say.
    pub partner_paces: HashMap<PartnerName, PaceOverride>,
    /// The most messages that are being delivered at a time, and the most connections to all
    /// destinations together.
    pub messages: usize,
    /// How long a connection is kept for the next message.
    pub keep_alive: Duration,
    /// How long connecting to one address may take. RFC 5321 §4.5.3.2 names no time; the
    /// operating system's own limit of over two minutes would hold up every other address.
    pub connect_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// Which kinds of address are used.
    pub families: AddressFamilies,
    /// Whether DNS may send us to addresses that are not on the public internet.
    pub private_targets: PrivateTargets,
    /// The port of hosts that DNS names. It is 25 (RFC 5321 §4.5.4.2), save in test networks.
    pub mx_port: u16,
    /// Where our own listeners are, so that mail is not sent round in a circle.
    pub own_addresses: Vec<SocketAddr>,
    /// The domains that we are the hosts of: their senders' mail is ours to send.
    pub own_domains: DomainMap<()>,
    /// In whose name mail from others is sent on; in theirs where there is none.
    pub srs: Option<Arc<Srs>>,
    /// Where mail goes that is kept apart as suspicious.
    pub quarantine: Vec<NextHop>,
    /// Who takes in the mail for `local_addresses`.
    pub local: Option<Arc<dyn LocalDelivery>>,
    /// The addresses of this mail system itself: their mail goes to no next hop.
    pub local_addresses: Vec<Mailbox>,
    /// Who signs what we write ourselves.
    pub signer: Option<Arc<Signer>>,
    /// The most notices that one address is sent within an hour. Whoever writes in somebody's name
    /// to many who do not exist could bury him under them.
    pub notices_per_hour: u32,
}

impl Settings {
    /// The settings that a silent operator gets.
    pub fn new(hostname: Domain) -> Self {
        Self {
            hostname,
            routes: Routes::default(),
            schedule: Schedule::default(),
            pace: Pace::default(),
            partner_paces: HashMap::new(),
            messages: 1000,
            keep_alive: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(30),
            families: AddressFamilies::Any,
            private_targets: PrivateTargets::Refused,
            mx_port: NextHop::SMTP,
            own_addresses: Vec::new(),
            own_domains: DomainMap::new(),
            srs: None,
            quarantine: Vec::new(),
            local: None,
            local_addresses: Vec::new(),
            signer: None,
            notices_per_hour: 100,
        }
    }

    /// How fast mail goes this way, as planned.
    pub(crate) fn pace_of(&self, way: &Way, plan: &DeliveryPlan) -> Pace {
        let route = way.route.as_ref().map(|route| &route.pace);
        let partner = plan.partner();
        let partner = partner.and_then(|partner| self.partner_paces.get(partner.name()));
        let said = route.into_iter().chain(partner);
        said.fold(self.pace, |pace, said| pace.overridden(said))
    }
}

/// Which kinds of address are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFamilies {
    /// Both, IPv6 first.
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl AddressFamilies {
    pub(crate) fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }
}
