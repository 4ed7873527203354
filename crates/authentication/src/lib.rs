//! Who wrote a message: SPF, DKIM, DMARC and ARC verified while the sender waits, and our own mail
//! signed and sealed.
//!
//! # Verification
//!
//! [`Verifier::verify`] takes a [`Letter`], which is a message and how it came, and gives a
//! [`Verdict`], which is a value: a failure of SPF or a signature that does not hold are results,
//! not errors.
//!
//! | what | by | of |
//! |---|---|---|
//! | iprev | RFC 8601 §3 | the address of the client |
//! | SPF | RFC 7208 | the name of the client, and the reverse-path |
//! | DKIM | RFC 6376, RFC 8301, RFC 8463 | the first ten signatures from the top |
//! | ARC | RFC 8617 | the whole chain, up to fifty sets |
//! | DMARC | RFC 9989 | the author domain, by tree walk |
//! | null MX | RFC 7505 §4.2 | the domain of the reverse-path, at MAIL |
//!
//! [`Verdict::disposition`] is what the author domain asks for; what a listener does about it is
//! not decided here. [`Verdict::standing`] says whether a bounce may go to the reverse-path.
//!
//! A message has exactly one author domain, or it has a bad author: [`authors`] reads the `From`
//! field as all may read it who come after us, and a message that two of them would take for
//! mail of two domains never passes.
//!
//! # What a message may cost
//!
//! Whoever writes to us decides what is looked up, of whom, and how slowly the answers come. So
//! [`VerifierSettings`] bound one message by time and by questions to the DNS, of which the client,
//! the reverse-path, the signatures, the chain and the author domain have shares of their own; SPF
//! has the bounds of RFC 7208 §4.6.4 besides. What is not known when a bound is reached is a
//! `temperror`, and nothing that is not known ever passes. The bodies of messages are hashed
//! at most twice, where they lie; large ones on a thread of their own. Content in files is read
//! into memory for it, within a budget for all sessions ([`Verifier::reserve`]); of a message
//! that has no room there, the header is judged, and its signatures are `temperror`
//! ([`Verifier::verify_header`]).
//!
//! # Our own words
//!
//! [`AuthenticationResults`] and [`received_spf_field`] write a verdict into the header
//! (RFC 8601, RFC 7208 §9.1), and [`without_forged`] takes out what pretends to be ours.
//! [`Signer`] signs mail of our domains with every key that is in its time, while content streams
//! by; [`Sealer`] adds a set of ARC to what is passed on. [`DkimKey`] is a key for both, which
//! [`make_dkim_key`] makes.
//!
//! # mail-auth
//!
//! Records, keys and signatures are read, and SPF, DKIM, DMARC and ARC evaluated, by mail-auth. It
//! would ask a resolver of its own; here it is a function of answers: whatever it asks for that is
//! not known is asked of [`postern_dns::Dns`], so that DNSSEC, bounds and tests hold for all, and
//! it evaluates again. What it does otherwise than the RFCs is put right around it, in the records
//! it is given or in what follows from its questions; `tests/gaps` shows what it does by itself.
//!
//! ```
//! use std::sync::Arc;
//! use postern_authentication::{Disposition, Letter, SpfResult, Verifier, VerifierSettings};
//! use postern_dns::FixedZone;
//! use postern_mail::ReversePath;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let zone: FixedZone = "
//!     author.example         TXT  v=spf1 ip4:192.0.2.0/24 -all
//!     _dmarc.author.example  TXT  v=DMARC1; p=reject
//! ".parse()?;
//! let verifier = Verifier::new(Arc::new(zone), VerifierSettings::default());
//! let letter = Letter {
//!     client: "198.51.100.7".parse()?,
//!     helo: &"mx.sender.example".parse()?,
//!     reverse_path: &ReversePath::parse_prefix("<jo@author.example>")?.0,
//!     hostname: &"mx.example.org".parse()?,
//!     content: &["From: Jo <jo@author.example>\r\n\r\nHello\r\n".into()],
//! };
//! let verdict = verifier.verify(&letter).await;
//! assert_eq!(verdict.spf().result, SpfResult::Fail);
//! assert!(matches!(verdict.disposition(), Disposition::Reject { .. }));
//! # Ok(()) }
//! ```
//!
//! # Left out
//!
//! Explanations of SPF (RFC 7208 §6.2) are not got, and reports by RFC 6651 and RFC 6652 not
//! sent. Third-party signatures (RFC 6541) and local policies by list are not known. Which hop of
//! a chain changed a message is not worked out (RFC 8617 §5.2, step 5).

mod answers;
mod arc;
pub mod authors;
mod body;
mod crypto;
mod dkim;
mod dmarc;
mod folded;
mod iprev;
mod keys;
mod letter;
mod memory;
mod message;
mod null_mx;
mod reason;
mod results;
mod seal;
mod settings;
mod sign;
mod spf;
mod tags;
#[cfg(test)]
mod testing;
mod verdict;
mod verifier;

pub use arc::{ArcOutcome, ArcResult};
pub use dkim::{DkimAlgorithm, DkimOutcome, DkimResult};
pub use dmarc::{
    Alignment, DmarcOutcome, DmarcPolicy, DmarcRecordFacts, DmarcResult, FailureOption,
};
pub use iprev::{IprevOutcome, IprevResult};
pub use keys::{
    DkimCryptoError, DkimKey, DkimKeyError, DkimKeyKind, KeyFileFault, SignatureAlgorithm,
    UnfitKey, character_strings, make_dkim_key,
};
pub use letter::Letter;
pub use memory::{NoRoom, Share};
pub use null_mx::NullMx;
pub use results::{ArcChain, AuthenticationResults, is_ours, received_spf_field, without_forged};
pub use seal::{Sealer, Unsealed};
pub use settings::VerifierSettings;
pub use sign::{Signer, Signing, SigningKey, Unsigned};
pub use spf::{SpfOutcome, SpfResult};
pub use verdict::{Author, Disposition, Override, SenderStanding, Verdict};
pub use verifier::Verifier;
