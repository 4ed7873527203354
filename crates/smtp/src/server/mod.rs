//! The receiving end: a session as its server sees it (RFC 5321 §4).
//!
//! The shell appends to the input what it reads, and performs one [`Action`] after the other:
//!
//! ```text
//!   peer ── octets ──► input ──► advance(input, now) ──► Action ──► shell ──► peer, spool, policy
//!                                      ▲                              │
//!                                      └── answer, shut_down, abort ──┘
//! ```
//! A session is in one of few states, and every command is first held against the state and
//! only then carried out:
//!
//! ```text
//!   Greeting ──► Command ◄──► Asking (Mail, Rcpt)
//!                │  ▲  │
//!       STARTTLS │  │  └─ DATA, BDAT ──► Asking ──► Content ──► Asking (Message) ──┐
//!                ▼  └──────────────────────────────────┴───────────────────────────┘
//!            StartTls                  Closing: from everywhere
//! ```
//! Content that was let in and then found to be too large or unclean stays in `Content` until
//! its end, and the end is where it would have been: one message in, one reply out, never two
//! messages.

mod action;
mod answers;
mod commands;
mod content;
mod output;
mod patience;
mod replies;
mod settings;
mod starttls;
mod transaction;

use std::{sync::Arc, time::Instant};

use bytes::BytesMut;
use postern_mail::{Envelope, Host, Reply, ReplyCode, Severity};

pub use action::{Abandoned, Action, Answer, Ending, Message, Question};
pub use settings::{Limits, RequireTls, ServerSettings, StartTls};
pub use starttls::AwaitingTls;

use crate::{
    command::{BdatCommand, MailCommand, RcptCommand},
    framing::LineFramer,
};
use output::{Output, When};
use patience::Patience;
use transaction::{Receiving, Transaction};

/// One SMTP session from the greeting to its end, or to STARTTLS.
#[derive(Debug)]
pub struct ServerSession {
    settings: Arc<ServerSettings>,
    layer: Layer,
    state: State,
    hello: Option<Hello>,
    transaction: Option<Transaction>,
    lines: LineFramer,
    output: Output,
    patience: Patience,
    deadline: Option<Instant>,
    tally: Tally,
    abandoned: Option<Abandoned>,
    refused: Option<Reply>,
    shutting_down: bool,
}

/// What carries the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Plain,
    Tls,
}

#[derive(Debug)]
enum State {
    Greeting,
    Command,
    Asking(Pending),
    Content(Receiving),
    StartTls,
    Closing(Ending),
}

/// What hangs on the answer to a question.
#[derive(Debug)]
enum Pending {
    Mail(MailCommand),
    Rcpt(RcptCommand),
    Data,
    Chunk(BdatCommand),
    Message,
}

/// What a peer has spent of its [`Limits`].
#[derive(Debug, Default)]
struct Tally {
    errors: u32,
    refusals: u32,
    idle_commands: u32,
    /// How many more RCPT and DATA may come behind a refused MAIL without being mistakes.
    unknowing: usize,
}

/// How the client introduced itself (RFC 5321 §4.1.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hello {
    /// With EHLO.
    Ehlo(Host),
    /// With HELO.
    Helo(Host),
}

impl Hello {
    /// The name the client gave itself. Nobody has checked it.
    pub fn name(&self) -> &Host {
        match self {
            Self::Ehlo(name) | Self::Helo(name) => name,
        }
    }
}

impl ServerSession {
    /// A session on a connection in clear. It begins with the greeting.
    pub fn new(settings: Arc<ServerSettings>) -> Self {
        Self::begin(settings, Layer::Plain, State::Greeting)
    }

    /// A session on a connection that began with TLS (RFC 8314 §3.3). It begins with the
    /// greeting. After STARTTLS use [`AwaitingTls::secured`].
    pub fn over_tls(settings: Arc<ServerSettings>) -> Self {
        Self::begin(settings, Layer::Tls, State::Greeting)
    }

    fn begin(settings: Arc<ServerSettings>, layer: Layer, state: State) -> Self {
        Self {
            settings,
            layer,
            state,
            hello: None,
            transaction: None,
            lines: LineFramer::default(),
            output: Output::default(),
            patience: Patience::default(),
            deadline: None,
            tally: Tally::default(),
            abandoned: None,
            refused: None,
            shutting_down: false,
        }
    }

    /// Takes from `input` what can be taken and says what is to be done next.
    ///
    /// The input is the shell's: it appends what it reads and never removes anything. A session
    /// leaves at most a line of octets in it (or less than three, within content), whatever the
    /// peer sends, as long as the shell reads only when told to.
    ///
    /// A question that was not answered is answered with 451, so a shell that forgets one
    /// promises nothing.
    pub fn advance(&mut self, input: &mut BytesMut, now: Instant) -> Action {
        self.patience.resume(now);
        self.deadline = None;
        if matches!(self.state, State::Asking(_)) {
            self.answer(Answer::Refuse(replies::local_error()));
        }
        loop {
            if let Some(why) = self.abandoned.take() {
                return Action::Abandon(why);
            }
            if let Some(reply) = self.refused.take() {
                return Action::Refused(reply);
            }
            if let Some(octets) = self.output.due() {
                self.deadline = Some(now + self.settings.limits.wait);
                return Action::Send(octets);
            }
            if let Some(action) = self.step(input, now) {
                return action;
            }
        }
    }

