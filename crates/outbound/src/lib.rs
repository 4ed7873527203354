//! Delivery: from what is due in the queue to a peer that has taken responsibility for it.
//!
//! ```text
//!  spool ── claim ──► message ── split by next hop ──► line of a destination ──► worker
//!                        ▲                                                         │
//!                        │                     connect: host, dial, STARTTLS, permit│
//!                        └───────────── outcomes for each recipient ◄── connection ◄┘
//!                        │
//!  spool ◄── settle: delivered, deferred until, bounced, with the notices they cause
//! ```
//!
//! | question | module | RFC |
//! |---|---|---|
//! | which way does a recipient's mail go? | [`Routes`] | |
//! | which hosts, at which addresses? | `host` | 5321 §5.1, 7505 |
//! | who may share a connection? | `destination` | |
//! | may this host be given this message? | `connect`, asking the policy | 3207 §4.1, 7435 |
//! | what did the host say? | `connection`, by the session of `postern-smtp` | 5321 §3.3 |
//! | when is it tried again, when given up? | [`Schedule`] | 5321 §4.5.4.1 |
//! | who is told? | `notice`, by `postern-reports` | 3461, 3464 |
//!
//! Content reaches a peer in one place only, `connection`, and that place owns a
//! [`Permit`](postern_policy::Permit): there is no other way to write it.
//!
//! A message's recipients are settled as their outcomes come in. What a peer took is recorded
//! before anything else is waited for; should the daemon die before that, the message is
//! delivered again (RFC 5321 §6.1 allows a duplicate, and no loss).
//!
//! Left out: everything that DNSSEC would tell of a next hop is passed over here, until the
//! policy has a use for it.

mod account;
mod attempt;
mod clock;
mod connect;
mod connection;
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
mod route;
mod schedule;
mod settings;
mod settlement;
mod situation;
mod slots;
mod target_address;
mod worker;

pub use host::PrivateTargets;
pub use outbound::{Outbound, Stopped};
pub use route::{NoWay, Route, Routes, Way};
pub use schedule::Schedule;
pub use settings::{AddressFamilies, Settings};
pub use situation::{Situation, TlsClients};
