//! Both ends and what lies between them.

use std::time::{Duration, Instant};

use postern_mail::{BodyType, Envelope, ForwardPath, Mailbox, Recipient, ReversePath, TlsWish};
use postern_smtp::client::{RecipientOutcome, Stage};

use crate::{
    client::Client,
    server::{Fate, Kept, Server, fate},
};

/// What the connection is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// In clear, with all extensions.
    Clear,
    /// STARTTLS is demanded.
    Upgraded,
    /// In clear, without CHUNKING: DATA.
    Dotted,
    /// In clear, without PIPELINING: one command at a time, and BDAT.
    Bare,
}

/// How the connection comes to its end, behind so many octets in both directions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Both ends see it end.
    Behind(usize),
    /// Nothing arrives any more.
    Silent(usize),
}

/// A message, which its reverse-path tells apart from the others.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) envelope: Envelope,
    pub(crate) content: String,
}

impl Message {
    pub(crate) fn new(from: &str, to: &[&str], content: &str) -> Self {
        let mailboxes: Vec<Mailbox> = to.iter().map(|name| name.parse().unwrap()).collect();
        Self {
            envelope: Envelope {
                reverse_path: ReversePath::Mailbox(from.parse().unwrap()),
                smtputf8: mailboxes.iter().any(Mailbox::needs_smtputf8),
                recipients: mailboxes
                    .into_iter()
                    .map(|mailbox| Recipient::from(ForwardPath::from(mailbox)))
                    .collect(),
                body: if content.is_ascii() {
                    BodyType::SevenBit
                } else {
                    BodyType::EightBitMime
                },
                ret: None,
                envelope_id: None,
                tls_wish: TlsWish::Unstated,
            },
            content: content.to_owned(),
        }
    }

    /// The same message with REQUIRETLS.
    pub(crate) fn requiring_tls(mut self) -> Self {
        self.envelope.tls_wish = TlsWish::Required;
        self
    }

    /// What must come out for a recipient when nothing goes wrong on the way.
    fn fate(&self, recipient: &Recipient, channel: Channel) -> Fate {
        if self.envelope.tls_wish == TlsWish::Required && channel != Channel::Upgraded {
            return Fate::Refused;
        }
        let name = |mailbox: Option<&Mailbox>| mailbox.unwrap().local_part().as_str().to_owned();
        let sender = name(self.envelope.reverse_path.mailbox());
        match fate(&name(recipient.forward_path.mailbox())) {
            _ if fate(&sender) != Fate::Accepted => fate(&sender),
            Fate::Accepted if sender == "message-refused" => Fate::Refused,
            Fate::Accepted if sender.ends_with("-later") => Fate::Later,
            own => own,
        }
    }

    /// The content as it arrives: DATA ends every line, BDAT changes nothing.
    fn arrives_as(&self, channel: Channel) -> String {
        let complete = self.content.is_empty() || self.content.ends_with("\r\n");
        if complete || channel != Channel::Dotted {
            self.content.clone()
        } else {
            format!("{}\r\n", self.content)
        }
    }
}

#[derive(Debug)]
pub(crate) struct World {
    channel: Channel,
    now: Instant,
    client: Client,
    server: Server,
    messages: Vec<Message>,
    piece: usize,
    split_at: Option<usize>,
    cut: Option<Cut>,
    moved: usize,
    /// What earlier connections brought about.
    kept_before: Vec<Kept>,
}

impl World {
    pub(crate) fn new(channel: Channel, messages: Vec<Message>) -> Self {
        let now = Instant::now();
        Self {
            channel,
            now,
            client: Client::new(messages.clone(), usize::MAX, now),
            server: Server::new(channel),
            messages,
            piece: usize::MAX,
            split_at: None,
            cut: None,
            moved: 0,
            kept_before: Vec::new(),
        }
    }

    /// Octets travel in pieces of this size.
    pub(crate) fn in_pieces(mut self, piece: usize) -> Self {
        self.piece = piece;
        self
    }

