//! Where lists come from, and which of them replaces which.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateRevocationListDer, UnixTime, pem::PemObject as _};

use super::list::List;
use crate::{Date, number::Number, pem::wrong_with, spki::sha256};

/// The most octets that a source may hold. The lists of a single authority are rarely above one
/// mebibyte; large public authorities split theirs before they reach ten.
const MOST_OCTETS: usize = 10 * 1024 * 1024;

/// The most lists in one source: an authority, those below it, and a few for their scopes.
const MOST_LISTS: usize = 32;

/// How far ahead of ours the clock of an authority may be, in seconds.
const CLOCK_SKEW: u64 = 60 * 60;

/// The revocation lists that a file or a URL gave last. Empty until the first
/// [`CrlSource::replace`].
pub struct CrlSource {
    label: String,
    held: ArcSwap<Held>,
    /// Held while one set of lists is compared with its successor.
    replacing: Mutex<()>,
}

impl CrlSource {
    /// A source without lists, named after its file or URL.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            held: ArcSwap::default(),
            replacing: Mutex::new(()),
        }
    }

    /// What the source is called.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Takes what the source gave now: one list in DER, or some in PEM (RFC 7468 §8). Gives the
    /// facts of the list that runs out first. A list that ran out already is taken, because what
    /// it lists is revoked.
    ///
    /// Indexing ten mebibytes takes a few tenths of a second, so this is not for a thread that
    /// serves connections.
    ///
    /// # Errors
    /// The octets are too many or no list, or one of the lists is older than the one of the same
    /// issuer and scope that is held. Then nothing changes.
    pub fn replace(&self, pem_or_der: &[u8], now: UnixTime) -> Result<CrlFacts, CrlError> {
        let new = read(pem_or_der, now)?;
        let _only_one = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let held = self.held.load_full();
        for (old, list) in held.pairs(&new) {
            if held.keeps_older_away(old) && list.is_older_than(old) {
                return Err(CrlError::Older {
                    held: Box::new(old.facts().clone()),
                    offered: Box::new(list.facts().clone()),
                });
            }
        }
        let facts = soonest(&new).ok_or(CrlError::NoList)?;
        self.held.store(Arc::new(held.followed_by(new)));
        Ok(facts)
    }

    /// The facts of the list that runs out first, of those that were given last; nothing where
    /// there is none yet.
    pub fn facts(&self) -> Option<CrlFacts> {
        soonest(self.held.load().given())
    }

    /// The facts of all lists.
    pub fn all_facts(&self) -> Vec<CrlFacts> {
        let held = self.held.load();
        held.lists.iter().map(|list| list.facts().clone()).collect()
    }

    /// What is known of the lists in some octets, as far as they are held: the worst of them.
    /// Whoever keeps copies keeps one that is proven until another one is.
    pub fn standing_of(&self, pem_or_der: &[u8]) -> CrlStanding {
        let held = self.held.load();
        let standing = |digest| {
            let mut lists = held.lists.iter();
            lists
                .find(|list| list.digest() == digest)
                .map_or(CrlStanding::Untried, |list| list.standing())
        };
        let lists = apart(pem_or_der).unwrap_or_default();
        let standings = lists.iter().map(|der| standing(sha256(der)));
        standings.min().unwrap_or(CrlStanding::Untried)
    }

    /// Whether a list among those that were given last turned out not to be by its issuer.
    pub fn is_doubted(&self) -> bool {
        let held = self.held.load();
        let mut given = held.given().iter();
        given.any(|list| list.standing() == CrlStanding::Doubted)
    }

    pub(super) fn held(&self) -> Arc<Held> {
        self.held.load_full()
    }
}

/// What judging certificates has taught about the signature of a list, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrlStanding {
    /// It did not verify.
    Doubted,
    /// No certificate of its issuer was judged yet.
    Untried,
    /// It verified.
    Proven,
}

/// The lists of a source: those that were given last, and behind them what is kept from before.
#[derive(Default)]
pub(super) struct Held {
    lists: Vec<Arc<List>>,
    given: usize,
}

impl Held {
    pub(super) fn lists(&self) -> &[Arc<List>] {
        &self.lists
    }

    fn given(&self) -> &[Arc<List>] {
        self.lists.get(..self.given).unwrap_or_default()
    }

    fn kept(&self) -> &[Arc<List>] {
        self.lists.get(self.given..).unwrap_or_default()
    }

