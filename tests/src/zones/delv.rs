//! delv, BIND's validator on the command line: it says whether the zones are what they claim.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::read;
use crate::fault::Fault;
use crate::programs::{self, Program};

/// How well an answer is proven (RFC 4035 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A chain of signatures leads to records.
    Secure,
    /// A chain of signatures leads to the proof that there are none.
    SecurelyAbsent,
    /// It is proven that the zone is not signed.
    Insecure,
    /// The chain is broken.
    Bogus,
    /// No server has an answer.
    Failed,
}

/// Asks `resolver` for the records and all that proves them, and judges them from `anchor` down.
pub(super) fn ask(
    resolver: SocketAddr,
    anchor: &Path,
    place: &Path,
    name: &str,
    kind: &str,
) -> Result<Proof, Fault> {
    let keys = place.join("anchor.bind");
    fs::write(&keys, in_words_of_bind(&read(anchor)?)?).map_err(Fault::at(&keys))?;
    let mut command = programs::bounded(&Program::Delv.find()?);
    command.arg(format!("@{}", resolver.ip()));
    command
        .args(["-p", &resolver.port().to_string(), "-a"])
        .arg(keys);
    command.args(["+root=.", &format!("{name}."), kind]);
    let said = programs::both(&programs::run_anyhow(&mut command)?);
    for (sign, proof) in [
        ("resolution failed: failure", Proof::Failed),
        ("broken trust chain", Proof::Bogus),
        ("no valid RRSIG", Proof::Bogus),
        ("RRSIG failed to verify", Proof::Bogus),
        ("insecurity proof failed", Proof::Bogus),
        ("unsigned answer", Proof::Insecure),
        ("negative response, fully validated", Proof::SecurelyAbsent),
        ("fully validated", Proof::Secure),
    ] {
        if said.contains(sign) {
            return Ok(proof);
        }
    }
    Err(Fault::Unexpected(format!(
        "delv says of {name} {kind}:\n{said}"
    )))
}

/// `. IN DNSKEY 257 3 13 KEY` as a statement of BIND's configuration.
fn in_words_of_bind(record: &str) -> Result<String, Fault> {
    match record.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name, "IN", "DNSKEY", flags, protocol, algorithm, key] => Ok(format!(
            "trust-anchors {{ \"{name}\" static-key {flags} {protocol} {algorithm} \"{key}\"; }};\n"
        )),
        _ => Err(Fault::Unexpected(format!("not a DNSKEY record: {record}"))),
    }
}