    /// Content is given to the sending end in pieces of this size.
    pub(crate) fn in_chunks(mut self, chunk: usize) -> Self {
        self.client = Client::new(self.messages.clone(), chunk, self.now);
        self
    }

    /// The octets before and behind this one never travel together.
    pub(crate) fn split_at(mut self, boundary: usize) -> Self {
        self.split_at = Some(boundary);
        self
    }

    pub(crate) fn cut(mut self, cut: Cut) -> Self {
        self.cut = Some(cut);
        self
    }

    pub(crate) fn octets_moved(&self) -> usize {
        self.moved
    }

    /// Lets both ends talk until the client has no more to say.
    pub(crate) fn run(mut self) -> Self {
        while !self.client.is_over() {
            self.client.run(self.now);
            self.server.run(self.now);
            if self.handshake() {
                continue;
            }
            let sent = self.carry(End::Client);
            self.server.run(self.now);
            if sent + self.carry(End::Server) == 0 && !self.client.is_over() {
                self.nothing_moves();
            }
        }
        self
    }

    fn handshake(&mut self) -> bool {
        let quiet = self.client.output.is_empty() && self.server.output.is_empty();
        let due = quiet && self.client.awaits_handshake() && self.server.awaits_handshake();
        if due {
            assert!(self.client.input.is_empty(), "octets outlive the handshake");
            assert!(self.server.input.is_empty(), "octets outlive the handshake");
            self.server.handshake();
            self.client.handshake(self.now);
        }
        due
    }

    /// Carries a piece of what `from` said to the other end.
    fn carry(&mut self, from: End) -> usize {
        let (output, input) = match from {
            End::Client => (&mut self.client.output, &mut self.server.input),
            End::Server => (&mut self.server.output, &mut self.client.input),
        };
        let mut octets = output.len().min(self.piece);
        let stops = [
            self.split_at,
            self.cut.map(|(Cut::Behind(at) | Cut::Silent(at))| at),
        ];
        for stop in stops.into_iter().flatten() {
            if stop > self.moved {
                octets = octets.min(stop - self.moved);
            } else if self.cut.is_some() {
                octets = 0;
            }
        }
        input.extend_from_slice(&output.split_to(octets));
        self.moved += octets;
        octets
    }

    /// The connection was cut, or the client waits for what will not come.
    fn nothing_moves(&mut self) {
        match self.cut {
            Some(Cut::Behind(_)) => self.client.lose(self.now),
            Some(Cut::Silent(_)) => match self.client.deadline() {
                Some(deadline) => self.now = deadline,
                None => self.client.lose(self.now + Duration::from_secs(600)),
            },
            None => panic!("both ends wait for each other"),
        }
    }

    /// Connects again for what was not settled, as a queue does. Who was refused for now by the
    /// server itself is left alone.
    pub(crate) fn retry(mut self) -> Self {
        let mut again: Vec<_> = self.client.unsent().cloned().collect();
        for (message, outcomes) in &self.client.settled {
            let mut message = message.clone();
            let recipients = message.envelope.recipients.iter().zip(outcomes);
            message.envelope.recipients = recipients
                .filter(|(recipient, outcome)| {
                    matches!(outcome, RecipientOutcome::Transient(_))
                        && message.fate(recipient, self.channel) != Fate::Later
                })
                .map(|(recipient, _)| recipient.clone())
                .collect();
            if !message.envelope.recipients.is_empty() {
                again.push(message);
            }
        }
        self.kept_before.append(&mut self.server.kept);
        let kept_before = self.kept_before;
        let mut world = Self::new(self.channel, again).run();
        world.kept_before = kept_before;
        world.messages = self.messages;
        world.check();
        // For the last check the outcomes of both connections count.
        self.client.settled.append(&mut world.client.settled);
        world.client.settled = self.client.settled;
        world.cut = self.cut;
        world
    }

