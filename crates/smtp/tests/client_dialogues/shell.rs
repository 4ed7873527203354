//! The shell that the dialogues give orders to.

use std::{
    collections::VecDeque,
    mem,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use postern_mail::{
    BodyType, Envelope, EnvelopeId, ForwardPath, OriginalRecipient, Recipient, Return, ReversePath,
    TlsWish,
};
use postern_smtp::client::{
    Action, Delivery, Opened, Opening, OpeningAction, OpeningCommand, RecipientOutcome,
    SessionFault, Speaker, StartTls, StartTlsAnswer,
};

/// How the server's octets reach the client, and the client's content its encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieces {
    Whole,
    Octets,
}

enum Role {
    Opening(Opening),
    Opened(Opened),
    StartTls(StartTls),
    /// The peer awaits a handshake.
    Handshake,
    Delivery(Box<Delivery>),
    Over,
}

pub(super) struct Shell {
    pieces: Pieces,
    role: Role,
    now: Instant,
    input: BytesMut,
    said: Vec<u8>,
    facts: VecDeque<String>,
    content: VecDeque<Option<String>>,
    /// All of it, for a peer that has to be told again.
    given: VecDeque<Option<String>>,
    recipients: Vec<ForwardPath>,
    idle: bool,
}

impl Shell {
    pub(super) fn new(pieces: Pieces) -> Self {
        let now = Instant::now();
        Self {
            pieces,
            role: Role::Opening(Opening::new("client.example".parse().unwrap(), now)),
            now,
            input: BytesMut::new(),
            said: Vec::new(),
            facts: VecDeque::new(),
            content: VecDeque::new(),
            given: VecDeque::new(),
            recipients: Vec::new(),
            idle: false,
        }
    }

    pub(super) fn hear(&mut self, octets: &[u8]) {
        let piece = match self.pieces {
            Pieces::Whole => octets.len(),
            Pieces::Octets => 1,
        };
        for piece in octets.chunks(piece) {
            self.input.extend_from_slice(piece);
            self.run();
        }
    }

    pub(super) fn expect_said(&mut self, expected: &str, place: &str) {
        let said = String::from_utf8(mem::take(&mut self.said)).unwrap();
        match said.strip_prefix(expected) {
            Some(rest) => self.said = rest.into(),
            None => panic!(
                "{place}: the client said {said:?}, reported {:?}",
                self.facts
            ),
        }
    }

    pub(super) fn expect_fact(&mut self, expected: &str, place: &str) {
        let fact = self.facts.pop_front();
        let said = String::from_utf8_lossy(&self.said);
        assert_eq!(fact.as_deref(), Some(expected), "{place}; said {said:?}");
    }

    pub(super) fn expect_nothing(&self, place: &str) {
        let said = String::from_utf8_lossy(&self.said);
        assert_eq!(said, "", "{place}: the client said more");
        assert!(self.facts.is_empty(), "{place}: left {:?}", self.facts);
    }

    /// What was reported first and not taken yet.
    pub(super) fn take_fact(&mut self) -> Option<String> {
        self.facts.pop_front()
    }

