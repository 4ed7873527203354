//! The Sender Rewriting Scheme, as forwarders in the field know it.
//!
//! Nobody standardised it. Other hosts look at two things only: that the local-part begins with
//! `SRS0` or `SRS1`, so that the next forwarder makes it no longer than it has to, and that its
//! failures are taken by the host of the domain. The rest is between us and ourselves:
//!
//! - The hash is HMAC-SHA-256 over what it guards, cut to 30 bits. A guess is a refused recipient,
//!   and a billion of these take longer than the secret lasts.
//! - It is written in base32, and computed over lower case: there are hosts that fold the
//!   local-part of everything that comes through them. What comes back through one is still ours,
//!   with the local-part of the sender in the case that the host gave it.
//! - The day is counted from 1970 and written modulo 1024. It stands in `SRS0` alone: in `SRS1`
//!   the day of the first forwarder is what counts, and that one looks at it.

mod form;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use postern_mail::{Domain, Host, LocalPart, Mailbox, ReversePath};

use self::form::{First, Form, Next};

/// The longest local-part that everybody has to take (RFC 5321 §4.5.3.1.1).
const LONGEST_LOCAL_PART: usize = 64;

/// The longest path that everybody has to take, with its brackets (RFC 5321 §4.5.3.1.3).
const LONGEST_PATH: usize = 256;

/// How many characters of the hash are shown; each has five bits.
const HASH: usize = 6;

/// How many days there are before they begin anew: two characters of base32.
const CYCLE: u64 = 1024;

/// The fewest octets of a secret that nobody can try out.
const SHORTEST_SECRET: usize = 16;

/// Rewrites reverse-paths of mail that is sent on, and takes back what comes of it.
pub struct Srs {
    domain: Domain,
    newest: hmac::Key,
    older: Vec<hmac::Key>,
}

/// What a reverse-path is on the way on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forwarded {
    /// An address of the SRS domain.
    Rewritten(Mailbox),
    /// What it was.
    AsItWas(Unforwarded),
}

/// Why a reverse-path stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unforwarded {
    /// Nothing comes back to nobody (RFC 5321 §4.5.5).
    #[error("the reverse-path is null")]
    Null,
    /// It is an address of the SRS domain already.
    #[error("the reverse-path is of our own SRS domain")]
    Ours,
    /// With the old address in it, it would have more than the 64 octets before its `@` that
    /// every host has to take (RFC 5321 §4.5.3.1.1), and hosts are known that refuse what has
    /// more. Sent on under the old one, SPF does not hold for it, and it is up to the signature
    /// of its author; refused, it would be lost for certain.
    #[error("the reverse-path would be longer than every host has to take")]
    TooLong,
}

/// Why an SRS address leads to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SrsError {
    /// It begins like one, and lacks a part.
    #[error("the address is not a whole SRS address")]
    Malformed,
    /// No secret of ours made it.
    #[error("the SRS address was not made here")]
    Forged,
    /// Ours, from more than [`Srs::DAYS`] days ago.
    #[error("the SRS address is {0} days old, and was good for {days}", days = Srs::DAYS)]
    Expired(u64),
}

/// Why secrets are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SrsSecretError {
    /// There are none.
    #[error("SRS needs a secret")]
    None,
    /// One could be found by trying.
    #[error("a secret for SRS has {0} octets, and needs {SHORTEST_SECRET}")]
    Short(usize),
}

impl Srs {
    /// How long what was sent on may come back: hosts try for five days (RFC 5321 §4.5.4.1), and
    /// several may do so one after the other.
    pub const DAYS: u64 = 21;

