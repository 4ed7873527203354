//! What was promised and what has come of it, kept apart from everything that it judges.
//!
//! The ledger believes nobody in Postern: it knows what the server end said to senders, what next
//! hops took, what crossed a connection, and what the disk would still hold after a loss of power.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use postern_mail::{Envelope, QueueId, ReversePath, TlsWish};
use postern_spool::{QueuedMessage, RecipientState};

use super::{
    caller::Letter,
    cast::{Demand, Destination, Face, MINISTRY, Rules},
    published::{Dane, Published},
};

/// Which message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// What a sender submitted, by the number in its reverse-path. Another try has another.
    Letter(u32),
    /// A notice of ours, by its content.
    Notice(u64),
}

/// What our end recorded of a recipient for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Final {
    Delivered,
    Bounced,
}

/// A copy that a next hop has.
#[derive(Debug)]
struct Copy {
    link: u32,
    /// Whether we could not know of it, so that another may follow.
    excused: bool,
}

#[derive(Debug, Default)]
struct Entry {
    content: Bytes,
    recipients: Vec<String>,
    promised: bool,
    promised_at: Option<u64>,
    /// Nothing more has to be looked for.
    closed: bool,
    copies: BTreeMap<String, Vec<Copy>>,
    /// Those of whose failure the sender is told by a notice that was durable.
    noticed: BTreeSet<String>,
    settled: BTreeMap<String, Final>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<Key, Entry>,
    names: BTreeMap<QueueId, Key>,
    /// Connections that our end has lost together with what it knew of them.
    torn_links: BTreeSet<u32>,
    /// What our end knows all of that it is going to know, by connection.
    ended: BTreeSet<(u32, Key)>,
    /// What is wrong, the first thing first.
    pub(crate) violations: Vec<String>,
    pub(crate) delivered: u64,
    pub(crate) duplicates: u64,
    pub(crate) bounced: u64,
    pub(crate) promised: u64,
}

/// What identifies a message on the wire and on the disk.
pub(crate) fn key(reverse_path: &ReversePath, content: &[u8]) -> Key {
    let number = reverse_path.mailbox().and_then(|mailbox| {
        mailbox
            .local_part()
            .as_str()
            .strip_prefix('t')?
            .parse()
            .ok()
    });
    number.map_or_else(|| Key::Notice(hash(content)), Key::Letter)
}

