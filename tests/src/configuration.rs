//! Postern's configuration file, written table by table.
//!
//! What a scenario is about stands in the scenario; what every daemon needs (its name, its queue, its
//! control socket, a schedule that does not make a test wait) stands here.

use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use crate::postern::Installation;

/// A configuration in the making.
#[derive(Clone, Debug)]
pub struct Configuration {
    text: String,
    dns: String,
}

/// A partner, at stage `enforce` until said otherwise.
#[derive(Clone, Debug)]
pub struct Partner {
    text: String,
}

/// What connections to a partner must prove, or those from a partner.
#[derive(Clone, Debug)]
pub struct Rule {
    lines: Vec<String>,
}

impl Configuration {
    /// A Postern called `hostname` that keeps everything in the directory of `installation`, tries
    /// again every second and tells of a delay after one. It asks no name server until it is given
    /// one.
    pub fn of(installation: &Installation, hostname: &str) -> Self {
        let home = installation.path();
        let mut configuration = Self {
            text: format!("hostname = {}\n", quoted(hostname)),
            dns: nobody(),
        };
        let text = &mut configuration.text;
        add(text, "[spool]");
        set(text, "path", quoted(home.join("spool").display()));
        add(text, "[admin]");
        set(text, "socket", quoted(home.join("socket").display()));
        add(text, "[queue]");
        set(text, "retry", list(["1s"]));
        set(text, "delay-notice", quoted("1s"));
        configuration
    }

    /// Strangers deliver here. Nobody looks who wrote their mail: most scenarios are about something
    /// else, and have no DNS that could tell.
    #[must_use]
    pub fn mx(self, address: SocketAddr) -> Self {
        self.listener(address, "mx", &[NOT_JUDGED])
    }

    /// Strangers deliver here, and their mail is judged; `lines` stand in the listener's table.
    #[must_use]
    pub fn judging_mx(self, address: SocketAddr, lines: &[&str]) -> Self {
        self.listener(address, "mx", lines)
    }

    /// Hosts in `network` relay here.
    #[must_use]
    pub fn relay(self, address: SocketAddr, network: &str) -> Self {
        let networks = format!("networks = {}", list([network]));
        self.listener(address, "relay", &[&networks, NOT_JUDGED])
    }

    /// Every host on loopback relays here, with TLS offered in this way.
    #[must_use]
    pub fn relay_with_tls(self, address: SocketAddr, tls: &str) -> Self {
        let tls = format!("tls = {}", quoted(tls));
        self.listener(address, "relay", &["networks = [\"127.0.0.0/8\"]", &tls])
    }

    fn listener(mut self, address: SocketAddr, role: &str, lines: &[&str]) -> Self {
        add(&mut self.text, "[[listener]]");
        set(&mut self.text, "address", quoted(address));
        set(&mut self.text, "role", quoted(role));
        lines.iter().for_each(|line| add(&mut self.text, line));
        self
    }

    /// A certificate called `name`, in these files.
    #[must_use]
    pub fn certificate(mut self, name: &str, chain: &Path, key: &Path) -> Self {
        add(&mut self.text, "[[tls.certificate]]");
        set(&mut self.text, "name", quoted(name));
        set(&mut self.text, "chain", quoted(chain.display()));
        set(&mut self.text, "key", quoted(key.display()));
        self
    }

    /// Mail for `domain` is accepted from everyone and goes to `next_hop`.
    #[must_use]
    pub fn domain(mut self, domain: &str, next_hop: SocketAddr) -> Self {
        add(&mut self.text, "[[domain]]");
        set(&mut self.text, "name", quoted(domain));
        set(&mut self.text, "next-hop", list([next_hop]));
        self
    }

    /// Mail for `domain` of relay clients goes to `next_hop`.
    #[must_use]
    pub fn route(mut self, domain: &str, next_hop: SocketAddr) -> Self {
        add(&mut self.text, "[[route]]");
        set(&mut self.text, "domains", list([domain]));
        set(&mut self.text, "next-hop", list([next_hop]));
        self
    }

    /// The DNS is asked of `resolver`, and its answers are proven from the key in `anchor` down.
    #[must_use]
    pub fn dns(mut self, resolver: SocketAddr, anchor: &Path) -> Self {
        self.dns.clear();
        add(&mut self.dns, "[dns]");
        set(&mut self.dns, "servers", list([resolver]));
        set(&mut self.dns, "trust-anchors", quoted(anchor.display()));
        self
    }

