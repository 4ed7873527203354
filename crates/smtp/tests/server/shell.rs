//! A shell in memory: it performs what the session asks, keeps what is accepted, and writes
//! down what happened. Time passes only when it is told to.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use postern_mail::{Envelope, Reply};
use postern_smtp::server::{
    Action, Answer, AwaitingTls, Message, Question, ServerSession, ServerSettings,
};

/// A message that the shell answered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
}

/// What the shell decides. What is not mentioned is accepted.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// By reverse-path.
    pub(crate) mail: HashMap<String, Answer>,
    /// By forward-path.
    pub(crate) rcpt: HashMap<String, Answer>,
    /// One for each time content is about to come in.
    pub(crate) content: VecDeque<Answer>,
    /// One for each message that came in whole.
    pub(crate) message: VecDeque<Answer>,
}

#[derive(Debug)]
pub(crate) struct Shell {
    session: Option<ServerSession>,
    handshake: Option<AwaitingTls>,
    input: BytesMut,
    now: Instant,
    incoming: Option<Vec<Bytes>>,
    closed: bool,
    pub(crate) decisions: Decisions,
    pub(crate) sent: Vec<u8>,
    pub(crate) writes: usize,
    pub(crate) kept: Vec<Kept>,
    /// What else happened: content abandoned, the end.
    pub(crate) events: Vec<String>,
    pub(crate) refused: Vec<Reply>,
    /// The most octets the session ever left in the input.
    pub(crate) most_input: usize,
}

impl Shell {
    pub(crate) fn new(settings: ServerSettings) -> Self {
        Self::with(ServerSession::new(Arc::new(settings)))
    }

    pub(crate) fn with(session: ServerSession) -> Self {
        Self {
            session: Some(session),
            handshake: None,
            input: BytesMut::new(),
            now: Instant::now(),
            incoming: None,
            closed: false,
            decisions: Decisions::default(),
            sent: Vec::new(),
            writes: 0,
            kept: Vec::new(),
            events: Vec::new(),
            refused: Vec::new(),
            most_input: 0,
        }
    }

    /// Octets from the peer. During a handshake they are no concern of the session.
    pub(crate) fn feed(&mut self, octets: &[u8]) {
        if self.handshake.is_none() && !self.closed {
            self.input.extend_from_slice(octets);
            self.run();
        }
    }

    /// Performs actions until the session wants octets or is over.
    pub(crate) fn run(&mut self) {
        while let Some(session) = &mut self.session {
            match session.advance(&mut self.input, self.now) {
                Action::Send(octets) => {
                    assert!(session.deadline().is_some(), "a write without a deadline");
                    self.writes += 1;
                    self.sent.extend_from_slice(&octets);
                }
                Action::Read => {
                    assert!(session.deadline().is_some(), "a wait without a deadline");
                    self.most_input = self.most_input.max(self.input.len());
                    return;
                }
                Action::Ask(question) => self.decide(question),
                Action::Content(octets) => {
                    assert!(!octets.is_empty());
                    self.incoming
                        .as_mut()
                        .expect("content without a question")
                        .push(octets);
                }
                Action::Abandon(why) => {
                    assert!(self.incoming.take().is_some(), "nothing to abandon");
                    self.events.push(format!("abandoned: {why}"));
                }
                Action::Refused(reply) => self.refused.push(reply),
                Action::StartTls => self.starttls(),
                Action::Close(ending) => {
                    self.events.push(format!("closed: {ending}"));
                    self.closed = true;
                    self.session = None;
                }
            }
        }
    }

    fn decide(&mut self, question: Question) {
        let decision = match question {
            Question::Mail(mail) => self
                .decisions
                .mail
                .get(&mail.reverse_path.to_string())
                .cloned(),
            Question::Rcpt(rcpt) => self
                .decisions
                .rcpt
                .get(&rcpt.recipient.forward_path.to_string())
                .cloned(),
            Question::Content => {
                self.incoming = Some(Vec::new());
                self.decisions.content.pop_front()
            }
            Question::Message(message) => {
                let decision = self.decisions.message.pop_front();
                self.keep(message, decision.as_ref());
                decision
            }
        };
        if let Some(session) = &mut self.session {
            session.answer(decision.unwrap_or(Answer::Accept));
        }
    }

    fn keep(&mut self, message: Message, decision: Option<&Answer>) {
        let content = self
            .incoming
            .take()
            .expect("a message without content")
            .concat();
        assert_eq!(message.octets, content.len() as u64);
        if !matches!(decision, Some(Answer::Refuse(_))) {
            self.kept.push(Kept {
                envelope: message.envelope,
                content,
            });
        }
    }

    fn starttls(&mut self) {
        if let Some(session) = self.session.take() {
            let awaiting = session.starttls(std::mem::take(&mut self.input));
            self.sent.extend_from_slice(&awaiting.reply());
            self.handshake = Some(awaiting);
            self.incoming = None;
        }
    }

    /// The handshake is done.
    pub(crate) fn secure(&mut self) {
        let awaiting = self.handshake.take().expect("nobody said STARTTLS");
        self.session = Some(awaiting.secured());
        self.run();
    }

    /// Lets time pass, as a shell does whose read timed out if the deadline came first.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.run();
    }

    pub(crate) fn shut_down(&mut self) {
        if let Some(session) = &mut self.session {
            session.shut_down();
        }
        self.run();
    }

    pub(crate) fn abort(&mut self, reply: Reply) {
        if let Some(session) = &mut self.session {
            session.abort(reply);
        }
        self.run();
    }

    pub(crate) fn refuse_content(&mut self, reply: Reply) {
        if let Some(session) = &mut self.session {
            session.refuse_content(reply);
            self.incoming = None;
        }
        self.run();
    }

    pub(crate) fn session(&self) -> &ServerSession {
        self.session.as_ref().expect("the session is over")
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// What was sent since this was last asked, as lines.
    pub(crate) fn take_lines(&mut self) -> Vec<String> {
        let sent = String::from_utf8(std::mem::take(&mut self.sent)).expect("replies are ASCII");
        assert!(
            sent.is_ascii() && (sent.is_empty() || sent.ends_with("\r\n")),
            "{sent:?}"
        );
        assert_eq!(
            sent.matches('\n').count(),
            sent.matches("\r\n").count(),
            "{sent:?}"
        );
        sent.split_terminator("\r\n").map(str::to_owned).collect()
    }
}
