//! Sockets that systemd has made for us (sd_listen_fds(3)).
//!
//! They are matched with what the configuration listens on by their addresses, whatever their
//! order. While the daemon is restarted they stay where they are, with systemd, and whoever
//! connects meanwhile waits a moment.

use std::net::SocketAddr;

use listenfd::ListenFd;
use postern_inbound::Inherited;

use crate::failure::Failure;

/// The sockets that were passed to this process; none where nobody passed any.
pub(super) fn inherited() -> Result<Inherited, Failure> {
    let mut passed = ListenFd::from_env();
    let mut sockets = Inherited::new();
    for at in 0..passed.len() {
        let socket = passed
            .take_tcp_listener(at)
            .map_err(|error| Failure::new("a socket that systemd passes is not TCP", &error))?;
        let Some(socket) = socket else { continue };
        let address = socket
            .local_addr()
            .map_err(|error| Failure::new("a socket that systemd passes", &error))?;
        sockets.insert(address, socket);
    }
    Ok(sockets)
}

/// Nobody would ever answer who connects to a socket that is left over.
pub(super) fn refuse_rest(inherited: &Inherited) -> Result<(), Failure> {
    if inherited.is_empty() {
        return Ok(());
    }
    let mut addresses: Vec<_> = inherited.keys().map(SocketAddr::to_string).collect();
    addresses.sort();
    Err(Failure::plain(format_args!(
        "systemd passes sockets on which the configuration does not listen: {}; take them out of the \
         socket unit, or write listeners with these addresses",
        addresses.join(", ")
    )))
}
