//! A chain against a set of records.

use std::cell::OnceCell;

use aws_lc_rs::digest::{Digest, SHA256, SHA512, digest};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::EndEntityCert;
use x509_parser::{
    asn1_rs::Any,
    prelude::{FromDer as _, X509Certificate, X509Version},
};

use super::set::{CERT, DANE_EE, FULL, SHA2_256, SHA2_512, SPKI, TlsaRecord, TlsaSet};
use crate::{
    CertificateUsage, ChainFault, CryptoBounds, Date, MatchedName, PeerChain, Possession,
    ReferenceIdentity, Whose,
    pkix::{MOST_INTERMEDIATES, Search, Sent, Wildcards, named},
    spki::sha256,
};

/// What a chain must satisfy.
#[derive(Debug, Clone, Copy)]
pub struct TlsaDemand<'a> {
    /// The records of the host, validated.
    pub records: &'a TlsaSet,
    /// The names of which one must be in a leaf that an authority vouches for: the domain of the
    /// mailbox and the base domain of the records (RFC 7672 §3.2.2, §3.2.3). Without any, no
    /// record of DANE-TA(2) can be satisfied.
    pub names: &'a [ReferenceIdentity],
    /// What keys and signatures the certificates may have.
    pub bounds: &'a CryptoBounds,
}

/// What was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsaMatch {
    /// The record that is satisfied.
    pub record: TlsaRecord,
    /// For DANE-TA(2): which of the names was found, and as what.
    pub name: Option<MatchedName>,
}

/// Judges a chain, without any IO.
///
/// # Errors
/// Says what does not hold. Where no record speaks of the peer at all, that includes the record
/// that would.
pub fn verify_tlsa(
    chain: &PeerChain,
    demand: &TlsaDemand<'_>,
    now: UnixTime,
) -> Result<TlsaMatch, ChainFault> {
    if let Possession::Unproven(reason) = chain.possession() {
        return Err(ChainFault::NotProven(reason.clone()));
    }
    let (entities, authorities): (Vec<_>, Vec<_>) = demand
        .records
        .usable()
        .partition(|record| record.usage == DANE_EE);
    if entities.is_empty() && authorities.is_empty() {
        return Err(ChainFault::TlsaUnusable(demand.records.clone()));
    }
    if let Some(leaf) = chain.leaf_key()
        && let Some(record) = Forms::new(chain.leaf(), &leaf.spki).met_by(&entities)
    {
        let key = demand.bounds.admits_key(leaf.key);
        return key
            .map(|()| TlsaMatch::of(record, None))
            .map_err(ChainFault::OutsideProfile);
    }
    let attempt = Attempt {
        chain,
        leaf: Presented::read(chain.leaf())?,
        records: authorities,
        demand,
        now,
    };
    attempt.judge()
}

impl TlsaMatch {
    fn of(record: &TlsaRecord, name: Option<MatchedName>) -> Self {
        Self {
            record: record.clone(),
            name,
        }
    }
}

impl TlsaRecord {
    /// Whether the record speaks of this certificate in DER: of the whole, or of its key, as the
    /// selector says. What the usage makes of that is not looked at.
    pub fn speaks_of(&self, certificate: &[u8]) -> bool {
        let parsed = X509Certificate::from_der(certificate);
        parsed.is_ok_and(|(_, parsed)| Forms::new(certificate, parsed.public_key().raw).meets(self))
    }
}

/// The forms of a certificate that records speak of. Its digests are taken when a record asks for
/// them, and once.
struct Forms<'a> {
    der: &'a [u8],
    spki: &'a [u8],
    /// Of certificate and key, with SHA-256 and SHA-512.
    digests: [OnceCell<Digest>; 4],
}

impl<'a> Forms<'a> {
    fn new(der: &'a [u8], spki: &'a [u8]) -> Self {
        Self {
            der,
            spki,
            digests: Default::default(),
        }
    }

