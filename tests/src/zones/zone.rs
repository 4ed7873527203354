//! Zones: what is in them, how they hang together, how they are signed, and what is wrong with them.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::read;
use crate::fault::Fault;
use crate::programs::{self, Program};

/// The name server of all zones. Its address is in the root zone.
pub(super) const SERVER: &str = "ns.";

/// The file of the root zone as it is served.
pub(super) const ROOT_FILE: &str = "root.zone";

/// A zone in the making.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    records: String,
    signing: Signing,
    flaw: Option<Flaw>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signing {
    /// With NSEC (RFC 4034 §4).
    Nsec,
    /// With NSEC3 (RFC 5155), without salt and further iterations (RFC 9276 §3.1).
    Nsec3,
    /// Not at all: the parent proves that there is no DS record.
    Unsigned,
}

/// What is wrong with a signed zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// All signatures ended years ago.
    Expired,
    /// The parent's DS record belongs to another key.
    OtherKey,
    /// The signature of the records of this name and type was made over other records.
    Forged {
        /// The name, without the last dot.
        name: String,
        /// The type.
        kind: String,
    },
    /// The server finds no file for it: look-ups end with SERVFAIL.
    Lost,
}

impl Zone {
    /// A zone signed with NSEC.
    pub fn signed(name: &str) -> Self {
        Self::new(name, Signing::Nsec)
    }

    /// A zone signed with NSEC3.
    pub fn signed_with_nsec3(name: &str) -> Self {
        Self::new(name, Signing::Nsec3)
    }

    /// A zone without signatures.
    pub fn unsigned(name: &str) -> Self {
        Self::new(name, Signing::Unsigned)
    }

    fn new(name: &str, signing: Signing) -> Self {
        Self {
            name: name.to_owned(),
            records: String::new(),
            signing,
            flaw: None,
        }
    }

    /// With something wrong.
    #[must_use]
    pub fn with(self, flaw: Flaw) -> Self {
        Self {
            flaw: Some(flaw),
            ..self
        }
    }

    /// With a record. `name` is whole and has no dot at its end; names in `data` have one.
    #[must_use]
    pub fn record(mut self, name: &str, kind: &str, data: &str) -> Self {
        self.add(name, kind, data);
        self
    }

    /// With a text, in strings of the length that a record allows (RFC 1035 §3.3).
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        let octets: Vec<char> = text.chars().collect();
        let strings = octets.chunks(255);
        let strings = strings.map(|it| format!("\"{}\"", it.iter().collect::<String>()));
        let data = strings.collect::<Vec<_>>().join(" ");
        self.record(name, "TXT", &data)
    }

    /// With records as a zone file has them.
    #[must_use]
    pub fn lines(mut self, lines: &str) -> Self {
        self.records.push_str(lines);
        self.records.push('\n');
        self
    }

    /// Adds a record.
    pub fn add(&mut self, name: &str, kind: &str, data: &str) {
        let _ = writeln!(self.records, "{name}. {kind} {data}");
    }

    /// Its name, without a dot at the end.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has_file(&self) -> bool {
        self.flaw != Some(Flaw::Lost)
    }

    pub(super) fn file(&self) -> String {
        if self.is_root() {
            return ROOT_FILE.to_owned();
        }
        format!("{}.zone", self.name)
    }

    fn is_root(&self) -> bool {
        self.name.is_empty()
    }

    fn is_signed(&self) -> bool {
        self.signing != Signing::Unsigned
    }

    fn is_above(&self, other: &Self) -> bool {
        other
            .name
            .strip_suffix(&self.name)
            .is_some_and(|rest| rest.ends_with('.') || (self.is_root() && !rest.is_empty()))
    }

    /// The file before it is signed: RFC 1035 §5, with what every zone begins with.
    fn whole(&self, delegations: &str) -> String {
        let (origin, records) = (self.origin(), &self.records);
        format!(
            "$TTL 300
{origin} SOA {SERVER} hostmaster.example. 1 3600 600 86400 60
{origin} NS {SERVER}
{delegations}{records}"
        )
    }

    /// Writes the file that is served.
    fn write(&self, delegations: &str, key: Option<&Key>, place: &Path) -> Result<(), Fault> {
        let served = place.join(self.file());
        let text = self.whole(delegations);
        let Some(key) = key else {
            return fs::write(&served, text).map_err(Fault::at(&served));
        };
        let plain = served.with_extension("plain");
        fs::write(&plain, text).map_err(Fault::at(&plain))?;
        self.sign(&plain, &served, key)?;
        match &self.flaw {
            Some(Flaw::Forged { name, kind }) => forge(&served, name, kind),
            _ => Ok(()),
        }
    }

    fn sign(&self, plain: &Path, served: &Path, key: &Key) -> Result<(), Fault> {
        let mut command = programs::bounded(&Program::LdnsSignzone.find()?);
        if self.signing == Signing::Nsec3 {
            command.args(["-n", "-t", "0"]);
        }
        if self.flaw == Some(Flaw::Expired) {
            command.args(["-i", "20200101", "-e", "20210101"]);
        }
        command.args(["-o", &self.origin(), "-f"]).arg(served);
        programs::run(command.arg(plain).arg(&key.file)).map(drop)
    }

    fn origin(&self) -> String {
        format!("{}.", self.name)
    }
}

