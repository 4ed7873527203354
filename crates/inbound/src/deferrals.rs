//! For how long mail has been put off because it could not be found out who wrote it.
//!
//! Whoever sends a message can make the DNS of its author domain fail for as long as he likes, and
//! a domain's DNS may be broken for days by itself. So a temporary error puts mail off for a
//! while and no longer (RFC 7208 §2.6.6 and RFC 6376 §6.1.2 leave the choice to us); after that it
//! is taken, with what was found out in its header. The time counts from the first message of a
//! client's network in the name of an author domain: a sender tries again from another address of
//! its farm, and with other messages.
//!
//! The table is bounded. When it is full, or a network has put too many domains into it, mail that
//! is new to it is not put off: that is what a domain whose DNS fails on purpose could have had
//! within the hour anyway, and other senders do not suffer for it.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use postern_mail::Domain;

/// How many pairs of network and author domain are known. With the longest domains it takes some
/// megabytes.
const MOST: usize = 10_000;

/// How many of them may be of one network: a large host sends for more domains than this, but not
/// for more whose DNS fails.
const MOST_OF_ONE: usize = 100;

/// How long it is remembered that mail has been put off for long enough. A sender that tries again
/// every few hours is not to begin anew each time.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Who has been put off since when.
#[derive(Debug, Default)]
pub(crate) struct Deferrals(Mutex<Table>);

/// Whether mail is to be put off once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It is.
    PutOff,
    /// It has been for long enough, or there is no room to remember it.
    Enough,
}

type Pair = (IpAddr, Domain);

#[derive(Debug, Default)]
struct Table {
    since: HashMap<Pair, Instant>,
    /// The same, the oldest first.
    by_age: VecDeque<(Instant, Pair)>,
    of_network: HashMap<IpAddr, usize>,
}

impl Deferrals {
    /// Whether mail of this client in the name of this domain is to be put off, `limit` being the
    /// longest that it may be.
    pub(crate) fn patience(
        &self,
        client: IpAddr,
        author: &Domain,
        limit: Duration,
        now: Instant,
    ) -> Patience {
        // Whatever state a panic left it in, the table is good enough for this.
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.forget(limit.saturating_add(REMEMBERED), now);
        let pair = (network(client), author.clone());
        let elapsed = table
            .since
            .get(&pair)
            .map(|since| now.saturating_duration_since(*since));
        match elapsed {
            Some(elapsed) if elapsed < limit => Patience::PutOff,
            Some(_) => Patience::Enough,
            None if limit.is_zero() => Patience::Enough,
            None => table.note(pair, now),
        }
    }
}

impl Table {
    fn note(&mut self, pair: Pair, now: Instant) -> Patience {
        let of_network = self.of_network.get(&pair.0).copied().unwrap_or(0);
        if self.since.len() >= MOST || of_network >= MOST_OF_ONE {
            return Patience::Enough;
        }
        self.of_network.insert(pair.0, of_network + 1);
        self.by_age.push_back((now, pair.clone()));
        self.since.insert(pair, now);
        Patience::PutOff
    }

    fn forget(&mut self, age: Duration, now: Instant) {
        while let Some((since, _)) = self.by_age.front()
            && now.saturating_duration_since(*since) >= age
            && let Some((_, pair)) = self.by_age.pop_front()
        {
            self.since.remove(&pair);
            if let Some(count) = self.of_network.get_mut(&pair.0) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.of_network.remove(&pair.0);
                }
            }
        }
    }
}

/// The first 24 bits of an IPv4 address, the first 64 of another.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & 0xffff_ff00).into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// Asks at these minutes after a beginning, for these clients and domains.
    #[track_caller]
    fn check(deferrals: &Deferrals, start: Instant, asked: &[(u64, &str, &str, Patience)]) {
        for (minute, client, author, expected) in asked {
            let now = start + Duration::from_secs(60 * minute);
            let client = client.parse().unwrap();
            let found = deferrals.patience(client, &author.parse().unwrap(), HOUR, now);
            assert_eq!(found, *expected, "{minute} {client} {author}");
        }
    }

    #[test]
    fn mail_is_put_off_for_its_time_and_no_longer() {
        use Patience::{Enough, PutOff};
        let deferrals = Deferrals::default();
        let day = 24 * 60;
        check(
            &deferrals,
            Instant::now(),
            &[
                (0, "192.0.2.1", "a.example", PutOff),
                (59, "192.0.2.200", "a.example", PutOff),
                // Other networks and other domains have their own time.
                (59, "192.0.3.1", "a.example", PutOff),
                (59, "192.0.2.1", "b.example", PutOff),
                (60, "192.0.2.1", "a.example", Enough),
                (60, "::ffff:192.0.2.1", "A.Example", Enough),
                (61, "192.0.3.1", "a.example", PutOff),
                (60 + day - 1, "192.0.2.1", "a.example", Enough),
                // After a day without end it begins anew.
                (60 + day, "192.0.2.1", "a.example", PutOff),
                (61 + day, "2001:db8::1", "a.example", PutOff),
                (121 + day, "2001:db8::ffff:1", "a.example", Enough),
                (121 + day, "2001:db8:0:1::1", "a.example", PutOff),
            ],
        );
    }

    #[test]
    fn a_network_that_names_many_domains_is_put_off_no_more() {
        let deferrals = Deferrals::default();
        let start = Instant::now();
        let ask = |client: &str, number: usize| {
            let author = format!("d{number}.example").parse().unwrap();
            deferrals.patience(client.parse().unwrap(), &author, HOUR, start)
        };
        for number in 0..MOST_OF_ONE {
            assert_eq!(ask("192.0.2.1", number), Patience::PutOff);
        }
        assert_eq!(ask("192.0.2.9", MOST_OF_ONE), Patience::Enough);
        assert_eq!(ask("192.0.2.9", 0), Patience::PutOff, "it is known");
        assert_eq!(ask("198.51.100.1", 0), Patience::PutOff);
    }

    #[test]
    fn the_table_is_bounded_and_empties_itself() {
        let deferrals = Deferrals::default();
        let start = Instant::now();
        let ask = |number: u32, now| {
            let client = Ipv4Addr::from_bits(number << 8).into();
            deferrals.patience(client, &"a.example".parse().unwrap(), HOUR, now)
        };
        let put_off = (0..20_000).filter(|number| ask(*number, start) == Patience::PutOff);
        assert_eq!(put_off.count(), MOST);
        let later = start + HOUR + REMEMBERED;
        assert_eq!(ask(30_000, later), Patience::PutOff);
        let table = deferrals.0.lock().unwrap();
        let sizes = (
            table.since.len(),
            table.by_age.len(),
            table.of_network.len(),
        );
        assert_eq!(sizes, (1, 1, 1));
    }

    #[test]
    fn no_time_means_that_nothing_is_put_off() {
        let deferrals = Deferrals::default();
        let author = "a.example".parse().unwrap();
        let found = deferrals.patience(
            "192.0.2.1".parse().unwrap(),
            &author,
            Duration::ZERO,
            Instant::now(),
        );
        assert_eq!(found, Patience::Enough);
        assert!(deferrals.0.lock().unwrap().since.is_empty());
    }
}
