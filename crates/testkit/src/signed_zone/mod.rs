//! Zones signed in this process, and a name server for them on the loopback.
//!
//! [`DnsTree`] is for tests that need answers with real proofs: it makes a root with a key of its
//! own, delegates to the zones that it is given, and serves all of them over UDP and TCP.
//! [`NameServer`] and [`Zone`] are its parts, for tests that need something odder.
//!
//! ```
//! use postern_testkit::signed_zone::{DnsTree, Scripted, Signing};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let names = DnsTree::new()
//!     .zone(Signing::Good, "ministry.", &[
//!         "ministry. MX 10 mx.ministry.",
//!         "mx.ministry. A 127.0.0.1",
//!         "_25._tcp.mx.ministry. TLSA 3 1 1 00ff",
//!     ])
//!     .zone(Signing::None, "plain.", &["plain. MX 10 mx.ministry."])
//!     .zone(Signing::Stripped, "downgraded.", &["mx.downgraded. A 127.0.0.1"])
//!     .answer("_25._tcp.mx.plain.", "TLSA", Scripted::ServFail)
//!     .start()
//!     .await;
//! std::fs::write("/dev/null", names.anchor())?; // a file for trust anchors
//! assert!(names.address().ip().is_loopback()); // ask here
//! # Ok::<(), std::io::Error>(())
//! # }).unwrap();
//! ```
//!
//! Records are lines `owner type data` with absolute names, as a zone file has them. Denials in
//! signed zones are proven with NSEC.

mod clock;
mod server;
mod tree;
mod zone;

pub use server::{NameServer, Scripted, Transport};
pub use tree::{DnsTree, ServedTree};
pub use zone::{Signing, Zone, record, records};
