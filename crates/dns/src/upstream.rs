//! The servers that are asked, and hickory that asks them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use hickory_resolver::{
    Resolver as Hickory,
    config::{NameServerConfig, ResolverConfig},
    system_conf::parse_resolv_conf,
};

use crate::{ResolverError, Servers, Settings, bounds::Guarded, settings::Anchors};

/// How long an unusable system configuration is left alone before it is read again.
const PAUSE: Duration = Duration::from_secs(5);

/// After how many records hickory starts with an empty memory. Its memory of checked signatures
/// holds a million sets of records, some three hundred octets each, and is not ours to bound;
/// with this it stays below a tenth of a gigabyte.
const MOST_RECEIVED: usize = 250_000;

/// hickory, as soon as it is known whom to ask.
///
/// A mail server whose routes are all fixed needs no name server, and one that starts before
/// the network does has none yet. Neither is a reason not to start.
#[derive(Debug)]
pub(crate) struct Upstream {
    settings: Settings,
    anchors: Option<Anchors>,
    system: PathBuf,
    state: Mutex<State>,
}

enum State {
    Ready(Box<Ready>),
    Waiting { why: String, since: Instant },
}

struct Ready {
    hickory: Hickory<Guarded>,
    guarded: Guarded,
    servers: Vec<NameServerConfig>,
}

impl Upstream {
    pub(crate) fn new(settings: &Settings, system: &Path) -> Result<Self, ResolverError> {
        let anchors = settings.validation.anchors()?;
        let state = match servers(&settings.servers, system) {
            Ok(servers) => State::Ready(Box::new(Ready::new(settings, anchors.as_ref(), servers)?)),
            Err(error @ ResolverError::System(_)) => State::Waiting {
                why: error.to_string(),
                since: Instant::now(),
            },
            Err(error) => return Err(error),
        };
        Ok(Self {
            settings: settings.clone(),
            anchors,
            system: system.to_owned(),
            state: Mutex::new(state),
        })
    }

    /// hickory, or why it cannot be asked at the moment.
    pub(crate) fn hickory(&self, now: Instant) -> Result<Hickory<Guarded>, String> {
        let mut state = self.lock();
        state.wait_no_longer(self, now);
        match &mut *state {
            State::Waiting { why, .. } => Err(why.clone()),
            State::Ready(ready) => {
                ready.forget_much(self);
                Ok(ready.hickory.clone())
            }
        }
    }

    /// The servers in use, or why there are none at the moment.
    pub(crate) fn servers(&self, now: Instant) -> Result<Vec<NameServerConfig>, String> {
        let mut state = self.lock();
        state.wait_no_longer(self, now);
        match &*state {
            State::Waiting { why, .. } => Err(why.clone()),
            State::Ready(ready) => Ok(ready.servers.clone()),
        }
    }

    /// hickory for one server alone, without memory.
    pub(crate) fn probe(&self, server: NameServerConfig) -> Result<Hickory<Guarded>, String> {
        let settings = Settings {
            cache_size: 0,
            retries: 0,
            ..self.settings.clone()
        };
        Ready::new(&settings, self.anchors.as_ref(), vec![server])
            .map(|ready| ready.hickory)
            .map_err(|error| error.to_string())
    }

    /// The keys that validation begins from, if there is any.
    pub(crate) fn anchors(&self) -> Option<&Anchors> {
        self.anchors.as_ref()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Reads the system's configuration again, where it is time to.
    fn wait_no_longer(&mut self, upstream: &Upstream, now: Instant) {
        let Self::Waiting { why, since } = self else {
            return;
        };
        if now.saturating_duration_since(*since) < PAUSE {
            return;
        }
        let found = servers(&upstream.settings.servers, &upstream.system);
        let made = found
            .and_then(|servers| Ready::new(&upstream.settings, upstream.anchors.as_ref(), servers));
        match made {
            Ok(ready) => *self = Self::Ready(Box::new(ready)),
            Err(error) => (*why, *since) = (error.to_string(), now),
        }
    }
}

impl Ready {
    fn new(
        settings: &Settings,
        anchors: Option<&Anchors>,
        servers: Vec<NameServerConfig>,
    ) -> Result<Self, ResolverError> {
        let guarded = Guarded::default();
        let config = ResolverConfig::from_name_servers(servers.clone());
        let mut builder = Hickory::builder_with_config(config, guarded.clone());
        settings.apply(builder.options_mut());
        if let Some(anchors) = anchors {
            builder = builder.with_trust_anchor(Arc::clone(&anchors.keys));
        }
        let hickory = builder
            .build()
            .map_err(|error| ResolverError::Hickory(error.to_string()))?;
        Ok(Self {
            hickory,
            guarded,
            servers,
        })
    }

