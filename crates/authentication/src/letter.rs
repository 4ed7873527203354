//! A message and what is known of how it came.

use std::net::IpAddr;

use bytes::Bytes;
use postern_mail::{Domain, Host, ReversePath};

/// A message that a stranger hands over.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// Who hands it over.
    pub client: IpAddr,
    /// What the client calls itself.
    pub helo: &'a Host,
    /// Whom the client says it comes from.
    pub reverse_path: &'a ReversePath,
    /// What we are called; SPF records may ask for it (RFC 7208 §7.3).
    pub hostname: &'a Domain,
    /// The whole content in pieces, as it came: no field of ours stands before it.
    pub content: &'a [Bytes],
}
