//! What was judged on one day.

use std::{collections::BTreeMap, io};

use postern_mail::Domain;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::facts::{JudgedMail, PublishedPolicy, Row};
use crate::journal::{book::Book, text::shown};

/// How many days are kept, of those on which something was counted: a report is tried for a day,
/// and an operator may send one again within the week.
pub const KEPT_DAYS: usize = 8;

/// How much memory the counts of one day may take, roughly: some fifteen thousand rows.
pub const DAY_OCTETS: usize = 8 << 20;

/// How much of a day one domain may take, roughly: some four thousand rows.
pub const DOMAIN_OCTETS: usize = 2 << 20;

/// What an entry takes beside its texts.
const OVERHEAD: usize = 400;

/// The most addresses of a `rua` that are kept, and with what length.
const MOST_RUA: usize = 8;

/// Messages that have everything in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedRow {
    /// What they have in common.
    #[serde(flatten)]
    pub row: Row,
    /// How many there are.
    pub count: u64,
}

/// All that was counted of a domain on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The Policy Domain.
    pub domain: Domain,
    /// Where its reports were last said to go.
    pub rua: Vec<String>,
    /// How many messages found no room in the rows.
    pub left_out: u64,
    /// Rows by the policy that was published: one each, unless it changed within the day.
    pub policies: Vec<PolicyAccount>,
}

/// All that was counted under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyAccount {
    /// The policy.
    pub policy: PublishedPolicy,
    /// Rows.
    pub rows: Vec<CountedRow>,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub(super) enum Entry {
    Row {
        domain: Domain,
        policy: PublishedPolicy,
        #[serde(flatten)]
        counted: CountedRow,
    },
    Domain {
        domain: Domain,
        rua: Vec<String>,
        left_out: u64,
    },
    /// Messages of domains that found no room.
    LeftOut { messages: u64 },
}

/// A row is found by a digest of what it has in common, which is half as much to keep as that.
/// Whoever makes two rows collide has miscounted mail that he sent himself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Row(Domain, u128),
    Domain(Domain),
    LeftOut,
}

impl Entry {
    fn key(&self) -> Key {
        match self {
            Self::Row {
                domain,
                policy,
                counted,
            } => row_key(domain, policy, &counted.row),
            Self::Domain { domain, .. } => Key::Domain(domain.clone()),
            Self::LeftOut { .. } => Key::LeftOut,
        }
    }

    fn octets(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Row {
                    policy, counted, ..
                } => counted.row.octets() + policy.fo.as_ref().map_or(0, String::len),
                Self::Domain { rua, .. } => rua.iter().map(|it| it.len() + 24).sum(),
                Self::LeftOut { .. } => 0,
            }
    }

    fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Row { domain, .. } | Self::Domain { domain, .. } => Some(domain),
            Self::LeftOut { .. } => None,
        }
    }
}

fn row_key(domain: &Domain, policy: &PublishedPolicy, row: &Row) -> Key {
    // Neither can fail to be encoded: there are no maps with odd keys in them.
    let octets = serde_json::to_vec(&(policy, row)).unwrap_or_default();
    Key::Row(domain.clone(), xxh3_128(&octets))
}

/// The entries of one day.
#[derive(Debug, Default)]
pub(super) struct DayBook {
    entries: Book<Key, Entry>,
    octets: usize,
    of_domains: BTreeMap<Domain, usize>,
}