    /// The lists here and there that are about the same.
    fn pairs<'a>(&'a self, new: &'a [Arc<List>]) -> impl Iterator<Item = (&'a List, &'a List)> {
        self.lists.iter().flat_map(move |old| {
            let successors = new.iter().filter(|list| list.is_about_the_same_as(old));
            successors.map(move |list| (&**old, &**list))
        })
    }

    /// Whether a list is held against those that are older. One that is not proven is not, where
    /// another one is kept beside it: no forged date keeps away what follows that one.
    fn keeps_older_away(&self, old: &List) -> bool {
        let is_other = |kept: &Arc<List>| {
            let counts = kept.standing() != CrlStanding::Doubted;
            counts && kept.is_about_the_same_as(old) && kept.digest() != old.digest()
        };
        match old.standing() {
            CrlStanding::Proven => true,
            CrlStanding::Doubted => false,
            CrlStanding::Untried => !self.kept().iter().any(is_other),
        }
    }

    /// Whether a list that was given last is kept when others are given. So that these do not
    /// pile up, of those that are untried it is the very first alone.
    fn outlives(&self, list: &List) -> bool {
        let mut kept = self.kept().iter();
        !list.is_untried() || !kept.any(|kept| kept.is_untried() || kept.is_about_the_same_as(list))
    }

    /// The new lists, and beside them those that are proven while their successor is not, and
    /// those that came first of all, untried as they are: what comes later may be forged. A list
    /// that came again is the one that is held, with what is known of it.
    fn followed_by(&self, new: Vec<Arc<List>>) -> Self {
        let known = |list: Arc<List>| {
            let same = self.lists.iter().find(|old| old.digest() == list.digest());
            same.cloned().unwrap_or(list)
        };
        let mut lists: Vec<_> = new.into_iter().map(known).collect();
        let given = lists.len();
        let later = self.given().iter().filter(|list| self.outlives(list));
        for old in later.chain(self.kept()) {
            let is_needless = lists.iter().any(|list| {
                let proven = list.standing() == CrlStanding::Proven;
                list.digest() == old.digest() || proven && list.is_about_the_same_as(old)
            });
            if old.standing() != CrlStanding::Doubted && !is_needless {
                lists.push(Arc::clone(old));
            }
        }
        Self { lists, given }
    }
}

fn soonest(lists: &[Arc<List>]) -> Option<CrlFacts> {
    let facts = lists.iter().map(|list| list.facts());
    facts.min_by_key(|facts| facts.next_update).cloned()
}

fn read(octets: &[u8], now: UnixTime) -> Result<Vec<Arc<List>>, CrlError> {
    let lists = apart(octets)?.into_iter().enumerate();
    let lists = lists.map(|(at, der)| read_one(at + 1, &der, now).map(Arc::new));
    lists.collect()
}

/// The lists in DER.
fn apart(octets: &[u8]) -> Result<Vec<CertificateRevocationListDer<'_>>, CrlError> {
    if octets.len() > MOST_OCTETS {
        return Err(CrlError::TooLarge {
            octets: octets.len(),
        });
    }
    // A SEQUENCE; no text in PEM begins with a zero.
    if octets.first() == Some(&0x30) {
        return Ok(vec![octets.into()]);
    }
    let mut lists = Vec::new();
    for (at, der) in CertificateRevocationListDer::pem_slice_iter(octets).enumerate() {
        let position = at + 1;
        if position > MOST_LISTS {
            return Err(CrlError::TooMany);
        }
        lists.push(der.map_err(|error| CrlError::Malformed {
            position,
            error: wrong_with(&error),
        })?);
    }
    Ok(lists)
}

fn read_one(position: usize, der: &[u8], now: UnixTime) -> Result<List, CrlError> {
    let list = List::read(der).map_err(|error| CrlError::Malformed { position, error })?;
    let from = list.facts().this_update;
    if from.0.as_secs() > now.as_secs().saturating_add(CLOCK_SKEW) {
        return Err(CrlError::NotYet { from });
    }
    Ok(list)
}

impl fmt::Debug for CrlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrlSource")
            .field("label", &self.label)
            .field("lists", &self.all_facts())
            .finish()
    }
}

/// What a revocation list says of itself (RFC 5280 §5.1.2). Whether it is by the issuer that it
/// names is not known before it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlFacts {
    /// The issuer, made safe to show.
    pub issuer: String,
    /// The number of the list, where it has one.
    pub number: Option<CrlNumber>,
    /// When it was issued.
    pub this_update: Date,
    /// When the next one is due, from which moment on this one shows nothing to be good.
    pub next_update: Date,
    /// How many certificates it lists.
    pub entries: usize,
}

impl CrlFacts {
    /// Whether the next list is overdue.
    pub fn is_expired(&self, now: UnixTime) -> bool {
        now >= self.next_update.0
    }
}

/// `O=Example, CN=CA, number 17, issued 2026-11-23 12:00 UTC, next due 2026-11-30 12:00 UTC`
impl fmt::Display for CrlFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.issuer)?;
        if let Some(number) = &self.number {
            write!(f, ", number {number}")?;
        }
        write!(
            f,
            ", issued {}, next due {}",
            self.this_update, self.next_update
        )
    }
}

/// The number of a revocation list, which grows with each (RFC 5280 §5.2.3). Shown in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrlNumber(Number);

impl CrlNumber {
    pub(super) fn of_octets(octets: &[u8]) -> Self {
        Self(Number::of_octets(octets))
    }
}

impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why octets do not become the lists of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// There are too many octets.
    #[error("{octets} octets are too many for revocation lists, at most {MOST_OCTETS} are read")]
    TooLarge {
        /// How many there are.
        octets: usize,
    },
    /// There are too many lists.
    #[error("there are more than {MOST_LISTS} revocation lists in it")]
    TooMany,
    /// There is no list at all.
    #[error("there is no revocation list in it, neither in DER nor in PEM (X509 CRL)")]
    NoList,
    /// A list cannot be read.
    #[error("revocation list {position} cannot be used: {error}")]
    Malformed {
        /// Which list, counted from one.
        position: usize,
        /// What is wrong with it.
        error: String,
    },
    /// A list is from the future.
    #[error("the revocation list was issued on {from}, which is yet to come")]
    NotYet {
        /// When it says it was issued.
        from: Date,
    },
    /// A list is older than the one of the same issuer and scope that is held.
    #[error("the revocation list is older than the one held: {offered} follows {held}")]
    Older {
        /// The list that stays.
        held: Box<CrlFacts>,
        /// The list that was not taken.
        offered: Box<CrlFacts>,
    },
}
