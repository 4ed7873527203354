//! Judging a peer by the TLSA records of its host (RFC 6698, RFC 7671, RFC 7672 §3.1).
//!
//! [`verify_tlsa`] is pure. The records are taken for proven: whoever looked them up validated
//! their signatures, and those of what led to them. Then, in this order:
//!
//! 1. The peer proved that it holds the key of the leaf.
//! 2. Records that cannot be used are left out, for the reasons of [`TlsaFault`]; of the digests
//!    of one usage and selector, all but the strongest (RFC 7671 §9).
//! 3. DANE-EE(3): a record matches the leaf. Neither names nor dates of the certificate count
//!    (RFC 7672 §3.1.1), for the record vouches for the key and has dates of its own.
//! 4. DANE-TA(2): a record matches an authority among what the peer sent, or holds an authority
//!    in full. From the leaf a path leads to it, as [`crate::pkix::verify`] would find it; the
//!    authority is within its own dates too; and the leaf is for one of the names of the demand
//!    (RFC 7672 §3.1.2). A leaf that was issued by itself may be the authority it needs.
//!
//! In both cases keys stay within the bounds. One record that is satisfied suffices.
//!
//! Sets are not cut, because what is left of a set that was cut could be nothing usable, and
//! that would mean no authentication at all where the domain asked for it. A DNS message holds
//! no more than 1,700 records, comparing with a record costs nothing, and however many
//! authorities match, they are searched at once, under the one bound on work that
//! [`crate::pkix`] has.

mod set;
mod verify;

pub use set::{TlsaFault, TlsaRecord, TlsaSet};
pub use verify::{TlsaDemand, TlsaMatch, verify_tlsa};

#[cfg(test)]
mod tests;
