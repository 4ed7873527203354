//! The sending end of SMTP, in two types (RFC 5321 §3, RFC 3207).
//!
//! ```text
//!  connect ─► Opening ── greeting, EHLO or HELO ──► Opened ──┬─► the plain channel is judged
//!                                                            │          └─► Delivery::in_clear
//!                                                            └─► StartTls ── 220 ──► GoAhead
//!                        handshake, the TLS channel is judged ◄──────────────────────────┘
//!                                      └─► Delivery::after_tls ── EHLO ──► transactions, QUIT
//! ```
//! [`Opening`] speaks before anyone has judged the channel: it brings forth no octets but those
//! of an [`OpeningCommand`]. [`Delivery`] speaks afterwards. The value that leads from one to
//! the other is used up on the way, so nothing that was learnt in clear outlives a handshake
//! (RFC 3207 §4.2).
//!
//! A shell reads into a buffer, feeds, performs and repeats:
//!
//! ```
//! # use std::time::Instant;
//! # use bytes::{Bytes, BytesMut};
//! # use postern_smtp::client::{Action, Delivery, RecipientOutcome};
//! # struct Peer; // stands for a channel that keeps its deadlines
//! # impl Peer {
//! #     fn write(&mut self, _: &[u8], _: Option<Instant>) -> std::io::Result<()> { Ok(()) }
//! #     fn read(&mut self, _: &mut BytesMut, _: Option<Instant>) -> std::io::Result<()> { Ok(()) }
//! # }
//! fn deliver(
//!     delivery: &mut Delivery, // after begin()
//!     peer: &mut Peer,
//!     input: &mut BytesMut,
//!     message: &[Bytes],
//! ) -> Vec<RecipientOutcome> {
//!     let mut content = message.iter();
//!     loop {
//!         let done = match delivery.advance(input, Instant::now()) {
//!             Action::Send(octets) => peer.write(&octets, delivery.deadline()),
//!             Action::Read => peer.read(input, delivery.deadline()), // Ok when it times out
//!             Action::Content => {
//!                 let given = match content.next() {
//!                     Some(chunk) => delivery.content(chunk.clone()),
//!                     None => delivery.content_end(),
//!                 };
//!                 given.map_err(std::io::Error::other)
//!             }
//!             Action::Rewind => {
//!                 content = message.iter();
//!                 Ok(())
//!             }
//!             Action::Settled(outcomes) => return outcomes,
//!             Action::Idle | Action::Closed | Action::Ended(_) => return Vec::new(),
//!         };
//!         if done.is_err() {
//!             delivery.connection_lost(Instant::now());
//!         }
//!     }
//! }
//! ```
//! What fails is told by a [`SessionFault`] for the session and a [`RecipientOutcome`] for each
//! recipient. Only the reply to the end of content delivers anything; a session that breaks off
//! before it leaves every recipient without an outcome for a later attempt.
//!
//! A message of up to 32 KiB leaves whole where CHUNKING and PIPELINING are offered: its content
//! goes by BDAT behind the recipients, and one round trip settles it. A larger one waits for them.
//!
//! Replies are hostile input, bounded in every direction: see [`ReplyReader`]. Waits follow
//! RFC 5321 §4.5.3.2, see [`Stage::patience`]; on top of them an envelope has an hour and content
//! ten minutes and a second for every 4 KiB, however many times the peer just meets its deadline.
//!
//! Extensions used: PIPELINING (RFC 2920), SIZE (RFC 1870), 8BITMIME (RFC 6152), CHUNKING (RFC
//! 3030 §2, where it spares a round trip), SMTPUTF8 (RFC 6531), DSN (RFC 3461),
//! ENHANCEDSTATUSCODES (RFC 2034), STARTTLS (RFC 3207), REQUIRETLS (RFC 8689), LIMITS (RFC 9422
//! without `RCPTDOMAINMAX`). Left out: AUTH, BINARYMIME, and any rewriting of content that would
//! spare a message its return to the sender. Nothing but lines that end with CRLF leaves as
//! content, whatever is handed in: see [`ContentEncoder`].

mod capabilities;
mod command;
mod content;
mod delivery;
mod exchange;
mod fault;
mod opening;
mod outcome;
mod outgoing;
mod pipeline;
mod reply;
mod transaction;

pub use capabilities::{Capabilities, Extension};
pub use content::{ContentEncoder, ContentError};
pub use delivery::{Action, Delivery, OutOfTurn};
pub use fault::{Blame, SessionFault, Stage};
pub use opening::{
    GoAhead, Opened, Opening, OpeningAction, OpeningCommand, StartTls, StartTlsAnswer,
};
pub use outcome::{Failure, RecipientOutcome, Speaker};
pub use reply::{ReplyError, ReplyReader};
