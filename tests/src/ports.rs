//! Ports for daemons that must be told theirs beforehand.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::fault::Fault;

/// First port given out. The range ends below 32768, where Linux begins to take the local ports of
/// outgoing connections: a port found free here is not taken by a connection a moment later.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// How many were given out by this process.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// An address on loopback that nobody listens on, never given out twice by this process.
pub fn free() -> Result<SocketAddr, Fault> {
    // Test processes running side by side begin at different places.
    let start = u16::try_from(process::id().wrapping_mul(131) % u32::from(COUNT)).unwrap_or(0);
    for _ in 0..COUNT {
        let step = GIVEN.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(Fault::Unexpected("no free port on loopback".to_owned()))
}
