//! For tests only: a throw-away certificate authority, plain TLS peers, and signed zones
//! ([`signed_zone`]).
//!
//! Production code never depends on this crate; tests bring their own authority rather than
//! switching checks off.
//!
//! ```
//! use postern_testkit::{Authority, Key, Leaf, Usage};
//!
//! let authority = Authority::new("Ministry CA");
//! let server = authority.issue(&Leaf::named("mx1.ministry.example"));
//! let client = authority.issue(
//!     &Leaf::named("out.ministry.example").key(Key::Rsa2048).usage(Usage::ClientAuth),
//! );
//! assert!(server.chain_pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! assert_ne!(server.leaf(), client.leaf());
//! ```
//!
//! Everything here panics where production code would return an error: a test that cannot make
//! its certificates has nothing left to check.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot be set up should stop at that line"
)]

mod authority;
mod identity;
mod leaf;
mod ocsp;
mod revocation;
mod session;
pub mod signed_zone;
mod tls;

pub use authority::{Authority, Constraint};
pub use identity::{Files, Identity};
pub use leaf::{Key, Leaf, Oddity, Usage, Validity};
pub use ocsp::{OcspAnswer, OcspStatus, ocsp_try_later};
pub use revocation::{RevocationList, crl_pem};
pub use session::go_ahead;
pub use tls::{client_config, loose_client_config, server_config};