    /// Begins anew with an empty memory when the old one has seen enough. Look-ups under way
    /// keep the old one.
    fn forget_much(&mut self, upstream: &Upstream) {
        if self.guarded.received.load(Ordering::Relaxed) < MOST_RECEIVED {
            return;
        }
        let servers = self.servers.clone();
        if let Ok(fresh) = Self::new(&upstream.settings, upstream.anchors.as_ref(), servers) {
            *self = fresh;
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready(ready) => f.debug_tuple("Ready").field(&ready.servers).finish(),
            Self::Waiting { why, .. } => f.debug_tuple("Waiting").field(why).finish(),
        }
    }
}

/// The servers as hickory takes them.
fn servers(wanted: &Servers, system: &Path) -> Result<Vec<NameServerConfig>, ResolverError> {
    match wanted {
        Servers::At(addresses) if addresses.is_empty() => Err(ResolverError::NoServers),
        Servers::At(addresses) => Ok(addresses.iter().map(at_port).collect()),
        Servers::System => {
            let unusable = |why: String| {
                ResolverError::System(format!("{} cannot be used: {why}", system.display()))
            };
            let text = std::fs::read(system).map_err(|error| unusable(error.to_string()))?;
            let (config, _) =
                parse_resolv_conf(text).map_err(|error| unusable(error.to_string()))?;
            Ok(config.into_parts().2)
        }
    }
}

fn at_port(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validation;

    fn upstream(system: &Path) -> Upstream {
        let settings = Settings {
            validation: Validation::Off,
            ..Settings::default()
        };
        Upstream::new(&settings, system).unwrap()
    }

    #[tokio::test]
    async fn a_system_without_name_servers_is_asked_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("resolv.conf");
        let upstream = upstream(&file);
        let start = Instant::now();
        let why = upstream.servers(start).unwrap_err();
        assert!(
            why.contains("resolv.conf cannot be used: No such file"),
            "{why}"
        );
        assert!(upstream.hickory(start).is_err());
        std::fs::write(&file, "search example.org\n").unwrap();
        let why = upstream.servers(start + 2 * PAUSE).unwrap_err();
        assert!(why.contains("no nameservers"), "{why}");
        std::fs::write(&file, "nameserver 192.0.2.53\nnameserver 2001:db8::53\n").unwrap();
        // Not yet: the last look was just now.
        assert!(upstream.hickory(start + 2 * PAUSE).is_err());
        let servers = upstream.servers(start + 4 * PAUSE).unwrap();
        let addresses: Vec<_> = servers.iter().map(|server| server.ip.to_string()).collect();
        assert_eq!(addresses, ["192.0.2.53", "2001:db8::53"]);
        assert!(upstream.hickory(start + 4 * PAUSE).is_ok());
        // What was found once stays.
        std::fs::remove_file(&file).unwrap();
        assert!(upstream.hickory(start + 9 * PAUSE).is_ok());
    }

    #[tokio::test]
    async fn the_memory_of_signatures_does_not_grow_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("resolv.conf");
        std::fs::write(&file, "nameserver 192.0.2.53\n").unwrap();
        let upstream = upstream(&file);
        let counter = || {
            upstream.hickory(Instant::now()).unwrap();
            match &*upstream.lock() {
                State::Ready(ready) => Arc::clone(&ready.guarded.received),
                State::Waiting { why, .. } => panic!("{why}"),
            }
        };
        let first = counter();
        first.store(MOST_RECEIVED - 1, Ordering::Relaxed);
        assert!(Arc::ptr_eq(&first, &counter()));
        first.store(MOST_RECEIVED, Ordering::Relaxed);
        assert!(!Arc::ptr_eq(&first, &counter()));
    }
}
