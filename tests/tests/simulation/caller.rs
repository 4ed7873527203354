//! The shell of the sending session, for our deliveries and for those who send to us.
//!
//! The session is that of `postern-smtp`. What this shell does around it is what the dialling part
//! of `postern-outbound` does: STARTTLS where it is offered, a judgement of every channel before
//! the first word of mail, and a second connection in clear where a handshake failed and the
//! policy has nothing against that.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use bytes::Bytes;
use postern_mail::{Domain, Envelope, ReversePath, TlsWish};
use postern_policy::{Policy, Refusal};
use postern_smtp::client::{
    Action, Delivery, Extension, Opened, Opening, OpeningAction, OpeningCommand, RecipientOutcome,
    SessionFault, Stage, StartTls, StartTlsAnswer,
};
use postern_tls::{HandshakeError, NotSecured};

use super::{
    cast::Face,
    grant::{Grant, Terms},
    link::Port,
    mutation::Mutation,
    published::Published,
};

/// What stands for a handshake on the wire: this, the letter of a face, and a line end.
const HELLO: &[u8] = b"\x16\x03TLS ";
pub(crate) const HELLO_LENGTH: usize = HELLO.len() + 2;

pub(crate) fn hello(face: Face) -> Vec<u8> {
    [HELLO, &[face.letter()], b"\n"].concat()
}

/// Whose handshake these octets are.
pub(crate) fn face_of(octets: &[u8]) -> Option<Face> {
    let rest = octets.strip_prefix(HELLO)?;
    let [letter, b'\n'] = rest else { return None };
    Face::of_letter(*letter)
}

/// A message to be handed over.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) envelope: Envelope,
    pub(crate) content: Bytes,
}

/// What a channel must be before mail goes over it.
#[derive(Debug)]
pub(crate) enum Condition {
    /// What the policy's plan for the host says.
    Plan(Box<Terms>),
    /// What somebody else's software makes of it.
    None,
}

/// Whether TLS is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Upgrade {
    IfOffered(Face),
    Not(NotSecured),
}

/// What a connection came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// An outcome for each recipient.
    Settled(Vec<RecipientOutcome>),
    /// The handshake failed, and the policy lets mail go in clear over another connection.
    InClear(NotSecured),
    Refused(Box<Refusal>),
    Failed(SessionFault),
    /// It failed in the handshake, and there is nothing more to try.
    NoTls(NotSecured),
    /// Another configuration came into force while the connection was made: nothing was said.
    Outdated,
    /// The connection had been kept, and was over before the message began.
    Stale,
}

#[derive(Debug)]
enum Role {
    Opening(Opening),
    StartTls(StartTls),
    Handshake { until: Instant },
    Delivery(Box<Delivery>),
    Over,
}

/// What becomes of the connection behind a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Quit,
    /// It is kept for another one.
    Keep,
}

/// What is counted, to be taken away.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Messages that were given by DATA after BDAT was not understood.
    pub(crate) rewound: u64,
}

#[derive(Debug)]
pub(crate) struct Caller {
    name: Domain,
    role: Role,
    upgrade: Upgrade,
    condition: Condition,
    /// What the channel was found good for.
    grant: Grant,
    letter: Option<Letter>,
    /// The content of the message under way, and what of it is still to be given.
    whole: Bytes,
    content: VecDeque<Bytes>,
    after: After,
    /// How many messages have begun.
    begun: u32,
    /// Whether the configuration changed since the message was planned.
    pub(crate) outdated: bool,
    pub(crate) figures: Figures,
    /// How the channel is, once that is settled.
    pub(crate) shown: Option<Face>,
    mutation: Option<Mutation>,
    outcome: Option<Outcome>,
}

impl Caller {
    pub(crate) fn new(
        name: &str,
        letter: Letter,
        upgrade: Upgrade,
        condition: Condition,
        mutation: Option<Mutation>,
        now: Instant,
    ) -> Self {
        let name: Domain = name.parse().unwrap();
        Self {
            role: Role::Opening(Opening::new(name.clone(), now)),
            name,
            upgrade,
            condition,
            grant: Grant::Unasked,
            letter: Some(letter),
            whole: Bytes::new(),
            content: VecDeque::new(),
            after: After::Quit,
            begun: 0,
            outdated: false,
            figures: Figures::default(),
            shown: None,
            mutation,
            outcome: None,
        }
    }

