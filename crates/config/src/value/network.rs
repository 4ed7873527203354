//! Networks: an address and the length of a prefix.

use std::{fmt, net::IpAddr, str::FromStr};

/// A range of addresses such as `10.0.0.0/8` or `2001:db8::/32` (RFC 4632 §3.1, RFC 4291 §2.3).
///
/// ```
/// use postern_config::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse()?));
/// assert!(network.contains("::ffff:10.1.2.3".parse()?));
/// assert!(!network.contains("11.0.0.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The first address of the range.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits all its addresses share.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether `address` lies in the range. An IPv4 address that a socket for both families
    /// shows as `::ffff:192.0.2.1` counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = u32::from(network) ^ u32::from(address);
                differing & mask32(self.prefix) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = u128::from(network) ^ u128::from(address);
                differing & mask128(self.prefix) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn mask32(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask128(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or(NetworkError::Prefix(longest))?,
        };
        let first = match address {
            IpAddr::V4(address) => IpAddr::V4((u32::from(address) & mask32(prefix)).into()),
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) & mask128(prefix)).into()),
        };
        if first != address {
            let meant = Self {
                address: first,
                prefix,
            };
            return Err(NetworkError::HostBits(meant));
        }
        if address.to_canonical() != address {
            return Err(NetworkError::Mapped);
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Why a text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It does not begin with an IP address.
    #[error("does not begin with an IP address")]
    Address,
    /// What follows the slash is no length of a prefix.
    #[error("has no prefix length from 0 to {0} behind the slash")]
    Prefix(u8),
    /// Bits are set behind the prefix: either the address or the length is a slip of the pen.
    #[error("has bits set behind its prefix, where {0} has none")]
    HostBits(Network),
    /// An IPv4 address in the clothes of IPv6; it is never compared as one.
    #[error("is an IPv4 address written as IPv6")]
    Mapped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let parsed = text.parse::<Network>();
        let told = parsed.map(|network| network.to_string());
        assert_eq!(
            told.map_err(|error| error.to_string()),
            expected.map(str::to_owned).map_err(str::to_owned),
            "{text}"
        );
    }

    #[test]
    fn networks() {
        check("10.0.0.0/8", Ok("10.0.0.0/8"));
        check("0.0.0.0/0", Ok("0.0.0.0/0"));
        check("192.0.2.1", Ok("192.0.2.1/32"));
        check("2001:db8::/32", Ok("2001:db8::/32"));
        check("::/0", Ok("::/0"));
        check("::1", Ok("::1/128"));
    }

    #[test]
    fn what_is_no_network() {
        check("", Err("does not begin with an IP address"));
        check("10/8", Err("does not begin with an IP address"));
        let prefix = "has no prefix length from 0 to 32 behind the slash";
        check("10.0.0.0/33", Err(prefix));
        check("10.0.0.0/", Err(prefix));
        check("10.0.0.0/8/8", Err(prefix));
        check("10.0.0.0/-1", Err(prefix));
        check(
            "10.0.0.1/8",
            Err("has bits set behind its prefix, where 10.0.0.0/8 has none"),
        );
        check(
            "::ffff:10.0.0.0/104",
            Err("is an IPv4 address written as IPv6"),
        );
    }

    #[test]
    fn a_network_contains_its_range() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "9.255.255.255", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.0", false),
        ] {
            let network: Network = network.parse().unwrap();
            let address = address.parse().unwrap();
            assert_eq!(network.contains(address), inside, "{network} {address}");
        }
    }
}