    pub(super) fn obey(&mut self, order: &str, content: VecDeque<Option<String>>) {
        let (order, words) = order.split_once(' ').unwrap_or((order, ""));
        let words: Vec<_> = words.split(' ').collect();
        match order {
            "starttls" => {
                let Role::Opened(opened) = mem::replace(&mut self.role, Role::Over) else {
                    panic!("STARTTLS is not possible");
                };
                match opened.starttls(&self.input, self.now) {
                    Ok(starttls) => {
                        self.said
                            .extend_from_slice(&OpeningCommand::StartTls.encode());
                        self.role = Role::StartTls(starttls);
                    }
                    Err(fault) => self.end(&fault),
                }
            }
            "clear" => {
                let Role::Opened(opened) = mem::replace(&mut self.role, Role::Over) else {
                    panic!("the session is not open");
                };
                self.role = Role::Delivery(Box::new(Delivery::in_clear(opened, self.now)));
            }
            "handshake" => {
                assert!(matches!(self.role, Role::Handshake), "no handshake is due");
                let name = "client.example".parse().unwrap();
                self.role = Role::Delivery(Box::new(Delivery::after_tls(name, self.now)));
            }
            "send" => {
                self.given = content.clone();
                self.content = content;
                let (envelope, size) = self.envelope(&words);
                let now = self.now;
                self.recipients = envelope
                    .recipients
                    .iter()
                    .map(|to| to.forward_path.clone())
                    .collect();
                self.idle = false;
                self.delivery().begin(envelope, size, now).unwrap();
            }
            "go" => assert_eq!(self.content.pop_front(), Some(None), "nothing was stopped"),
            "quit" => {
                self.idle = false;
                self.delivery().quit().unwrap();
            }
            "lose" => self.lose(),
            "wait" => self.now += Duration::from_secs(words[0].parse().unwrap()),
            other => panic!("the shell knows no {other}"),
        }
        self.run();
    }

    fn lose(&mut self) {
        let now = self.now;
        self.idle = false;
        match &mut self.role {
            Role::Opening(opening) => {
                let fault = opening.connection_lost(now);
                self.end(&fault);
            }
            Role::StartTls(starttls) => {
                let fault = starttls.connection_lost(now);
                self.end(&fault);
            }
            Role::Delivery(delivery) => delivery.connection_lost(now),
            Role::Opened(_) | Role::Handshake | Role::Over => panic!("nothing to lose"),
        }
    }

    fn delivery(&mut self) -> &mut Delivery {
        let Role::Delivery(delivery) = &mut self.role else {
            panic!("no delivery is possible");
        };
        delivery
    }

    /// `<reverse-path> to <forward-path>...` and parameters.
    fn envelope(&self, words: &[&str]) -> (Envelope, u64) {
        let content = self
            .content
            .iter()
            .flatten()
            .map(|piece| piece.len() as u64);
        let mut size = content.sum();
        let (reverse_path, _) = ReversePath::parse_prefix(words[0]).unwrap();
        let mut envelope = Envelope {
            reverse_path,
            recipients: Vec::new(),
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: TlsWish::Unstated,
        };
        for word in &words[1..] {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key {
                "to" => {}
                "8bit" => envelope.body = BodyType::EightBitMime,
                "binary" => envelope.body = BodyType::BinaryMime,
                "utf8" => envelope.smtputf8 = true,
                "requiretls" => envelope.tls_wish = TlsWish::Required,
                "waived" => envelope.tls_wish = TlsWish::Waived,
                "size" => size = value.parse().unwrap(),
                "ret" if value == "full" => envelope.ret = Some(Return::Full),
                "ret" => envelope.ret = Some(Return::Headers),
                "envid" => envelope.envelope_id = Some(EnvelopeId::from_xtext(value).unwrap()),
                "notify" => {
                    envelope.recipients.last_mut().unwrap().notify = Some(value.parse().unwrap());
                }
                "orcpt" => {
                    envelope.recipients.last_mut().unwrap().original =
                        Some(OriginalRecipient::from_xtext(value).unwrap());
                }
                path => {
                    let (path, _) = ForwardPath::parse_prefix(path).unwrap();
                    envelope.recipients.push(Recipient::from(path));
                }
            }
        }
        (envelope, size)
    }

    fn end(&mut self, fault: &SessionFault) {
        self.facts.push_back(format!("ended: {fault}"));
        self.role = Role::Over;
    }

    /// What a shell does between two reads.
    fn run(&mut self) {
        while self.step() {}
    }