    /// The DNS is asked of `resolver`, and nothing is proven: signatures of zones are as old as the
    /// test, and so of no use on another day.
    #[must_use]
    pub fn dns_unproven(mut self, resolver: SocketAddr) -> Self {
        self.dns.clear();
        add(&mut self.dns, "[dns]");
        set(&mut self.dns, "servers", list([resolver]));
        set(&mut self.dns, "dnssec", quoted("off"));
        self
    }

    /// The DNS may give addresses of loopback: all hosts of the tests are there.
    #[must_use]
    pub fn private_targets(mut self) -> Self {
        add(&mut self.text, "[delivery]");
        set(&mut self.text, "allow-private-targets", "true");
        self
    }

    /// A partner.
    #[must_use]
    pub fn partner(mut self, partner: &Partner) -> Self {
        self.text.push_str(&partner.text);
        self
    }

    /// Any other table, as it would be written.
    #[must_use]
    pub fn table(mut self, text: &str) -> Self {
        add(&mut self.text, text);
        self
    }

    /// The file's content.
    pub fn text(&self) -> String {
        [self.text.as_str(), &self.dns].concat()
    }
}

impl Partner {
    /// The partner `name`, whose domain is `domain`.
    pub fn called(name: &str, domain: &str) -> Self {
        Self::at_stage("enforce", name, domain)
    }

    /// The same, at another stage.
    pub fn at_stage(stage: &str, name: &str, domain: &str) -> Self {
        let mut text = String::new();
        add(&mut text, "[[partner]]");
        set(&mut text, "name", quoted(name));
        set(&mut text, "domains", list([domain]));
        set(&mut text, "stage", quoted(stage));
        Self { text }
    }

    /// Connections with it are held to this profile.
    #[must_use]
    pub fn profile(mut self, profile: &str) -> Self {
        set(&mut self.text, "profile", quoted(profile));
        self
    }

    /// What connections to it must prove.
    #[must_use]
    pub fn outbound(self, rule: &Rule) -> Self {
        self.rule("[partner.outbound]", rule)
    }

    /// What connections from it must prove.
    #[must_use]
    pub fn inbound(self, rule: &Rule) -> Self {
        self.rule("[partner.inbound]", rule)
    }

    fn rule(mut self, header: &str, rule: &Rule) -> Self {
        add(&mut self.text, header);
        rule.lines.iter().for_each(|line| add(&mut self.text, line));
        self
    }
}

impl Rule {
    /// A certificate for `name`, issued by the authority with the certificate `root`.
    pub fn authenticated(name: &str, root: &Path) -> Self {
        let names = format!("names = {}", list([name]));
        let trust = format!("trust = {}", list([root.display()]));
        Self {
            lines: vec![names, trust],
        }
    }

    /// A certificate with this key, whoever issued it.
    pub fn pinned(pin: &str) -> Self {
        Self {
            lines: vec![format!("spki-pins = {}", list([pin]))],
        }
    }

    /// TLS, with whomever.
    pub fn encrypted() -> Self {
        Self {
            lines: vec![format!("require = {}", quoted("encrypted"))],
        }
    }

    /// What the TLSA records of the host say, which must be there (RFC 7672).
    pub fn dane() -> Self {
        Self {
            lines: vec!["dane = true".to_owned()],
        }
    }

    /// Our certificate of this name is shown.
    #[must_use]
    pub fn presenting(self, certificate: &str) -> Self {
        self.line(&format!("present = {}", quoted(certificate)))
    }

    /// The mail goes to this host.
    #[must_use]
    pub fn host(self, address: SocketAddr) -> Self {
        self.line(&format!("hosts = {}", list([address])))
    }

    /// Any other key with its value.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }
}

/// What a listener says whose strangers' mail is not judged.
const NOT_JUDGED: &str = "authentication = \"off\"";

/// A name server at a port where nobody listens: nothing is looked up outside of the machine.
fn nobody() -> String {
    let mut text = String::new();
    add(&mut text, "[dns]");
    set(&mut text, "servers", list(["127.0.0.1:9"]));
    set(&mut text, "dnssec", quoted("off"));
    text
}

/// A string of TOML.
fn quoted(value: impl Display) -> String {
    // What is written here has no quotation marks and no control characters.
    format!("{:?}", value.to_string())
}

fn list<T: Display, const N: usize>(values: [T; N]) -> String {
    format!("[{}]", values.map(quoted).join(", "))
}

fn add(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn set(text: &mut String, key: &str, value: impl Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{key} = {value}");
}
