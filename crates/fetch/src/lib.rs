//! What others publish over DNS and HTTP for us to hold them to: MTA-STS policies and revocation
//! lists.
//!
//! | topic | here | RFC |
//! |---|---|---|
//! | the MTA-STS policy of a domain: found, fetched, kept | [`MtaSts`] | 8461 §3, §5.1 |
//! | revocation lists from files and URLs | [`CrlRefresher`] | 5280 §5, §6.3 |
//! | one document from a host that may be anybody's | [`HttpClient`] | 9110, 9112 |
//! | one posted to a host that may be anybody's: TLS reports | [`HttpClient::post`] | 8460 §5.4 |
//!
//! What is fetched only ever adds to what is demanded of others, so a fetch that fails takes
//! nothing back: a policy counts for its `max_age`, a list until the next one is due. Both are on
//! disk when they begin to count, and survive a restart and a crash at any moment.
//!
//! - **Strangers choose the hosts.** Policy hosts are named by the domains that mail goes to. The
//!   client follows nothing, unpacks nothing, and goes to the public internet alone; names,
//!   octets, times and numbers are bounded.
//! - **Time.** One fetch per domain at a time, five minutes between attempts that fail
//!   (RFC 8461 §3.3), a bound on all of them together; a delivery waits for a policy only where
//!   none is known or another one is announced.
//! - **Tasks.** Nothing runs by itself: [`MtaSts::keep_fresh`] and [`CrlRefresher::keep_fresh`]
//!   are futures that somebody owns.
//!
//! ```
//! use std::sync::Arc;
//!
//! use postern_dns::FixedZone;
//! use postern_fetch::{HttpClient, MtaSts, StsPolicies, StsSettings, StsTroubleKind};
//! use postern_tls::{Profile, ProfileName, TrustAnchors, WebClient};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let zone = "_mta-sts.example.org  TXT  v=STSv1; id=1;
//!             mta-sts.example.org   A    127.0.0.1".parse::<FixedZone>()?;
//! let bounds = Profile::named(ProfileName::Intermediate).bounds();
//! let tls = WebClient::new(&TrustAnchors::public(), bounds)?;
//! let http = HttpClient::new(Arc::new(zone), tls);
//! let policies = MtaSts::open(http, StsSettings::new(directory.path()))?;
//!
//! let finding = policies.find(&"example.org".parse()?).await;
//! assert_eq!(finding.known, None);
//! let trouble = finding.trouble.expect("nobody is sent to our own host");
//! assert_eq!(trouble.kind, StsTroubleKind::Fetch);
//! # Ok(()) }
//! ```
//!
//! Left out: policies for sending through a smart host (RFC 8461 §3.4 has no words for them
//! either), HTTP caching (§3.3 rules it out), proxies, delta lists and OCSP (RFC 6960).

mod clock;
mod crl;
mod disk;
mod http;
mod sts;
#[cfg(test)]
mod testing;

pub use crl::{CrlPlace, CrlRefresher, CrlStatus, CrlSubscription};
pub use http::{FetchError, HttpClient, Targets, WebUrl, WebUrlError};
pub use sts::{
    MtaSts, NoSts, StsCacheError, StsFinding, StsPolicies, StsSettings, StsStatus, StsTrouble,
    StsTroubleKind,
};
