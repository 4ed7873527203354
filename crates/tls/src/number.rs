//! Numbers of certificates and lists, which are longer than any integer type.

use std::{cmp::Ordering, fmt};

use data_encoding::HEXLOWER;

/// A number that is told apart, and ordered, without the zeros in front. Shown in hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Number(Vec<u8>);

impl Number {
    /// The most octets (RFC 5280 §4.1.2.2, §5.2.3).
    const LONGEST: usize = 20;

    /// The number in the content octets of an INTEGER. Negative ones exist; they are told apart
    /// by their octets like any other.
    pub(crate) fn of_octets(octets: &[u8]) -> Self {
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        Self(octets.get(zeros..).unwrap_or_default().to_vec())
    }

    /// Whether it has more octets than it may.
    pub(crate) fn is_too_long(&self) -> bool {
        self.0.len() > Self::LONGEST
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.0.len().cmp(&other.0.len());
        length.then_with(|| self.0.cmp(&other.0))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What breaks the rule on length is shown in part: it may be anybody's, and as long as
        // what it came in.
        match self.0.get(..Self::LONGEST).unwrap_or(&self.0) {
            [] => f.write_str("00"),
            octets => f.write_str(&HEXLOWER.encode(octets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_without_zeros_and_no_longer_than_they_may_be() {
        let shown = |octets: &[u8]| Number::of_octets(octets).to_string();
        assert_eq!(shown(&[0, 0xab]), "ab");
        assert_eq!(shown(&[0]), "00");
        assert_eq!(shown(&[0x7f; 40]).len(), 40);
    }
}