    fn step(&mut self) -> bool {
        match mem::replace(&mut self.role, Role::Over) {
            Role::Opening(mut opening) => {
                match opening.advance(&mut self.input, self.now) {
                    Ok(OpeningAction::Send(command)) => {
                        self.said.extend_from_slice(&command.encode());
                        self.role = Role::Opening(opening);
                        return true;
                    }
                    Ok(OpeningAction::Read) => self.role = Role::Opening(opening),
                    Ok(OpeningAction::Opened(opened)) => {
                        let offered: Vec<_> = opened.capabilities().offered().collect();
                        self.facts.push_back(format!("opened {offered:?}"));
                        self.role = Role::Opened(opened);
                    }
                    Err(fault) => self.end(&fault),
                }
                false
            }
            Role::StartTls(starttls) => {
                match starttls.advance(&mut self.input, self.now) {
                    Ok(StartTlsAnswer::Read(starttls)) => self.role = Role::StartTls(starttls),
                    Ok(StartTlsAnswer::GoAhead(_)) => {
                        self.facts.push_back("go ahead".to_owned());
                        self.role = Role::Handshake;
                    }
                    Ok(StartTlsAnswer::Declined(reply, opened)) => {
                        self.facts.push_back(format!("declined: {reply}"));
                        self.role = Role::Opened(opened);
                    }
                    Err(fault) => self.end(&fault),
                }
                false
            }
            Role::Delivery(mut delivery) => {
                let goes_on = self.step_delivery(&mut delivery);
                self.role = Role::Delivery(delivery);
                goes_on
            }
            waiting @ (Role::Opened(_) | Role::Handshake) => {
                self.role = waiting;
                false
            }
            Role::Over => false,
        }
    }

    fn step_delivery(&mut self, delivery: &mut Delivery) -> bool {
        let action = delivery.advance(&mut self.input, self.now);
        let fact = match action {
            Action::Send(octets) => {
                self.said.extend_from_slice(&octets);
                return true;
            }
            Action::Read => return false,
            Action::Content => return self.give_content(delivery),
            Action::Rewind => {
                self.facts.push_back("rewound".to_owned());
                self.content = self.given.clone();
                return true;
            }
            Action::Settled(outcomes) => {
                let recipients = mem::take(&mut self.recipients);
                assert_eq!(outcomes.len(), recipients.len());
                for (path, outcome) in recipients.iter().zip(&outcomes) {
                    self.facts.push_back(format!("{path} {}", told(outcome)));
                }
                self.idle = false;
                return true;
            }
            Action::Idle => "idle".to_owned(),
            Action::Closed => "closed".to_owned(),
            Action::Ended(fault) => format!("ended: {fault}"),
        };
        if !mem::replace(&mut self.idle, true) {
            self.facts.push_back(fact);
        }
        false
    }

    fn give_content(&mut self, delivery: &mut Delivery) -> bool {
        match self.content.pop_front() {
            None => delivery.content_end().unwrap(),
            Some(None) => {
                self.content.push_front(None);
                return false;
            }
            Some(Some(piece)) => {
                let (now, later) = match self.pieces {
                    Pieces::Whole => (piece.as_str(), ""),
                    Pieces::Octets => piece.split_at(piece.chars().next().unwrap().len_utf8()),
                };
                if !later.is_empty() {
                    self.content.push_front(Some(later.to_owned()));
                }
                delivery
                    .content(Bytes::copy_from_slice(now.as_bytes()))
                    .unwrap();
            }
        }
        true
    }
}

fn told(outcome: &RecipientOutcome) -> String {
    let by = |speaker| match speaker {
        Speaker::Peer => "the peer",
        Speaker::Postern => "us",
    };
    match outcome {
        RecipientOutcome::Delivered(reply) => format!("delivered: {reply}"),
        RecipientOutcome::Transient(failure) => {
            format!("put off by {}: {}", by(failure.said_by), failure.reply)
        }
        RecipientOutcome::Permanent(failure) => {
            format!("refused by {}: {}", by(failure.said_by), failure.reply)
        }
    }
}
