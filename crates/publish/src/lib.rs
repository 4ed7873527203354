//! What our domains should publish in the DNS, and whether they do.
//!
//! | question | here | RFC |
//! |---|---|---|
//! | what is known of us? | [`Facts`] | |
//! | what follows from it? | [`domain_records`], [`host_records`] | 7208, 6376, 9989, 8461, 8460, 7672, 8659 |
//! | how does it look in a zone file? | [`ZoneLine`] | 1035 §5.1 |
//! | is it there, and does it hold? | [`check_domain`], [`check_hosts`] | the same |
//!
//! Both halves come from the same facts, so what is printed is what passes the check. Records
//! are computed without asking anybody. The check asks a [`Dns`](postern_dns::Dns), which bounds
//! each look-up; here is bounded how many there are: see [`MOST_SPF_LOOKUPS`].
//!
//! Keys change over time, and what is published for them has to be ahead and behind of that
//! ([`KeyPhase`]): a key that is to sign, or to be shown, is published before, and one that has
//! signed is kept published until its last mail is delivered.
//!
//! ```
//! use postern_publish::{Facts, OurDomain, Report, check_domain, domain_records};
//! use postern_tls::Date;
//! use rustls_pki_types::UnixTime;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut facts = Facts::of("mx1.example.org".parse()?);
//! facts.senders = vec!["192.0.2.1".parse()?];
//! let domain = OurDomain::named("example.org".parse()?);
//! let now = Date(UnixTime::now());
//!
//! let records = domain_records(&facts, &domain, now);
//! let spf = records.iter().find(|it| it.data.to_string().starts_with("v=spf1"));
//! assert_eq!(spf.map(|it| it.data.to_string()).as_deref(), Some("v=spf1 ip4:192.0.2.1 ~all"));
//!
//! let zone: postern_dns::FixedZone = "example.org TXT v=spf1 ip4:198.51.100.9 -all".parse()?;
//! let report = Report::of(check_domain(&zone, &facts, &domain, now).await);
//! assert!(report.findings.iter().any(|it| it.owner.to_string() == "example.org"
//!     && it.text() == "mail from 192.0.2.1 gets `fail`"));
//! # Ok(()) }
//! ```
//!
//! Left out: what belongs to the zone rather than to mail (SOA, NS, DS), records for mail clients
//! (RFC 6186), BIMI, and whatever can only be seen over other protocols than DNS: that the policy
//! host serves our policy is for who fetches it.

mod check;
mod facts;
mod record;
mod records;
mod tags;
mod zone;

pub use check::{Finding, MOST_SPF_LOOKUPS, Outcome, Report, check_domain, check_hosts};
pub use facts::{DkimFacts, DmarcPolicy, Facts, KeyPhase, Others, OurCertificate, OurDomain};
pub use record::{Data, Record, RecordKind, Severity};
pub use records::{domain_records, host_records};
pub use zone::ZoneLine;
