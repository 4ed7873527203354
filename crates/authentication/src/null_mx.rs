//! Domains that take no mail, and therefore write none that could be answered (RFC 7505).

/// Whether a domain refuses all mail by a null MX (RFC 7505 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullMx {
    /// It does; mail from it may be refused as well (RFC 7505 §4.2).
    Yes,
    /// It does not.
    No,
    /// It could not be found out.
    Unknown,
}