/// FNV-1a.
fn hash(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub(crate) fn names(envelope: &Envelope) -> Vec<String> {
    let recipients = envelope.recipients.iter();
    recipients
        .filter_map(|recipient| Some(recipient.forward_path.mailbox()?.to_string()))
        .collect()
}

impl Ledger {
    pub(crate) fn violate(&mut self, what: String) {
        self.violations.push(what);
    }

    /// A sender is about to submit this.
    pub(crate) fn submits(&mut self, number: u32, letter: &Letter) {
        let entry = self.entries.entry(Key::Letter(number)).or_default();
        entry.content = letter.content.clone();
    }

    /// The server end is about to say 250 to a client that showed this.
    pub(crate) fn promise(
        &mut self,
        envelope: &Envelope,
        content: &[u8],
        shown: Option<Face>,
        now: u64,
    ) {
        self.promised += 1;
        let domain = envelope.reverse_path.domain();
        let claims_ministry = domain.is_some_and(|domain| domain.as_str() == MINISTRY);
        if claims_ministry && shown != Some(Face::Ministry) {
            let path = &envelope.reverse_path;
            self.violate(format!(
                "{path} is taken over an unproven channel: {shown:?}"
            ));
        }
        let key = key(&envelope.reverse_path, content);
        let entry = self.entries.entry(key).or_default();
        entry.promised = true;
        entry.promised_at = Some(now);
        entry.recipients = names(envelope);
    }

    /// A sender was told 250 for a message.
    pub(crate) fn is_promised(&self, number: u32) -> bool {
        let entry = self.entries.get(&Key::Letter(number));
        entry.is_some_and(|entry| entry.promised)
    }

    /// How long ago the sender was told 250, where that is known.
    pub(crate) fn age(&self, key: Key, now: u64) -> Option<u64> {
        let at = self.entries.get(&key)?.promised_at?;
        Some(now - at)
    }

    /// A next hop took a message.
    pub(crate) fn takes(&mut self, link: u32, envelope: &Envelope, content: &[u8]) {
        let key = key(&envelope.reverse_path, content);
        let late = self.torn_links.contains(&link) || self.ended.contains(&(link, key));
        let Some(entry) = self.entries.get_mut(&key) else {
            return self.violate(format!("{key:?} was delivered, and nobody wrote it"));
        };
        let mut wrong = Vec::new();
        if entry.content != content {
            wrong.push(format!("{key:?} was delivered with other content"));
        }
        for name in names(envelope) {
            let copies = entry.copies.entry(name.clone()).or_default();
            self.delivered += 1;
            let settled = entry.settled.get(&name).filter(|_| !late);
            if let Some(state) = settled {
                wrong.push(format!(
                    "{key:?} for {name} was {state:?} and is delivered again"
                ));
            } else if copies.iter().any(|copy| !copy.excused) && !late {
                wrong.push(format!(
                    "{key:?} for {name} is delivered twice without a cut"
                ));
            }
            self.duplicates += u64::from(!copies.is_empty());
            copies.push(Copy {
                link,
                excused: late,
            });
        }
        self.violations.extend(wrong);
    }

    /// Our end of a connection is gone with its machine: what is still under way on it nobody of
    /// us will hear of.
    pub(crate) fn link_torn(&mut self, link: u32) {
        self.torn_links.insert(link);
    }

    /// A message is about to be sent over a connection, which may have carried it before to others.
    pub(crate) fn link_begins(&mut self, link: u32, key: Key) {
        self.ended.remove(&(link, key));
    }

    /// Our end of a connection knows what it is going to know. Who it does not count as
    /// delivered may get another copy.
    pub(crate) fn link_ends(&mut self, link: u32, key: Key, delivered: &[String]) {
        self.ended.insert((link, key));
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let mut wrong = Vec::new();
        for (name, copies) in &mut entry.copies {
            for copy in copies.iter_mut().filter(|copy| copy.link == link) {
                copy.excused |= !delivered.contains(name);
            }
        }
        for name in delivered {
            let copies = entry.copies.get(name);
            if !copies.is_some_and(|copies| copies.iter().any(|copy| copy.link == link)) {
                wrong.push(format!(
                    "{key:?} for {name} counts as delivered, and nobody has it"
                ));
            }
        }
        self.violations.extend(wrong);
    }

    /// Our machine loses what it knew and had not recorded.
    pub(crate) fn crash(&mut self) {
        for entry in self.entries.values_mut() {
            let settled = &entry.settled;
            for (name, copies) in &mut entry.copies {
                if !settled.contains_key(name) {
                    copies.iter_mut().for_each(|copy| copy.excused = true);
                }
            }
        }
    }

    /// The queue has recorded what became of a recipient.
    pub(crate) fn settles(&mut self, key: Key, name: &str, state: Final) {
        let entry = self.entries.entry(key).or_default();
        if let Some(before) = entry.settled.insert(name.to_owned(), state) {
            let again = format!("{key:?} for {name} is settled twice: {before:?}, then {state:?}");
            self.violate(again);
        }
    }

    /// Holds what was promised against what the disk holds.
    pub(crate) fn check(&mut self, durable: &[(QueuedMessage, Bytes)]) {
        let mut kept = BTreeMap::new();
        for (message, content) in durable {
            let key = self.name(message, content);
            kept.insert(key, message);
        }
        let mut wrong = Vec::new();
        for (key, entry) in &mut self.entries {
            if !entry.closed && (entry.promised || kept.contains_key(key)) {
                entry.check(*key, kept.get(key).copied(), &mut wrong);
            }
        }
        self.violations.append(&mut wrong);
    }

    /// The key of a message on the disk, which is read once.
    fn name(&mut self, message: &QueuedMessage, content: &Bytes) -> Key {
        if let Some(key) = self.names.get(&message.id) {
            return *key;
        }
        let reverse_path = &message.envelope.reverse_path;
        let key = key(reverse_path, content);
        self.names.insert(message.id, key);
        match reverse_path {
            ReversePath::Null => self.notice(key, message, content),
            ReversePath::Mailbox(_) => {
                let entry = self.entries.entry(key).or_default();
                if entry.content != content {
                    self.violate(format!("{key:?} is kept with other content"));
                }
            }
        }
        key
    }

    /// A notice is a message that we promised to ourselves.
    fn notice(&mut self, key: Key, message: &QueuedMessage, content: &Bytes) {
        let entry = self.entries.entry(key).or_default();
        entry.content = content.clone();
        entry.promised = true;
        entry.recipients = names(&message.envelope);
        let sender = entry.recipients.first().and_then(|name| {
            let local = name.split('@').next()?;
            local.strip_prefix('t')?.parse().ok()
        });
        let Some(about) = sender.and_then(|number| self.entries.get_mut(&Key::Letter(number)))
        else {
            return self.violate(format!("{key:?} goes to somebody who wrote nothing"));
        };
        let failed = failed(&String::from_utf8_lossy(content));
        self.bounced += failed.len() as u64;
        about.noticed.extend(failed);
    }
}

impl Entry {
    fn check(&mut self, key: Key, kept: Option<&QueuedMessage>, wrong: &mut Vec<String>) {
        let Some(message) = kept else {
            let mut lost = self
                .recipients
                .iter()
                .filter(|name| !self.is_done(key, name));
            if let Some(name) = lost.next() {
                wrong.push(format!("{key:?} for {name} was promised and is lost"));
            }
            self.closed = true;
            return;
        };
        for (name, progress) in names(&message.envelope).iter().zip(&message.progress) {
            let sound = match progress.state {
                RecipientState::Waiting { .. } => true,
                RecipientState::Delivered => self.copies.contains_key(name),
                RecipientState::Bounced => self.is_told(key, name),
            };
            if !sound {
                let state = &progress.state;
                wrong.push(format!(
                    "{key:?} for {name} was promised and is lost: it is {state:?} on disk, and \
                     nobody has it or was told"
                ));
            }
        }
    }

    fn is_done(&self, key: Key, name: &str) -> bool {
        self.copies.contains_key(name) || self.is_told(key, name)
    }

    /// Whether a failure is told to whom it is to be told. Of a notice nobody is (RFC 5321
    /// §4.5.5).
    fn is_told(&self, key: Key, name: &str) -> bool {
        matches!(key, Key::Notice(_)) || self.noticed.contains(name)
    }
}

/// Whom a notice says to have failed (RFC 3464 §2.3).
fn failed(notice: &str) -> Vec<String> {
    let mut failed = Vec::new();
    let mut recipient = None;
    for line in notice.lines() {
        if let Some(name) = line.strip_prefix("Final-Recipient: rfc822;") {
            recipient = Some(name.trim().to_owned());
        } else if line.strip_prefix("Action:").map(str::trim) == Some("failed") {
            failed.extend(recipient.take());
        }
    }
    failed
}

/// Whether mail may be on a channel over which this was shown; `None` is in clear. What we demand,
/// what the destination publishes and what the sender wishes hold each by itself.
pub(crate) fn may_carry(
    to: &Destination,
    rules: Rules,
    wish: TlsWish,
    published: Published,
    shown: Option<Face>,
) -> bool {
    let demand = to.demand(rules);
    let by_rule = match demand {
        Demand::Nothing => true,
        Demand::Encrypted => shown.is_some(),
        Demand::Authenticated => shown == Some(Face::Ministry),
    };
    let by_wish = wish != TlsWish::Required || {
        let whom = match (demand, published.dane) {
            (Demand::Nothing | Demand::Encrypted, Dane::Key(face)) => face,
            _ => Face::Ministry,
        };
        shown == Some(whom) && published.proves_host()
    };
    by_rule && by_wish && published.allows(shown)
}
