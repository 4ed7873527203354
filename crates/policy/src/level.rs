//! How much a channel must prove, and what follows when it does not.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// What a rule demands of a channel.
///
/// The levels are sets of promises and have no order of their own: ask them by name, and combine
/// them with [`ChannelLevel::stricter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelLevel {
    /// Nothing: TLS is used where it is offered, and recorded.
    Any,
    /// TLS, whoever the peer may be.
    Encrypted,
    /// TLS with a peer that proved to be the one the rule names.
    Authenticated,
}

impl ChannelLevel {
    /// Whether a message may travel without TLS.
    pub fn accepts_plain(self) -> bool {
        match self {
            Self::Any => true,
            Self::Encrypted | Self::Authenticated => false,
        }
    }

    /// Whether the peer must prove who it is.
    pub fn requires_authenticated_peer(self) -> bool {
        match self {
            Self::Any | Self::Encrypted => false,
            Self::Authenticated => true,
        }
    }

    /// The level that keeps the promises of both.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Authenticated, _) | (_, Self::Authenticated) => Self::Authenticated,
            (Self::Encrypted, _) | (_, Self::Encrypted) => Self::Encrypted,
            (Self::Any, Self::Any) => Self::Any,
        }
    }

    /// The word used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Encrypted => "encrypted",
            Self::Authenticated => "authenticated",
        }
    }
}

impl fmt::Display for ChannelLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ChannelLevel {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "any" => Ok(Self::Any),
            "encrypted" => Ok(Self::Encrypted),
            "authenticated" => Ok(Self::Authenticated),
            _ => Err(UnknownWord("any, encrypted or authenticated")),
        }
    }
}

/// How far a partner's rule has been rolled out.
///
/// The rule is judged in full at every stage; only the consequence of a failure differs, so that
/// readiness is measured before anything is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// A failure is counted.
    Observe,
    /// A failure is counted and told to the operator.
    Warn,
    /// A failure stops the message.
    Enforce,
}

impl Stage {
    /// Whether a failure stops the message.
    pub fn stops_mail(self) -> bool {
        match self {
            Self::Observe | Self::Warn => false,
            Self::Enforce => true,
        }
    }

    /// Whether the operator wants to hear of a failure that stopped nothing.
    pub fn warns(self) -> bool {
        match self {
            Self::Observe | Self::Enforce => false,
            Self::Warn => true,
        }
    }

    /// The word used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "observe" => Ok(Self::Observe),
            "warn" => Ok(Self::Warn),
            "enforce" => Ok(Self::Enforce),
            _ => Err(UnknownWord("observe, warn or enforce")),
        }
    }
}

/// A word is none of those that may stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct UnknownWord(pub(crate) &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [ChannelLevel; 3] = [
        ChannelLevel::Any,
        ChannelLevel::Encrypted,
        ChannelLevel::Authenticated,
    ];

    #[test]
    fn the_stricter_level_keeps_the_promises_of_both() {
        for a in LEVELS {
            for b in LEVELS {
                let both = a.stricter(b);
                assert_eq!(both, b.stricter(a));
                assert_eq!(both.accepts_plain(), a.accepts_plain() && b.accepts_plain());
                assert_eq!(
                    both.requires_authenticated_peer(),
                    a.requires_authenticated_peer() || b.requires_authenticated_peer()
                );
            }
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for level in LEVELS {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        for stage in [Stage::Observe, Stage::Warn, Stage::Enforce] {
            assert_eq!(stage.to_string().parse(), Ok(stage));
        }
        assert!("Enforce".parse::<Stage>().is_err());
        assert!("".parse::<ChannelLevel>().is_err());
    }
}
