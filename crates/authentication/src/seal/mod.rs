//! ARC sets for mail that is relayed onward (RFC 8617 §5.1).
//!
//! A set says what we found out about a message (`ARC-Authentication-Results`), signs it as it is
//! now (`ARC-Message-Signature`), and seals that together with all sets before it (`ARC-Seal`).
//!
//! mail-auth can seal too, but only results that its own types express; ours are to say there
//! what they say in `Authentication-Results`.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::SystemTime};

use bytes::{Bytes, BytesMut};
use postern_mail::{
    Domain,
    header::{Field, fields},
};

use crate::{
    ArcResult, DkimKey, Unsigned, Verdict,
    canonical::relaxed_field,
    results::AuthenticationResults,
    sign::{BodyHash, Gathered, HeaderSoFar, SignedFields, TagList, is_well_formed, unix_time},
};

/// The highest instance (RFC 8617 §4.2.1).
const MOST_SETS: u32 = 50;

/// The three fields of a set, in the order in which a seal covers them (RFC 8617 §5.1.1).
const SET: [&str; 3] = [
    "ARC-Authentication-Results",
    "ARC-Message-Signature",
    "ARC-Seal",
];

/// Seals mail that is relayed onward.
#[derive(Debug, Clone)]
pub struct Sealer {
    /// Who seals: `d=`.
    pub domain: Domain,
    /// Where below `_domainkey` the key is published: `s=`.
    pub selector: String,
    /// The key.
    pub key: Arc<DkimKey>,
}

/// Why a message goes without a seal of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed {
    /// The chain does not hold, and nothing that is added can mend it.
    #[error("the ARC chain does not hold")]
    ChainFailed,
    /// Whether the chain holds could not be found out.
    #[error("the ARC chain could not be validated")]
    ChainUnknown,
    /// It has as many sets as it may.
    #[error("the ARC chain has {MOST_SETS} sets already")]
    ChainTooLong,
    /// What cannot be signed cannot be sealed.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
}

impl Sealer {
    /// The fields of the next set, in the order in which they are to stand above the message.
    /// `pieces` are the message as it is relayed; fields added above it later do no harm.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn seal(
        &self,
        pieces: &[Bytes],
        verdict: &Verdict,
        authserv_id: &str,
        now: SystemTime,
    ) -> Result<Bytes, Unsealed> {
        let before = match verdict.arc.result {
            ArcResult::None => 0,
            ArcResult::Pass => verdict.arc.sets,
            ArcResult::Fail => return Err(Unsealed::ChainFailed),
            ArcResult::TempError => return Err(Unsealed::ChainUnknown),
        };
        if before >= MOST_SETS {
            return Err(Unsealed::ChainTooLong);
        }
        let (header, body_hash) = split(pieces)?;
        let set = Set {
            sealer: self,
            instance: before + 1,
            now,
        };
        let mut sealed = earlier_sets(&header, before)?;
        let results = AuthenticationResults::new(authserv_id, verdict).arc_field(set.instance);
        let signature = set.message_signature(&header, body_hash.finish().as_ref())?;
        relaxed_field(&results, &mut sealed);
        relaxed_field(&signature, &mut sealed);
        let seal = set.seal(&sealed)?;
        let mut fields = BytesMut::new();
        for field in [seal, signature, results] {
            fields.extend_from_slice(&field);
        }
        Ok(fields.freeze())
    }
}

/// The set that is being made.
struct Set<'a> {
    sealer: &'a Sealer,
    instance: u32,
    now: SystemTime,
}

impl Set<'_> {
    fn message_signature(&self, header: &[u8], body_hash: &[u8]) -> Result<Bytes, Unsigned> {
        // The signatures of others are covered, so that a receiver can trust what we said of
        // them; ARC fields and results must not be (RFC 8617 §4.1.2).
        let covered = SignedFields::of(header, &["DKIM-Signature"])?;
        let mut tags = self.tags("ARC-Message-Signature");
        tags.tag("c", "relaxed/relaxed");
        covered.write(&mut tags);
        tags.base64("bh", body_hash);
        covered.sign(&self.sealer.key, tags)
    }

    fn seal(&self, sealed: &[u8]) -> Result<Bytes, Unsigned> {
        let mut tags = self.tags("ARC-Seal");
        // A chain that failed is not sealed at all.
        tags.tag("cv", if self.instance == 1 { "none" } else { "pass" });
        tags.sign(&self.sealer.key, sealed)
    }

    fn tags(&self, name: &str) -> TagList {
        let mut tags = TagList::new(name);
        tags.tag("i", &self.instance.to_string());
        tags.tag("a", &self.sealer.key.algorithm().to_string());
        tags.tag("d", self.sealer.domain.as_str());
        tags.tag("s", &self.sealer.selector);
        tags.tag("t", &unix_time(self.now).to_string());
        tags
    }
}

/// The header of a message, and the hash of its body.
fn split(pieces: &[Bytes]) -> Result<(Vec<u8>, BodyHash), Unsigned> {
    let mut so_far = HeaderSoFar::default();
    let mut pieces = pieces.iter();
    let mut hash = BodyHash::new();
    let mut header = None;
    for piece in pieces.by_ref() {
        match so_far.and(piece)? {
            Gathered::Partly(more) => so_far = more,
            Gathered::Complete {
                header: whole,
                body,
            } => {
                hash.write(&body);
                header = Some(whole);
                so_far = HeaderSoFar::default();
                break;
            }
        }
    }
    for piece in pieces {
        hash.write(piece);
    }
    let header = header.unwrap_or_else(|| so_far.octets().to_vec());
    if is_well_formed(&header) {
        Ok((header, hash))
    } else {
        Err(Unsigned::BrokenHeader)
    }
}

/// The canonical form of the sets that are there, the first one first. A stray field of a set
/// would make two of one instance behind us, and so it fails the chain now.
fn earlier_sets(header: &[u8], sets: u32) -> Result<Vec<u8>, Unsealed> {
    let found: Vec<(Option<u32>, Field<'_>)> = fields(header)
        .filter(|field| SET.iter().any(|name| field.is(name)))
        .map(|field| (instance(&field), field))
        .collect();
    let mut canonical = Vec::new();
    if found.len() as u64 != SET.len() as u64 * u64::from(sets) {
        return Err(Unsealed::ChainFailed);
    }
    for instance in 1..=sets {
        for name in SET {
            let (_, field) = found
                .iter()
                .find(|(number, field)| *number == Some(instance) && field.is(name))
                .ok_or(Unsealed::ChainFailed)?;
            relaxed_field(field.octets(), &mut canonical);
        }
    }
    Ok(canonical)
}

/// The `i=` of a field of a set.
fn instance(field: &Field<'_>) -> Option<u32> {
    let value = std::str::from_utf8(field.value()).ok()?;
    let number = value
        .split(';')
        .filter_map(|tag| tag.split_once('='))
        .find(|(name, _)| name.trim() == "i")
        .map(|(_, number)| number.trim())?;
    number.parse().ok()
}
