//! A gateway with a partner: name servers, and the partner's mail host, which is a daemon too.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use postern_testkit::{
    Authority, Identity, Leaf,
    signed_zone::{DnsTree, ServedTree, Signing},
};
use tokio::runtime::Runtime;

use crate::home::{Home, PATIENCE, Ran, Serving};

/// The serial number of the partner's certificate, as the configuration writes it.
pub(crate) const SERIAL: &str = "4D:55:37";

/// Everything around the gateway.
pub(crate) struct World {
    /// The name servers end with it.
    _runtime: Runtime,
    names: ServedTree,
    authority: Authority,
    host: SocketAddr,
}

/// What the partner's mail host shows.
pub(crate) fn certified(authority: &Authority) -> Identity {
    let leaf = Leaf::named("mx.partner.example").serial(&[0x4D, 0x55, 0x37]);
    authority.issue(&leaf)
}

/// The partner's mail host, which this authority vouches for.
pub(crate) fn mail_host(authority: &Authority) -> Home {
    mail_host_as(&certified(authority))
}

/// The partner's mail host: it takes mail over TLS, and keeps it.
pub(crate) fn mail_host_as(identity: &Identity) -> Home {
    let home = Home::new(
        r#"
hostname = "mx.partner.example"
[spool]
path = "queue"
[[listener]]
address = "127.0.0.1:0"
role = "mx"
authentication = "off"
[tls]
trust = ["public"]
[[tls.certificate]]
name = "default"
chain = "mx.pem"
key = "mx.key"
[[domain]]
name = "partner.example"
next-hop = ["127.0.0.1:1"]
[admin]
socket = "control.sock"
[dns]
servers = ["127.0.0.1:1"]
"#,
    );
    identity.write(&home.path(""), "mx");
    home
}

impl World {
    /// Names for a mail host at `host`, whose certificates are by `authority`.
    pub(crate) fn new(authority: Authority, host: &Serving<'_>) -> Self {
        let runtime = Runtime::new().unwrap();
        let host = host.address();
        let names = DnsTree::new()
            .zone(
                Signing::Good,
                "example.",
                &[
                    "mx.partner.example. A 127.0.0.1",
                    "stranger.example. MX 10 mx.stranger.example.",
                    "mx.stranger.example. A 127.0.0.1",
                ],
            )
            .zone(
                Signing::None,
                "plain.",
                &["plain. MX 10 mx.partner.example."],
            );
        let names = runtime.block_on(names.start());
        Self {
            _runtime: runtime,
            names,
            authority,
            host,
        }
    }

    /// The configuration of a gateway whose partner must prove to be `name`.
    pub(crate) fn configuration(&self, stage: &str, name: &str, more: &str) -> String {
        let mut text = format!(
            r#"
hostname = "gateway.example.org"
[spool]
path = "queue"
[[listener]]
address = "127.0.0.1:0"
role = "relay"
tls = "none"
networks = ["127.0.0.0/8"]
[tls]
trust = ["public"]
[[domain]]
name = "example.org"
next-hop = ["127.0.0.1:1"]
[queue]
retry = ["1h"]
[delivery]
allow-private-targets = true
[admin]
socket = "control.sock"
[dns]
servers = ["{dns}"]
dnssec = "validate"
trust-anchors = "anchor"
[[partner]]
name = "The Partner"
domains = ["partner.example"]
stage = "{stage}"
[partner.outbound]
require = "authenticated"
hosts = ["mx.partner.example:{port}"]
names = ["{name}"]
trust = ["ca.pem"]
"#,
            dns = self.names.address(),
            port = self.host.port(),
        );
        let _ = write!(text, "{more}");
        text
    }

    /// A gateway that is not running yet.
    pub(crate) fn gateway(&self, stage: &str, name: &str, more: &str) -> Home {
        let home = Home::new(&self.configuration(stage, name, more));
        home.write("anchor", self.names.anchor());
        self.authority.write(&home.path("ca.pem"));
        home
    }
}

/// Runs a command until what it says is as wanted.
#[track_caller]
pub(crate) fn eventually(home: &Home, arguments: &[&str], wanted: impl Fn(&Ran) -> bool) -> Ran {
    let end = Instant::now() + PATIENCE;
    loop {
        let ran = home.run(arguments);
        if wanted(&ran) {
            return ran;
        }
        assert!(Instant::now() < end, "{arguments:?} goes on saying {ran:?}");
    }
}

/// Tomorrow, as the configuration writes it.
pub(crate) fn tomorrow() -> String {
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
    let stamp = postern_admin::Timestamp::from(tomorrow);
    stamp.to_string()
}
