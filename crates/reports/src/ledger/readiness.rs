//! When a partner's rule can be put in force without mail being lost to it.
//!
//! A pure function of a [`PartnerRecord`] and the time. It looks at what happened since the last
//! failure alone: a rule that failed last month and was repaired is as good as one that never
//! failed, once it has stood as long.

use std::{
    cmp::Reverse,
    fmt,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{
    day::{Day, moment},
    partner::{FailureReason, PartnerRecord},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How many attempts must have met the rule since the last failure. With 20 in a row, a fault
/// that hits one attempt in seven (say, one host of several with an old certificate) would have
/// shown itself in 19 cases of 20.
pub const ENOUGH_ATTEMPTS: u64 = 20;

/// How long nothing may have failed: a week holds every day of a partner's working pattern, and
/// its hosts of the weekend too.
pub const LONG_ENOUGH: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How old the last attempt may be. A record without attempts for longer says nothing about
/// today, and is forgotten.
pub const MEASUREMENT_AGES: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Certificates that were not seen for longer than this belong to hosts that are gone.
const CERTIFICATE_AGES: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many reasons a verdict names.
const NAMED: usize = 3;

/// Whether a partner's rule can be enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "verdict",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Readiness {
    /// Nothing was attempted in the last 90 days ([`MEASUREMENT_AGES`]).
    NotMeasured,
    /// Attempts failed within the last week ([`LONG_ENOUGH`]), or the last one failed.
    Failing {
        /// The last failure.
        #[serde(with = "moment")]
        last: SystemTime,
        /// How many attempts met the rule since.
        met_since: u64,
        /// The reasons that were seen last, the latest first.
        reasons: Vec<FailureReason>,
    },
    /// Nothing fails, and too little was seen to say that it will not.
    TooFew {
        /// How many attempts met the rule so far.
        attempts: u64,
        /// How many it takes ([`ENOUGH_ATTEMPTS`]).
        needed: u64,
        /// Since when.
        #[serde(with = "moment")]
        since: SystemTime,
        /// When that will be long enough ([`LONG_ENOUGH`]).
        #[serde(with = "moment")]
        not_before: SystemTime,
    },
    /// The rule would have lost nothing.
    Safe {
        /// Since when nothing failed.
        #[serde(with = "moment")]
        since: SystemTime,
        /// In how many attempts.
        attempts: u64,
    },
}

/// When the first of a partner's certificates ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CertificateExpiry {
    /// The host that shows it.
    pub peer: String,
    /// When it ends.
    #[serde(with = "moment")]
    pub not_after: SystemTime,
    /// Whole days until then; negative once it has ended.
    pub days: i64,
}

/// All there is to show of a partner in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartnerStanding {
    /// What was measured.
    #[serde(flatten)]
    pub record: PartnerRecord,
    /// What follows from it.
    pub readiness: Readiness,
    /// Which of its certificates ends first.
    pub certificate_expiry: Option<CertificateExpiry>,
}

impl PartnerRecord {
    /// Whether the rule can be enforced.
    pub fn readiness(&self, now: SystemTime) -> Readiness {
        if self.is_aged(now) {
            return Readiness::NotMeasured;
        }
        let is_long_ago = |moment: SystemTime| age(moment, now) >= LONG_ENOUGH;
        let failure = self.last_failure.filter(|last| !is_long_ago(*last));
        match (failure, self.clean_since) {
            (None, Some(since)) if self.clean_attempts >= ENOUGH_ATTEMPTS && is_long_ago(since) => {
                Readiness::Safe {
                    since,
                    attempts: self.clean_attempts,
                }
            }
            (None, Some(since)) => Readiness::TooFew {
                attempts: self.clean_attempts,
                needed: ENOUGH_ATTEMPTS,
                since,
                not_before: since + LONG_ENOUGH,
            },
            // However long ago: nothing has met the rule since.
            (Some(_), _) | (None, None) => Readiness::Failing {
                last: self.last_failure.unwrap_or(self.last_attempt),
                met_since: self.clean_attempts,
                reasons: self.latest_reasons(),
            },
        }
    }

    /// What keeps attempts from meeting the rule now, whatever did so most often before.
    fn latest_reasons(&self) -> Vec<FailureReason> {
        let mut reasons = self.reasons.clone();
        reasons.sort_by_key(|it| Reverse(it.last_seen));
        reasons.truncate(NAMED);
        reasons
    }

    /// Which of the certificates that the partner's hosts show ends first.
    pub fn certificate_expiry(&self, now: SystemTime) -> Option<CertificateExpiry> {
        self.certificates
            .iter()
            .filter(|it| age(it.seen, now) <= CERTIFICATE_AGES)
            .min_by_key(|it| it.not_after)
            .map(|it| CertificateExpiry {
                peer: it.peer.clone(),
                not_after: it.not_after,
                days: days_until(it.not_after, now),
            })
    }

    /// The record with what follows from it.
    pub fn standing(self, now: SystemTime) -> PartnerStanding {
        PartnerStanding {
            readiness: self.readiness(now),
            certificate_expiry: self.certificate_expiry(now),
            record: self,
        }
    }

    /// Whether the record is too old to say anything.
    pub(super) fn is_aged(&self, now: SystemTime) -> bool {
        self.attempts == 0 || age(self.last_attempt, now) > MEASUREMENT_AGES
    }
}

fn age(moment: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(moment).unwrap_or_default()
}

fn days_until(moment: SystemTime, now: SystemTime) -> i64 {
    let days = |span: Duration| i64::try_from(span.as_secs() / DAY.as_secs()).unwrap_or(i64::MAX);
    match moment.duration_since(now) {
        Ok(left) => days(left),
        Err(over) => -1 - days(over.duration()),
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMeasured => f.write_str("not measured yet"),
            Self::Failing {
                last,
                met_since,
                reasons,
            } => {
                write!(f, "failing, last at {}", moment::text(*last))?;
                write!(f, ", {met_since} attempts met the rule since")?;
                for (at, it) in reasons.iter().enumerate() {
                    let before = if at == 0 { ": " } else { "; " };
                    let times = match it.count {
                        1 => "once".to_owned(),
                        count => format!("{count} times"),
                    };
                    write!(f, "{before}{} ({times})", it.reason)?;
                }
                Ok(())
            }
            Self::TooFew {
                attempts,
                needed,
                since,
                not_before,
            } => write!(
                f,
                "too early to say: nothing failed in {attempts} attempts since {}; \
                 it takes {needed}, and until {}",
                Day::of(*since),
                Day::of(*not_before),
            ),
            Self::Safe { since, attempts } => write!(
                f,
                "safe to enforce: nothing failed in {attempts} attempts since {}",
                Day::of(*since),
            ),
        }
    }
}

impl fmt::Display for CertificateExpiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, days, .. } = self;
        match days {
            ..0 => write!(f, "the certificate of {peer} has expired"),
            0 => write!(f, "the certificate of {peer} expires today"),
            1 => write!(f, "the certificate of {peer} expires in 1 day"),
            _ => write!(f, "the certificate of {peer} expires in {days} days"),
        }
    }
}