    fn step(&mut self, input: &mut BytesMut, now: Instant) -> Option<Action> {
        match self.state {
            State::Greeting => self.greet(input),
            State::Command => return self.next_command(input, now),
            State::Content(_) => return self.receive(input, now),
            State::StartTls => return Some(self.behind_output(now, Action::StartTls)),
            State::Closing(ending) => return Some(self.behind_output(now, Action::Close(ending))),
            // Whoever asks returns the question, and `advance` begins by settling it.
            State::Asking(_) => self.answer(Answer::Refuse(replies::local_error())),
        }
        None
    }

    /// RFC 5321 §3.1. Who speaks before the greeting does not wait for replies either.
    fn greet(&mut self, input: &BytesMut) {
        if self.shutting_down {
            self.close(&replies::shutting_down(), Ending::ShutDown);
        } else if input.is_empty() {
            self.output
                .push(&replies::greeting(&self.settings), When::AtOnce);
            self.state = State::Command;
        } else {
            self.close(&replies::early_talker(), Ending::EarlyTalker);
        }
    }

    /// The action, unless replies wait to be sent before it.
    fn behind_output(&mut self, now: Instant, action: Action) -> Action {
        match self.output.take() {
            Some(octets) => {
                self.deadline = Some(now + self.settings.limits.wait);
                Action::Send(octets)
            }
            None => action,
        }
    }

    /// Nothing is left to be done until the peer sends more. Replies do not wait for that
    /// (RFC 2920 §3.2).
    fn await_octets(&mut self, now: Instant) -> Option<Action> {
        if let Some(octets) = self.output.take() {
            self.deadline = Some(now + self.settings.limits.wait);
            return Some(Action::Send(octets));
        }
        self.deadline = self.patience.wait(now, &self.settings.limits);
        if self.deadline.is_some() {
            return Some(Action::Read);
        }
        self.close(&replies::too_slow(), Ending::TimedOut);
        None
    }

    /// Until when the peer must have done its part of the [`Action::Send`] or [`Action::Read`]
    /// that was returned last.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Lets the session end with 421 as soon as it is between two commands; content that is on
    /// its way may still come in and be answered (RFC 5321 §3.8). The shell advances the session
    /// after this even if it was waiting for octets.
    pub fn shut_down(&mut self) {
        self.shutting_down = true;
    }

    /// Ends the session with this reply whatever it is about, before the greeting too. A reply
    /// that refuses nothing is replaced by 451.
    pub fn abort(&mut self, reply: Reply) {
        if !matches!(self.state, State::Closing(_)) {
            self.close(&replies::refusing(reply), Ending::Aborted);
        }
    }

    /// Refuses the content that is coming in: the rest is swallowed, then this reply is sent.
    /// When no content is coming in it does nothing.
    pub fn refuse_content(&mut self, reply: Reply) {
        if let State::Content(receiving) = &mut self.state {
            receiving
                .refusal
                .get_or_insert_with(|| replies::refusing(reply));
        }
    }

    /// How the client introduced itself, once it has.
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// The envelope so far, while a transaction is open and its content not complete.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.transaction
            .as_ref()
            .map(|transaction| &transaction.envelope)
    }

    /// The keyword for `with` in our `Received:` field (RFC 3848, RFC 6531 §3.7.3).
    pub fn transmission_type(&self) -> &'static str {
        let smtputf8 = self.envelope().is_some_and(|envelope| envelope.smtputf8);
        match (&self.hello, self.layer, smtputf8) {
            (None | Some(Hello::Helo(_)), _, _) => "SMTP",
            (Some(Hello::Ehlo(_)), Layer::Plain, false) => "ESMTP",
            (Some(Hello::Ehlo(_)), Layer::Plain, true) => "UTF8SMTP",
            (Some(Hello::Ehlo(_)), Layer::Tls, false) => "ESMTPS",
            (Some(Hello::Ehlo(_)), Layer::Tls, true) => "UTF8SMTPS",
        }
    }

    /// Says this and closes.
    fn close(&mut self, reply: &Reply, ending: Ending) {
        self.output.push(reply, When::AtOnce);
        self.state = State::Closing(ending);
    }

    /// Answers a mistake of the client in a command.
    fn refuse(&mut self, reply: Reply) {
        self.output.push(&reply, When::AtOnce);
        self.refused = Some(reply);
        self.tally.errors += 1;
        if self.tally.errors > self.settings.limits.errors {
            self.close(&replies::too_much("Too many errors"), Ending::TooManyErrors);
        }
    }

    /// Answers with a decision of ours against sender, recipient or content.
    fn decline(&mut self, reply: &Reply, when: When) {
        if reply.code() == ReplyCode::NOT_AVAILABLE {
            return self.close(reply, Ending::Aborted);
        }
        self.output.push(reply, when);
        if reply.severity() == Severity::PermanentNegative {
            self.tally.refusals += 1;
        }
        if self.tally.refusals > self.settings.limits.refusals {
            self.close(
                &replies::too_much("Too many refusals"),
                Ending::TooManyRefusals,
            );
        }
    }
}