impl DayBook {
    pub(super) fn load(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.entries.load(entry.key(), entry);
        }
        self.octets = 0;
        self.of_domains.clear();
        for entry in self.entries.values() {
            self.octets += entry.octets();
            if let Some(domain) = entry.domain() {
                *self.of_domains.entry(domain.clone()).or_default() += entry.octets();
            }
        }
    }

    pub(super) fn record(&mut self, mail: &JudgedMail) {
        let row = mail.row.clone().bounded();
        let mut policy = mail.policy.clone();
        policy.fo = policy.fo.map(|fo| shown(&fo));
        if !self.open_account(mail) {
            self.leave_out(None);
            return;
        }
        let domain = &mail.policy_domain;
        let key = row_key(domain, &policy, &row);
        let entry = Entry::Row {
            domain: domain.clone(),
            policy,
            counted: CountedRow { row, count: 0 },
        };
        if !self.entries.contains(&key) && !self.take(domain, entry.octets()) {
            self.leave_out(Some(domain));
            return;
        }
        if let Entry::Row { counted, .. } = self.entries.change(key, || entry) {
            counted.count += 1;
        }
    }

    /// Makes the entry of a domain, or puts right where its reports go.
    fn open_account(&mut self, mail: &JudgedMail) -> bool {
        let domain = &mail.policy_domain;
        let key = Key::Domain(domain.clone());
        let mut new: Vec<String> = mail.rua.iter().map(|it| shown(it)).collect();
        new.truncate(MOST_RUA);
        match self.entries.get(&key) {
            Some(Entry::Domain { rua, .. }) if *rua == new => return true,
            Some(_) => {}
            None => {
                let entry = Entry::Domain {
                    domain: domain.clone(),
                    rua: Vec::new(),
                    left_out: 0,
                };
                // The addresses count where they may be exchanged for longer ones, too.
                if !self.take(domain, entry.octets() + MOST_RUA * 440) {
                    return false;
                }
                self.entries.change(key.clone(), || entry);
            }
        }
        let none = || Entry::LeftOut { messages: 0 };
        if let Entry::Domain { rua, .. } = self.entries.change(key, none) {
            *rua = new;
        }
        true
    }

    /// Counts a message without its row: of a domain, or of one that there is no room for.
    fn leave_out(&mut self, domain: Option<&Domain>) {
        let key = domain.map_or(Key::LeftOut, |it| Key::Domain(it.clone()));
        let none = || Entry::LeftOut { messages: 0 };
        match self.entries.change(key, none) {
            Entry::Domain { left_out, .. } => *left_out += 1,
            Entry::LeftOut { messages } => *messages += 1,
            Entry::Row { .. } => {}
        }
    }

    /// Takes room of the day and of the domain.
    fn take(&mut self, domain: &Domain, octets: usize) -> bool {
        let of_domain = self.of_domains.get(domain).copied().unwrap_or_default();
        let fits = self.octets + octets <= DAY_OCTETS && of_domain + octets <= DOMAIN_OCTETS;
        if fits {
            self.octets += octets;
            *self.of_domains.entry(domain.clone()).or_default() += octets;
        }
        fits
    }

    pub(super) fn domains(&self) -> Vec<Domain> {
        self.of_domains.keys().cloned().collect()
    }

    /// How many messages were of domains that found no room.
    pub(super) fn left_out(&self) -> u64 {
        match self.entries.get(&Key::LeftOut) {
            Some(Entry::LeftOut { messages }) => *messages,
            Some(_) | None => 0,
        }
    }

    pub(super) fn account(&self, wanted: &Domain) -> Option<Account> {
        let Entry::Domain {
            domain,
            rua,
            left_out,
        } = self.entries.get(&Key::Domain(wanted.clone()))?
        else {
            return None;
        };
        let mut policies: Vec<PolicyAccount> = Vec::new();
        let first = Key::Row(wanted.clone(), 0);
        let last = Key::Row(wanted.clone(), u128::MAX);
        for entry in self.entries.range(first..=last) {
            let Entry::Row {
                policy, counted, ..
            } = entry
            else {
                continue;
            };
            match policies.iter_mut().find(|it| it.policy == *policy) {
                Some(account) => account.rows.push(counted.clone()),
                None => policies.push(PolicyAccount {
                    policy: policy.clone(),
                    rows: vec![counted.clone()],
                }),
            }
        }
        Some(Account {
            domain: domain.clone(),
            rua: rua.clone(),
            left_out: *left_out,
            policies,
        })
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.entries.is_dirty()
    }

    pub(super) fn take_lines(&mut self, whole: bool) -> io::Result<Vec<u8>> {
        self.entries.take_lines(whole)
    }
}
