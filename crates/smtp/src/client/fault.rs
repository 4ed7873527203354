//! Where a session stands, and how it ends before its time.

use std::{fmt, time::Duration};

use postern_mail::{EnhancedStatusCode, Reply, ReplyCode};

use super::{ContentError, ReplyError};

/// What the peer's next reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The connection itself; the reply is the greeting.
    Greeting,
    /// EHLO, in clear or over TLS.
    Ehlo,
    /// HELO, after EHLO was refused.
    Helo,
    /// STARTTLS.
    StartTls,
    /// RSET, after a transaction that was not finished.
    Rset,
    /// MAIL. An idle session stands here too: a transaction would be next.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// Nothing: content is on its way.
    Content,
    /// The content. Until this reply is there, nobody but the peer knows whether the message
    /// was delivered.
    EndOfContent,
    /// QUIT.
    Quit,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Stage {
    /// How long the reply is waited for, by RFC 5321 §4.5.3.2.1 to §4.5.3.2.6; for
    /// [`Stage::Content`] how long a piece of it may take to write.
    ///
    /// EHLO, HELO, STARTTLS and RSET, which the RFC leaves open, get the time of MAIL. QUIT gets
    /// little: everything is settled by then, and nothing is gained by the answer.
    pub fn patience(self) -> Duration {
        match self {
            Self::Greeting
            | Self::Ehlo
            | Self::Helo
            | Self::StartTls
            | Self::Rset
            | Self::Mail
            | Self::Rcpt => 5 * MINUTE,
            Self::Data => 2 * MINUTE,
            Self::Content => 3 * MINUTE,
            Self::EndOfContent => 10 * MINUTE,
            Self::Quit => Duration::from_secs(10),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::StartTls => "STARTTLS",
            Self::Rset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Content => "content",
            Self::EndOfContent => "end of content",
            Self::Quit => "QUIT",
        })
    }
}

/// Why a session cannot go on. The connection is good for nothing but to be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionFault {
    /// The peer does not want this session: 4yz or 5yz to the connection, EHLO or HELO, or
    /// amid content, where no reply is due and the session falls out of step.
    #[error("the peer refused the session at {stage}: {reply}")]
    Refused {
        /// What it answered.
        stage: Stage,
        /// What it said.
        reply: Reply,
    },
    /// The peer closes the session with 421, which it may do at any time (RFC 5321 §3.8).
    #[error("the peer closed the session at {stage}: {reply}")]
    ShutDown {
        /// Where the session stood.
        stage: Stage,
        /// What the peer said.
        reply: Reply,
    },
    /// What the peer sent is not a reply.
    #[error("the peer broke the protocol at {stage}")]
    IllFormedReply {
        /// Where the session stood.
        stage: Stage,
        /// What is wrong with it.
        #[source]
        error: ReplyError,
    },
    /// A reply that makes no sense where it came, such as 354 to RCPT.
    #[error("the peer gave an answer that makes no sense at {stage}: {reply}")]
    UnexpectedReply {
        /// What it answered.
        stage: Stage,
        /// What it said.
        reply: Reply,
    },
    /// Octets came before the command they would answer was sent.
    #[error("the peer answered {stage} before it was asked")]
    AnswerBeforeQuestion {
        /// The command that was due.
        stage: Stage,
    },
    /// Octets came in clear behind the 220 to STARTTLS. They would be taken for replies sent
    /// over TLS: response injection (CVE-2021-38371, CVE-2020-14954).
    #[error("the peer sent octets in clear behind its agreement to STARTTLS")]
    OctetsBehindStartTls,
    /// The caller asked for STARTTLS and the peer does not offer it.
    #[error("the peer does not offer STARTTLS")]
    StartTlsNotOffered,
    /// The reply did not come in time.
    #[error("the peer did not answer in time at {stage}")]
    TimedOut {
        /// Where the session stood.
        stage: Stage,
    },
    /// The connection ended.
    #[error("the connection was lost at {stage}")]
    ConnectionLost {
        /// Where the session stood.
        stage: Stage,
    },
    /// The content could not be sent as it is.
    #[error("the message cannot be sent")]
    Content(#[source] ContentError),
}

/// Whose fault the end of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The peer said no, in proper form.
    PeerRefused,
    /// The peer broke the protocol, or somebody between us did.
    PeerMisbehaved,
    /// Nobody answered, or the connection broke.
    Network,
    /// We could not do our part.
    Ours,
}

impl SessionFault {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Refused { .. } | Self::ShutDown { .. } | Self::StartTlsNotOffered => {
                Blame::PeerRefused
            }
            Self::IllFormedReply { .. }
            | Self::UnexpectedReply { .. }
            | Self::AnswerBeforeQuestion { .. }
            | Self::OctetsBehindStartTls => Blame::PeerMisbehaved,
            Self::TimedOut { .. } | Self::ConnectionLost { .. } => Blame::Network,
            Self::Content(_) => Blame::Ours,
        }
    }

    /// Where the session stood.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Refused { stage, .. }
            | Self::ShutDown { stage, .. }
            | Self::IllFormedReply { stage, .. }
            | Self::UnexpectedReply { stage, .. }
            | Self::AnswerBeforeQuestion { stage }
            | Self::TimedOut { stage }
            | Self::ConnectionLost { stage } => *stage,
            Self::OctetsBehindStartTls | Self::StartTlsNotOffered => Stage::StartTls,
            Self::Content(_) => Stage::Content,
        }
    }

    /// The fault in the words of a reply, as a notification quotes it. Only content that can
    /// never be sent is permanent.
    pub(super) fn in_our_words(&self) -> Reply {
        let (code, status) = match self {
            Self::TimedOut { .. } | Self::ConnectionLost { .. } => {
                (ReplyCode::LOCAL_ERROR, EnhancedStatusCode::transient(4, 2))
            }
            Self::IllFormedReply { .. }
            | Self::UnexpectedReply { .. }
            | Self::AnswerBeforeQuestion { .. }
            | Self::OctetsBehindStartTls => {
                (ReplyCode::LOCAL_ERROR, EnhancedStatusCode::transient(5, 0))
            }
            Self::Refused { .. } | Self::ShutDown { .. } => {
                (ReplyCode::LOCAL_ERROR, EnhancedStatusCode::transient(3, 2))
            }
            Self::StartTlsNotOffered => {
                (ReplyCode::LOCAL_ERROR, EnhancedStatusCode::transient(7, 4))
            }
            // The spool lost octets; what a later attempt reads may be whole.
            Self::Content(ContentError::Size) => {
                (ReplyCode::LOCAL_ERROR, EnhancedStatusCode::transient(3, 0))
            }
            Self::Content(ContentError::BareCr | ContentError::BareLf | ContentError::Nul) => {
                (ReplyCode::FAILED, EnhancedStatusCode::permanent(6, 0))
            }
        };
        let text = match self {
            Self::IllFormedReply { error, .. } => format!("{self}: {error}"),
            Self::Content(error) => format!("{self}: {error}"),
            Self::Refused { .. }
            | Self::ShutDown { .. }
            | Self::UnexpectedReply { .. }
            | Self::AnswerBeforeQuestion { .. }
            | Self::OctetsBehindStartTls
            | Self::StartTlsNotOffered
            | Self::TimedOut { .. }
            | Self::ConnectionLost { .. } => self.to_string(),
        };
        Reply::new(code, text).with_status(status)
    }
}
