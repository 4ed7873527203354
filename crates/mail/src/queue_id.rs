//! The name of a message in the queue.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Digits and capital letters without I, L, O and U (Crockford's alphabet): an id read out
/// over the telephone is not mistaken. Its order is ASCII order, so ids sort by age as text.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The number of characters of an id: 80 bits in groups of five.
const LENGTH: usize = 16;

/// Names one message from its acceptance to its end: 16 characters of
/// `0123456789ABCDEFGHJKMNPQRSTVWXYZ`, which are 48 bits of milliseconds since 1970 and 32 bits
/// that the queue chooses. Ids sort by time of acceptance.
///
/// An id is checked before anything is looked up by it, so `../../etc/passwd` is no id.
///
/// ```
/// use postern_mail::QueueId;
///
/// let id = QueueId::new(1_790_000_000_000, 7);
/// assert_eq!(id.to_string(), "06GC8M3C00000007");
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert!("../../etc/passwd".parse::<QueueId>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QueueId {
    milliseconds: u64,
    distinction: u32,
}

impl QueueId {
    /// The id for a message accepted at `milliseconds` after the Unix epoch (the lower 48 bits
    /// count), told apart from others of that millisecond by `distinction`.
    pub fn new(milliseconds: u64, distinction: u32) -> Self {
        Self {
            milliseconds: milliseconds & 0xffff_ffff_ffff,
            distinction,
        }
    }

    /// Milliseconds after the Unix epoch at which the id was made.
    pub fn milliseconds(self) -> u64 {
        self.milliseconds
    }

    /// The ten octets of the id, in its own order: a key for storage.
    pub fn to_octets(self) -> [u8; 10] {
        let [.., a, b, c, d, e, f] = self.milliseconds.to_be_bytes();
        let [g, h, i, j] = self.distinction.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }

    /// The id of ten octets.
    pub fn from_octets(octets: [u8; 10]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j] = octets;
        Self {
            milliseconds: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            distinction: u32::from_be_bytes([g, h, i, j]),
        }
    }

    fn to_u128(self) -> u128 {
        u128::from(self.milliseconds) << 32 | u128::from(self.distinction)
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.to_u128();
        let text: String = (0..LENGTH)
            .rev()
            .map(|group| usize::try_from(bits >> (5 * group) & 31).unwrap_or_default())
            .filter_map(|value| ALPHABET.get(value).copied().map(char::from))
            .collect();
        f.pad(&text)
    }
}

impl fmt::Debug for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueId({self})")
    }
}

impl FromStr for QueueId {
    type Err = QueueIdError;

    fn from_str(text: &str) -> Result<Self, QueueIdError> {
        if text.len() != LENGTH {
            return Err(QueueIdError);
        }
        let mut bits: u128 = 0;
        for octet in text.bytes() {
            let value = ALPHABET
                .iter()
                .position(|letter| *letter == octet)
                .ok_or(QueueIdError)?;
            bits = bits << 5 | value as u128;
        }
        let distinction = u32::try_from(bits & 0xffff_ffff).map_err(|_| QueueIdError)?;
        let milliseconds = u64::try_from(bits >> 32).map_err(|_| QueueIdError)?;
        Ok(Self {
            milliseconds,
            distinction,
        })
    }
}

impl TryFrom<String> for QueueId {
    type Error = QueueIdError;

    fn try_from(text: String) -> Result<Self, QueueIdError> {
        text.parse()
    }
}

impl From<QueueId> for String {
    fn from(id: QueueId) -> Self {
        id.to_string()
    }
}

/// A text is not a queue id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a queue id is 16 characters of 0123456789ABCDEFGHJKMNPQRSTVWXYZ")]
pub struct QueueIdError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_grammar_is_an_id() {
        for bad in [
            "",
            "../../etc/passwd",
            "06fwmw1h00000007",
            "06FWMW1H0000000",
            "06FWMW1H0000000U",
            "%2e%2e0000000000",
        ] {
            assert_eq!(bad.parse::<QueueId>(), Err(QueueIdError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_id_survives_text_and_octets(milliseconds in 0u64..1 << 48, distinction: u32) {
            let id = QueueId::new(milliseconds, distinction);
            prop_assert_eq!(id.to_string().parse::<QueueId>(), Ok(id));
            prop_assert_eq!(QueueId::from_octets(id.to_octets()), id);
        }

        #[test]
        fn ids_sort_as_text_as_they_sort_by_age(a in (0u64..1 << 48, any::<u32>()), b in (0u64..1 << 48, any::<u32>())) {
            let (a, b) = (QueueId::new(a.0, a.1), QueueId::new(b.0, b.1));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            prop_assert_eq!(a.cmp(&b), a.to_octets().cmp(&b.to_octets()));
        }
    }
}
