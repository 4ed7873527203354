//! Why a survey found no host, or no address.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::host::Unreachable;

/// Why there is no host, or no address. It is written as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Whether there are any could not be found out, so that mail waits.
    NotKnown(String),
    /// It is known that there are none that may be used.
    Known(String),
}

impl From<&Unreachable> for Trouble {
    fn from(unreachable: &Unreachable) -> Self {
        let text = unreachable.text.clone();
        if unreachable.status == Unreachable::NOT_KNOWN {
            Self::NotKnown(text)
        } else {
            Self::Known(text)
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotKnown(text) | Self::Known(text)) = self;
        f.write_str(text)
    }
}

impl Serialize for Trouble {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
