//! Delivery: from what is due in the queue to a peer that has taken responsibility for it.
//!
//! ```text
//!  spool ── claim ──► message ── split by next hop ──► line of a destination ──► worker
//!                        ▲                                                         │
//!                        │               search: host, dial, STARTTLS, permit      │
//!                        └───────────── outcomes for each recipient ◄── handover ◄─┘
//!                        │
//!  spool ◄── settle: delivered, deferred until, bounced, with the notices they cause
//! ```
//!
//! | question | module | RFC |
//! |---|---|---|
//! | which way does a recipient's mail go? | [`Routes`] | |
//! | who may share a connection, and who waits? | `destination` | |
//! | which hosts, at which addresses? | `host` | 5321 §5.1, 7505 |
//! | which of them serves? | `connect` | 5321 §5.1 |
//! | may it be given this message? | `dial`, asking the policy | 3207 §4.1, 7435 |
//! | what did it say? | `connection`, by the session of `postern-smtp` | 5321 §3.3 |
//! | what of too many recipients? | `handover` | 5321 §4.5.3.1.10 |
//! | when is it tried again, when given up? | [`Schedule`] | 5321 §4.5.4.1 |
//! | who is told? | `settlement`, `notice`, by `postern-reports` | 3461, 3464 |
//!
//! Content reaches a peer in one place only, `connection`, and that place owns a
//! [`Permit`](postern_policy::Permit): there is no other way to write it. What was planned, or
//! permitted and not begun, under a configuration that counts no more is planned anew.
//!
//! A message's recipients are settled as their outcomes come in. What a peer took is recorded
//! before anything else is waited for; should the daemon die before that, the message is
//! delivered again (RFC 5321 §6.1 allows a duplicate, and no loss). A mistake of our own that
//! ends a task ends one attempt: its recipients are deferred, like those of any other failure.
//!
//! Messages under way, connections, the connections to one destination, the jobs in its line,
//! the addresses that are dialled and the time that this takes are all bounded. Who does not
//! get in goes back to the queue, which is no attempt.
//!
//! Left out: everything that DNSSEC would tell of a next hop is passed over here, until the
//! policy has a use for it. Mail for an address literal goes to that address as to a stranger,
//! even where it is a partner's host: rules belong to domains.

mod account;
mod accounts;
mod attempt;
mod clock;
mod connect;
mod connection;
mod dane;
mod destination;
mod dial;
mod engine;
mod handover;
mod host;
mod job;
mod message;
mod notice;
mod outbound;
mod part;
mod partner_report;
mod planning;
mod prospect;
mod route;
mod schedule;
mod settings;
mod settlement;
mod situation;
mod slots;
pub mod survey;
mod tls_report;
mod trace;
mod worker;

pub use accounts::{Accounts, NoAccounts};
pub use host::PrivateTargets;
pub use outbound::{Outbound, Stopped};
pub use route::{NoWay, Route, Routes, Way};
pub use schedule::Schedule;
pub use settings::{AddressFamilies, Settings};
pub use situation::{Situation, TlsClients};