/// A key pair, the same for a zone's key set and for its records.
struct Key {
    /// Path without the extensions `.key`, `.private` and `.ds`.
    file: PathBuf,
}

impl Key {
    fn generate(zone: &str, place: &Path) -> Result<Self, Fault> {
        let signer = Program::LdnsSignzone.find()?;
        let mut command = programs::bounded(&signer.with_file_name("ldns-keygen"));
        command.current_dir(place);
        command.args(["-a", "ECDSAP256SHA256", "-k", &format!("{zone}.")]);
        let output = programs::run(&mut command)?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self {
            file: place.join(name),
        })
    }

    fn dnskey(&self) -> Result<String, Fault> {
        let text = read(&self.with("key"))?;
        // ldns adds a comment.
        let record = text.split(';').next().unwrap_or_default();
        Ok(format!("{}\n", record.trim()))
    }

    fn ds(&self) -> Result<String, Fault> {
        read(&self.with("ds"))
    }

    fn with(&self, extension: &str) -> PathBuf {
        // The name has dots of its own: `with_extension` would take off the last label.
        let mut path = self.file.clone().into_os_string();
        path.push(".");
        path.push(extension);
        PathBuf::from(path)
    }
}

/// Writes all zones and a root above them into `place`; gives the file of the root's key.
pub(super) fn write_all(zones: &[Zone], server: Ipv4Addr, place: &Path) -> Result<PathBuf, Fault> {
    let mut root = Zone::signed("");
    let _ = writeln!(root.records, "{SERVER} A {server}");
    let mut keys = Vec::new();
    for zone in zones {
        let key = zone.is_signed().then(|| Key::generate(&zone.name, place));
        keys.push(key.transpose()?);
    }
    let root_key = Key::generate("", place)?;
    for (zone, key) in zones.iter().zip(&keys).filter(|(zone, _)| zone.has_file()) {
        zone.write(
            &delegations(zone, zones, &keys, place)?,
            key.as_ref(),
            place,
        )?;
    }
    let below = delegations(&root, zones, &keys, place)?;
    root.write(&below, Some(&root_key), place)?;
    let anchor = place.join("anchor");
    fs::write(&anchor, root_key.dnskey()?).map_err(Fault::at(&anchor))?;
    Ok(anchor)
}

/// The records by which `parent` hands on to those zones that lie directly below it.
fn delegations(
    parent: &Zone,
    zones: &[Zone],
    keys: &[Option<Key>],
    place: &Path,
) -> Result<String, Fault> {
    let mut text = String::new();
    let is_parent = |child: &Zone| {
        let between = |it: &&Zone| parent.is_above(it) && it.is_above(child);
        parent.is_above(child) && !zones.iter().any(|it| between(&it))
    };
    for (child, key) in zones.iter().zip(keys).filter(|(it, _)| is_parent(it)) {
        let _ = writeln!(text, "{} NS {SERVER}", child.origin());
        match (key, &child.flaw) {
            (None, _) => {}
            (Some(_), Some(Flaw::OtherKey)) => {
                text.push_str(&Key::generate(&child.name, place)?.ds()?);
            }
            (Some(key), _) => text.push_str(&key.ds()?),
        }
    }
    Ok(text)
}

/// Turns the signature over the records of `name` and `kind` into one over something else.
fn forge(file: &Path, name: &str, kind: &str) -> Result<(), Fault> {
    let text = read(file)?;
    let mut forged = String::new();
    let mut found = false;
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let signature = match fields.as_slice() {
            [owner, _, _, "RRSIG", covered, .., signature]
                if owner.strip_suffix('.') == Some(name) && *covered == kind =>
            {
                *signature
            }
            _ => {
                let _ = writeln!(forged, "{line}");
                continue;
            }
        };
        found = true;
        // Base64 of 64 octets: reversed up to the padding it is another signature in good form.
        let (digits, padding) = signature.split_at(signature.len().saturating_sub(4));
        let reversed: String = digits.chars().rev().collect();
        let _ = writeln!(
            forged,
            "{}",
            line.replace(signature, &format!("{reversed}{padding}"))
        );
    }
    if !found {
        return Err(Fault::Unexpected(format!(
            "no signature for {name} {kind} in:\n{text}"
        )));
    }
    fs::write(file, forged).map_err(Fault::at(file))
}
