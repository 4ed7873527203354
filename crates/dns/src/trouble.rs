//! Why a search has no answer.

use hickory_resolver::{
    net::{DnsError, NetError},
    proto::{op::ResponseCode, rr::RecordType},
};

use crate::{Cause, Failure, LookupError, Name};

/// A search without an answer.
pub(crate) enum Trouble {
    Denied(Box<LookupError>),
    Unknown { cause: Cause, detail: String },
}

impl Trouble {
    /// Whether signatures do not bear out what was said.
    pub(crate) fn is_bogus(&self) -> bool {
        matches!(
            self,
            Self::Unknown {
                cause: Cause::Bogus,
                ..
            }
        )
    }
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Self {
        Self::Unknown {
            cause,
            detail: String::new(),
        }
    }
}

/// What hickory's error means for us. Everything that is not a denial is "not known".
pub(crate) fn trouble(error: &NetError) -> Trouble {
    let cause = match error {
        NetError::Dns(DnsError::DnssecBogus | DnsError::Nsec { .. }) => {
            return Trouble::from(Cause::Bogus);
        }
        NetError::Timeout => return Trouble::from(Cause::Timeout),
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => Cause::Refused,
        NetError::Dns(_) => Cause::ServerFailure,
        NetError::Io(_) | NetError::NoConnections | NetError::Busy => Cause::Network,
        _ => Cause::Malformed,
    };
    Trouble::Unknown {
        cause,
        detail: error.to_string(),
    }
}

pub(crate) fn failure(name: &Name, kind: RecordType, cause: Cause, detail: &str) -> Failure {
    let what = format!("{kind} of {name}");
    let text = if detail.is_empty() {
        what
    } else {
        // The detail may quote what a server sent.
        format!("{what} ({})", detail.escape_default())
    };
    Failure { cause, text }
}
