//! A zone, signed well, badly or not at all.

use std::{sync::Arc, time::Duration};

use hickory_server::{
    dnssec::NxProofKind,
    net::runtime::{RuntimeProvider, TokioRuntimeProvider},
    proto::{
        dnssec::{
            Algorithm, DigestType, DnssecSigner, SigningKey,
            crypto::EcdsaSigningKey,
            rdata::{DNSKEY, DNSSECRData, DS, RRSIG},
        },
        rr::{DNSClass, Name, RData, Record, RecordSet, RecordType},
    },
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, ZoneHandler, ZoneType},
};
use time::OffsetDateTime;

use super::clock::DaysAway;

const TTL: u32 = 3600;

/// For how long signatures hold.
const HOLDS: Duration = Duration::from_secs(86_400);

const ALGORITHM: Algorithm = Algorithm::ECDSAP256SHA256;

/// How a zone is signed, and what its parent says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// Signed just now, and the parent vouches for its key.
    Good,
    /// Not signed, and the parent proves that it is not.
    None,
    /// The parent vouches for a key, and the zone comes without signatures.
    Stripped,
    /// Signed, and the parent vouches for some other key.
    OtherKey,
    /// The signatures ran out yesterday.
    Expired,
    /// The signatures begin the day after tomorrow.
    Future,
}

/// `owner type data`, as a zone file has it, with absolute names.
pub fn record(line: &str) -> Record {
    let mut words = line.splitn(3, ' ');
    let mut word = || {
        words
            .next()
            .expect("a record has an owner, a type and data")
    };
    let owner = Name::from_ascii(word()).expect("an owner");
    let kind: RecordType = word().parse().expect("a type of record");
    let data = RData::try_from_str(kind, word()).expect("data of that type");
    Record::from_rdata(owner, TTL, data)
}

/// Several of them.
pub fn records(lines: &[&str]) -> Vec<Record> {
    lines.iter().map(|line| record(line)).collect()
}

/// A zone that can be served.
pub struct Zone {
    pub(super) origin: Name,
    pub(super) handler: Arc<dyn ZoneHandler>,
    /// The key that the parent should vouch for, and the trust anchor if there is no parent.
    vouched: Option<DNSKEY>,
    /// What signs the zone.
    signer: Option<DnssecSigner>,
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Zone").field(&self.origin).finish()
    }
}

impl Zone {
    /// A zone with these records. Its SOA and NS are made up.
    pub fn new(signing: Signing, origin: &str, lines: &[&str]) -> Self {
        Self::with_records(signing, origin, records(lines))
    }

    /// The same from records in hickory's form, which also has types without a text form.
    pub fn with_records(signing: Signing, origin: &str, records: Vec<Record>) -> Self {
        let origin = Name::from_ascii(origin).expect("an origin");
        match signing {
            Signing::Good | Signing::OtherKey => {
                Self::signed::<TokioRuntimeProvider>(signing, origin, records)
            }
            Signing::Expired => Self::signed::<DaysAway<-2>>(signing, origin, records),
            Signing::Future => Self::signed::<DaysAway<2>>(signing, origin, records),
            Signing::None | Signing::Stripped => Self {
                handler: Arc::new(fill::<TokioRuntimeProvider>(&origin, records, None)),
                vouched: (signing == Signing::Stripped).then(|| key().0),
                signer: None,
                origin,
            },
        }
    }

    fn signed<P: RuntimeProvider>(signing: Signing, origin: Name, records: Vec<Record>) -> Self {
        let mut handler = fill::<P>(&origin, records, Some(NxProofKind::Nsec));
        let (dnskey, pkcs8) = key();
        let signer = || {
            let key = EcdsaSigningKey::from_pkcs8(&pkcs8, ALGORITHM).expect("a key just made");
            DnssecSigner::new(dnskey.clone(), Box::new(key), origin.clone(), HOLDS)
        };
        let added = handler.add_zone_signing_key_mut(signer());
        added.expect("a zone takes its key");
        handler.secure_zone_mut().expect("a zone is signed");
        Self {
            handler: Arc::new(handler),
            signer: Some(signer()),
            vouched: Some(if signing == Signing::OtherKey {
                key().0
            } else {
                dnskey
            }),
            origin,
        }
    }

    /// What a parent zone says about this one: where it is served, and which key to trust.
    pub fn delegation(&self) -> Vec<Record> {
        let mut lines = vec![record(&format!("{} NS ns.test.", self.origin))];
        if let Some(key) = &self.vouched {
            let digest = key.to_digest(&self.origin, DigestType::SHA256);
            let digest = digest.expect("a digest of a key").as_ref().to_vec();
            let tag = key.calculate_key_tag().expect("a tag of a key");
            let ds = DS::new(tag, ALGORITHM, DigestType::SHA256, digest);
            let data = RData::DNSSEC(DNSSECRData::DS(ds));
            lines.push(Record::from_rdata(self.origin.clone(), TTL, data));
        }
        lines
    }

    /// The key that should be trusted, as a trust anchor file has it.
    pub fn anchor(&self) -> String {
        let key = self.vouched.as_ref().expect("a zone with a key");
        format!("{} {TTL} IN DNSKEY {key}\n", self.origin)
    }

    /// A signature of this zone, made just now, for records of one owner and type.
    pub fn sign(&self, records: &[Record]) -> Record {
        let first = records.first().expect("a set of records is not empty");
        let mut set = RecordSet::new(first.name.clone(), first.record_type(), 0);
        for record in records {
            set.insert(record.clone(), 0);
        }
        let signer = self.signer.as_ref().expect("a signed zone");
        let now = OffsetDateTime::now_utc();
        let signature = RRSIG::from_rrset(&set, DNSClass::IN, now, signer).expect("a signature");
        let data = RData::DNSSEC(DNSSECRData::RRSIG(signature));
        Record::from_rdata(first.name.clone(), TTL, data)
    }
}

/// A fresh key, as a record and as what signs.
fn key() -> (DNSKEY, rustls_pki_types::PrivatePkcs8KeyDer<'static>) {
    let pkcs8 = EcdsaSigningKey::generate_pkcs8(ALGORITHM).expect("a new key");
    let key = EcdsaSigningKey::from_pkcs8(&pkcs8, ALGORITHM).expect("a key just made");
    let public = key.to_public_key().expect("its public half");
    (DNSKEY::from_key(&public), pkcs8)
}

fn fill<P: RuntimeProvider>(
    origin: &Name,
    records: Vec<Record>,
    proofs: Option<NxProofKind>,
) -> InMemoryZoneHandler<P> {
    let mut handler =
        InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny, proofs);
    let own = [
        record(&format!(
            "{origin} SOA ns.test. admin.test. 1 3600 600 86400 300"
        )),
        record(&format!("{origin} NS ns.test.")),
    ];
    for record in own.into_iter().chain(records) {
        let shown = record.to_string();
        assert!(handler.upsert_mut(record, 0), "{shown}");
    }
    handler
}
