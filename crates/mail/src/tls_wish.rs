//! What the sender of a message wants of TLS on its way (RFC 8689).

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the sender of one message says about TLS. It is a wish of the network: it may add to
/// what a local rule demands, and never takes anything from it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum TlsWish {
    /// Nothing was said.
    #[default]
    Unstated,
    /// The transaction carried the parameter `REQUIRETLS` (RFC 8689 §2): over TLS with a proven
    /// next hop that promises the same, or not at all.
    Required,
    /// The header holds the field `TLS-Required: No` (RFC 8689 §3): deliver whatever the
    /// recipient's domain publishes about TLS.
    Waived,
}

impl TlsWish {
    /// The wish as its sender writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unstated => "unstated",
            Self::Required => "REQUIRETLS",
            Self::Waived => "TLS-Required: No",
        }
    }
}

impl fmt::Display for TlsWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
