//! What mail-auth does by itself where this crate does otherwise. Each of these shows a gap in
//! the library as it is; when one fails, the library has changed, and what this crate does about
//! it may be simpler. Each says as well what the crate does. Of bodies and of what is not signed, the
//! crate's own tests do both.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod both;
mod dkim;
mod dmarc;
mod spf;
