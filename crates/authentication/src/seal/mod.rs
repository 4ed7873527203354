//! ARC sets for mail that is relayed onward (RFC 8617 §5.1).
//!
//! A set says what we found out about a message (`ARC-Authentication-Results`), signs it as it is
//! now (`ARC-Message-Signature`), and seals that together with all sets before it (`ARC-Seal`).
//!
//! mail-auth makes the set. Its own results express less than our `Authentication-Results` say,
//! so it is given ours: what it takes for the name of the host is our whole text on one line. A
//! seal is made over the relaxed form, in which our folded field is the same as the line that
//! mail-auth would write, and so ours is what goes out.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, AuthenticationResults as LibraryResults, DkimResult,
    arc::{ArcSealer, Set},
    common::{
        crypto::HashAlgorithm,
        headers::{Header, HeaderWriter as _},
    },
    dkim::Canonicalization,
};
use postern_mail::{Domain, header::fields};

use crate::{
    ArcResult, DkimCryptoError, DkimKey, Unsigned, Verdict,
    body::{self, Given, LineEnds},
    keys::SharedKey,
    results::AuthenticationResults,
    sign::{Gathered, HeaderSoFar, is_well_formed, signed_names},
};

/// The highest instance (RFC 8617 §4.2.1).
const MOST_SETS: u32 = 50;

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
        let (header, body) = split(pieces)?;
        // The signatures of others are covered, so that a receiver can trust what we said of
        // them; ARC fields and results must not be (RFC 8617 §4.1.2).
        let names = signed_names(&header, &["DKIM-Signature"])?;
        let mut message = AuthenticatedMessage::parse(&header).ok_or(Unsigned::BrokenHeader)?;
        message.body_hashes = vec![(Canonicalization::Relaxed, HashAlgorithm::Sha256, 0, body)];
        let results = AuthenticationResults::new(authserv_id, verdict).arc_field(before + 1);
        let set = self.set(&message, before, &names, &results)?;
        // The third field is the results on one line.
        let own = fields(set.as_bytes()).take(2).map(|field| field.octets());
        Ok(own.chain([&*results]).flatten().copied().collect())
    }

    /// The set as mail-auth writes it.
    fn set(
        &self,
        message: &AuthenticatedMessage<'_>,
        before: u32,
        names: &[&str],
        results: &[u8],
    ) -> Result<String, Unsealed> {
        let chain = earlier_sets(message, before)?;
        let text = results_text(results, before + 1);
        let sealer = ArcSealer::from_key(SharedKey(Arc::clone(&self.key)))
            .domain(self.domain.as_str())
            .selector(self.selector.as_str())
            .headers(names.iter().copied())
            .header_canonicalization(Canonicalization::Relaxed)
            .body_canonicalization(Canonicalization::Relaxed);
        let set = sealer
            .seal(message, &LibraryResults::new(&text), &chain)
            .map(|set| set.to_header());
        Ok(set.map_err(|_| Unsigned::Crypto(DkimCryptoError))?)
    }
}

/// The header of a message, and the hash of its body.
fn split(pieces: &[Bytes]) -> Result<(Vec<u8>, Vec<u8>), Unsigned> {
    let mut so_far = HeaderSoFar::default();
    let mut rest = pieces.iter();
    let mut complete = None;
    for piece in rest.by_ref() {
        match so_far.and(piece)? {
            Gathered::Partly(more) => so_far = more,
            Gathered::Complete { header, body } => {
                so_far = HeaderSoFar::default();
                complete = Some((header, body));
                break;
            }
        }
    }
    let (header, first) = complete.unwrap_or_else(|| (so_far.octets().to_vec(), Vec::new()));
    if !is_well_formed(&header) {
        return Err(Unsigned::BrokenHeader);
    }
    let body = || std::iter::once(first.as_slice()).chain(rest.clone().map(|piece| &**piece));
    let mut line_ends = LineEnds::default();
    body().for_each(|piece| line_ends.write(piece));
    if line_ends.any_stray() {
        return Err(Unsigned::StrayLineEnd);
    }
    let hash = body::hash(body(), Canonicalization::Relaxed, Given::EndNormalised);
    Ok((header, hash.sha256))
}

/// What our field says behind its instance, on one line with single spaces.
fn results_text(field: &[u8], instance: u32) -> String {
    let text = String::from_utf8_lossy(field);
    let value = text.split_once(':').map_or("", |(_, value)| value);
    let words: Vec<_> = value.split_ascii_whitespace().collect();
    let line = words.join(" ");
    let text = line.strip_prefix(&format!("i={instance}; "));
    text.unwrap_or(&line).to_owned()
}

/// The sets that are there, which were found good. A stray field of a set would make two of one
/// instance behind us, and so it fails the chain now.
fn earlier_sets<'m>(
    message: &'m AuthenticatedMessage<'m>,
    sets: u32,
) -> Result<ArcOutput<'m>, Unsealed> {
    let numbers = || 1..=sets;
    let complete = !message.has_arc_errors
        && message
            .as_headers
            .iter()
            .map(|it| it.header.i)
            .eq(numbers())
        && message
            .ams_headers
            .iter()
            .map(|it| it.header.i)
            .eq(numbers())
        && message
            .aar_headers
            .iter()
            .map(|it| it.header.i)
            .eq(numbers());
    if !complete {
        return Err(Unsealed::ChainFailed);
    }
    let fields = message.as_headers.iter().zip(&message.ams_headers);
    let chain = fields.zip(&message.aar_headers).fold(
        ArcOutput::default(),
        |chain, ((seal, signature), results)| {
            chain.with_set(Set {
                signature: Header::new(signature.name, signature.value, &signature.header),
                seal: Header::new(seal.name, seal.value, &seal.header),
                results: Header::new(results.name, results.value, &results.header),
            })
        },
    );
    Ok(chain.with_result(DkimResult::Pass))
}
