//! The configuration of the relay: a file as anybody would write one.

use std::{io, net::SocketAddr};

use tokio::net::TcpSocket;

use super::{
    home::Home,
    neighbourhood::Neighbourhood,
    neighbours::{ANY_PORT, Who},
};
use crate::failure::Failure;

/// The ports of the relay, kept from being given to anybody else until the relay has them.
///
/// Both sockets are bound with `SO_REUSEADDR`, and so is the relay's: only one of them may
/// listen (socket(7)).
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) mx: SocketAddr,
    pub(super) relay: SocketAddr,
    _kept: [TcpSocket; 2],
}

impl Ports {
    pub(super) fn keep() -> Result<Self, Failure> {
        let kept = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(ANY_PORT)?;
            Ok((socket.local_addr()?, socket))
        };
        let no_port = |error: io::Error| Failure::new("no free port on 127.0.0.1", &error);
        let (mx, first) = kept().map_err(no_port)?;
        let (relay, second) = kept().map_err(no_port)?;
        Ok(Self {
            mx,
            relay,
            _kept: [first, second],
        })
    }
}

/// Writes the file.
pub(super) fn write(
    home: &Home,
    ports: &Ports,
    neighbourhood: &Neighbourhood,
) -> Result<(), Failure> {
    let name = "postern.toml";
    home.write(name, &text(ports, |who| neighbourhood.address(who)))
}

fn text(ports: &Ports, address: impl Fn(Who) -> SocketAddr) -> String {
    let Ports { mx, relay, .. } = ports;
    let [home, ministry, bank, clinic] =
        [Who::OurMailSystem, Who::Ministry, Who::Bank, Who::Clinic].map(&address);
    let [supplier, plain, selfsigned] = [Who::Supplier, Who::Plain, Who::SelfSigned].map(&address);
    format!(
        r#"# Written by `postern demo`. It is a configuration like any other; only the ports and the
# short waits of [queue] are those of a demonstration.
hostname = "mx1.example.org"

[spool]
path = "spool"

[admin]
socket = "control.sock"

# Strangers, with mail for our own domains. Who wrote it nobody asks: without DNS there is nobody
# who could tell.
[[listener]]
address = "{mx}"
role = "mx"
authentication = "off"

# Our own hosts, with mail for anybody.
[[listener]]
address = "{relay}"
role = "relay"
networks = ["127.0.0.0/8"]

[tls]
trust = ["example-ca.pem"]

[[tls.certificate]]
name = "default"
chain = "mx1.pem"
key = "mx1.key"

# What we show to partners who want to know who we are.
[[tls.certificate]]
name = "gateway"
chain = "gateway.pem"
key = "gateway.key"

[[domain]]
name = "example.org"
next-hop = ["{home}"]

# A partner with whom both ends are authenticated, both ways.
[[partner]]
name = "Ministry of Examples"
domains = ["ministry.example"]
stage = "enforce"

[partner.outbound]
require = "authenticated"
names = ["mx1.ministry.example"]
trust = ["ministry-ca.pem"]
present = "gateway"
hosts = ["{ministry}"]

[partner.inbound]
require = "authenticated"
names = ["out.ministry.example"]
trust = ["ministry-ca.pem"]
exclusive = true

# Somebody else answers at the address of this one.
[[partner]]
name = "Bank of Examples"
domains = ["bank.example"]
stage = "enforce"

[partner.outbound]
require = "authenticated"
names = ["mx1.bank.example"]
trust = ["bank-ca.pem"]
hosts = ["{bank}"]

[partner.inbound]
require = "authenticated"
names = ["out.bank.example"]
trust = ["bank-ca.pem"]

# On the path to this one somebody strips STARTTLS.
[[partner]]
name = "Clinic of Examples"
domains = ["clinic.example"]
stage = "enforce"

[partner.outbound]
require = "authenticated"
names = ["mx1.clinic.example"]
trust = ["clinic-ca.pem"]
hosts = ["{clinic}"]

[partner.inbound]
require = "encrypted"

# This one's certificate has expired, and its rule is only observed so far.
[[partner]]
name = "Supplier of Examples"
domains = ["supplier.example"]
stage = "observe"

[partner.outbound]
require = "authenticated"
names = ["mx1.supplier.example"]
trust = ["supplier-ca.pem"]
hosts = ["{supplier}"]

[partner.inbound]
require = "encrypted"

# Strangers. Without DNS the rest of the world is the one without TLS.
[[route]]
domains = ["selfsigned.example"]
next-hop = ["{selfsigned}"]

[[route]]
domains = ["*"]
next-hop = ["{plain}"]

# Never asked: all mail has its next hop above.
[dns]
servers = ["127.0.0.1:53"]
dnssec = "off"

# Nor could anybody say where reports should go.
[reports]
dmarc = false
tls = false

# Short, so that there is something to see. Leave these out, and senders hear of a delay after
# fifteen minutes.
[queue]
retry = ["2s", "10s", "1m"]
delay-notice = "1s"
"#
    )
}
