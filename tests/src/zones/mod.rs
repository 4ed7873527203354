//! A DNS of our own: signed zones from a root of our own down, nsd that serves them, and unbound
//! that looks names up in them.
//!
//! ```text
//!  posttls-finger ──► validating unbound ─┐
//!  Postern, delv ───► relaying unbound ───┼──► nsd: ".", "example.", "secure.example." …
//!  Postern ─► stripper ───┘
//! ```
//!
//! Zones are written, keyed and signed when the tests start, with ECDSA (RFC 6605), so that the
//! signatures are as old as the test. A zone may have one flaw, such as signatures that have expired.
//! Everything listens on port 53 of addresses of its own ([`Loopback`]): delegations work as they do
//! elsewhere, and programs that know only `/etc/resolv.conf` can be part of it.

mod delv;
mod nsd;
mod stripper;
mod unbound;
mod zone;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::home::Home;
use crate::loopback::Loopback;
use crate::programs::Program;

use nsd::Nsd;
use stripper::Stripper;
use unbound::{Manner, Unbound};

pub use delv::Proof;
pub use zone::{Flaw, Zone};

/// The programs that such a DNS is made of, and that it is checked with.
pub const NEEDS: &[Program] = &[
    Program::Nsd,
    Program::Unbound,
    Program::LdnsSignzone,
    Program::Delv,
];

/// The last numbers of the addresses. Those below 50 are left to mail servers.
const NSD: u8 = 53;
const VALIDATING: u8 = 54;
const RELAYING: u8 = 55;
const STRIPPING: u8 = 56;

/// A DNS that runs; stopped when dropped.
#[derive(Debug)]
pub struct Dns {
    // Daemons are stopped before their directory is removed: fields are dropped in this order.
    _stripper: Stripper,
    _validating: Unbound,
    _relaying: Unbound,
    _nsd: Nsd,
    home: Home,
    anchor: PathBuf,
    loopback: Loopback,
}

impl Dns {
    /// Signs and serves `zones` below a root of their own, on addresses of `loopback`.
    pub fn start(zones: &[Zone], loopback: Loopback) -> Result<Self, Fault> {
        let home = Home::new("zones")?;
        let anchor = zone::write_all(zones, loopback.address(NSD), home.path())?;
        let nsd = Nsd::start(
            &served(zones),
            loopback.address(NSD),
            &home.directory("nsd")?,
        )?;
        let hints = home.write("hints", hints(loopback.address(NSD)))?;
        let resolver = |manner, number| {
            let place = home.directory(&format!("unbound-{number}"))?;
            Unbound::start(manner, loopback.address(number), &hints, &anchor, &place)
        };
        let validating = resolver(Manner::Validates, VALIDATING)?;
        let relaying = resolver(Manner::Relays, RELAYING)?;
        let stripper = Stripper::start(loopback.port(STRIPPING, 53), loopback.port(RELAYING, 53))?;
        Ok(Self {
            _stripper: stripper,
            _validating: validating,
            _relaying: relaying,
            _nsd: nsd,
            home,
            anchor,
            loopback,
        })
    }

    /// A resolver that validates: it answers SERVFAIL for what is bogus.
    pub fn validating(&self) -> SocketAddr {
        self.loopback.port(VALIDATING, 53)
    }

    /// A resolver that passes everything on with its signatures, right or wrong, and judges nothing.
    pub fn relaying(&self) -> SocketAddr {
        self.loopback.port(RELAYING, 53)
    }

    /// A resolver in whose answers no signature is left.
    pub fn stripping(&self) -> SocketAddr {
        self.loopback.port(STRIPPING, 53)
    }

    /// The root's key as a DNSKEY record in a file: where validation begins.
    pub fn anchor(&self) -> &Path {
        &self.anchor
    }

    /// Addresses for hosts: those with numbers below 50 are free.
    pub fn loopback(&self) -> &Loopback {
        &self.loopback
    }

    /// How well the answer of `resolver` for `name` and `kind` is proven, in the judgement of BIND's
    /// validator.
    pub fn proof(&self, resolver: SocketAddr, name: &str, kind: &str) -> Result<Proof, Fault> {
        delv::ask(resolver, &self.anchor, self.home.path(), name, kind)
    }
}

/// The zones that nsd shall serve, each with its file.
fn served(zones: &[Zone]) -> Vec<(String, String)> {
    let mut served = vec![(".".to_owned(), zone::ROOT_FILE.to_owned())];
    served.extend(
        zones
            .iter()
            .map(|zone| (zone.name().to_owned(), zone.file())),
    );
    served
}

fn hints(nsd: std::net::Ipv4Addr) -> String {
    let mut hints = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(hints, ". NS {}\n{} A {nsd}", zone::SERVER, zone::SERVER);
    hints
}

/// A file's text.
fn read(path: &Path) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(Fault::at(path))
}
