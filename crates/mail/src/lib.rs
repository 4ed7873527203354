//! The vocabulary of mail: the words that every other part of Postern shares.
//!
//! | word | type | RFC |
//! |---|---|---|
//! | domain, address literal | [`Domain`], [`AddressLiteral`], [`Host`] | 5321 §4.1.2, §4.1.3 |
//! | which domains a rule is for | [`DomainPattern`], [`DomainMap`] | ours |
//! | host and port of a next hop | [`NextHop`] | ours |
//! | a range of client addresses | [`Network`] | 4632 §3.1, 4291 §2.3 |
//! | whether a foreign name may send us there | [`is_public_address`] | 6890 |
//! | local-part, mailbox | [`LocalPart`], [`Mailbox`] | 5321 §4.1.2 |
//! | reverse-path, forward-path | [`ReversePath`], [`ForwardPath`] | 5321 §4.1.1.2, §4.1.1.3 |
//! | envelope, recipient | [`Envelope`], [`Recipient`] | 5321 §2.3.1, 3461 §4, 6533 §3 |
//! | what the sender wants of TLS | [`TlsWish`] | 8689 §2, §3 |
//! | reply, reply code | [`Reply`], [`ReplyCode`] | 5321 §4.2 |
//! | enhanced status code | [`EnhancedStatusCode`] | 3463 §2 |
//! | queue id | [`QueueId`] | ours |
//!
//! A value of these types has been checked: its fields are private and its one constructor
//! parses. Nothing here performs IO, reads a clock or knows another crate of the project.
//!
//! ```
//! use postern_mail::{Mailbox, ReversePath};
//!
//! let (path, rest) = ReversePath::parse_prefix("<@old.example:Jo.Doe@Example.ORG> SIZE=10")?;
//! assert_eq!(path.to_string(), "<Jo.Doe@example.org>"); // the source route is dropped
//! assert_eq!(rest, " SIZE=10");
//! assert!("no-domain".parse::<Mailbox>().is_err());
//! # Ok::<(), postern_mail::PathError>(())
//! ```
//!
//! Left out: the grammar of message content beyond finding header fields ([`header`]), which
//! belongs to whoever interprets content.

mod domain;
mod envelope;
mod foreign;
pub mod header;
mod host;
mod mailbox;
mod network;
mod path;
mod pattern;
mod public_address;
mod queue_id;
mod reply;
mod status;
mod tls_wish;
mod utf8_address;

pub use domain::{Domain, DomainError};
pub use envelope::{
    BodyType, Envelope, EnvelopeId, Notify, NotifyEvent, OriginalRecipient, Recipient, Return,
    XtextError,
};
pub use foreign::Foreign;
pub use host::{AddressLiteral, AddressLiteralError, Host, HostError, NextHop, NextHopError};
pub use mailbox::{LocalPart, Mailbox, MailboxError};
pub use network::{Network, NetworkError};
pub use path::{ForwardPath, PathError, ReversePath};
pub use pattern::{DomainMap, DomainPattern};
pub use public_address::is_public_address;
pub use queue_id::{QueueId, QueueIdError};
pub use reply::{Reply, ReplyCode, ReplyCodeError, Severity};
pub use status::{EnhancedStatusCode, EnhancedStatusCodeError, StatusClass};
pub use tls_wish::TlsWish;