    /// The same, and the connection is kept behind the message.
    pub(crate) fn keeping(self) -> Self {
        let after = After::Keep;
        Self { after, ..self }
    }

    /// Whether it waits for another message.
    pub(crate) fn is_idle(&self) -> bool {
        let is_free = self.letter.is_none() && self.whole.is_empty() && self.begun > 0;
        is_free && self.after == After::Keep && matches!(self.role, Role::Delivery(_))
    }

    /// What is true of what the destination publishes, as far as it was learnt.
    pub(crate) fn truth(&self) -> Published {
        match &self.condition {
            Condition::Plan(terms) => terms.learnt.truth,
            Condition::None => Published::NOTHING,
        }
    }

    /// Whether what it has to meet was planned under this policy.
    pub(crate) fn is_under(&self, policy: &Arc<Policy>) -> bool {
        match &self.condition {
            Condition::Plan(terms) => Arc::ptr_eq(&terms.policy, policy),
            Condition::None => true,
        }
    }

    /// Keeps the connection no longer.
    pub(crate) fn leave(&mut self) {
        self.after = After::Quit;
    }

    /// What it came to, told once.
    pub(crate) fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// Until when it waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.role {
            Role::Opening(opening) => Some(opening.deadline()),
            Role::StartTls(starttls) => Some(starttls.deadline()),
            Role::Handshake { until } => Some(*until),
            Role::Delivery(delivery) => delivery.deadline(),
            Role::Over => None,
        }
    }

    /// Performs actions until the session wants octets or is over.
    pub(crate) fn run(&mut self, port: &mut Port, now: Instant) {
        while self.step(port, now) {}
        port.closed |= matches!(self.role, Role::Over);
    }

    fn step(&mut self, port: &mut Port, now: Instant) -> bool {
        match std::mem::replace(&mut self.role, Role::Over) {
            Role::Opening(opening) => self.open(opening, port, now),
            Role::StartTls(starttls) => self.starttls(starttls, port, now),
            Role::Handshake { until } => self.handshake(until, port, now),
            Role::Delivery(delivery) => self.deliver(delivery, port, now),
            Role::Over => false,
        }
    }

    fn open(&mut self, mut opening: Opening, port: &mut Port, now: Instant) -> bool {
        match opening.advance(&mut port.input, now) {
            Ok(OpeningAction::Send(command)) => {
                port.output.extend_from_slice(&command.encode());
                self.role = Role::Opening(opening);
                true
            }
            Ok(OpeningAction::Read) if port.ended => {
                self.end(Outcome::Failed(opening.connection_lost(now)))
            }
            Ok(OpeningAction::Read) => {
                self.role = Role::Opening(opening);
                false
            }
            Ok(OpeningAction::Opened(opened)) => self.opened(opened, port, now),
            Err(fault) => self.end(Outcome::Failed(fault)),
        }
    }

    fn opened(&mut self, opened: Opened, port: &mut Port, now: Instant) -> bool {
        let offered = opened.capabilities().offers(Extension::StartTls);
        match self.upgrade.clone() {
            Upgrade::IfOffered(_) if offered => match opened.starttls(&port.input, now) {
                Ok(starttls) => {
                    port.output
                        .extend_from_slice(&OpeningCommand::StartTls.encode());
                    self.role = Role::StartTls(starttls);
                    false
                }
                Err(fault) => self.end(Outcome::Failed(fault)),
            },
            Upgrade::IfOffered(_) => self.in_clear(opened, &NotSecured::NotOffered, port, now),
            Upgrade::Not(reason) => self.in_clear(opened, &reason, port, now),
        }
    }

    fn starttls(&mut self, starttls: StartTls, port: &mut Port, now: Instant) -> bool {
        match starttls.advance(&mut port.input, now) {
            Ok(StartTlsAnswer::Read(waiting)) if port.ended => {
                let _fault = waiting.connection_lost(now);
                self.handshake_failed(HandshakeError::Closed)
            }
            Ok(StartTlsAnswer::Read(waiting)) => {
                self.role = Role::StartTls(waiting);
                false
            }
            Ok(StartTlsAnswer::GoAhead(_)) => {
                let Upgrade::IfOffered(face) = self.upgrade else {
                    return false;
                };
                port.output.extend_from_slice(&hello(face));
                let until = now + std::time::Duration::from_secs(30);
                self.role = Role::Handshake { until };
                false
            }
            Ok(StartTlsAnswer::Declined(reply, opened)) => {
                self.in_clear(opened, &NotSecured::Refused(reply), port, now)
            }
            Err(SessionFault::TimedOut { .. }) => {
                let patience = Stage::StartTls.patience();
                self.handshake_failed(HandshakeError::TimedOut(patience))
            }
            Err(fault) => self.end(Outcome::Failed(fault)),
        }
    }

    fn handshake(&mut self, until: Instant, port: &mut Port, now: Instant) -> bool {
        if port.input.len() >= HELLO_LENGTH {
            let hello = port.input.split_to(HELLO_LENGTH);
            return match face_of(&hello) {
                Some(face) => self.secured(face, port, now),
                None => self.handshake_failed(HandshakeError::NotTls),
            };
        }
        if port.ended {
            return self.handshake_failed(HandshakeError::Closed);
        }
        if now >= until {
            return self.handshake_failed(HandshakeError::TimedOut(until - now));
        }
        self.role = Role::Handshake { until };
        false
    }

    fn secured(&mut self, face: Face, port: &mut Port, now: Instant) -> bool {
        self.shown = Some(face);
        match self.judge_tls(face) {
            Some(Ok(grant)) => {
                self.grant = grant;
                let delivery = Delivery::after_tls(self.name.clone(), now);
                self.role = Role::Delivery(Box::new(delivery));
                true
            }
            Some(Err(refusal)) => self.take_leave(refusal, port),
            None => self.handshake_failed(HandshakeError::NotTls),
        }
    }

    fn in_clear(
        &mut self,
        opened: Opened,
        reason: &NotSecured,
        port: &mut Port,
        now: Instant,
    ) -> bool {
        match self.judge_clear(reason) {
            Ok(grant) => {
                self.grant = grant;
                let delivery = Delivery::in_clear(opened, now);
                self.role = Role::Delivery(Box::new(delivery));
                true
            }
            Err(refusal) => self.take_leave(refusal, port),
        }
    }

    /// RFC 3207 §4.1.
    fn take_leave(&mut self, refusal: Box<Refusal>, port: &mut Port) -> bool {
        port.output
            .extend_from_slice(&OpeningCommand::Quit.encode());
        self.end(Outcome::Refused(refusal))
    }

    fn handshake_failed(&mut self, error: HandshakeError) -> bool {
        let again = matches!(self.upgrade, Upgrade::Not(_));
        let reason = NotSecured::HandshakeFailed(error);
        let outcome = match self.judge_clear(&reason) {
            Ok(_) if again => Outcome::NoTls(reason),
            Ok(_) => Outcome::InClear(reason),
            Err(refusal) => Outcome::Refused(refusal),
        };
        self.end(outcome)
    }

    /// The verdict of the policy on a channel in clear.
    fn judge_clear(&self, reason: &NotSecured) -> Result<Grant, Box<Refusal>> {
        match self.terms() {
            Some(terms) => Grant::in_clear(reason, terms),
            None => Ok(Grant::Unasked),
        }
    }

    fn judge_tls(&self, face: Face) -> Option<Result<Grant, Box<Refusal>>> {
        match self.terms() {
            Some(terms) => Grant::of_tls(face, terms),
            None => Some(Ok(Grant::Unasked)),
        }
    }

    /// What the channel must meet, where anybody asks.
    fn terms(&self) -> Option<&Terms> {
        match &self.condition {
            Condition::Plan(_) if self.mutation == Some(Mutation::VerdictIgnored) => None,
            Condition::Plan(terms) => Some(terms),
            Condition::None => None,
        }
    }

    /// Gives a connection that was kept another message, if it is good for that one. Else it is
    /// dropped.
    pub(crate) fn take_up(
        &mut self,
        letter: Letter,
        terms: Terms,
        port: &Port,
        now: Instant,
    ) -> bool {
        let terms = match &self.condition {
            Condition::Plan(before) => terms.knowing(before, now),
            Condition::None => Some(terms),
        };
        let role = std::mem::replace(&mut self.role, Role::Over);
        let grant = std::mem::replace(&mut self.grant, Grant::Unasked);
        let Role::Delivery(delivery) = role else {
            return false;
        };
        let Some(terms) = terms else { return false };
        self.condition = Condition::Plan(Box::new(terms));
        let envelope = &letter.envelope;
        let lacks = envelope.tls_wish == TlsWish::Required
            && envelope.reverse_path != ReversePath::Null
            && !delivery.capabilities().offers(Extension::RequireTls);
        // A peer that has something to say has closed the session.
        if lacks || port.ended || !port.input.is_empty() {
            return false;
        }
        let unjudged = self.mutation == Some(Mutation::KeptUnjudged);
        let judged = match self.terms() {
            Some(terms) if !unjudged => grant.again(terms),
            Some(_) | None => Some(Grant::Unasked),
        };
        let Some(grant) = judged else { return false };
        self.grant = grant;
        self.role = Role::Delivery(delivery);
        self.letter = Some(letter);
        true
    }

    fn deliver(&mut self, mut delivery: Box<Delivery>, port: &mut Port, now: Instant) -> bool {
        let action = delivery.advance(&mut port.input, now);
        let goes_on = match action {
            Action::Send(octets) => {
                port.output.extend_from_slice(&octets);
                true
            }
            Action::Read if port.ended => {
                delivery.connection_lost(now);
                true
            }
            Action::Read => false,
            Action::Content => match self.content.pop_front() {
                Some(chunk) => delivery.content(chunk).is_ok(),
                None => delivery.content_end().is_ok(),
            },
            Action::Rewind => {
                self.figures.rewound += 1;
                self.content = pieces(&self.whole);
                true
            }
            Action::Settled(outcomes) => {
                self.whole = Bytes::new();
                self.outcome = Some(Outcome::Settled(outcomes));
                true
            }
            Action::Idle => self.go_on(&mut delivery, now),
            Action::Closed => return false,
            Action::Ended(fault) => {
                if self.outcome.is_some() && self.begun > 1 && closed_before_anything(&fault) {
                    self.outcome = Some(Outcome::Stale);
                } else if self.outcome.is_none() && self.letter.is_some() {
                    self.outcome = Some(Outcome::Failed(fault));
                }
                return false;
            }
        };
        self.role = Role::Delivery(delivery);
        goes_on
    }

    /// The session wants a message.
    fn go_on(&mut self, delivery: &mut Delivery, now: Instant) -> bool {
        let Some(letter) = self.letter.take() else {
            return self.after == After::Quit && delivery.quit().is_ok();
        };
        self.begun += 1;
        // A connection that was kept was judged for this message just now.
        let outdated = self.outdated && self.begun == 1;
        if outdated && self.mutation != Some(Mutation::OutdatedBegins) {
            self.outcome = Some(Outcome::Outdated);
            return self.after == After::Quit;
        }
        let size = letter.content.len() as u64;
        self.content = pieces(&letter.content);
        self.whole = letter.content;
        delivery.begin(letter.envelope, size, now).is_ok()
    }

    fn end(&mut self, outcome: Outcome) -> bool {
        self.outcome = Some(outcome);
        false
    }
}

/// Content as it comes from a queue, not all at once.
fn pieces(content: &Bytes) -> VecDeque<Bytes> {
    const PIECE: usize = 500;
    let starts = (0..content.len()).step_by(PIECE);
    starts
        .map(|from| content.slice(from..content.len().min(from + PIECE)))
        .collect()
}

/// Whether a kept connection was over before its peer can have taken anything upon itself.
fn closed_before_anything(fault: &SessionFault) -> bool {
    let stage = match fault {
        SessionFault::ConnectionLost { stage } | SessionFault::ShutDown { stage, .. } => stage,
        _ => return false,
    };
    matches!(stage, Stage::Rset | Stage::Mail)
}
