//! Numbers of octets with a unit: `512KiB`, `50MiB`.

use std::{fmt, str::FromStr};

use super::unit;

/// The units, the greatest first. Those of ten are known as well, because they are what people
/// write for disks.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// This many octets.
    pub const fn from_octets(octets: u64) -> Self {
        Self(octets)
    }

    /// The number of octets.
    pub const fn octets(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        unit::parse(text, &UNITS).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&unit::print(self.0, &UNITS))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u64, &str>) {
        let parsed = text.parse().map(ByteSize::octets);
        assert_eq!(parsed, expected.map_err(str::to_owned));
    }

    #[test]
    fn sizes_carry_a_unit() {
        check("0B", Ok(0));
        check("64KiB", Ok(65_536));
        check("50MiB", Ok(52_428_800));
        check("50MB", Ok(50_000_000));
        check("50", Err(r#""50" has no unit"#));
        check("50M", Err(r#""50M" has the unknown unit "M""#));
        check("MiB", Err(r#""MiB" does not begin with a number"#));
        check("99999999TiB", Err(r#""99999999TiB" is too great"#));
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_is_the_identity(octets in any::<u64>()) {
            let size = ByteSize::from_octets(octets);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
    }
}
