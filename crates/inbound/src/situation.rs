//! One consistent view of the settings, made ready to be used.
//!
//! A session takes the view of its beginning for what it says of itself, and the newest one at
//! each MAIL. So a reload drops nobody, and decides over the next transaction of everybody.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use postern_mail::{Domain, DomainMap};
use postern_policy::{ListenerFloor, Policy};
use postern_rewriting::Rewriting;
use postern_smtp::server::{RequireTls, ServerSettings, StartTls};
use postern_tls::{CryptoBounds, TlsServer, TlsServerError};

use crate::{
    Authentication, Limits, Listener, Role, Settings, TlsMode, census::Capacity, settings::Reach,
};

/// The settings, ready to be used.
#[derive(Debug)]
pub(crate) struct Situation {
    pub(crate) hostname: Domain,
    pub(crate) policy: Arc<Policy>,
    pub(crate) domains: DomainMap<()>,
    pub(crate) authentication: Option<Arc<Authentication>>,
    pub(crate) rewriting: Arc<Rewriting>,
    pub(crate) limits: Limits,
    doors: Vec<Arc<Door>>,
}

/// A listener, ready to be used.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listener: Listener,
    /// What a session here says of itself.
    pub(crate) session: Arc<ServerSettings>,
    /// Who makes the handshake, where there is one.
    pub(crate) tls: Option<TlsServer>,
    /// What the listener demands of everybody.
    pub(crate) floor: Option<ListenerFloor>,
}

/// A listener that cannot offer TLS as it should.
#[derive(Debug, thiserror::Error)]
#[error("listener {address} cannot offer TLS")]
pub struct TlsFault {
    /// The listener's address, as it was configured.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: TlsServerError,
}

impl Situation {
    /// The settings for these listeners, which stand for those of the settings.
    pub(crate) fn new(settings: &Settings, listeners: &[Listener]) -> Result<Self, Vec<TlsFault>> {
        let mut servers = Servers::default();
        let (doors, faults): (Vec<_>, Vec<_>) = listeners
            .iter()
            .map(|listener| Door::new(settings, listener, &mut servers))
            .partition(Result::is_ok);
        if !faults.is_empty() {
            return Err(faults.into_iter().filter_map(Result::err).collect());
        }
        Ok(Self {
            hostname: settings.hostname.clone(),
            policy: Arc::clone(&settings.policy),
            domains: settings.domains.clone(),
            authentication: settings.authentication.clone(),
            rewriting: Arc::clone(&settings.rewriting),
            limits: settings.limits.clone(),
            doors: doors.into_iter().flatten().map(Arc::new).collect(),
        })
    }

    /// The listener of this number.
    pub(crate) fn door(&self, number: usize) -> Option<&Arc<Door>> {
        self.doors.get(number)
    }

    /// How many connections there may be for this client to become one more of them.
    pub(crate) fn capacity(&self, door: &Door, client: IpAddr) -> Capacity {
        let (all, of_listener) = (self.limits.connections, door.listener.connections);
        let of_address = self.limits.connections_per_address;
        if self.has_reserve(client) {
            return Capacity {
                all,
                of_listener,
                of_address,
                of_network: all,
            };
        }
        let reserved = match self.reserve_has_users() {
            true => self.limits.reserved.min(all),
            false => 0,
        };
        let share = of_listener.saturating_mul(reserved).checked_div(all);
        Capacity {
            all: all - reserved,
            of_listener: of_listener.saturating_sub(share.unwrap_or(0)),
            of_address,
            of_network: self.limits.connections_per_network,
        }
    }

    /// Places that nobody could ever take are not kept free.
    fn reserve_has_users(&self) -> bool {
        let is_relay = |door: &Arc<Door>| matches!(door.listener.role, Role::Relay { .. });
        !self.limits.reserved_networks.is_empty() || self.doors.iter().any(is_relay)
    }

    /// Whether the client is no stranger by its address: a host of ours, or one in the networks
    /// of partners.
    pub(crate) fn has_reserve(&self, client: IpAddr) -> bool {
        let is_ours = |door: &Arc<Door>| door.listener.role.reach(client) == Reach::Anywhere;
        let networks = &self.limits.reserved_networks;
        networks.iter().any(|it| it.contains(client)) || self.doors.iter().any(is_ours)
    }
}

