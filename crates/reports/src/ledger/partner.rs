//! How a partner's rule fared: attempts in, a record per partner and direction out.

use std::{cmp::Reverse, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{
    day::{moment, whole_second},
    text,
    word::words,
};

/// The most distinct reasons that a record names; what is seen beyond them takes the place of
/// the one not seen for longest, which goes to [`PartnerRecord::other_reasons`].
const MOST_REASONS: usize = 16;

/// The most hosts of a partner whose certificates are remembered. A partner with more hosts
/// than this in one direction is rare, and its hosts share certificates.
const MOST_HOSTS: usize = 16;

words! {
    /// Which way mail goes.
    Direction, not = "a direction" {
        /// From the partner to us.
        Inbound = "inbound",
        /// From us to the partner.
        Outbound = "outbound",
    }
}

words! {
    /// How far a partner's rule has been put in force.
    Stage, not = "a stage" {
        /// It is measured.
        Observe = "observe",
        /// It is measured, and failures are told loudly.
        Warn = "warn",
        /// It is in force.
        Enforce = "enforce",
    }
}

/// One time that a partner's rule was held against a channel, whatever its stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerAttempt {
    /// The partner by the name that the configuration gives it, which bounds how many there
    /// are: the name must not come from a peer.
    pub partner: String,
    /// Which way.
    pub direction: Direction,
    /// What the rule demands, in words that are the same for the same demands. What was measured
    /// under other words is forgotten.
    pub rule: Arc<str>,
    /// The stage that the rule is in.
    pub stage: Stage,
    /// When.
    pub at: SystemTime,
    /// The host at the other end: a name or an address, without a port of its choosing.
    pub peer: String,
    /// On what the judgement stands.
    pub basis: String,
    /// The judgement.
    pub outcome: AttemptOutcome,
    /// Who the peer was shown to be.
    pub identity: Option<String>,
    /// When the peer's certificate ends.
    pub certificate_not_after: Option<SystemTime>,
    /// Whether a break-glass entry had the rule out of force.
    pub break_glass: bool,
}

/// How an attempt ended, the rule being held against it in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The rule was met.
    Met,
    /// The rule was not met and not in force, so mail passed.
    WouldFail(String),
    /// The rule was not met and in force.
    Failed(String),
}

/// What is known of a partner in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartnerRecord {
    /// The partner.
    pub partner: String,
    /// Which way.
    pub direction: Direction,
    /// What the rule demands that everything below was measured under; `None` in what an earlier
    /// version wrote, which did not say.
    #[serde(default)]
    pub rule: Option<String>,
    /// The stage at the last attempt.
    pub stage: Stage,
    /// The first attempt under the rule.
    #[serde(with = "moment")]
    pub measured_since: SystemTime,
    /// The last attempt.
    #[serde(with = "moment")]
    pub last_attempt: SystemTime,
    /// How many there were.
    pub attempts: u64,
    /// Of these, how many met the rule.
    pub met: u64,
    /// How many did not, and passed because the rule was not in force.
    pub would_have_failed: u64,
    /// How many did not, the rule being in force.
    pub failed: u64,
    /// How many took place while a break-glass entry had the rule out of force.
    pub under_break_glass: u64,
    /// The last failure of either kind.
    #[serde(with = "moment::option")]
    pub last_failure: Option<SystemTime>,
    /// The first attempt after the last failure; `None` if the last one failed.
    #[serde(with = "moment::option")]
    pub clean_since: Option<SystemTime>,
    /// How many attempts met the rule since the last failure.
    pub clean_attempts: u64,
    /// Why attempts failed, the most frequent first.
    pub reasons: Vec<FailureReason>,
    /// How many failures had reasons that are no longer named.
    pub other_reasons: u64,
    /// The last peer.
    pub last_peer: String,
    /// On what the last judgement stood.
    pub last_basis: String,
    /// Whom a peer was last shown to be.
    pub last_identity: Option<String>,
    /// The hosts of the partner whose certificates were seen, the latest first.
    pub certificates: Vec<SeenCertificate>,
}

/// Why attempts failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureReason {
    /// In words.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// When it was first seen.
    #[serde(with = "moment")]
    pub first_seen: SystemTime,
    /// When it was last seen.
    #[serde(with = "moment")]
    pub last_seen: SystemTime,
    /// The peer with which it was last seen; `None` in what an earlier version wrote. Who brings
    /// mail in another's name is counted as well, so this may be nobody that the partner knows.
    #[serde(default)]
    pub last_peer: Option<String>,
}

