//! Who wrote a message: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 9989) and ARC (RFC 8617)
//! verified, and our own mail signed.

mod answers;
mod arc;
pub mod authors;
mod canonical;
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