impl Door {
    fn new(
        settings: &Settings,
        listener: &Listener,
        servers: &mut Servers,
    ) -> Result<Self, TlsFault> {
        let tls = match listener.tls {
            TlsMode::None => None,
            TlsMode::StartTls | TlsMode::Required | TlsMode::Implicit => {
                let server = servers.server_for(settings, listener);
                Some(server.map_err(|source| TlsFault {
                    address: listener.address,
                    source,
                })?)
            }
        };
        Ok(Self {
            session: Arc::new(ServerSettings {
                hostname: settings.hostname.clone(),
                starttls: starttls(listener.tls),
                requiretls: requiretls(listener.tls),
                limits: settings.limits.session.clone(),
            }),
            floor: listener.floor(),
            listener: listener.clone(),
            tls,
        })
    }
}

/// Who makes handshakes. Listeners with the same bounds share one, so that a client may resume at
/// one what it began at another.
#[derive(Debug, Default)]
struct Servers(Vec<(CryptoBounds, TlsServer)>);

impl Servers {
    fn server_for(
        &mut self,
        settings: &Settings,
        listener: &Listener,
    ) -> Result<TlsServer, TlsServerError> {
        let bounds = listener.bounds(settings.policy.defaults().profile.bounds());
        if let Some((_, made)) = self.0.iter().find(|(of, _)| *of == bounds) {
            return Ok(made.clone());
        }
        let certificates = Arc::clone(&settings.certificates);
        let asking = settings.policy.client_certificates();
        let server = TlsServer::new(certificates, &bounds, asking)?;
        self.0.push((bounds, server.clone()));
        Ok(server)
    }
}

fn starttls(mode: TlsMode) -> StartTls {
    match mode {
        TlsMode::StartTls => StartTls::Offered,
        TlsMode::Required => StartTls::Required,
        TlsMode::Implicit | TlsMode::None => StartTls::NotOffered,
    }
}

/// Where there is never TLS there is nobody to promise it to (RFC 8689 §2).
fn requiretls(mode: TlsMode) -> RequireTls {
    match mode {
        TlsMode::StartTls | TlsMode::Required | TlsMode::Implicit => RequireTls::Offered,
        TlsMode::None => RequireTls::NotOffered,
    }
}

/// What replaced settings leave to a restart, because sockets are bound once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replaced {
    /// Listeners of the new settings that are not bound.
    pub not_bound: Vec<SocketAddr>,
    /// Listeners that are bound and that the new settings do not have. They go on as they were,
    /// with the new policy, domains and limits.
    pub still_bound: Vec<SocketAddr>,
}

/// The listeners as they are bound, each by what the new settings say of it. They are told
/// apart by their configured addresses, and where these are the same, by their order.
pub(crate) fn carry_over(bound: &[Listener], new: &[Listener]) -> (Vec<Listener>, Replaced) {
    let mut new: Vec<_> = new.iter().collect();
    let mut replaced = Replaced::default();
    let listeners = bound
        .iter()
        .map(|old| {
            let same = new.iter().position(|it| it.address == old.address);
            match same.map(|at| new.remove(at)) {
                Some(listener) => listener.clone(),
                None => {
                    replaced.still_bound.push(old.address);
                    old.clone()
                }
            }
        })
        .collect();
    replaced.not_bound = new.iter().map(|listener| listener.address).collect();
    (listeners, replaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Judgement, Quarantine};

    fn listener(address: &str, connections: usize) -> Listener {
        Listener {
            address: address.parse().unwrap(),
            role: Role::Mx,
            tls: TlsMode::None,
            profile: None,
            connections,
            judgement: Judgement::Enforce(Quarantine::Mark),
        }
    }

    #[test]
    fn listeners_are_recognised_by_address_and_order() {
        let bound = [
            listener("127.0.0.1:0", 1),
            listener("127.0.0.1:25", 2),
            listener("127.0.0.1:0", 3),
            listener("127.0.0.2:25", 4),
        ];
        let new = [
            listener("127.0.0.3:25", 5),
            listener("127.0.0.1:25", 20),
            listener("127.0.0.1:0", 10),
            listener("127.0.0.1:0", 30),
        ];
        let (listeners, replaced) = carry_over(&bound, &new);
        let connections: Vec<_> = listeners.iter().map(|it| it.connections).collect();
        assert_eq!(connections, [10, 20, 30, 4]);
        assert_eq!(
            replaced,
            Replaced {
                not_bound: vec!["127.0.0.3:25".parse().unwrap()],
                still_bound: vec!["127.0.0.2:25".parse().unwrap()],
            }
        );
    }
}