/// A certificate that a host of the partner showed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeenCertificate {
    /// The host.
    pub peer: String,
    /// When the certificate ends.
    #[serde(with = "moment")]
    pub not_after: SystemTime,
    /// When it was seen.
    #[serde(with = "moment")]
    pub seen: SystemTime,
}

impl PartnerRecord {
    /// A record in which nothing is counted yet.
    pub(super) fn new(attempt: &PartnerAttempt) -> Self {
        let at = whole_second(attempt.at);
        Self {
            partner: attempt.partner.clone(),
            direction: attempt.direction,
            rule: Some(text::shown(&attempt.rule)),
            stage: attempt.stage,
            measured_since: at,
            last_attempt: at,
            attempts: 0,
            met: 0,
            would_have_failed: 0,
            failed: 0,
            under_break_glass: 0,
            last_failure: None,
            clean_since: None,
            clean_attempts: 0,
            reasons: Vec::new(),
            other_reasons: 0,
            last_peer: String::new(),
            last_basis: String::new(),
            last_identity: None,
            certificates: Vec::new(),
        }
    }

    /// Whether all this was measured under `rule`, and not under what the rule was before.
    pub fn is_under(&self, rule: &str) -> bool {
        let measured = self.rule.as_deref();
        measured == Some(rule) || measured == Some(&text::shown(rule))
    }

    /// Forgets how the rule fared that was there before; who the partner's hosts are stays.
    pub(super) fn begin_anew(&mut self, attempt: &PartnerAttempt) {
        let certificates = std::mem::take(&mut self.certificates);
        *self = Self {
            certificates,
            ..Self::new(attempt)
        };
    }

    pub(super) fn count(&mut self, attempt: &PartnerAttempt) {
        let at = whole_second(attempt.at);
        self.stage = attempt.stage;
        self.last_attempt = self.last_attempt.max(at);
        self.attempts += 1;
        self.under_break_glass += u64::from(attempt.break_glass);
        text::keep(&mut self.last_peer, &attempt.peer);
        text::keep(&mut self.last_basis, &attempt.basis);
        if let Some(identity) = &attempt.identity {
            text::keep(self.last_identity.get_or_insert_default(), identity);
        }
        match &attempt.outcome {
            AttemptOutcome::Met => {
                self.met += 1;
                self.clean_attempts += 1;
                self.clean_since.get_or_insert(at);
            }
            AttemptOutcome::WouldFail(reason) => {
                self.would_have_failed += 1;
                self.fail(reason, attempt, at);
            }
            AttemptOutcome::Failed(reason) => {
                self.failed += 1;
                self.fail(reason, attempt, at);
            }
        }
        if let Some(not_after) = attempt.certificate_not_after {
            self.see(&attempt.peer, whole_second(not_after), at);
        }
    }

    fn fail(&mut self, reason: &str, attempt: &PartnerAttempt, at: SystemTime) {
        self.last_failure = self.last_failure.max(Some(at));
        self.clean_since = None;
        self.clean_attempts = 0;
        let reason = text::shown(reason);
        match self.reasons.iter_mut().find(|it| it.reason == reason) {
            Some(known) => {
                known.count += 1;
                known.last_seen = known.last_seen.max(at);
                text::keep(known.last_peer.get_or_insert_default(), &attempt.peer);
            }
            None => {
                let new = FailureReason {
                    reason,
                    count: 1,
                    first_seen: at,
                    last_seen: at,
                    last_peer: Some(text::shown(&attempt.peer)),
                };
                let folded = push_bounded(&mut self.reasons, new, MOST_REASONS, |it| it.last_seen);
                self.other_reasons += folded.map_or(0, |it| it.count);
            }
        }
        self.reasons.sort_by_key(|it| Reverse(it.count));
    }

    fn see(&mut self, peer: &str, not_after: SystemTime, seen: SystemTime) {
        let peer = text::shown(peer);
        self.certificates.retain(|it| it.peer != peer);
        let new = SeenCertificate {
            peer,
            not_after,
            seen,
        };
        push_bounded(&mut self.certificates, new, MOST_HOSTS, |it| it.seen);
        self.certificates.sort_by_key(|it| Reverse(it.seen));
    }
}

/// Adds to a list that may hold `most`, and returns what had to go for it: the eldest.
fn push_bounded<T>(
    items: &mut Vec<T>,
    new: T,
    most: usize,
    age: impl Fn(&T) -> SystemTime,
) -> Option<T> {
    let mut gone = None;
    if items.len() >= most {
        let eldest = items.iter().enumerate().min_by_key(|(_, it)| age(it));
        gone = eldest.map(|(at, _)| at).map(|at| items.swap_remove(at));
    }
    items.push(new);
    gone
}
