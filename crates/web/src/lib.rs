//! What Postern serves to the web: its own MTA-STS policy (RFC 8461 §3.3).
//!
//! A [`Website`] knows the domains whose policy hosts we are (`mta-sts.` and the domain) and the
//! policy of them all. [`Website::serve_https`] and [`Website::serve_http`] are its two ends:
//!
//! | asked for | over HTTPS | over HTTP |
//! |---|---|---|
//! | `/.well-known/mta-sts.txt` of a host that we are, `GET` or `HEAD` | 200, the policy | 301 to HTTPS |
//! | the same with another method | 405 | 301 |
//! | anything else of such a host | 404 | 301 |
//! | anything of another host | 421 (RFC 9110 §15.5.20) | 421 |
//! | no host, or two | 400 | 400 |
//!
//! - The policy itself is never a redirect: senders must not follow any (RFC 8461 §3.3).
//! - HTTPS answers carry HSTS (RFC 6797); all answers forbid scripts, frames and guessing at
//!   media types. Nobody is told what software this is.
//! - Connections, heads and times are bounded; each connection has one request.
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//!
//! use postern_policy::{StsMode, StsPolicy};
//! use postern_tls::{CertificateStore, Profile, ProfileName, WebServer};
//! use postern_web::{Site, Website};
//! use tokio::net::TcpListener;
//!
//! # async fn run(certificates: Arc<CertificateStore>) -> Result<(), Box<dyn std::error::Error>> {
//! let week = Duration::from_secs(604_800);
//! let policy = StsPolicy::new(StsMode::Testing, vec!["mx1.example.org".parse()?], week)?;
//! let website = Arc::new(Website::new(Site::new(["example.org".parse()?], &policy)));
//! let tls = WebServer::new(certificates, Profile::named(ProfileName::Intermediate).bounds())?;
//! let listener = TcpListener::bind("0.0.0.0:443").await?;
//! website.serve_https(listener, tls, std::future::pending()).await;
//! # Ok(()) }
//! ```
//!
//! Left out: HTTP/2, which no fetcher of one small file needs, and bounds for each client address,
//! of which an attacker has as many as he likes.

mod answer;
mod serve;
mod site;

pub use serve::Website;
pub use site::Site;
