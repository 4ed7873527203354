//! SMTP on the wire, both ends, as state machines without IO.
//!
//! A session takes octets, answers and the time, and gives back actions. It opens no socket,
//! reads no clock, knows no TLS and decides no policy: its shell does, and in turn need not know
//! an RFC. [`server`] is the receiving end, [`client`] the sending one, [`command`] what the one
//! reads from the other.
//!
//! ```
//! use std::{sync::Arc, time::Instant};
//!
//! use bytes::BytesMut;
//! use postern_smtp::server::{Action, Answer, Question, ServerSession, ServerSettings, StartTls};
//!
//! let settings = ServerSettings::new("mx.example".parse()?, StartTls::NotOffered);
//! let mut session = ServerSession::new(Arc::new(settings));
//! let mut from_client = b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\n\
//!     RCPT TO:<b@mx.example>\r\nDATA\r\nSubject: hi\r\n\r\n..\r\n.\r\nQUIT\r\n".as_slice();
//! let (mut input, mut sent, mut content) = (BytesMut::new(), Vec::new(), Vec::new());
//!
//! loop {
//!     match session.advance(&mut input, Instant::now()) {
//!         Action::Send(octets) => sent.extend_from_slice(&octets), // by session.deadline()
//!         Action::Read => input.extend_from_slice(std::mem::take(&mut from_client)),
//!         Action::Ask(question) => session.answer(match question {
//!             Question::Mail(_) | Question::Rcpt(_) | Question::Content => Answer::Accept,
//!             // Here the message is made durable; only then the sender is told 250.
//!             Question::Message(message) => {
//!                 assert_eq!(message.envelope.recipients.len(), 1);
//!                 Answer::AcceptSaying("queued as 06GC8M3C00000007".to_owned())
//!             }
//!         }),
//!         Action::Content(octets) => content.extend_from_slice(&octets),
//!         Action::Abandon(_) => content.clear(),
//!         Action::Refused(reply) => eprintln!("refused: {reply}"),
//!         Action::StartTls => unreachable!("not offered"),
//!         Action::Close(_) => break,
//!     }
//! }
//! assert_eq!(content, b"Subject: hi\r\n\r\n.\r\n");
//! let sent = String::from_utf8(sent)?;
//! assert!(sent.starts_with("220 mx.example ESMTP\r\n250-mx.example\r\n250-PIPELINING\r\n"));
//! assert!(sent.ends_with("\r\n250 2.0.0 queued as 06GC8M3C00000007\r\n221 2.0.0 Bye\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! With STARTTLS the shell trades its session for a fresh one, and nothing else survives:
//!
//! ```
//! # use std::{sync::Arc, time::Instant};
//! # use bytes::BytesMut;
//! # use postern_smtp::server::{Action, ServerSession, ServerSettings, StartTls};
//! # let settings = ServerSettings::new("mx.example".parse()?, StartTls::Offered);
//! # let mut session = ServerSession::new(Arc::new(settings));
//! # let mut input = BytesMut::new();
//! # assert!(matches!(session.advance(&mut input, Instant::now()), Action::Send(_)));
//! input.extend_from_slice(b"EHLO client.example\r\n");
//! # assert!(matches!(session.advance(&mut input, Instant::now()), Action::Send(_)));
//! input.extend_from_slice(b"STARTTLS\r\n");
//! assert_eq!(session.advance(&mut input, Instant::now()), Action::StartTls);
//! let awaiting = session.starttls(input);
//! assert!(awaiting.reply().starts_with(b"220 ")); // write this, do the handshake, then
//! let session = awaiting.secured();
//! assert!(session.hello().is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is implemented
//!
//! | | RFC | how far |
//! |---|---|---|
//! | SMTP | 5321 §2.3, §3, §4 | but for what is below |
//! | STARTTLS | 3207 | whole |
//! | PIPELINING | 2920 | whole; replies to a group leave in one write |
//! | SIZE | 1870 | whole |
//! | 8BITMIME | 6152 | content is never converted |
//! | CHUNKING | 3030 §2 | whole; BINARYMIME is neither offered nor used |
//! | SMTPUTF8 | 6531 | envelopes; replies stay ASCII |
//! | ENHANCEDSTATUSCODES | 2034, 3463 | whole |
//! | DSN | 3461 §4 | parameters are checked and carried; reports are another crate's |
//! | REQUIRETLS | 8689 §2, §4.1, §4.2.1, §5 | taken and passed on over TLS; the proof of the next hop is another crate's |
//! | LIMITS | 9422 | `RCPTMAX`; `MAILMAX` where a server says it |
//!
//! Left out: AUTH (RFC 4954), which comes with submission; EXPN, TURN and ETRN; source routes,
//! which are parsed and dropped. Stricter than many: content with a bare CR, a bare LF or a NUL
//! is refused, a bare LF in a command ends the session, no space may follow `FROM:` and `TO:`
//! (RFC 5321 §3.3 has none), and who speaks before the greeting is not greeted.

pub mod client;
pub mod command;
mod framing;
pub mod server;
