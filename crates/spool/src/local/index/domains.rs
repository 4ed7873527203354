//! Recipient domains by number, so that a waiting message costs four octets for each.
//!
//! Domains are what senders write, so a domain nobody waits for any more is forgotten, and its
//! number goes to the next one.

use std::collections::HashMap;

use postern_mail::Domain;

use crate::time::Millis;

/// The number of a domain; 0 is that of recipients without one: `<Postmaster>` and address
/// literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DomainNumber(pub(crate) u32);

#[derive(Debug)]
pub(crate) struct Domains {
    numbers: HashMap<Domain, DomainNumber>,
    /// By number. The first is that of no domain.
    known: Vec<Known>,
    free: Vec<DomainNumber>,
    /// How often some domain has been hastened.
    hastenings: Hastenings,
}

/// A moment as the number of hastenings before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Hastenings(u64);

#[derive(Debug)]
struct Known {
    domain: Option<Domain>,
    users: u32,
    hastened: Option<Hastened>,
}

/// When a domain was hastened last.
#[derive(Debug, Clone, Copy)]
struct Hastened {
    count: Hastenings,
    at: Millis,
}

impl Known {
    fn new(domain: Option<Domain>) -> Self {
        Self {
            domain,
            users: 0,
            hastened: None,
        }
    }
}

impl Domains {
    const NONE: DomainNumber = DomainNumber(0);

    pub(crate) fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            known: vec![Known::new(None)],
            free: Vec::new(),
            hastenings: Hastenings::default(),
        }
    }

    /// The number of a domain, which stays its number until it was released as often as it was
    /// acquired.
    pub(crate) fn acquire(&mut self, domain: Option<&Domain>) -> DomainNumber {
        let number = domain.map_or(Self::NONE, |domain| self.number_or_new(domain));
        if let Some(known) = self.known.get_mut(number.0 as usize) {
            known.users = known.users.saturating_add(1);
        }
        number
    }

    pub(crate) fn release(&mut self, number: DomainNumber) {
        let Some(known) = self.known.get_mut(number.0 as usize) else {
            return;
        };
        known.users = known.users.saturating_sub(1);
        if known.users == 0
            && let Some(domain) = known.domain.take()
        {
            self.numbers.remove(&domain);
            self.free.push(number);
        }
    }

    /// The number of a domain that somebody waits for.
    pub(crate) fn find(&self, domain: &Domain) -> Option<DomainNumber> {
        self.numbers.get(domain).copied()
    }

    pub(crate) fn domain(&self, number: DomainNumber) -> Option<&Domain> {
        self.known.get(number.0 as usize)?.domain.as_ref()
    }

    pub(crate) fn hastenings(&self) -> Hastenings {
        self.hastenings
    }

    pub(crate) fn note_hastening(&mut self, number: DomainNumber, at: Millis) {
        self.hastenings.0 = self.hastenings.0.saturating_add(1);
        if let Some(known) = self.known.get_mut(number.0 as usize) {
            let count = self.hastenings;
            known.hastened = Some(Hastened { count, at });
        }
    }

    /// When a domain that somebody waits for was hastened last, if that was after `moment`.
    pub(crate) fn hastened_since(
        &self,
        domain: Option<&Domain>,
        moment: Hastenings,
    ) -> Option<Millis> {
        let number = self.find(domain?)?;
        let hastened = self.known.get(number.0 as usize)?.hastened?;
        (hastened.count > moment).then_some(hastened.at)
    }

    fn number_or_new(&mut self, domain: &Domain) -> DomainNumber {
        if let Some(number) = self.numbers.get(domain) {
            return *number;
        }
        let reused = self.free.pop().and_then(|number| {
            *self.known.get_mut(number.0 as usize)? = Known::new(Some(domain.clone()));
            Some(number)
        });
        let number = reused.unwrap_or_else(|| {
            self.known.push(Known::new(Some(domain.clone())));
            // Memory ends long before 2³² domains.
            DomainNumber(u32::try_from(self.known.len() - 1).unwrap_or(0))
        });
        self.numbers.insert(domain.clone(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_while_somebody_uses_it_and_given_away_then() {
        let mut domains = Domains::new();
        let [x, y]: [Domain; 2] = ["x.example", "y.example"].map(|name| name.parse().unwrap());
        let number = domains.acquire(Some(&x));
        assert_eq!(domains.acquire(Some(&x)), number);
        domains.release(number);
        assert_eq!(domains.find(&x), Some(number));
        domains.release(number);
        assert_eq!((domains.find(&x), domains.domain(number)), (None, None));
        assert_eq!(domains.acquire(Some(&y)), number);
        assert_eq!(domains.domain(number), Some(&y));
        let none = domains.acquire(None);
        assert_ne!(none, number);
        domains.release(none);
        assert_eq!(domains.acquire(None), none);
    }
}
