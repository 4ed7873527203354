//! Who sits at the ends of connections: senders and our reception, our deliveries and next hops.

use std::time::Instant;

use bytes::Bytes;
use postern_mail::{EnhancedStatusCode, ForwardPath, Host, Reply, ReplyCode};
use postern_policy::{Consequence, MailClaim};
use postern_smtp::server::{Answer, Question, ServerSession, StartTls};
use postern_spool::{ClaimedRecipient, ContentWriter, ReservedId, Spool as _};
use postern_tls::NotSecured;

use super::{
    caller::{Caller, Letter},
    cast::{CAST, Destination, Face, Rules, destination},
    core::Core,
    fortune::turn,
    grant::Terms,
    habits::Habits,
    host::at_once,
    ledger::{Key, may_carry},
    link::Port,
    listener::{Desk, Handshakes, Listener, Reaction},
    mutation::Mutation,
};

/// What stands in every line of content, so that it is known wherever it crosses.
pub(crate) const MARK: &str = "the-content-of-a-letter";

#[derive(Debug)]
pub(crate) enum End {
    Sender(Box<Sender>),
    Reception(Box<Reception>),
    Carrier(Box<Carrier>),
    Peer(Box<Peer>),
}

impl End {
    /// Whether it is on our machine.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Reception(_) | Self::Carrier(_))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Sender(sender) => sender.caller.deadline(),
            Self::Reception(reception) => reception.listener.deadline(),
            Self::Carrier(carrier) => carrier.idle_until.or(carrier.caller.deadline()),
            Self::Peer(peer) => {
                let own = peer.listener.deadline().into_iter();
                own.chain(peer.said_at).min()
            }
        }
    }

    pub(crate) fn run(&mut self, port: &mut Port, core: &mut Core) {
        match self {
            Self::Sender(sender) => sender.run(port, core),
            Self::Reception(reception) => reception.run(port, core),
            Self::Carrier(carrier) => carrier.run(port, core),
            Self::Peer(peer) => peer.run(port, core),
        }
    }
}

/// Somebody who has mail for us.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) caller: Caller,
    pub(crate) errand: usize,
    pub(crate) number: u32,
    pub(crate) told: bool,
}

impl Sender {
    fn run(&mut self, port: &mut Port, core: &mut Core) {
        self.caller.run(port, core.instant());
        if let Some(outcome) = self.caller.take_outcome() {
            self.told = true;
            core.errand_returns(self.errand, self.number, Some(&outcome));
        } else if port.closed && !self.told {
            self.told = true;
            core.errand_returns(self.errand, self.number, None);
        }
    }
}

/// Our end of a session with a sender.
#[derive(Debug)]
pub(crate) struct Reception {
    pub(crate) listener: Listener,
    pub(crate) intake: Intake,
}

#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) link: u32,
    /// What the client showed in its handshake; `None` in clear.
    pub(crate) shown: Option<Face>,
    writer: Option<(ReservedId, ContentWriter)>,
    seen: Vec<u8>,
}

impl Reception {
    pub(crate) fn new(link: u32, habits: Habits) -> Self {
        let handshakes = Handshakes::Succeed(Face::SelfSigned);
        Self {
            listener: Listener::new("mx.postern.example", StartTls::Offered, handshakes, habits),
            intake: Intake {
                link,
                shown: None,
                writer: None,
                seen: Vec::new(),
            },
        }
    }

    fn run(&mut self, port: &mut Port, core: &mut Core) {
        let now = core.instant();
        let intake = &mut self.intake;
        self.listener
            .run(port, now, &mut AtReception { intake, core });
    }
}

struct AtReception<'a> {
    intake: &'a mut Intake,
    core: &'a mut Core,
}

impl AtReception<'_> {
    /// What reception asks the policy, and the queue, at `MAIL`.
    fn mail(
        &self,
        mail: &postern_smtp::command::MailCommand,
        session: &ServerSession,
    ) -> Result<(), Reply> {
        let helo = session.hello().map(|hello| hello.name().clone());
        let claim = MailClaim {
            reverse_path: &mail.reverse_path,
            helo: helo.as_ref().and_then(Host::domain),
        };
        let evidence = self.intake.shown.and_then(|face| CAST.client(face));
        let security = evidence.ok_or(&NotSecured::NotUsed);
        let verdict = self
            .core
            .situation
            .policy
            .judge_mail(&claim, None, security, CAST.now);
        if let Consequence::Refuse(reply) = verdict.consequence()
            && self.core.mutation != Some(Mutation::SenderUnjudged)
        {
            return Err(reply.clone());
        }
        let host = self.core.host.as_ref().ok_or_else(later)?;
        host.spool
            .admit(mail.size.unwrap_or(0))
            .map_err(|_| later())
    }

    fn open(&mut self) -> Result<(), Reply> {
        let host = self.core.host.as_ref().ok_or_else(later)?;
        self.intake.seen.clear();
        self.intake.writer = Some((host.spool.reserve_id(), host.spool.content()));
        Ok(())
    }
}

