//! `postern key dkim`: a key that signs mail.

use postern_authentication::{DkimKey as PrivateKey, DkimKeyKind, make_dkim_key};
use postern_publish::{Data, Record, Severity, ZoneLine};

use super::{check_place, quoted, written};
use crate::{
    cli::{DkimKey, DkimType},
    commands::{
        dns::TTL,
        new_file::{self, Readers},
    },
    failure::{Exit, Failure},
    output,
};

pub(super) fn run(asked: &DkimKey) -> Result<Exit, Failure> {
    check_place(&asked.out)?;
    let DkimKey {
        domain, selector, ..
    } = asked;
    let owner = format!("{selector}._domainkey.{domain}");
    let owner = owner.parse();
    let owner = owner.map_err(|error| Failure::new("--selector and --domain", &error).usage())?;
    let kind = match asked.kind {
        DkimType::Rsa => DkimKeyKind::Rsa2048,
        DkimType::Rsa3072 => DkimKeyKind::Rsa3072,
        DkimType::Ed25519 => DkimKeyKind::Ed25519,
    };
    let pem = make_dkim_key(kind).map_err(|error| Failure::new("the key", &error))?;
    let key = PrivateKey::from_pem(pem.as_bytes());
    let key = key.map_err(|error| Failure::plain(format_args!("the key {error}")))?;
    new_file::write(&asked.out, &pem, Readers::Owner)?;
    let record = Record {
        owner,
        data: Data::Txt(key.public_record()),
        why: String::new(),
        severity: Severity::Broken,
    };
    let line = ZoneLine {
        record: &record,
        ttl: TTL,
    };
    output::print(format_args!(
        "{file}: a private key that signs by {algorithm}. Nobody but its owner can read it; that \
         has to be the user that postern runs as.\n\
         \n\
         1. Publish its record, and give it time to be seen everywhere:\n\
         \n\
         {line}\n\
         \n\
         2. Add this to the [[domain]] of {domain}, and run `postern reload`:\n\
         \n\
         [[domain.dkim]]\n\
         selector = {selector}\n\
         key = {path}\n\
         \n\
         With `from = \"2027-01-01T00:00:00Z\"` it signs from that moment on. `postern dns check \
         {domain}` tells whether the record is there.\n",
        file = asked.out.display(),
        algorithm = key.algorithm(),
        selector = quoted(selector.as_str()),
        path = written(&asked.out),
    ))?;
    Ok(Exit::Fine)
}
