//! Simulation: many small worlds in which everything goes wrong, each decided by a seed.
//!
//! A world has senders, our machine and next hops, connections between them, and its own time. One
//! event after the other happens, and after each the invariants are checked:
//! - what a sender was told 250 for is on the disk as it would be found after a loss of power, or a
//!   next hop has it whole, or a notice of its failure was on the disk ([`ledger`]);
//! - nothing of a message, not its envelope either, is written to a channel that is not what the
//!   destination's rule, its TLSA records, its MTA-STS policy or REQUIRETLS demands, each by
//!   itself, when the message begins, be the connection a new one
//!   or one that was kept over a reload; nobody is believed to be a partner unproven;
//! - a recipient is settled once, and a next hop gets a second copy only where we cannot have
//!   known of the first: its reply was cut off or came too late, or our machine stopped;
//! - what is delivered is what was written, octet for octet, and somebody wrote it;
//! - all comes to its end within a bounded time once the world has healed, and leaves nothing
//!   behind; at no time does the world hold more than [`world`] allows.
//!
//! # What is real
//! | part | of | real |
//! |---|---|---|
//! | both session ends | `postern-smtp` | whole |
//! | plans, verdicts on channels and on who sends | `postern-policy` | whole, on evidence of real handshakes; in clear by [`Permit`](postern_policy::Permit) itself, see [`grant`] |
//! | the queue | `postern-spool` | whole above the engine: index, leases, records, batches, settling, the load at the start |
//! | when it is tried again, when given up | `postern-outbound` | [`Schedule`](postern_outbound::Schedule) |
//! | the words of a notice | `postern-reports` | whole |
//!
//! # What is modelled
//! The shells around the sessions ([`caller`], [`listener`]), which in the daemon are async over
//! sockets; the way from a claim to its settlement ([`core`], [`settling`]), which there is spread
//! over tasks; the disk under the engine, where a batch is there whole or not at all; handshakes,
//! of which the outcome alone is simulated; what destinations publish
//! ([`published`]), as answers that come, change, are bogus or missing; servers that offer
//! less than they can do, or CHUNKING without BDAT ([`habits`]); connections that are kept, and
//! reloads ([`reload`]). Not in it: the cache
//! of MTA-STS policies and how they are fetched, the lines and the pace of destinations, authentication of
//! content, content too large for memory, removal by an operator. Those are tested with the daemon.
//!
//! [`Mutation`] has mistakes that are made on purpose, and each is found.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a world that cannot be set up should stop at that line"
)]

mod caller;
mod cast;
mod clock;
mod core;
mod ends;
mod errand;
mod fortune;
mod grant;
mod habits;
mod host;
mod ledger;
mod link;
mod listener;
mod mutation;
mod operator;
mod published;
mod random;
mod reload;
mod report;
mod settling;
mod timeline;
mod world;

pub(crate) use self::{mutation::Mutation, report::Report, world::run};
