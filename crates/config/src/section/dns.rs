//! `[dns]`: whom the DNS is asked of, and whether its answers are validated.

use std::{net::SocketAddr, path::PathBuf};

use crate::{
    file::{self, Secrecy},
    schema::{Key, Kind, Located, Notes, Occurs, Reported, Scalar, Section, Table},
    value::{FILE, SERVER, not_a_choice},
};

/// Whom the DNS is asked of, and whether its answers are validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Which servers are asked.
    pub servers: DnsServers,
    /// Whether answers are validated.
    pub dnssec: Dnssec,
}

/// Which servers are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsServers {
    /// Those of the system, from /etc/resolv.conf.
    System,
    /// These; there is at least one.
    These(Vec<SocketAddr>),
}

/// Whether answers of the DNS are validated (RFC 4035 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dnssec {
    /// They are not, and none counts as proven.
    Off,
    /// They are, from these anchors.
    Validate(DnssecAnchors),
}

/// Where validation begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnssecAnchors {
    /// The keys of the root zone that the software brings along.
    BuiltIn,
    /// The DNSKEY records of this file, in the syntax of a zone file.
    File(PathBuf),
}

static DNSSEC_MODES: Kind<bool> = Kind {
    name: "choice",
    right: "\"off\" or \"validate\"",
    scalar: Scalar::Text(|text| match text {
        "off" => Ok(false),
        "validate" => Ok(true),
        other => Err(not_a_choice(other)),
    }),
};

static SERVERS: Key<SocketAddr> = Key::optional(
    "servers",
    &SERVER,
    "the system's, from /etc/resolv.conf",
    r#"["127.0.0.1:53"]"#,
    "The servers that are asked, with a port unless it is 53.",
)
.list();

static DNSSEC: Key<bool> = Key::defaulted(
    "dnssec",
    &DNSSEC_MODES,
    r#""validate""#,
    "`validate` proves answers from the trust anchors down (RFC 4035) and uses none that is \
     bogus; without it there is no DANE. It needs servers that pass signatures on. Where they \
     strip them, nothing of a signed zone can be believed, and mail that needs MX records waits \
     in the queue: Postern tests the servers when it starts and at each reload, and every \
     five minutes while one fails; it says so in the log, and `postern status` shows it. Then ask other servers, best a resolver on this host. `off` believes \
     whatever comes.",
);

static TRUST_ANCHORS: Key<PathBuf> = Key::optional(
    "trust-anchors",
    &FILE,
    "the root's keys, built in",
    r#""root.key""#,
    "A file of DNSKEY records of the root zone, as zone files write them, where validation \
     begins.",
);

pub(crate) static DNS: Section = Section {
    name: "dns",
    occurs: Occurs::Once,
    doc: "Whom the DNS is asked of, and whether its answers are validated.",
    keys: &[&SERVERS.entry, &DNSSEC.entry, &TRUST_ANCHORS.entry],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Result<Dns, Reported> {
    let servers = table.maybe_many(&SERVERS);
    let validate = table.one(&DNSSEC);
    let anchors = table.maybe(&TRUST_ANCHORS)?;
    let validate = validate?;
    let dnssec = match (validate.value, anchors) {
        (false, None) => {
            let wrong = "nothing that the DNS says is proven, and DANE protects no delivery";
            let right = "write \"validate\", and ask servers that pass signatures on";
            table.notes().warn(&validate.spot, wrong, right);
            Dnssec::Off
        }
        (false, Some(anchors)) => {
            return Err(table.notes().error(
                &anchors.spot,
                "has no use while dns.dnssec is \"off\"",
                "write dnssec = \"validate\", or remove it",
            ));
        }
        (true, None) => Dnssec::Validate(DnssecAnchors::BuiltIn),
        (true, Some(anchors)) => Dnssec::Validate(check_anchors(table.notes(), &anchors)?),
    };
    Ok(Dns {
        servers: match servers? {
            Some(servers) => {
                DnsServers::These(servers.into_iter().map(|server| server.value).collect())
            }
            None => DnsServers::System,
        },
        dnssec,
    })
}

fn check_anchors(notes: &Notes<'_>, anchors: &Located<PathBuf>) -> Result<DnssecAnchors, Reported> {
    let path = notes.resolve(&anchors.value);
    match file::read(&path, Secrecy::Public) {
        Ok(records) if !records.contains("DNSKEY") => Err(notes.error(
            &anchors.spot,
            format_args!("{} holds no DNSKEY record", path.display()),
            "give a file of DNSKEY records as zone files write them",
        )),
        Ok(_) => Ok(DnssecAnchors::File(path)),
        Err(fault) => Err(notes.error(
            &anchors.spot,
            format_args!("{} {fault}", path.display()),
            fault.right(),
        )),
    }
}
