//! How many connections there are, and from whom.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::budget;

/// Counts connections: all of them, those of each listener, of each address and of each network.
#[derive(Debug)]
pub(crate) struct Census {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_listener: Vec<usize>,
    by_origin: HashMap<IpAddr, usize>,
    by_network: HashMap<IpAddr, usize>,
}

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    pub(crate) all: usize,
    pub(crate) of_listener: usize,
    pub(crate) of_address: usize,
    pub(crate) of_network: usize,
}

/// Which of its limits a connection would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    /// That of all listeners together.
    #[error("there are too many connections")]
    All,
    /// That of this listener.
    #[error("there are too many connections to this listener")]
    Listener,
    /// That of one address.
    #[error("there are too many connections from this address")]
    Address,
    /// That of the network around it.
    #[error("there are too many connections from this network")]
    Network,
}

/// A connection's place among the others; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    census: Arc<Census>,
    listener: usize,
    origin: IpAddr,
    network: IpAddr,
}

impl Census {
    pub(crate) fn new(listeners: usize) -> Arc<Self> {
        Arc::new(Self {
            counts: Mutex::new(Counts {
                by_listener: vec![0; listeners],
                ..Counts::default()
            }),
        })
    }

    /// Finds a place for a connection from `address` to the listener of this number.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn enter(
        self: &Arc<Self>,
        listener: usize,
        address: IpAddr,
        capacity: Capacity,
    ) -> Result<Place, Crowded> {
        let (origin, network) = (budget::address(address), budget::network(address));
        let mut counts = self.counts();
        let of_listener = counts.by_listener.get(listener).copied().unwrap_or(0);
        let of_address = counts.by_origin.get(&origin).copied().unwrap_or(0);
        let of_network = counts.by_network.get(&network).copied().unwrap_or(0);
        if of_address >= capacity.of_address {
            return Err(Crowded::Address);
        }
        if of_network >= capacity.of_network {
            return Err(Crowded::Network);
        }
        if of_listener >= capacity.of_listener {
            return Err(Crowded::Listener);
        }
        if counts.all >= capacity.all {
            return Err(Crowded::All);
        }
        counts.all += 1;
        if let Some(count) = counts.by_listener.get_mut(listener) {
            *count += 1;
        }
        *counts.by_origin.entry(origin).or_insert(0) += 1;
        *counts.by_network.entry(network).or_insert(0) += 1;
        Ok(Place {
            census: Arc::clone(self),
            listener,
            origin,
            network,
        })
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.counts().all
    }

    /// The counts are whole between any two statements, so a panic elsewhere spoils nothing.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.census.counts();
        counts.all -= 1;
        if let Some(count) = counts.by_listener.get_mut(self.listener) {
            *count -= 1;
        }
        leave(&mut counts.by_origin, self.origin);
        leave(&mut counts.by_network, self.network);
    }
}

/// One less; who has none left is forgotten.
fn leave(counts: &mut HashMap<IpAddr, usize>, whose: IpAddr) {
    if let Some(count) = counts.get_mut(&whose) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: Capacity = Capacity {
        all: 5,
        of_listener: 4,
        of_address: 2,
        of_network: 10,
    };

    /// Lets connections in one after the other and says what became of each.
    #[track_caller]
    fn check(arrivals: &[(usize, &str, Result<(), Crowded>)]) {
        let census = Census::new(2);
        let mut places = Vec::new();
        for (listener, address, expected) in arrivals {
            let entered = census.enter(*listener, address.parse().unwrap(), CAPACITY);
            let entered = entered.map(|place| places.push(place));
            assert_eq!(entered, *expected, "{address} to {listener}");
        }
        assert_eq!(census.connections(), places.len());
        drop(places);
        assert_eq!(census.connections(), 0);
        assert!(census.counts().by_origin.is_empty());
        assert!(census.counts().by_network.is_empty());
        assert_eq!(census.counts().by_listener, [0, 0]);
    }

    #[test]
    fn each_limit_holds_by_itself() {
        check(&[
            (0, "192.0.2.1", Ok(())),
            (1, "192.0.2.1", Ok(())),
            (0, "192.0.2.1", Err(Crowded::Address)),
            (0, "192.0.2.2", Ok(())),
            (0, "192.0.2.2", Ok(())),
            (0, "192.0.2.3", Ok(())),
            (0, "192.0.2.4", Err(Crowded::Listener)),
            (1, "192.0.2.5", Err(Crowded::All)),
        ]);
    }

    #[test]
    fn an_address_has_several_spellings() {
        check(&[
            (0, "192.0.2.1", Ok(())),
            (0, "::ffff:192.0.2.1", Ok(())),
            (0, "192.0.2.1", Err(Crowded::Address)),
            (0, "2001:db8::1", Ok(())),
            (0, "2001:db8::ffff:0:0:2", Ok(())),
            (0, "2001:db8::3", Err(Crowded::Address)),
            (1, "2001:db8:0:1::1", Ok(())),
        ]);
    }

    #[test]
    fn a_network_counts_as_well() {
        let census = Census::new(1);
        let capacity = Capacity {
            of_network: 3,
            ..CAPACITY
        };
        let enter = |address: &str| census.enter(0, address.parse().unwrap(), capacity);
        let places = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|it| enter(it).unwrap());
        assert_eq!(enter("192.0.2.4").unwrap_err(), Crowded::Network);
        assert!(enter("192.0.3.4").is_ok());
        drop(places);
        assert!(enter("192.0.2.4").is_ok());
    }

    #[test]
    fn a_place_is_free_once_its_connection_is_gone() {
        let census = Census::new(1);
        let address = "192.0.2.1".parse().unwrap();
        let first = census.enter(0, address, CAPACITY).unwrap();
        let _second = census.enter(0, address, CAPACITY).unwrap();
        assert_eq!(
            census.enter(0, address, CAPACITY).unwrap_err(),
            Crowded::Address
        );
        drop(first);
        assert!(census.enter(0, address, CAPACITY).is_ok());
    }
}
