//! What a session asks of its shell, and what the shell answers.

use bytes::Bytes;
use postern_mail::{Envelope, Reply};

use crate::command::{MailCommand, RcptCommand};

/// What the shell must do before it advances the session again.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an action that is not performed stalls the session"]
pub enum Action {
    /// Write these octets, by [`deadline`](super::ServerSession::deadline).
    Send(Bytes),
    /// Read octets from the peer to the end of the input, by
    /// [`deadline`](super::ServerSession::deadline); when that has passed, advance without
    /// them. At the end of the peer's octets drop the session: nothing that was not answered
    /// 250 is ours.
    Read,
    /// Decide, and [`answer`](super::ServerSession::answer).
    Ask(Question),
    /// Append these octets to the content. What they come to is a message only when
    /// [`Question::Message`] says so.
    Content(Bytes),
    /// Throw away the content so far. The session swallows the rest and answers.
    Abandon(Abandoned),
    /// Note, for the log, that the session itself refused a command. The reply is on its way.
    Refused(Reply),
    /// Call [`starttls`](super::ServerSession::starttls).
    StartTls,
    /// Close the connection; throw away content that came in without being asked about.
    Close(Ending),
}

/// A decision that is the shell's.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    /// May a transaction from this reverse-path begin?
    Mail(MailCommand),
    /// May the message go to this recipient as well?
    /// [`envelope`](super::ServerSession::envelope) has the sender and those accepted before.
    Rcpt(RcptCommand),
    /// Is there a place for content? Now is the time to open it:
    /// [`envelope`](super::ServerSession::envelope) is complete.
    Content,
    /// Will you answer for this message? To accept is to say that it is durable
    /// (RFC 5321 §6.1): the 250 that follows cannot be taken back.
    Message(Message),
}

/// A message whose content came in whole, by way of [`Action::Content`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its envelope. The body type is what the content holds rather than what was said: a
    /// sender that said 7BIT and sent octets beyond ASCII is taken to have said 8BITMIME, so
    /// that those who pass the message on know.
    pub envelope: Envelope,
    /// How many octets of content there are.
    pub octets: u64,
}

/// What the shell says to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Accept,
    /// Yes, with a text in the reply, such as the queue id that a postmaster may ask about.
    AcceptSaying(String),
    /// No, with this reply. A reply of 421 also ends the session (RFC 5321 §3.8).
    ///
    /// A refusal can never be taken for consent: a reply that is neither 4yz nor 5yz is replaced
    /// by 451.
    Refuse(Reply),
}

impl From<Result<(), Reply>> for Answer {
    fn from(verdict: Result<(), Reply>) -> Self {
        match verdict {
            Ok(()) => Self::Accept,
            Err(reply) => Self::Refuse(reply),
        }
    }
}

/// Why the content so far is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Abandoned {
    /// A CR that no LF follows.
    #[error("content holds a bare CR")]
    BareCarriageReturn,
    /// A LF that no CR precedes.
    #[error("content holds a bare LF")]
    BareLineFeed,
    /// A NUL.
    #[error("content holds a NUL")]
    Nul,
    /// More octets than [`Limits::content`](super::Limits::content).
    #[error("content is larger than the limit")]
    TooLarge,
    /// The client reset the transaction between two chunks.
    #[error("the client reset the transaction between two chunks")]
    Reset,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// The client said QUIT.
    #[error("the client quit")]
    Quit,
    /// The client let a deadline pass.
    #[error("the client was too slow")]
    TimedOut,
    /// The client spoke before the greeting.
    #[error("the client spoke before the greeting")]
    EarlyTalker,
    /// The client sent more behind STARTTLS (CVE-2011-0411).
    #[error("the client sent octets behind STARTTLS")]
    PipelinedBehindStartTls,
    /// The client ended a command with a bare LF.
    #[error("the client ended a command with a bare LF")]
    BareLineFeed,
    /// The client sent 64 KiB without a line end.
    #[error("the client sent a line without end")]
    EndlessLine,
    /// The client speaks HTTP.
    #[error("the client spoke HTTP")]
    Http,
    /// The client sent a BDAT command of which nobody can say how many octets follow.
    #[error("the client sent BDAT without a size")]
    ChunkWithoutSize,
    /// The client sent many times more than the limit of content.
    #[error("the client sent content without end")]
    EndlessContent,
    /// The client made more mistakes than [`Limits::errors`](super::Limits::errors).
    #[error("the client made too many mistakes")]
    TooManyErrors,
    /// The client was refused more than [`Limits::refusals`](super::Limits::refusals) times.
    #[error("the client was refused too often")]
    TooManyRefusals,
    /// The client sent more than
    /// [`Limits::idle_commands`](super::Limits::idle_commands), or RCPT without end.
    #[error("the client sent too many commands without a message")]
    TooManyCommands,
    /// The shell is shutting down.
    #[error("this server shuts down")]
    ShutDown,
    /// The shell ended the session, or refused with 421.
    #[error("this server ended the session")]
    Aborted,
}
