//! Delivery: from what is due in the queue to a peer that has taken responsibility for it.
//!
//! ```text
//!  spool ── claim ──► message ── split by next hop ──► line of a destination ──► worker
//!                        ▲                                                         │
//!                        │         plan: rules, MTA-STS; hosts: MX, addresses, TLSA  │
//!                        │               search: host, dial, STARTTLS, permit      │
//!                        └───────────── outcomes for each recipient ◄── handover ◄─┘
//!                        │
//!  spool ◄── settle: delivered, deferred until, bounced, with the notices they cause
//! ```
//!
//! | question | module | RFC |
//! |---|---|---|
//! | which way does a recipient's mail go? | [`Routes`], `sorting` | |
//! | in whose name? | `sorting`, by `postern-rewriting` | 7208 §2.4 |
//! | who takes in what is for us? | [`LocalDelivery`] | |
//! | who may share a connection, and who waits? | `destination` | |
//! | how many connections, how fast? | [`Pace`] | |
//! | what of a destination that cannot be reached? | `destination` | 5321 §4.5.4.1 |
//! | what is not tried because somebody says so? | [`Frozen`] | |
//! | what does a new configuration mean for what waits? | `reroute` | |
//! | what if somebody sets the clock? | `vigil` | |
//! | what must the delivery meet? | `planning`, by the policy | 8461 §3.4, §5.1 |
//! | which hosts, at which addresses? | `host` | 5321 §5.1, 7505 |
//! | what does DNS say of their TLS? | `dane`, `prospect` | 7672 §2.2 |
//! | which of them serves? | `connect` | 5321 §5.1, 8461 §5, 8689 §4.2.1 |
//! | may it be given this message? | `dial`, asking the policy | 3207 §4.1, 7435 |
//! | what did it say? | `connection`, by the session of `postern-smtp` | 5321 §3.3 |
//! | what of too many recipients? | `handover` | 5321 §4.5.3.1.10 |
//! | when is it tried again, when given up? | [`Schedule`] | 5321 §4.5.4.1 |
//! | who is told? | `settlement`, `notice`, by `postern-reports` | 3461, 3464 |
//! | who is not? | `settlement`, `notice_cap` | 5321 §4.5.5, §6.2 |
//! | what is counted of it? | [`Accounts`], `tls_report`, `partner_report` | 8460 §4.3 |
//! | what would be done? | [`survey`](mod@survey) | |
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
//! What the network says of a host only ever adds to what is demanded of its channel: TLSA records
//! and MTA-STS policies are gathered as facts, and the policy joins them with our own rules. What
//! could not be found out keeps mail waiting, and so does what DNS denies without proof where a
//! rule or a policy guards the destination; elsewhere a denial counts when it was said twice. No
//! failure of TLS is remembered from one connection to the next, so nobody can buy days in clear
//! with one bad minute.
//!
//! [`survey`](mod@survey) tells what a delivery would do, and dials without sending if asked to,
//! on the code that delivers:
//!
//! ```no_run
//! # use postern_outbound::{Situation, survey::{Question, survey}};
//! # async fn explain(situation: &Situation) -> Result<(), Box<dyn std::error::Error>> {
//! let question = Question {
//!     way: situation.settings.routes.way_to("ministry.example".parse()?),
//!     wish: Default::default(),
//! };
//! for host in survey(situation, &question).await.hosts {
//!     println!("{}: {:?}\n{}", host.host, host.dialled, host.requirement);
//! }
//! # Ok(()) }
//! ```
//!
//! Left out: mail for an address literal goes to that address as to a stranger, even where it is
//! a partner's host, because rules belong to domains. What a host calls itself in its greeting is
//! not told to those whose policy it was held against (RFC 8460 §4.4, `receiving-mx-helo`).

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
mod freezer;
mod handover;
mod host;
mod job;
mod local;
mod message;
mod notice;
mod notice_cap;
mod outbound;
mod pace;
mod part;
mod partner_report;
mod planning;
mod prospect;
mod reroute;
mod route;
mod schedule;
mod settings;
mod settlement;
mod situation;
mod slots;
mod sorting;
pub mod survey;
mod tls_report;
mod trace;
mod unsent;
mod vigil;
mod worker;

pub use accounts::{Accounts, NoAccounts};
pub use clock::{SystemClock, WallClock};
pub use destination::state::{DestinationState, Down};
pub use freezer::Frozen;
pub use host::PrivateTargets;
pub use local::{LocalDelivery, LocalError};
pub use outbound::{Outbound, Stopped};
pub use pace::{Pace, PaceOverride, Rate};
pub use route::{NoWay, Route, Routes, Senders, Way};
pub use schedule::{NextAttempt, Schedule};
pub use settings::{AddressFamilies, Settings};
pub use situation::{Situation, TlsClients};
pub use vigil::{Step, Vigil};