impl Desk for AtReception<'_> {
    fn ask(&mut self, question: Question, session: &ServerSession) -> Reaction {
        Reaction::Answer(Answer::from(match question {
            Question::Mail(mail) => self.mail(&mail, session),
            Question::Rcpt(rcpt) => match rcpt.recipient.domain() {
                Some(domain) if destination(domain.as_str()).is_some() => Ok(()),
                Some(_) | None => Err(never()),
            },
            Question::Content => self.open(),
            Question::Message(message) => {
                let Some((id, writer)) = self.intake.writer.take() else {
                    return Reaction::Answer(Answer::Refuse(later()));
                };
                let seen = Bytes::from(std::mem::take(&mut self.intake.seen));
                let (link, shown) = (self.intake.link, self.intake.shown);
                return self
                    .core
                    .keep(link, shown, id, writer, &message.envelope, &seen);
            }
        }))
    }

    fn content(&mut self, octets: Bytes) -> Result<(), Reply> {
        let (_, writer) = self.intake.writer.as_mut().ok_or_else(later)?;
        self.intake.seen.extend_from_slice(&octets);
        at_once(writer.write(octets)).map_err(|_| later())
    }

    fn abandon(&mut self) {
        self.intake.writer = None;
    }

    fn secured(&mut self, face: Face) {
        self.intake.shown = Some(face);
    }
}

/// Our end of a session with a next hop.
#[derive(Debug)]
pub(crate) struct Carrier {
    caller: Caller,
    link: u32,
    /// What it carries, unless it is kept for something else.
    errand: Option<Carriage>,
    /// The rules that were in force when the message under way began.
    said_under: Option<Rules>,
    /// Until when the connection is kept without a message.
    idle_until: Option<Instant>,
}

/// A part of a message that goes to one destination.
#[derive(Debug, Clone)]
pub(crate) struct Carriage {
    pub(crate) attempt: u64,
    pub(crate) key: Key,
    pub(crate) recipients: Vec<ClaimedRecipient>,
    pub(crate) to: &'static Destination,
    pub(crate) letter: Letter,
}

impl Carrier {
    pub(crate) fn new(caller: Caller, link: u32, errand: Carriage) -> Self {
        Self {
            caller,
            link,
            errand: Some(errand),
            said_under: None,
            idle_until: None,
        }
    }

    /// Takes another message if the connection is good for it. Else that is given back, and the
    /// connection is dropped.
    pub(crate) fn take_up(
        &mut self,
        errand: Carriage,
        terms: Terms,
        port: &Port,
        core: &Core,
    ) -> Option<Carriage> {
        let now = core.instant();
        self.idle_until = None;
        if !self.caller.take_up(errand.letter.clone(), terms, port, now) {
            return Some(errand);
        }
        self.errand = Some(errand);
        // It is judged now, and RSET may come before its first word.
        self.said_under = Some(core.situation.rules);
        None
    }

    fn run(&mut self, port: &mut Port, core: &mut Core) {
        let now = core.instant();
        match self.idle_until {
            // What comes meanwhile is looked at when it is used again.
            Some(until) if now < until => return,
            Some(_) => {
                self.idle_until = None;
                core.forget_connection(self.link);
                self.caller.leave();
            }
            None => {}
        }
        self.caller.outdated = !self.caller.is_under(&core.situation.policy);
        self.caller.run(port, now);
        core.rewound += std::mem::take(&mut self.caller.figures).rewound;
        self.watch(&port.output, core);
        let outcome = self.caller.take_outcome();
        if (outcome.is_some() || port.closed)
            && let Some(errand) = self.errand.take()
        {
            core.carriage_returns(self.link, &errand, outcome);
            if self.caller.is_idle() {
                self.rest(errand.to.host, port, core);
            }
        }
    }

    /// Waits for another message, or takes leave where there is no room for that.
    fn rest(&mut self, host: &'static str, port: &mut Port, core: &mut Core) {
        self.idle_until = core.keep_connection(self.link, host);
        if self.idle_until.is_none() {
            self.caller.leave();
            self.caller.run(port, core.instant());
        }
    }

    /// Nothing of a message crosses a channel that is not what it has to be.
    fn watch(&mut self, output: &[u8], core: &mut Core) {
        let Some(errand) = &self.errand else { return };
        let crosses = |mark: &[u8]| output.windows(mark.len()).any(|octets| octets == mark);
        if !crosses(b"MAIL FROM") && !crosses(MARK.as_bytes()) {
            return;
        }
        // What has begun is not called back by a reload.
        let rules = *self.said_under.get_or_insert(core.situation.rules);
        let (to, key, wish) = (errand.to, errand.key, errand.letter.envelope.tls_wish);
        let shown = self.caller.shown;
        let truth = self.caller.truth();
        if !may_carry(to, rules, wish, truth, shown) {
            core.ledger.violate(format!(
                "{key:?} for {} crosses connection {} on a channel that showed {shown:?}, by \
                 {rules:?} rules and {truth:?}",
                to.domain, self.link
            ));
        }
    }
}

