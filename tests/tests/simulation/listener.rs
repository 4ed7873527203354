//! The shell of the receiving session, for our reception and for the next hops.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use postern_mail::Reply;
use postern_smtp::server::{
    Action, Answer, AwaitingTls, Question, ServerSession, ServerSettings, StartTls,
};

use super::{
    caller::{HELLO_LENGTH, face_of, hello},
    cast::Face,
    habits::Habits,
    link::Port,
};

/// What comes of a question.
#[derive(Debug)]
pub(crate) enum Reaction {
    Answer(Answer),
    /// The answer comes by [`Listener::answer`].
    Later,
    /// The connection is dropped without a word.
    Hang,
}

/// Who decides what a session asks.
pub(crate) trait Desk {
    fn ask(&mut self, question: Question, session: &ServerSession) -> Reaction;
    fn content(&mut self, octets: Bytes) -> Result<(), Reply>;
    fn abandon(&mut self);
    /// The channel is secured, and the client showed this.
    fn secured(&mut self, face: Face);
}

/// What becomes of handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshakes {
    /// They succeed, and this is shown.
    Succeed(Face),
    Close,
    Garble,
    Stall,
}

#[derive(Debug)]
enum Role {
    Session(Box<ServerSession>),
    Awaiting(AwaitingTls, Instant),
    Over,
}

#[derive(Debug)]
pub(crate) struct Listener {
    role: Role,
    handshakes: Handshakes,
    habits: Habits,
    over_tls: bool,
    waits_for_answer: bool,
}

impl Listener {
    pub(crate) fn new(
        name: &str,
        starttls: StartTls,
        handshakes: Handshakes,
        habits: Habits,
    ) -> Self {
        let settings = ServerSettings::new(name.parse().unwrap(), starttls);
        Self {
            role: Role::Session(Box::new(ServerSession::new(Arc::new(settings)))),
            handshakes,
            habits,
            over_tls: false,
            waits_for_answer: false,
        }
    }

    /// Refuses the session with its first word.
    pub(crate) fn turn_away(&mut self, reply: Reply) {
        if let Role::Session(session) = &mut self.role {
            session.abort(reply);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.role {
            Role::Session(session) if !self.waits_for_answer => session.deadline(),
            Role::Session(_) | Role::Over => None,
            Role::Awaiting(_, until) => Some(*until),
        }
    }

    pub(crate) fn answer(&mut self, answer: Answer) {
        self.waits_for_answer = false;
        if let Role::Session(session) = &mut self.role {
            session.answer(answer);
        }
    }

    /// Performs actions until the session wants octets or an answer, or is over.
    pub(crate) fn run(&mut self, port: &mut Port, now: Instant, desk: &mut dyn Desk) {
        while !self.waits_for_answer && self.step(port, now, desk) {}
        port.closed |= matches!(self.role, Role::Over);
    }

    fn step(&mut self, port: &mut Port, now: Instant, desk: &mut dyn Desk) -> bool {
        match std::mem::replace(&mut self.role, Role::Over) {
            Role::Session(session) => self.advance(session, port, now, desk),
            Role::Awaiting(awaiting, until) => self.handshake(awaiting, until, port, now, desk),
            Role::Over => false,
        }
    }

    fn advance(
        &mut self,
        mut session: Box<ServerSession>,
        port: &mut Port,
        now: Instant,
        desk: &mut dyn Desk,
    ) -> bool {
        let passes = self.habits.pass(&mut port.input);
        let behind = port.input.split_off(passes);
        let action = session.advance(&mut port.input, now);
        port.input.unsplit(behind);
        let goes_on = match action {
            Action::Send(octets) => {
                let said = self.habits.reply(&octets, self.over_tls);
                port.output.extend_from_slice(&said);
                true
            }
            Action::Read if self.habits.holds_back(&port.input) => {
                let said = self.habits.take_bdat(&mut port.input);
                port.output.extend_from_slice(&said);
                true
            }
            Action::Read if port.ended => return false,
            Action::Read => false,
            Action::Ask(question) => match desk.ask(question, &session) {
                Reaction::Answer(answer) => {
                    session.answer(answer);
                    true
                }
                Reaction::Later => {
                    self.waits_for_answer = true;
                    false
                }
                Reaction::Hang => return false,
            },
            Action::Content(octets) => {
                if let Err(reply) = desk.content(octets) {
                    session.refuse_content(reply);
                }
                true
            }
            Action::Abandon(_) => {
                desk.abandon();
                true
            }
            Action::Refused(_) => true,
            Action::StartTls => {
                let awaiting =
                    session.starttls(std::mem::replace(&mut port.input, BytesMut::new()));
                port.output.extend_from_slice(&awaiting.reply());
                self.role = Role::Awaiting(awaiting, now + Duration::from_secs(30));
                return true;
            }
            Action::Close(_) => return false,
        };
        self.role = Role::Session(session);
        goes_on
    }

    fn handshake(
        &mut self,
        awaiting: AwaitingTls,
        until: Instant,
        port: &mut Port,
        now: Instant,
        desk: &mut dyn Desk,
    ) -> bool {
        if now >= until || port.ended && port.input.len() < HELLO_LENGTH {
            return false;
        }
        if port.input.len() < HELLO_LENGTH {
            self.role = Role::Awaiting(awaiting, until);
            return false;
        }
        let shown = face_of(&port.input.split_to(HELLO_LENGTH));
        match (self.handshakes, shown) {
            (Handshakes::Succeed(face), Some(shown)) => {
                port.output.extend_from_slice(&hello(face));
                desk.secured(shown);
                self.over_tls = true;
                self.role = Role::Session(Box::new(awaiting.secured()));
                true
            }
            (Handshakes::Garble, _) => {
                port.output
                    .extend_from_slice(b"250 2.0.0 what do you mean\r\n");
                false
            }
            (Handshakes::Stall, _) => {
                self.role = Role::Awaiting(awaiting, until);
                false
            }
            (Handshakes::Close, _) | (Handshakes::Succeed(_), None) => false,
        }
    }
}