    /// Holds what both ends believe against each other.
    pub(crate) fn check(&self) {
        for (message, outcomes) in &self.client.settled {
            assert_eq!(outcomes.len(), message.envelope.recipients.len());
            for (recipient, outcome) in message.envelope.recipients.iter().zip(outcomes) {
                self.check_outcome(message, recipient, outcome);
            }
        }
        for kept in &self.server.kept {
            self.check_kept(kept);
        }
    }

    fn check_outcome(&self, message: &Message, recipient: &Recipient, outcome: &RecipientOutcome) {
        match (outcome, message.fate(recipient, self.channel)) {
            (RecipientOutcome::Delivered(_), Fate::Accepted) => {
                assert!(
                    self.copies(message, recipient) > 0,
                    "{recipient:?} has no copy"
                );
            }
            (RecipientOutcome::Permanent(_), Fate::Refused)
            | (RecipientOutcome::Transient(_), Fate::Later) => {}
            (RecipientOutcome::Transient(_), _) if self.cut.is_some() => {}
            (_, expected) => panic!("{recipient:?}: {outcome:?} instead of {expected:?}"),
        }
    }

    fn copies(&self, message: &Message, recipient: &Recipient) -> usize {
        let all = self.kept_before.iter().chain(&self.server.kept);
        all.filter(|kept| {
            kept.envelope.reverse_path == message.envelope.reverse_path
                && kept.content == message.arrives_as(self.channel).as_bytes()
                && kept.envelope.recipients.contains(recipient)
        })
        .count()
    }

    /// What the server has was sent, and the client knows or could not know.
    fn check_kept(&self, kept: &Kept) {
        let sent = self.messages.iter().find(|message| {
            message.envelope.reverse_path == kept.envelope.reverse_path
                && message.envelope.tls_wish == kept.envelope.tls_wish
                && message.arrives_as(self.channel).as_bytes() == kept.content
                && kept.envelope.recipients.iter().all(|recipient| {
                    message.envelope.recipients.contains(recipient)
                        && message.fate(recipient, self.channel) == Fate::Accepted
                })
        });
        let sent = sent.unwrap_or_else(|| panic!("nobody sent {:?}", kept.envelope));
        let delivered = self.client.settled.iter().any(|(message, outcomes)| {
            message.envelope.reverse_path == sent.envelope.reverse_path
                && outcomes
                    .iter()
                    .any(|one| matches!(one, RecipientOutcome::Delivered(_)))
        });
        // What is sent ahead may have arrived whole before the first reply to it has.
        let sent_ahead = matches!(self.channel, Channel::Clear | Channel::Upgraded);
        let fault = self.client.fault().map(|fault| fault.stage());
        let could_not_know = match fault {
            Some(Stage::EndOfContent) => true,
            Some(Stage::Rset | Stage::Mail | Stage::Rcpt) => sent_ahead,
            _ => false,
        };
        assert!(
            delivered || could_not_know,
            "the server has {}; the client ended with {:?}",
            kept.envelope.reverse_path,
            self.client.fault()
        );
    }

    /// Checks, and that nothing is left to be sent: who can have a message has it, once, or
    /// twice where the first time could not be known.
    pub(crate) fn check_all_settled(&self) {
        self.check();
        assert_eq!(self.client.fault(), None);
        let most = if self.kept_before.is_empty() { 1 } else { 2 };
        for message in &self.messages {
            for recipient in &message.envelope.recipients {
                let copies = self.copies(message, recipient);
                match message.fate(recipient, self.channel) {
                    Fate::Accepted => assert!(
                        (1..=most * self.twins(message)).contains(&copies),
                        "{recipient:?} has {copies} copies"
                    ),
                    Fate::Refused | Fate::Later => assert_eq!(copies, 0, "{recipient:?}"),
                }
            }
        }
    }

    /// How many messages look like this one (random ones may).
    fn twins(&self, message: &Message) -> usize {
        let same = |other: &&Message| {
            other.envelope.reverse_path == message.envelope.reverse_path
                && other.arrives_as(self.channel) == message.arrives_as(self.channel)
        };
        self.messages.iter().filter(same).count()
    }
}

#[derive(Debug, Clone, Copy)]
enum End {
    Client,
    Server,
}
