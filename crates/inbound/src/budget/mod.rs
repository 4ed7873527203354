//! How much a client may ask for within a time: connections, transactions, recipients, mistakes.
//!
//! Each account is one moment, until which what was asked for is paid (a generic cell rate
//! algorithm, ITU-T I.371): a request moves it on, time makes up for it, and whoever is too far
//! ahead waits. Nothing has to be reset for that, and what is paid up can be forgotten. A table of
//! them has a fixed bound: when it is full, what is nearest to being paid up is forgotten first, so
//! that no number of addresses makes room for those who have asked for most.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use postern_policy::PartnerName;

/// How many accounts there are at most; some hundred octets each.
const MOST: usize = 65_536;

/// A network may ask for as much as this many of its addresses.
const ADDRESSES_OF_NETWORK: u32 = 8;

/// So much within a time. All of it may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How much.
    pub count: NonZeroU32,
    /// Within which time.
    pub per: Duration,
}

/// What a client address, or a partner that its certificate proves, may ask for. Without an
/// allowance it is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowances {
    /// Connections.
    pub connections: Option<Allowance>,
    /// Mail transactions.
    pub messages: Option<Allowance>,
    /// Recipients.
    pub recipients: Option<Allowance>,
    /// Commands, senders, recipients and messages that were refused for good.
    pub errors: Option<Allowance>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Good {
    Connection,
    Message,
    Recipient,
    Error,
}

/// Whose account something is put down to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payer {
    /// An address; of IPv6, 64 bits.
    Address(IpAddr),
    /// What is next above it: 24 bits of IPv4, 48 of IPv6.
    Network(IpAddr),
    /// A partner that its certificate proves, from wherever it comes.
    Partner(PartnerName),
}

/// An account is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spent {
    good: Good,
    payer: Payer,
}

/// What everybody has asked for.
#[derive(Debug)]
pub(crate) struct Budgets {
    most: usize,
    paid_until: Mutex<HashMap<(Good, Payer), Instant>>,
}

impl Default for Budgets {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl Budgets {
    fn of(most: usize) -> Self {
        Self {
            most,
            paid_until: Mutex::default(),
        }
    }

    /// Puts one down to each payer, unless one of them has none left: then to nobody.
    pub(crate) fn spend(
        &self,
        good: Good,
        payers: &[Payer],
        allowances: &Allowances,
        now: Instant,
    ) -> Result<(), Spent> {
        let Some(allowance) = allowances.of(good) else {
            return Ok(());
        };
        let mut accounts = self.accounts();
        for payer in payers {
            solvent(&accounts, good, payer, allowance, now)?;
        }
        for payer in payers {
            self.put_down(&mut accounts, good, payer, allowance, now);
        }
        Ok(())
    }

    /// Puts down to each payer what has happened already, and no more than is made up for within
    /// the time of the allowance.
    pub(crate) fn charge(
        &self,
        good: Good,
        payers: &[Payer],
        allowances: &Allowances,
        now: Instant,
    ) {
        let Some(allowance) = allowances.of(good) else {
            return;
        };
        let mut accounts = self.accounts();
        for payer in payers {
            self.put_down(&mut accounts, good, payer, allowance, now);
        }
    }

    /// Whether each payer has one left.
    pub(crate) fn look(
        &self,
        good: Good,
        payers: &[Payer],
        allowances: &Allowances,
        now: Instant,
    ) -> Result<(), Spent> {
        let Some(allowance) = allowances.of(good) else {
            return Ok(());
        };
        let accounts = self.accounts();
        let mut payers = payers.iter();
        payers.try_for_each(|payer| solvent(&accounts, good, payer, allowance, now))
    }

    fn put_down(
        &self,
        accounts: &mut HashMap<(Good, Payer), Instant>,
        good: Good,
        payer: &Payer,
        allowance: Allowance,
        now: Instant,
    ) {
        let key = (good, payer.clone());
        if accounts.len() >= self.most && !accounts.contains_key(&key) {
            make_room(accounts, now);
        }
        let until = accounts.entry(key).or_insert(now);
        let next = (*until).max(now) + payer.interval(allowance);
        *until = next.min(now + allowance.per);
    }

    /// Each account is whole between any two statements, so a panic elsewhere spoils nothing.
    fn accounts(&self) -> MutexGuard<'_, HashMap<(Good, Payer), Instant>> {
        self.paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the payer has one left.
fn solvent(
    accounts: &HashMap<(Good, Payer), Instant>,
    good: Good,
    payer: &Payer,
    allowance: Allowance,
    now: Instant,
) -> Result<(), Spent> {
    let key = (good, payer.clone());
    let until = accounts.get(&key).copied().unwrap_or(now);
    let ahead = until.saturating_duration_since(now);
    if ahead + payer.interval(allowance) > allowance.per {
        let (good, payer) = key;
        return Err(Spent { good, payer });
    }
    Ok(())
}

/// Forgets what is paid up, and an eighth in any case, so that this is seldom done.
fn make_room(accounts: &mut HashMap<(Good, Payer), Instant>, now: Instant) {
    let mut ends: Vec<_> = accounts.values().copied().collect();
    let eighth = ends.len() / 8;
    if eighth < ends.len() {
        let (_, end, _) = ends.select_nth_unstable(eighth);
        let end = (*end).max(now);
        accounts.retain(|_, until| *until > end);
    }
}

impl Allowances {
    fn of(&self, good: Good) -> Option<Allowance> {
        match good {
            Good::Connection => self.connections,
            Good::Message => self.messages,
            Good::Recipient => self.recipients,
            Good::Error => self.errors,
        }
    }
}

impl Payer {
    /// A client that nothing but its address tells apart: the address, and what it is a part of.
    pub(crate) fn of(client: IpAddr) -> [Self; 2] {
        [
            Self::Address(address(client)),
            Self::Network(network(client)),
        ]
    }

    /// How long it takes to make up for one.
    fn interval(&self, allowance: Allowance) -> Duration {
        let one = allowance.per / allowance.count.get();
        match self {
            Self::Address(_) | Self::Partner(_) => one,
            Self::Network(_) => one / ADDRESSES_OF_NETWORK,
        }
    }
}

/// What counts as one address: an IPv4 address, however the socket shows it; of IPv6 the first
/// 64 bits, since the rest is one subscriber's to choose (RFC 6177 §2).
pub(crate) fn address(client: IpAddr) -> IpAddr {
    cut(client, 32, 64)
}

/// What counts as one network: 24 bits of IPv4; 48 of IPv6, which is what a site gets
/// (RFC 6177 §2).
pub(crate) fn network(client: IpAddr) -> IpAddr {
    cut(client, 24, 48)
}

fn cut(client: IpAddr, v4: u32, v6: u32) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => {
            let kept = u32::MAX << (32 - v4);
            Ipv4Addr::from_bits(address.to_bits() & kept).into()
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX << (128 - v6);
            Ipv6Addr::from_bits(address.to_bits() & kept).into()
        }
    }
}

impl fmt::Display for Good {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "connections",
            Self::Message => "messages",
            Self::Recipient => "recipients",
            Self::Error => "errors",
        })
    }
}

impl fmt::Display for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(_)) => f.write_str("your address"),
            Self::Address(IpAddr::V6(_)) | Self::Network(_) => f.write_str("your network"),
            Self::Partner(_) => f.write_str("you"),
        }
    }
}

/// As the client is told.
impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Too many {} in a short time from {}",
            self.good, self.payer
        )
    }
}

impl std::error::Error for Spent {}

#[cfg(test)]
mod tests;