    /// The first of the records that speaks of the certificate, whatever their usage.
    fn met_by<'r>(&self, records: &[&'r TlsaRecord]) -> Option<&'r TlsaRecord> {
        records.iter().copied().find(|record| self.meets(record))
    }

    fn meets(&self, record: &TlsaRecord) -> bool {
        let [whole_256, whole_512, key_256, key_512] = &self.digests;
        let given = record.association.as_slice();
        let hashed = |digest_of: &OnceCell<Digest>, algorithm, octets| {
            let found = digest_of.get_or_init(|| digest(algorithm, octets));
            found.as_ref() == given
        };
        match (record.selector, record.matching) {
            (CERT, FULL) => self.der == given,
            (CERT, SHA2_256) => hashed(whole_256, &SHA256, self.der),
            (CERT, SHA2_512) => hashed(whole_512, &SHA512, self.der),
            (SPKI, FULL) => self.spki == given,
            (SPKI, SHA2_256) => hashed(key_256, &SHA256, self.spki),
            (SPKI, SHA2_512) => hashed(key_512, &SHA512, self.spki),
            _ => false,
        }
    }
}

/// A certificate that was read, with its forms.
struct Presented<'a> {
    certificate: X509Certificate<'a>,
    forms: Forms<'a>,
}

impl<'a> Presented<'a> {
    fn read(der: &'a [u8]) -> Result<Self, ChainFault> {
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|error| ChainFault::Malformed(error.to_string()))?;
        let spki = certificate.tbs_certificate.subject_pki.raw;
        Ok(Self {
            forms: Forms::new(der, spki),
            certificate,
        })
    }

    fn met_by<'r>(&self, records: &[&'r TlsaRecord]) -> Option<&'r TlsaRecord> {
        self.forms.met_by(records)
    }

    fn is_within_its_dates(&self, whose: Whose, now: UnixTime) -> Result<(), ChainFault> {
        let validity = self.certificate.validity();
        let from = Date::from_timestamp(validity.not_before.timestamp());
        let since = Date::from_timestamp(validity.not_after.timestamp());
        if now < from.0 {
            return Err(ChainFault::NotYetValid { from, whose });
        }
        if now > since.0 {
            return Err(ChainFault::Expired { since, whose });
        }
        Ok(())
    }

    fn is_self_issued(&self) -> bool {
        self.certificate.subject().as_raw() == self.certificate.issuer().as_raw()
    }
}

/// A chain that no record of DANE-EE(3) speaks of, to be judged by those of DANE-TA(2).
struct Attempt<'a> {
    chain: &'a PeerChain,
    leaf: Presented<'a>,
    records: Vec<&'a TlsaRecord>,
    demand: &'a TlsaDemand<'a>,
    now: UnixTime,
}

/// An authority, and the record that it is trusted by.
struct Vouched<'a> {
    anchor: TrustAnchor<'a>,
    record: &'a TlsaRecord,
}