/// A next hop.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) listener: Listener,
    pub(crate) link: u32,
    turn: Turn,
    content: Vec<u8>,
    /// When the answer to the end of content is given, where that takes a while.
    said_at: Option<Instant>,
}

/// How a next hop behaves on one connection.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    pub(crate) starttls: StartTls,
    pub(crate) handshakes: Handshakes,
    pub(crate) habits: Habits,
    pub(crate) greeting: Option<Reply>,
    pub(crate) turn: Turn,
}

/// How it behaves in one transaction.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) mail: Option<Reply>,
    pub(crate) rcpt: Option<Reply>,
    pub(crate) data: Option<Reply>,
    pub(crate) dot: Dot,
}

/// What a next hop does at the end of content.
#[derive(Debug, Clone)]
pub(crate) enum Dot {
    Keep,
    Refuse(Reply),
    /// It breaks off without a word, with the message or without it.
    Hang {
        keeps: bool,
    },
    /// It keeps the message, and says so after so many milliseconds.
    KeepSlowly(u64),
}

impl Peer {
    pub(crate) fn new(link: u32, to: &Destination, manners: Manners) -> Self {
        let Manners {
            starttls,
            handshakes,
            habits,
            greeting,
            turn,
        } = manners;
        let mut listener = Listener::new(to.host, starttls, handshakes, habits);
        if let Some(reply) = greeting {
            listener.turn_away(reply);
        }
        Self {
            listener,
            link,
            turn,
            content: Vec::new(),
            said_at: None,
        }
    }

    fn run(&mut self, port: &mut Port, core: &mut Core) {
        let now = core.instant();
        if self.said_at.is_some_and(|at| now >= at) {
            self.said_at = None;
            self.listener.answer(Answer::Accept);
        }
        let mut desk = AtPeer {
            link: self.link,
            turn: &mut self.turn,
            content: &mut self.content,
            said_at: &mut self.said_at,
            core,
        };
        self.listener.run(port, now, &mut desk);
    }
}

struct AtPeer<'a> {
    link: u32,
    turn: &'a mut Turn,
    content: &'a mut Vec<u8>,
    said_at: &'a mut Option<Instant>,
    core: &'a mut Core,
}

impl AtPeer<'_> {
    fn rcpt(&mut self, path: &ForwardPath) -> Result<(), Reply> {
        let name = path.mailbox().map(|mailbox| mailbox.local_part().as_str());
        if name.is_some_and(|name| name.starts_with("refused")) {
            return Err(never());
        }
        match &self.turn.rcpt {
            Some(reply) if self.core.random.chance(50) => Err(reply.clone()),
            Some(_) | None => Ok(()),
        }
    }
}

impl Desk for AtPeer<'_> {
    fn ask(&mut self, question: Question, _: &ServerSession) -> Reaction {
        let unless = |refusal: &Option<Reply>| refusal.clone().map_or(Ok(()), Err);
        Reaction::Answer(Answer::from(match question {
            Question::Mail(_) => unless(&self.turn.mail),
            Question::Rcpt(rcpt) => self.rcpt(&rcpt.recipient.forward_path),
            Question::Content => {
                self.content.clear();
                unless(&self.turn.data)
            }
            Question::Message(message) => {
                let content = std::mem::take(self.content);
                // The next one over this connection fares as it will.
                let healed = self.core.healed;
                let next = turn(&mut self.core.random, healed);
                let dot = std::mem::replace(self.turn, next).dot;
                let keeps = !matches!(dot, Dot::Refuse(_) | Dot::Hang { keeps: false });
                if keeps {
                    self.core
                        .ledger
                        .takes(self.link, &message.envelope, &content);
                }
                match dot {
                    Dot::Keep => Ok(()),
                    Dot::Refuse(reply) => Err(reply),
                    Dot::Hang { .. } => return Reaction::Hang,
                    Dot::KeepSlowly(millis) => {
                        *self.said_at = Some(self.core.instant_in(millis));
                        return Reaction::Later;
                    }
                }
            }
        }))
    }

    fn content(&mut self, octets: Bytes) -> Result<(), Reply> {
        self.content.extend_from_slice(&octets);
        Ok(())
    }

    fn abandon(&mut self) {
        self.content.clear();
    }

    fn secured(&mut self, _: Face) {}
}

pub(crate) fn later() -> Reply {
    let status = EnhancedStatusCode::transient(3, 0);
    Reply::new(ReplyCode::LOCAL_ERROR, "not now").with_status(status)
}

pub(crate) fn never() -> Reply {
    let status = EnhancedStatusCode::permanent(1, 1);
    Reply::new(ReplyCode::UNAVAILABLE, "no such mailbox").with_status(status)
}
