//! The receiving shell of the pair.

use std::{sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
use postern_mail::{EnhancedStatusCode, Envelope, Reply, ReplyCode};
use postern_smtp::server::{
    Action, Answer, AwaitingTls, Question, ServerSession, ServerSettings, StartTls,
};

use crate::world::Channel;

/// What was answered with 250 at the end of content.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
}

/// What the server does with a name, by how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted,
    Refused,
    Later,
}

/// The fate of the recipient or sender of this name.
pub(crate) fn fate(name: &str) -> Fate {
    if name.starts_with("refused") {
        Fate::Refused
    } else if name.starts_with("later") {
        Fate::Later
    } else {
        Fate::Accepted
    }
}

#[derive(Debug)]
pub(crate) struct Server {
    channel: Channel,
    session: Option<ServerSession>,
    handshake: Option<AwaitingTls>,
    content: Vec<u8>,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    pub(crate) kept: Vec<Kept>,
}

impl Server {
    pub(crate) fn new(channel: Channel) -> Self {
        let starttls = match channel {
            Channel::Clear | Channel::Dotted | Channel::Bare => StartTls::NotOffered,
            Channel::Upgraded => StartTls::Required,
        };
        let mut settings = ServerSettings::new("mx.example".parse().unwrap(), starttls);
        settings.limits.idle_commands = 1000;
        Self {
            channel,
            session: Some(ServerSession::new(Arc::new(settings))),
            handshake: None,
            content: Vec::new(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            kept: Vec::new(),
        }
    }

    /// Whether the 220 to STARTTLS was said and the handshake is due.
    pub(crate) fn awaits_handshake(&self) -> bool {
        self.handshake.is_some()
    }

    pub(crate) fn handshake(&mut self) {
        self.session = self.handshake.take().map(AwaitingTls::secured);
    }

    /// Performs actions until the session wants octets or is over.
    pub(crate) fn run(&mut self, now: Instant) {
        while let Some(session) = &mut self.session {
            match session.advance(&mut self.input, now) {
                Action::Send(octets) => self.say(&octets),
                Action::Read => return,
                Action::Ask(question) => {
                    let answer = self.decide(question);
                    if let Some(session) = &mut self.session {
                        session.answer(answer);
                    }
                }
                Action::Content(octets) => self.content.extend_from_slice(&octets),
                Action::Abandon(why) => panic!("the client sent content that {why}"),
                // What was sent ahead of a refusal is out of order (RFC 2920 §3.1).
                Action::Refused(reply) => assert!(
                    [ReplyCode::BAD_SEQUENCE, ReplyCode::FAILED].contains(&reply.code()),
                    "the client made a mistake: {reply}"
                ),
                Action::StartTls => self.starttls(),
                Action::Close(_) => self.session = None,
            }
        }
    }

    /// A server may hide from the client what it could do.
    fn say(&mut self, octets: &Bytes) {
        let hidden: &[&str] = match self.channel {
            Channel::Bare => &["PIPELINING", "DSN"],
            Channel::Dotted => &["CHUNKING"],
            Channel::Clear | Channel::Upgraded => &[],
        };
        let mut said = String::from_utf8(octets.to_vec()).unwrap();
        if said.starts_with("250-mx.example\r\n") {
            for keyword in hidden {
                said = said.replace(keyword, &format!("X{keyword}"));
            }
        }
        self.output.extend_from_slice(said.as_bytes());
    }

    fn starttls(&mut self) {
        if let Some(session) = self.session.take() {
            let awaiting = session.starttls(std::mem::take(&mut self.input));
            self.output.extend_from_slice(&awaiting.reply());
            self.handshake = Some(awaiting);
        }
    }

    fn decide(&mut self, question: Question) -> Answer {
        let refused = |code, status| Answer::Refuse(Reply::new(code, "no").with_status(status));
        let permanent = || refused(ReplyCode::UNAVAILABLE, EnhancedStatusCode::permanent(7, 1));
        let transient = || refused(ReplyCode::LOCAL_ERROR, EnhancedStatusCode::transient(3, 0));
        let by_name = |name: &str| match fate(name) {
            Fate::Accepted => Answer::Accept,
            Fate::Refused => permanent(),
            Fate::Later => transient(),
        };
        match question {
            Question::Mail(mail) => {
                let mailbox = mail.reverse_path.mailbox().unwrap();
                by_name(mailbox.local_part().as_str())
            }
            Question::Rcpt(rcpt) => {
                let mailbox = rcpt.recipient.forward_path.mailbox().unwrap();
                by_name(mailbox.local_part().as_str())
            }
            Question::Content => {
                self.content.clear();
                let envelope = self
                    .session
                    .as_ref()
                    .and_then(ServerSession::envelope)
                    .unwrap();
                if envelope
                    .reverse_path
                    .to_string()
                    .starts_with("<content-later")
                {
                    transient()
                } else {
                    Answer::Accept
                }
            }
            Question::Message(message) => {
                let sender = message.envelope.reverse_path.to_string();
                if sender.starts_with("<message-refused") {
                    return permanent();
                }
                if sender.starts_with("<message-later") {
                    return transient();
                }
                assert_eq!(message.octets, self.content.len() as u64);
                self.kept.push(Kept {
                    envelope: message.envelope,
                    content: std::mem::take(&mut self.content),
                });
                Answer::Accept
            }
        }
    }
}