impl Attempt<'_> {
    fn judge(&self) -> Result<TlsaMatch, ChainFault> {
        if self.chain.intermediates().len() > MOST_INTERMEDIATES && !self.records.is_empty() {
            return Err(ChainFault::TooComplex);
        }
        if let Some(record) = self.leaf.met_by(&self.records)
            && self.leaf.is_self_issued()
        {
            return self.by_itself(record);
        }
        let (vouched, fault) = self.authorities();
        match (vouched.as_slice(), fault) {
            ([], Some(fault)) => Err(fault),
            ([], None) => Err(self.mismatch()),
            (vouched, _) => self.by_authority(vouched),
        }
    }

    /// The leaf is the authority. Its signature of itself is not looked at: the record and the
    /// possession of the key say what it would say. Nor need it be no authority.
    fn by_itself(&self, record: &TlsaRecord) -> Result<TlsaMatch, ChainFault> {
        let search = self.search(&[]);
        let leaf = search.leaf()?;
        self.leaf.is_within_its_dates(Whose::Leaf, self.now)?;
        let usage = self.leaf.certificate.extended_key_usage();
        if !usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.server_auth)) {
            let wrong = webpki::Error::EmptyEkuExtension;
            return Err(ChainFault::of(wrong, &search.sent));
        }
        let name = self.named(&leaf)?;
        Ok(TlsaMatch::of(record, Some(name)))
    }

    /// All at once, so that the work has one bound.
    fn by_authority(&self, vouched: &[Vouched<'_>]) -> Result<TlsaMatch, ChainFault> {
        let anchors: Vec<_> = vouched.iter().map(|found| found.anchor.clone()).collect();
        let search = self.search(&anchors);
        let leaf = search.leaf()?;
        let found = search.path(&leaf)?;
        let name = self.named(&leaf)?;
        let by = vouched
            .iter()
            .find(|vouched| vouched.anchor == *found.anchor);
        by.map(|by| TlsaMatch::of(by.record, Some(name)))
            .ok_or_else(|| self.mismatch())
    }

    fn search<'s>(&'s self, anchors: &'s [TrustAnchor<'s>]) -> Search<'s> {
        Search {
            sent: Sent {
                leaf: self.chain.leaf(),
                intermediates: self.chain.intermediates(),
                usage: CertificateUsage::ServerAuth,
                trusted: "TLSA records",
            },
            anchors,
            bounds: self.demand.bounds,
            revocation: None,
            now: self.now,
        }
    }

    fn named(&self, leaf: &EndEntityCert<'_>) -> Result<MatchedName, ChainFault> {
        named(self.chain, leaf, self.demand.names, Wildcards::Permitted)
    }

    /// The authorities that records speak of; and what is wrong with the first that would be one
    /// of them.
    fn authorities(&self) -> (Vec<Vouched<'_>>, Option<ChainFault>) {
        let (mut vouched, mut fault) = (Vec::new(), None);
        let mut add = |record, anchor: Result<TrustAnchor<'_>, ChainFault>| match anchor {
            Ok(anchor) => vouched.push(Vouched {
                anchor: anchor.to_owned(),
                record,
            }),
            Err(found) => {
                fault.get_or_insert(found);
            }
        };
        for der in self.chain.intermediates() {
            let Ok(sent) = Presented::read(der) else {
                continue; // the search says so, if it needs it
            };
            if let Some(record) = sent.met_by(&self.records) {
                add(record, authority(der, &sent, self.now));
            }
        }
        for record in self.records.iter().filter(|record| record.matching == FULL) {
            match record.selector {
                CERT => add(record, self.authority_in(record)),
                _ => self
                    .authorities_with(record)
                    .for_each(|anchor| add(record, Ok(anchor))),
            }
        }
        (vouched, fault)
    }

    /// The authority that a record holds in full, sent or not (RFC 7671 §5.2.3).
    fn authority_in(&self, record: &TlsaRecord) -> Result<TrustAnchor<'static>, ChainFault> {
        let der = CertificateDer::from(record.association.as_slice());
        let given = Presented::read(&der)?;
        authority(&der, &given, self.now).map(|anchor| anchor.to_owned())
    }

    /// An authority of which a record gives no more than the key: whoever is named as the issuer
    /// of something that was sent, provided that this key signed it.
    fn authorities_with<'r>(
        &'r self,
        record: &'r TlsaRecord,
    ) -> impl Iterator<Item = TrustAnchor<'r>> {
        let sent = std::iter::once(self.chain.leaf()).chain(self.chain.intermediates());
        let issuers = sent.filter_map(|der| {
            let (_, certificate) = X509Certificate::from_der(der).ok()?;
            content(certificate.tbs_certificate.issuer.as_raw())
        });
        let key = content(&record.association);
        issuers.filter_map(move |subject| {
            Some(TrustAnchor {
                subject: subject.to_vec().into(),
                subject_public_key_info: key?.to_vec().into(),
                name_constraints: None,
            })
        })
    }

    fn mismatch(&self) -> ChainFault {
        ChainFault::TlsaMismatch {
            wanted: self.demand.records.clone(),
            presented: Box::new(TlsaRecord {
                usage: DANE_EE,
                selector: SPKI,
                matching: SHA2_256,
                association: sha256(self.leaf.certificate.public_key().raw).to_vec(),
            }),
        }
    }
}

/// The anchor that a certificate makes: with its constraints on names, within its dates, and
/// only if it is an authority. Certificates of version 1 cannot say whether they are.
fn authority<'d>(
    der: &'d CertificateDer<'_>,
    read: &Presented<'_>,
    now: UnixTime,
) -> Result<TrustAnchor<'d>, ChainFault> {
    read.is_within_its_dates(Whose::Issuer, now)?;
    if read.certificate.version() != X509Version::V1 && !read.certificate.is_ca() {
        return Err(ChainFault::LeafAsAuthority);
    }
    webpki::anchor_from_trusted_cert(der).map_err(|error| ChainFault::Malformed(error.to_string()))
}

/// What is within the outermost tag and length, which is how anchors hold names and keys.
fn content(der: &[u8]) -> Option<&[u8]> {
    Any::from_der(der).ok().map(|(_, value)| value.data)
}
