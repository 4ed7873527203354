//! Typed DNS look-ups, each with its DNSSEC status.
//!
//! | look-up | records | asked for by |
//! |---|---|---|
//! | [`Dns::mx`] | MX (RFC 1035 §3.3.9) | routing (RFC 5321 §5.1), null MX (RFC 7505 §3) |
//! | [`Dns::addresses`] | A and AAAA (RFC 1035 §3.4.1, RFC 3596 §2.1) | dialing |
//! | [`Dns::txt`] | TXT (RFC 1035 §3.3.14) | SPF, DKIM, DMARC, MTA-STS, TLSRPT |
//! | [`Dns::tlsa`] | TLSA (RFC 6698 §2.1) | DANE (RFC 7672 §2.2.3) |
//! | [`Dns::ptr`] | PTR (RFC 1035 §3.3.12) | what a connecting host is called |
//! | [`Dns::caa`] | CAA (RFC 8659 §4) | who may certify our hosts |
//!
//! Three things are kept apart that a mail server must not confuse: a name that does not exist,
//! a name without such records, and not knowing ([`LookupError`]). Whatever went wrong on the
//! way (no answer, `SERVFAIL`, a signature that does not hold, an alias that leads in a circle)
//! is *not knowing*: it delays mail, and never looks like "no MX" or "no TLSA" (RFC 7672 §2.1.2).
//!
//! Every answer, and every denial, says how well it is proven ([`Proof`]), and so does each
//! alias on the way. What DNSSEC shows to be false never becomes an answer: there is no `Proof`
//! for it, only [`Cause::Bogus`].
//!
//! ```
//! use postern_dns::{Dns, FixedZone, LookupError, Name, Proof};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dns: &dyn Dns = &"
//!     $PROOF secure
//!     example.org     MX   10 mx.example.org
//!     mx.example.org  A    192.0.2.1
//!     broken.example  FAIL servfail
//! ".parse::<FixedZone>()?;
//!
//! let answer = dns.mx(&"Example.ORG".parse()?).await?;
//! assert_eq!(answer.records[0].exchange, "mx.example.org".parse()?);
//! assert_eq!(answer.proof, Proof::Secure);
//! let unknown = dns.mx(&"broken.example".parse()?).await;
//! assert!(matches!(unknown, Err(LookupError::Temporary(_))));
//! # Ok(()) }
//! ```
//!
//! [`Resolver`] asks name servers through hickory, validating in this process where it is told
//! to (RFC 4035 §5). It is a stub: it needs a recursive server that passes signatures on, and
//! [`Resolver::self_test`] tells whether it has one. It adds to hickory what mail needs:
//! - one deadline for a whole look-up;
//! - aliases followed to at most [`MOST_ALIASES`], with their proofs;
//! - bounds on what one look-up may cost, against zones made to exhaust whoever checks them
//!   (CVE-2023-50387, CVE-2023-50868): questions, signatures, and time of the processor;
//! - a short memory of failures (RFC 9520 §3.2), and of when answers came;
//! - refusal of a denial by a zone to which the denied name does not belong;
//! - denial without proof by a zone with 101 to 500 NSEC3 iterations, as by one that is not
//!   signed (RFC 9276 §3.2); more iterations are *not known*;
//! - patience where the system does not say whom to ask ([`Resolver::trouble`]).
//!
//! Known limits of hickory, which end in *not knowing*: an answer made from a wildcard of an NSEC
//! zone is taken for bogus when the wildcard's own NSEC is what proves it, and so is everything
//! below an unsigned delegation from a zone with more than a hundred NSEC3 iterations.
//!
//! Left out: trusting the AD bit of a remote validator, DNS over TLS or HTTPS, and every record
//! type that mail does not ask for. What follows from an answer, such as the order of MX hosts or
//! the meaning of a null MX, belongs to whoever asked.

mod ages;
mod answer;
mod bounds;
mod chain;
mod denial;
mod error;
mod failures;
mod fixed;
mod name;
mod resolver;
mod self_test;
mod settings;
mod trouble;
mod upstream;

use std::{fmt, net::IpAddr};

use async_trait::async_trait;

pub use answer::{Addresses, Alias, Answer, Caa, MOST_ALIASES, Mx, Proof, Tlsa};
pub use error::{Cause, Denial, Failure, LookupError};
pub use fixed::{FixedZone, text::ZoneError};
pub use name::{Name, NameError};
pub use resolver::Resolver;
pub use self_test::{SelfTest, ServerTest, Suspicion, Verdict};
pub use settings::{ResolverError, Servers, Settings, TrustAnchors, Validation};

/// Whoever answers questions about names.
///
/// Every look-up ends within the implementation's deadline, and its future may be dropped at any
/// point: nothing is left half done.
#[async_trait]
pub trait Dns: fmt::Debug + Send + Sync {
    /// The hosts that take mail for `name`, in no particular order.
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError>;

    /// The addresses of `name`: each family is asked for and answered on its own.
    async fn addresses(&self, name: &Name) -> Addresses;

    /// The texts at `name`. The strings of one record are joined without anything between them
    /// (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError>;

    /// The TLSA records at `name`, which is a host's name behind [`Name::tlsa_owner`].
    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError>;

    /// The names that `address` claims to have.
    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError>;

    /// The CAA records at `name` itself; which of the names above it count where there are none
    /// is for whoever asks (RFC 8659 §3).
    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError>;
}
