//! Why there are no records: two ways of "there are none", and one of "not known".

use std::{fmt, time::Instant};

use crate::{Alias, Name, Proof};

/// A look-up without records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The name does not exist, with any type of record (NXDOMAIN, RFC 2308 §2.1).
    #[error("{} does not exist", .0.name)]
    NoSuchDomain(Denial),
    /// The name exists, without records of this type (RFC 2308 §2.2).
    #[error("{} has no such records", .0.name)]
    NoData(Denial),
    /// Whether there are records is not known; asking later may help.
    #[error(transparent)]
    Temporary(#[from] Failure),
}

impl LookupError {
    /// The same, saying of a denial when it came.
    pub(crate) fn received_at(self, received: Option<Instant>) -> Self {
        match self {
            Self::NoSuchDomain(denial) => Self::NoSuchDomain(Denial { received, ..denial }),
            Self::NoData(denial) => Self::NoData(Denial { received, ..denial }),
            Self::Temporary(failure) => Self::Temporary(failure),
        }
    }

    /// How well it is proven that there is nothing; `None` where that is not known.
    pub fn proof(&self) -> Option<Proof> {
        match self {
            Self::NoSuchDomain(denial) | Self::NoData(denial) => Some(denial.proof),
            Self::Temporary(_) => None,
        }
    }
}

/// Where something is missing, and how well that is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The name that is missing, or lacks the records: the one asked for, or where its aliases
    /// lead.
    pub name: Name,
    /// How well the denial and all aliases before it are proven together.
    pub proof: Proof,
    /// When it came from a server; `None` where that is no longer known.
    pub received: Option<Instant>,
    /// The aliases on the way, in their order.
    pub aliases: Box<[Alias]>,
}

/// Why something could not be found out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}: {text}")]
pub struct Failure {
    /// What kind of trouble it was.
    pub cause: Cause,
    /// What was asked for, and what the trouble was in detail. Fit to be shown: foreign names in
    /// it are escaped.
    pub text: String,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No answer came before the deadline.
    Timeout,
    /// The server said that it could not find out.
    ServerFailure,
    /// The server refused to answer us.
    Refused,
    /// The answer, or a part of it, is shown to be false (RFC 4033 §5).
    Bogus,
    /// No server could be reached.
    Network,
    /// What came is no answer to the question.
    Malformed,
    /// Aliases led in a circle, or on and on.
    Aliases,
    /// To find out would have been more work than any honest answer is.
    Excessive,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no answer in time",
            Self::ServerFailure => "the name server failed",
            Self::Refused => "the name server refused",
            Self::Bogus => "DNSSEC shows the answer to be false",
            Self::Network => "no name server could be reached",
            Self::Malformed => "the answer does not fit the question",
            Self::Aliases => "aliases do not lead to an end",
            Self::Excessive => "the answer takes too much work",
        })
    }
}
