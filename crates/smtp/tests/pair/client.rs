//! The sending shell of the pair.

use std::{collections::VecDeque, mem, time::Instant};

use bytes::{Bytes, BytesMut};
use postern_smtp::client::{
    Action, Delivery, Extension, Opening, OpeningAction, OpeningCommand, RecipientOutcome,
    SessionFault, StartTls, StartTlsAnswer,
};

use crate::world::Message;

#[derive(Debug)]
enum Role {
    Opening(Opening),
    StartTls(StartTls),
    Handshake,
    Delivery(Delivery),
    Over(Option<SessionFault>),
}

#[derive(Debug)]
pub(crate) struct Client {
    role: Role,
    waiting: VecDeque<Message>,
    under_way: Option<Message>,
    content: VecDeque<Bytes>,
    chunk: usize,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    pub(crate) settled: Vec<(Message, Vec<RecipientOutcome>)>,
}

impl Client {
    pub(crate) fn new(messages: Vec<Message>, chunk: usize, now: Instant) -> Self {
        Self {
            role: Role::Opening(Opening::new("client.example".parse().unwrap(), now)),
            waiting: messages.into(),
            under_way: None,
            content: VecDeque::new(),
            chunk,
            input: BytesMut::new(),
            output: BytesMut::new(),
            settled: Vec::new(),
        }
    }

    pub(crate) fn awaits_handshake(&self) -> bool {
        matches!(self.role, Role::Handshake)
    }

    pub(crate) fn handshake(&mut self, now: Instant) {
        let name = "client.example".parse().unwrap();
        self.role = Role::Delivery(Delivery::after_tls(name, now));
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.role, Role::Over(_))
    }

    pub(crate) fn fault(&self) -> Option<&SessionFault> {
        match &self.role {
            Role::Over(fault) => fault.as_ref(),
            Role::Opening(_) | Role::StartTls(_) | Role::Handshake | Role::Delivery(_) => None,
        }
    }

    /// What never came to a transaction.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = &Message> {
        self.waiting.iter()
    }

    /// Until when the client waits for the octet it wants.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.role {
            Role::Opening(opening) => Some(opening.deadline()),
            Role::StartTls(starttls) => Some(starttls.deadline()),
            Role::Delivery(delivery) => delivery.deadline(),
            Role::Handshake | Role::Over(_) => None,
        }
    }

    pub(crate) fn lose(&mut self, now: Instant) {
        match &mut self.role {
            Role::Opening(opening) => self.role = Role::Over(Some(opening.connection_lost(now))),
            Role::StartTls(starttls) => {
                self.role = Role::Over(Some(starttls.connection_lost(now)));
            }
            Role::Delivery(delivery) => delivery.connection_lost(now),
            Role::Handshake => self.role = Role::Over(None),
            Role::Over(_) => {}
        }
        self.run(now);
    }

    /// Performs actions until the session wants octets or is over.
    pub(crate) fn run(&mut self, now: Instant) {
        while self.step(now) {}
    }

    fn step(&mut self, now: Instant) -> bool {
        match mem::replace(&mut self.role, Role::Over(None)) {
            Role::Opening(opening) => self.step_opening(opening, now),
            Role::StartTls(starttls) => match starttls.advance(&mut self.input, now) {
                Ok(StartTlsAnswer::Read(starttls)) => self.role = Role::StartTls(starttls),
                Ok(StartTlsAnswer::GoAhead(_)) => self.role = Role::Handshake,
                Ok(StartTlsAnswer::Declined(reply, _)) => panic!("STARTTLS declined: {reply}"),
                Err(fault) => self.role = Role::Over(Some(fault)),
            },
            Role::Delivery(mut delivery) => {
                let action = delivery.advance(&mut self.input, now);
                self.role = Role::Delivery(delivery);
                return self.perform(action, now);
            }
            role @ (Role::Handshake | Role::Over(_)) => self.role = role,
        }
        false
    }

    fn step_opening(&mut self, mut opening: Opening, now: Instant) {
        loop {
            match opening.advance(&mut self.input, now) {
                Ok(OpeningAction::Send(command)) => {
                    self.output.extend_from_slice(&command.encode());
                }
                Ok(OpeningAction::Read) => {
                    self.role = Role::Opening(opening);
                    return;
                }
                Ok(OpeningAction::Opened(opened)) => {
                    if opened.capabilities().offers(Extension::StartTls) {
                        let starttls = opened.starttls(&self.input, now).unwrap();
                        self.output
                            .extend_from_slice(&OpeningCommand::StartTls.encode());
                        self.role = Role::StartTls(starttls);
                    } else {
                        self.role = Role::Delivery(Delivery::in_clear(opened, now));
                        self.run(now);
                    }
                    return;
                }
                Err(fault) => {
                    self.role = Role::Over(Some(fault));
                    return;
                }
            }
        }
    }

    fn perform(&mut self, action: Action, now: Instant) -> bool {
        let Role::Delivery(delivery) = &mut self.role else {
            return false;
        };
        match action {
            Action::Send(octets) => self.output.extend_from_slice(&octets),
            Action::Read => {
                assert!(delivery.deadline().is_some(), "a wait without a deadline");
                return false;
            }
            Action::Content => match self.content.pop_front() {
                Some(chunk) => delivery.content(chunk).unwrap(),
                None => delivery.content_end().unwrap(),
            },
            Action::Rewind => panic!("our server knows what it offers"),
            Action::Settled(outcomes) => {
                let message = self.under_way.take().unwrap();
                self.settled.push((message, outcomes));
            }
            Action::Idle => match self.waiting.pop_front() {
                Some(message) => {
                    let content = Bytes::copy_from_slice(message.content.as_bytes());
                    let size = content.len() as u64;
                    delivery.begin(message.envelope.clone(), size, now).unwrap();
                    let chunks = (0..content.len()).step_by(self.chunk).map(|from| {
                        content.slice(from..content.len().min(from.saturating_add(self.chunk)))
                    });
                    self.content = chunks.collect();
                    self.under_way = Some(message);
                }
                None => delivery.quit().unwrap(),
            },
            Action::Closed => self.role = Role::Over(None),
            Action::Ended(fault) => self.role = Role::Over(Some(fault)),
        }
        true
    }
}
