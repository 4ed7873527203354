//! `postern key tls`: a key for a certificate.

use postern_publish::{Data, Record, Severity, ZoneLine};
use postern_tls::{NewKey, PrivateKey, TlsaRecord};

use super::{check_place, written};
use crate::{
    cli::{TlsKey, TlsType},
    commands::{
        dns::TTL,
        new_file::{self, Readers},
    },
    failure::{Exit, Failure},
    output,
};

pub(super) fn run(asked: &TlsKey) -> Result<Exit, Failure> {
    check_place(&asked.out)?;
    let kind = kind(asked.kind, asked.bits)?;
    let key = PrivateKey::make(kind).map_err(|error| Failure::new("the key", &error))?;
    let record = TlsaRecord::of_key(key.pin());
    let (lines, names) = records(asked, &record)?;
    new_file::write(&asked.out, &key.to_secret_pem(), Readers::Owner)?;
    let path = written(&asked.out);
    output::print(format_args!(
        "{file}: a private key, {public}. Nobody but its owner can read it; that has to be the \
         user that postern runs as.\n\
         \n\
         1. Have it certified: send what this writes to an authority.\n\
         \n\
         postern csr --key {path}{names} --out {file}.csr\n\
         \n\
         2. Where the zone is signed with DNSSEC, publish its record beside the one of the key in \
         use, and wait for twice the time that records are kept (RFC 7671 §8.1). With this in the \
         [[tls.certificate]] it is to replace, `postern dns records` and `postern dns check` know \
         of it:\n\
         \n\
         next-key = {path}\n\
         \n\
         {lines}\
         \n\
         3. Put certificate and key in the places that the [[tls.certificate]] names, remove \
         next-key, and run `postern reload`. After that the record of the old key can go.\n",
        file = asked.out.display(),
        public = key.public(),
    ))?;
    Ok(Exit::Fine)
}

fn kind(kind: TlsType, bits: Option<u16>) -> Result<NewKey, Failure> {
    match (kind, bits) {
        (TlsType::Rsa, Some(2048)) => Ok(NewKey::Rsa2048),
        (TlsType::Rsa, None | Some(3072)) => Ok(NewKey::Rsa3072),
        (TlsType::Rsa, Some(4096)) => Ok(NewKey::Rsa4096),
        (TlsType::Ecdsa, None | Some(256)) => Ok(NewKey::EcdsaP256),
        (TlsType::Ecdsa, Some(384)) => Ok(NewKey::EcdsaP384),
        (TlsType::Rsa, Some(bits)) => Err(refused(bits, "RSA keys have 2048, 3072 or 4096 bits")),
        (TlsType::Ecdsa, Some(bits)) => Err(refused(bits, "ECDSA keys have 256 or 384 bits")),
    }
}

fn refused(bits: u16, right: &str) -> Failure {
    Failure::plain(format_args!("--bits {bits}: {right}")).usage()
}

/// The record for each host in lines of a zone file, and the names as `postern csr` takes them.
fn records(asked: &TlsKey, record: &TlsaRecord) -> Result<(String, String), Failure> {
    if asked.hosts.is_empty() {
        let lines = format!(
            "Its owner is _25._tcp. before the name of the host, and its data are\n\
             \n\
             TLSA {record}\n\
             \n\
             With --name HOST the whole line would stand here.\n"
        );
        return Ok((lines, " --name (the host)".to_owned()));
    }
    let (mut lines, mut names) = (String::new(), String::new());
    for host in &asked.hosts {
        let owner = host.as_str().parse::<postern_dns::Name>();
        let owner = owner.and_then(|host| host.tlsa_owner(25));
        let record = Record {
            owner: owner.map_err(|error| Failure::new("--name", &error).usage())?,
            data: Data::Tlsa(record.clone()),
            why: String::new(),
            severity: Severity::Weak,
        };
        let line = ZoneLine {
            record: &record,
            ttl: TTL,
        };
        lines.push_str(&format!("{line}\n"));
        names.push_str(&format!(" --name {host}"));
    }
    Ok((lines, names))
}
