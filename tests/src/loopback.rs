//! Addresses of loopback on which the ports that cannot be chosen are free.
//!
//! An MX record names no port: mail goes to port 25. Nor does the system's resolver ask anywhere but
//! on port 53. All of 127.0.0.0/8 is loopback, so a test takes 256 addresses that nobody else has,
//! and has these ports on each of them. Ports below 1024 need root, as Postfix does anyway.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;

use crate::fault::Fault;

/// The last number of the address that shows others that these addresses are taken.
const CLAIM: u8 = 254;

/// The port there. Any would do that nothing listens on.
const PORT: u16 = 53;

/// 256 addresses of loopback, those of `127.x.y.0/24`; free for others again when dropped.
#[derive(Debug)]
pub struct Loopback {
    network: [u8; 3],
    _claim: TcpListener,
}

impl Loopback {
    /// Takes addresses that nobody has taken.
    pub fn claim() -> Result<Self, Fault> {
        // Test processes running side by side begin at different places.
        let start = process::id().wrapping_mul(131);
        for step in 0..256 {
            let [.., second, third] = start.wrapping_add(step).to_be_bytes();
            // 127.0.0.0/16 is left to what is configured there on purpose.
            let network = [127, second.max(1), third];
            if let Ok(claim) = TcpListener::bind((address(network, CLAIM), PORT)) {
                return Ok(Self {
                    network,
                    _claim: claim,
                });
            }
        }
        Err(Fault::Unexpected(
            "no addresses of loopback with a free port 53; is this root?".to_owned(),
        ))
    }

    /// The address that ends with `number`.
    pub fn address(&self, number: u8) -> Ipv4Addr {
        address(self.network, number)
    }

    /// Port `port` of the address that ends with `number`.
    pub fn port(&self, number: u8, port: u16) -> SocketAddr {
        SocketAddr::from((self.address(number), port))
    }
}

fn address([a, b, c]: [u8; 3], number: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, number)
}
