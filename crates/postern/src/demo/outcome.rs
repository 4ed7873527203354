//! What came of a scene, and whether that is what must come of it.

use std::fmt;

use postern_mail::{EnhancedStatusCode, ReplyCode};
use postern_policy::Verdict;
use serde::{Serialize, Serializer};

use super::story::Scene;

/// What came of a scene, or must come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// The neighbour has the message: once, every octet of it, and the queue has it no longer.
    Delivered {
        /// What the relay found the channel to be.
        channel: Verdict,
        /// What the neighbour found it to be.
        #[serde(rename = "towards-us")]
        towards_us: Verdict,
        /// What would be otherwise under the partner's rule.
        enforcing: Enforcing,
    },
    /// The message waits in the queue, and nothing of it has come to the neighbour.
    Deferred {
        /// Why, in the queue's words.
        #[serde(serialize_with = "as_text")]
        status: EnhancedStatusCode,
    },
    /// The relay took the message, and our mail system has it: once, and every octet.
    Accepted {
        /// What the relay found the channel to be.
        channel: Verdict,
    },
    /// The relay refused, and our mail system has nothing.
    Refused {
        /// What the client was answered.
        code: ReplyCode,
        /// What the client was answered.
        #[serde(serialize_with = "as_text_if_any")]
        status: Option<EnhancedStatusCode>,
    },
    /// The sender was told that the message is late.
    Told {
        /// Why, in the words of the notice.
        #[serde(serialize_with = "as_text")]
        status: EnhancedStatusCode,
    },
    /// Something else.
    Otherwise {
        /// What.
        what: String,
    },
}

/// What enforcing the partner's rule would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Enforcing {
    /// Nothing: it is enforced, is met, or there is none.
    ChangesNothing,
    /// The message would wait.
    WouldStopIt,
}

/// What was seen in a scene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Seen {
    pub(super) happened: Outcome,
    /// The channel's verdict in the relay's words.
    pub(super) channel: Option<String>,
    /// Why not, in the words of the queue or of the reply.
    pub(super) reason: Option<String>,
    /// What the receiving end has.
    pub(super) received: Option<Received>,
}

/// What a receiving end has of a scene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Received {
    pub(super) messages: usize,
    pub(super) octets: u64,
    /// The channel's verdict in the receiver's words.
    pub(super) channel: Option<String>,
}

impl Received {
    /// Without the last step, from the relay to our own mail system: no scene is about it.
    pub(super) fn within_our_house(self) -> Self {
        Self {
            channel: None,
            ..self
        }
    }
}

/// A scene that was played.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Played {
    pub(super) number: usize,
    pub(super) tried: &'static str,
    pub(super) expected: Outcome,
    pub(super) as_it_must_be: bool,
    #[serde(flatten)]
    pub(super) seen: Seen,
}

impl Played {
    /// Holds what was seen against what must be.
    pub(super) fn judge(number: usize, scene: &Scene, seen: Seen) -> Self {
        Self {
            number,
            tried: scene.tried,
            expected: scene.expected.clone(),
            as_it_must_be: seen.happened == scene.expected,
            seen,
        }
    }
}

/// Whether the whole story went as it must.
pub(super) fn all_as_it_must_be(played: &[Played]) -> bool {
    !played.is_empty() && played.iter().all(|scene| scene.as_it_must_be)
}

impl Seen {
    /// Something that is never right, and nothing more is known.
    pub(super) fn otherwise(what: String) -> Self {
        Self {
            happened: Outcome::Otherwise { what },
            channel: None,
            reason: None,
            received: None,
        }
    }
}

/// Short enough for a column of the table.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered {
                channel,
                towards_us,
                enforcing,
            } => {
                write!(f, "delivered, {channel}")?;
                if towards_us != channel {
                    write!(f, "/{towards_us}")?;
                }
                match enforcing {
                    Enforcing::ChangesNothing => Ok(()),
                    Enforcing::WouldStopIt => f.write_str(" (!)"),
                }
            }
            Self::Deferred { status } => write!(f, "deferred {status}"),
            Self::Accepted { channel } => write!(f, "accepted, {channel}"),
            Self::Refused { code, status } => {
                write!(f, "refused {code}")?;
                status.map_or(Ok(()), |status| write!(f, " {status}"))
            }
            Self::Told { status } => write!(f, "told of delay {status}"),
            Self::Otherwise { .. } => f.write_str("something else"),
        }
    }
}

fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(
    clippy::ref_option,
    reason = "serde hands over what it finds in the field"
)]
fn as_text_if_any<S: Serializer>(
    value: &Option<EnhancedStatusCode>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