    /// Addresses are made at `domain`, with the first secret. The others are good for what was
    /// made with them before.
    ///
    /// # Errors
    /// There is no secret, or one is too short to be one.
    pub fn new<S: AsRef<[u8]>>(
        domain: Domain,
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<Self, SrsSecretError> {
        let mut keys = secrets.into_iter().map(|secret| match secret.as_ref() {
            short if short.len() < SHORTEST_SECRET => Err(SrsSecretError::Short(short.len())),
            secret => Ok(hmac::Key::new(hmac::HMAC_SHA256, secret)),
        });
        Ok(Self {
            domain,
            newest: keys.next().ok_or(SrsSecretError::None)??,
            older: keys.collect::<Result<_, _>>()?,
        })
    }

    /// The domain of the addresses that are made.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// What the reverse-path of mail is when it is sent on.
    pub fn forward(&self, reverse_path: &ReversePath, now: SystemTime) -> Forwarded {
        let ReversePath::Mailbox(mailbox) = reverse_path else {
            return Forwarded::AsItWas(Unforwarded::Null);
        };
        if mailbox.domain() == Some(&self.domain) {
            return Forwarded::AsItWas(Unforwarded::Ours);
        }
        let local_part = match Form::of(mailbox.local_part()) {
            Some(Form::Next(next)) => self.next(&next),
            Some(Form::First(_)) => {
                let behind = mailbox.local_part().as_str().get(form::PREFIX..);
                self.next(&Next {
                    hash: "",
                    host: &mailbox.host().to_string(),
                    rest: behind.unwrap_or_default(),
                })
            }
            None => self.first(mailbox, day(now)),
        };
        self.address(local_part).map_or(
            Forwarded::AsItWas(Unforwarded::TooLong),
            Forwarded::Rewritten,
        )
    }

    /// Whom something that comes back to `recipient` is for. Nothing where that is no address of
    /// ours that looks like one of SRS.
    pub fn back(&self, recipient: &Mailbox, now: SystemTime) -> Option<Result<Mailbox, SrsError>> {
        if recipient.domain() != Some(&self.domain) {
            return None;
        }
        let local_part = recipient.local_part().as_str();
        form::is_marked(local_part).then(|| match Form::of(recipient.local_part()) {
            Some(Form::First(first)) => self.back_to_sender(&first, day(now)),
            Some(Form::Next(next)) => self.back_to_forwarder(&next),
            None => Err(SrsError::Malformed),
        })
    }

    fn first(&self, mailbox: &Mailbox, day: u64) -> String {
        let first = First {
            hash: "",
            day: &form::day_characters(day),
            host: &mailbox.host().to_string(),
            local_part: mailbox.local_part().as_str(),
        };
        let hash = hash(&self.newest, &first.guarded());
        First {
            hash: &hash,
            ..first
        }
        .to_string()
    }

    fn next(&self, next: &Next<'_>) -> String {
        let hash = hash(&self.newest, &next.guarded());
        Next {
            hash: &hash,
            ..*next
        }
        .to_string()
    }

    fn address(&self, local_part: String) -> Option<Mailbox> {
        let local_part = LocalPart::try_from(local_part).ok()?;
        let mailbox = Mailbox::new(local_part, Host::Domain(self.domain.clone()));
        let fits = mailbox.local_part().to_string().len() <= LONGEST_LOCAL_PART
            && mailbox.to_string().len() + "<>".len() <= LONGEST_PATH;
        fits.then_some(mailbox)
    }

    fn back_to_sender(&self, first: &First<'_>, today: u64) -> Result<Mailbox, SrsError> {
        self.check(first.hash, &first.guarded())?;
        let made = form::day_of(first.day).ok_or(SrsError::Malformed)?;
        // A day ahead is another clock of ours, not another two and a half years.
        let age = (today + CYCLE - made) % CYCLE;
        if age > Self::DAYS && age != CYCLE - 1 {
            return Err(SrsError::Expired(age));
        }
        mailbox(first.local_part.to_owned(), first.host)
    }

    fn back_to_forwarder(&self, next: &Next<'_>) -> Result<Mailbox, SrsError> {
        self.check(next.hash, &next.guarded())?;
        mailbox(format!("SRS0{}", next.rest), next.host)
    }

    fn check(&self, shown: &str, guarded: &str) -> Result<(), SrsError> {
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        keys.any(|key| hash(key, guarded).eq_ignore_ascii_case(shown))
            .then_some(())
            .ok_or(SrsError::Forged)
    }
}

/// The secrets do not print.
impl fmt::Debug for Srs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srs")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// The hash as it is shown.
fn hash(key: &hmac::Key, guarded: &str) -> String {
    let tag = hmac::sign(key, guarded.as_bytes());
    let mut shown = BASE32_NOPAD.encode(tag.as_ref());
    shown.truncate(HASH);
    shown
}

fn mailbox(local_part: String, host: &str) -> Result<Mailbox, SrsError> {
    let local_part = LocalPart::try_from(local_part).map_err(|_| SrsError::Malformed)?;
    let host = host.parse().map_err(|_| SrsError::Malformed)?;
    Ok(Mailbox::new(local_part, host))
}

/// The day, as it is written.
fn day(now: SystemTime) -> u64 {
    const DAY: u64 = 24 * 60 * 60;
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    since.as_ref().map_or(0, Duration::as_secs) / DAY % CYCLE
}

#[cfg(test)]
mod tests;
