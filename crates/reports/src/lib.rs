//! What is told about mail: to senders, delivery status notifications; to domains, DMARC and TLS
//! reports about what was done in their names; to the operator, what is measured about TLS.
//!
//! | what | RFC | module |
//! |---|---|---|
//! | delivery status notifications | 3461 to 3464, 6522, 6533 | here, see below |
//! | what is measured about TLS and partners | 8460 §4 | [`ledger`] |
//! | DMARC aggregate reports | 9990 | [`dmarc`] |
//! | TLS reports | 8460 | [`tlsrpt`] |
//! | DMARC failure reports | 9991, 6591, 5965 | [`failure`] |
//! | where reports go, and whether they may | 9990 §4, 9991 §5, 8460 §3 | [`destination`] |
//! | what is due, sent once, tried again | 8460 §5.5 | [`sending`] |
//! | reports that others send us | 9990, 8460 §5, 9991 | [`received`] |
//!
//! # Delivery status notifications
//!
//! | part | RFC | module |
//! |---|---|---|
//! | who is told, about what | 3461 §4.1, §5.2, §6; 5321 §4.5.5 | [`notice`] |
//! | the message around it: `multipart/report`, `Auto-Submitted` | 6522 §3, 3834 §5 | `message` |
//! | what people read | 6522 §3 (1) | `words` |
//! | what programs read: `message/delivery-status` | 3464 §2, 6533 §3, §4 | `fields` |
//! | what it wants of TLS on its way back | 8689 §5, §6 | `message` |
//! | what is returned of the message | 6522 §3 (3), 3461 §4.3, 6533 §4, 8689 §5 | `returned` |
//!
//! A notice is a function of facts: the envelope as it was accepted, what became of some of its
//! recipients, the time. One notice covers all recipients of an event, so a message to a thousand
//! recipients cannot be turned into a thousand notices. A null reverse-path gets none, and a
//! notice has a null reverse-path itself, so nothing ever goes round (RFC 5321 §4.5.5).
//!
//! Most of what a notice says was written by others: replies of hosts, header fields, the
//! parameters of the envelope. It is escaped and cut wherever it is shown. The whole notice is
//! ASCII in lines of at most 998 octets, so no host on its way back can refuse it for its form.
//! Only a sender whose mailbox is not ASCII, to whom nothing leads but SMTPUTF8, gets one in
//! UTF-8, with the media types of RFC 6533; in the others addresses that are not ASCII have the
//! form that RFC 6533 §3 gives them there.
//!
//! ```
//! use std::time::SystemTime;
//! use postern_mail::{Envelope, EnhancedStatusCode, ForwardPath, QueueId, Recipient, Reply, ReplyCode, ReversePath};
//! use postern_reports::{Action, Cause, Content, Facts, RecipientFact, notice};
//!
//! let (forward_path, _) = ForwardPath::parse_prefix("<jo@example.org>")?;
//! let (reverse_path, _) = ReversePath::parse_prefix("<me@example.com>")?;
//! let envelope = Envelope {
//!     reverse_path,
//!     recipients: vec![Recipient::from(forward_path)],
//!     body: Default::default(),
//!     smtputf8: false,
//!     ret: None,
//!     envelope_id: None,
//!     tls_wish: Default::default(),
//! };
//! let reply = Reply::new(ReplyCode::UNAVAILABLE, "no such user");
//! let facts = Facts {
//!     reporter: &"mx1.example.com".parse()?,
//!     id: QueueId::new(1_790_000_000_000, 7),
//!     envelope: &envelope,
//!     arrived: SystemTime::now(),
//!     now: SystemTime::now(),
//!     content: Content::Whole(b"Subject: hello\r\n\r\nHow are you?\r\n"),
//! };
//! let failed = RecipientFact {
//!     recipient: &envelope.recipients[0],
//!     action: Action::Failed,
//!     status: EnhancedStatusCode::permanent(1, 1),
//!     cause: Cause::Reply { host: "mx.example.org", reply: &reply },
//!     last_attempt: Some(SystemTime::now()),
//! };
//! let notice = notice(&facts, &[failed]).expect("the sender is to be told");
//! assert_eq!(notice.envelope.reverse_path, ReversePath::Null);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Left out of notices: the *expanded* action, since what aliases lead to is told of recipient by recipient,
//! and `Localized-Diagnostic` (RFC 6533 §4), since we say nothing in other languages.

mod ascii;
pub mod destination;
pub mod dmarc;
mod facts;
pub mod failure;
mod fields;
mod journal;
pub mod ledger;
mod message;
pub mod received;
mod reporter;
mod returned;
pub mod sending;
pub mod tlsrpt;
mod words;

pub use facts::{Action, Cause, Content, Facts, RecipientFact};
pub use message::{Notice, notice};
pub use reporter::{ReportMail, Reporter};
pub use returned::MOST_RETURNED;
