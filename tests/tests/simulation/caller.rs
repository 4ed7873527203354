//! The shell of the sending session, for our deliveries and for those who send to us.
//!
//! The session is that of `postern-smtp`. What this shell does around it is what the dialling part
//! of `postern-outbound` does: STARTTLS where it is offered, a judgement of every channel before
//! the first word of mail, and a second connection in clear where a handshake failed and the
//! policy has nothing against that.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;
use postern_mail::{Domain, Envelope};
use postern_policy::{HostPlan, Refusal};
use postern_smtp::client::{
    Action, Delivery, Extension, Opened, Opening, OpeningAction, OpeningCommand, RecipientOutcome,
    SessionFault, Stage, StartTls, StartTlsAnswer,
};
use postern_tls::{Evidence, HandshakeError, NotSecured};

use super::{
    cast::{CAST, Face},
    link::Port,
    mutation::Mutation,
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
    Plan(Box<HostPlan>),
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
}

#[derive(Debug)]
enum Role {
    Opening(Opening),
    StartTls(StartTls),
    Handshake { until: Instant },
    Delivery(Box<Delivery>),
    Over,
}

#[derive(Debug)]
pub(crate) struct Caller {
    name: Domain,
    role: Role,
    upgrade: Upgrade,
    condition: Condition,
    letter: Option<Letter>,
    content: VecDeque<Bytes>,
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
            letter: Some(letter),
            content: VecDeque::new(),
            shown: None,
            mutation,
            outcome: None,
        }
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
        match CAST.server(face).map(|evidence| self.judge(Ok(evidence))) {
            Some(Ok(())) => {
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
        match self.judge(Err(reason)) {
            Ok(()) => {
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
        let outcome = match self.judge(Err(&reason)) {
            Ok(()) if again => Outcome::NoTls(reason),
            Ok(()) => Outcome::InClear(reason),
            Err(refusal) => Outcome::Refused(refusal),
        };
        self.end(outcome)
    }

    /// The verdict of the policy on a channel.
    fn judge(&self, security: Result<&Evidence, &NotSecured>) -> Result<(), Box<Refusal>> {
        if self.mutation == Some(Mutation::VerdictIgnored) {
            return Ok(());
        }
        match &self.condition {
            Condition::Plan(plan) => plan.judge(security, CAST.now).map(drop).map_err(Box::new),
            Condition::None => Ok(()),
        }
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
            // The other end is our server, which knows what it offers.
            Action::Rewind => false,
            Action::Settled(outcomes) => {
                self.outcome = Some(Outcome::Settled(outcomes));
                true
            }
            Action::Idle => match self.letter.take() {
                Some(letter) => {
                    let size = letter.content.len() as u64;
                    self.content = pieces(&letter.content);
                    delivery.begin(letter.envelope, size, now).is_ok()
                }
                None => delivery.quit().is_ok(),
            },
            Action::Closed => return false,
            Action::Ended(fault) => {
                if self.outcome.is_none() && self.letter.is_some() {
                    self.outcome = Some(Outcome::Failed(fault));
                }
                return false;
            }
        };
        self.role = Role::Delivery(delivery);
        goes_on
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
