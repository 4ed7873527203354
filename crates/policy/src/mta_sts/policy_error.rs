//! Why a text is no policy.

use std::fmt;

use super::policy::{LONGEST_POLICY, MOST_HOSTS};

/// The fields that RFC 8461 §3.2 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StsField {
    /// `version`
    Version,
    /// `mode`
    Mode,
    /// `mx`
    Mx,
    /// `max_age`
    MaxAge,
}

impl fmt::Display for StsField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "version",
            Self::Mode => "mode",
            Self::Mx => "mx",
            Self::MaxAge => "max_age",
        })
    }
}

/// Why a text is no policy, or parts make none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StsPolicyError {
    /// It is longer than any policy may be.
    #[error("the policy is longer than {LONGEST_POLICY} octets")]
    TooLong,
    /// A byte order mark stands before it.
    #[error("the policy begins with a byte order mark")]
    ByteOrderMark,
    /// A line is not what the grammar allows.
    #[error("line {line} of the policy {fault}")]
    Line {
        /// Which line, counted from one.
        line: usize,
        /// What is wrong with it.
        fault: StsSyntax,
    },
    /// A field that must be there is not.
    #[error("the policy has no `{0}`")]
    Missing(StsField),
    /// There are more hosts than anybody has.
    #[error("the policy has more than {MOST_HOSTS} `mx` lines")]
    TooManyHosts,
    /// A host is an address, or a name that cannot be written into a policy.
    #[error("an `mx` of a policy must be a host name or `*.` and a domain")]
    Host,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StsSyntax {
    /// It stands behind an empty line.
    #[error("stands behind an empty line")]
    BehindEmpty,
    /// It is not UTF-8.
    #[error("is not UTF-8")]
    Octets,
    /// A control character is in it, such as a carriage return without a line feed.
    #[error("has a control character in it")]
    Control,
    /// It is not `name: value`.
    #[error("is not `name: value`")]
    Shape,
    /// The value is none of those that the field may have.
    #[error("has a `{0}` that is none")]
    Value(StsField),
}
