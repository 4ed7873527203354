//! Which address mail is really for, and in whose name it is sent on.
//!
//! | question | answer | RFC |
//! |---|---|---|
//! | who is behind this recipient? | [`Rewriting::recipient`], by [`Alias`] and [`Renaming`] | 5321 §3.9.1 |
//! | in whose name is forwarded mail sent? | [`Srs::forward`] | the scheme has none |
//! | whose failure comes back to us? | [`Srs::back`] | the scheme has none |
//!
//! **Aliases.** A recipient is looked up as it is, then its domain among those that have another
//! name, then its domain among those of which everything goes somewhere. What is found is looked
//! up again. An alias that names itself among its targets keeps its own copy; any other way back
//! to an address is a loop, and is refused. Local-parts of aliases are compared without regard to
//! case: RFC 5321 §2.4 reserves their meaning to the host that owns them, which is the one that
//! has such aliases, and nobody has two mailboxes that differ in case. Whoever has none of these
//! keeps the spelling that the client gave.
//!
//! **SRS.** SPF (RFC 7208) ties a reverse-path to the hosts of its domain, and a host that sends
//! mail on is none of these. So the reverse-path becomes one of a domain of ours, out of which
//! the old one can be read again when a failure comes back:
//!
//! ```text
//! jo@example.com                                    what came
//! SRS0=HHHHHH=TT=example.com=jo@srs.example         what we send: hash, day, domain, local-part
//! SRS1=HHHHHH=srs.example==HHHHHH=TT=example.com=jo@next.example      what the next one sends
//! ```
//! The hash is a keyed one, so that nobody can make us a relay to addresses of his choice, and the
//! day ends that right after [`Srs::DAYS`] days. A null reverse-path stays null (RFC 5321
//! §4.5.5).
//!
//! ```
//! use std::time::SystemTime;
//! use postern_mail::{Mailbox, ReversePath};
//! use postern_rewriting::{Forwarded, Srs};
//!
//! let srs = Srs::new("srs.example".parse()?, [b"thirty-two octets of good secrets"])?;
//! let jo: Mailbox = "jo@example.com".parse()?;
//! let Forwarded::Rewritten(sent) = srs.forward(&ReversePath::Mailbox(jo.clone()), SystemTime::now())
//! else { panic!("it fits") };
//! assert!(sent.to_string().starts_with("SRS0="));
//! assert_eq!(srs.back(&sent, SystemTime::now()), Some(Ok(jo)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here reads a clock, a file or the DNS. Left out: subaddresses (`jo+news`), which are
//! addresses like any other here; reverse-paths kept in a table for those that do not fit
//! (see [`Unforwarded::TooLong`]); rewriting of header fields, which would break signatures.

mod alias;
mod rewriting;
mod srs;

pub use alias::{Alias, Aliased, Renaming};
pub use rewriting::{How, RewriteError, Rewriting, Rewritten};
pub use srs::{Forwarded, Srs, SrsError, SrsSecretError, Unforwarded};
