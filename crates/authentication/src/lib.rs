//! Who wrote a message: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 9989) and ARC (RFC 8617)
//! verified, and our own mail signed.

mod canonical;
mod folded;
mod keys;

pub use keys::{
    DkimCryptoError, DkimKey, DkimKeyError, DkimKeyKind, KeyFileFault, SignatureAlgorithm,
    UnfitKey, character_strings, make_dkim_key,
};
