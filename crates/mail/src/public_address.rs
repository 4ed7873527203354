//! Which addresses are on the public internet (RFC 6890, with its registries).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is on the public internet, so that a name out of somebody else's zone may
/// send us there. What is local to a host, a link or a site is not, and neither are such IPv4
/// addresses in the clothes of IPv6.
///
/// ```
/// use postern_mail::is_public_address;
///
/// assert!(is_public_address("2a00::1".parse()?));
/// assert!(!is_public_address("::ffff:127.0.0.1".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => is_public_v4(embedded),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let this_network = first == 0;
    let shared = first == 100 && (64..128).contains(&second); // RFC 6598
    let protocols = (first, second, third) == (192, 0, 0); // RFC 6890 §2.2.2
    let benchmarking = first == 198 && (18..20).contains(&second); // RFC 2544
    let reserved = first >= 240; // with the broadcast address
    !(this_network
        || shared
        || protocols
        || benchmarking
        || reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast())
}

/// Everything public lies in 2000::/3 so far (RFC 4291 §2.4, with its registry), less what is
/// for documentation (RFC 3849) and Teredo, which tunnels to IPv4 addresses that may be anybody's
/// (RFC 4380 §4) and has no mail hosts.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let documentation = (first, second) == (0x2001, 0xdb8);
    let teredo = (first, second) == (0x2001, 0);
    first & 0xe000 == 0x2000 && !documentation && !teredo
}

/// The IPv4 address that an IPv6 address maps (RFC 4291 §2.5.5.2), translates (RFC 6052 §2.1) or
/// tunnels to (RFC 3056 §2).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_and_other_addresses() {
        for public in [
            "198.51.101.1",
            "8.8.8.8",
            "2a00::1",
            "::ffff:8.8.8.8",
            "100.128.0.1",
            "192.0.1.1",
            "2001:1::1",
            "2001:200::1",
        ] {
            assert!(is_public_address(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.0.255",
            "192.168.1.1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2002:c000:1::",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::7f00:1",
            "64:ff9b:1::a00:1",
            "fec0::1",
            "100::1",
        ] {
            assert!(!is_public_address(other.parse().unwrap()), "{other}");
        }
    }
}
