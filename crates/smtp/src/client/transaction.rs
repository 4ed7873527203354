//! One mail transaction: MAIL, RCPT, content, and the reply that settles it (RFC 5321 §3.3).

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use postern_mail::{Envelope, Reply, ReplyCode, Severity};

use super::{
    Capabilities, OutOfTurn, RecipientOutcome, SessionFault, Stage,
    command::{self, Command},
    delivery::Layer,
    exchange::Exchange,
    outgoing::{Framing, Outgoing},
    pipeline::Pipeline,
};

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Transaction {
    envelope: Envelope,
    size: u64,
    peer: Capabilities,
    framing: Framing,
    phase: Phase,
    commands: Pipeline,
    mail_refused: bool,
    recipients_accepted: usize,
    go_ahead: Option<Reply>,
    aftermath: Aftermath,
    chunk_not_understood: bool,
    /// Set from outside: by content that must not be sent, by a lost connection.
    broken: Option<SessionFault>,
    /// By recipient, in the order of the envelope.
    outcomes: Vec<Option<RecipientOutcome>>,
}

/// What the transaction asks of whoever runs it.
#[derive(Debug)]
pub(super) enum Step {
    Send(Bytes),
    Read,
    Content,
    /// The outcomes in the order of the envelope, and how the session is left.
    Settled(Vec<RecipientOutcome>, Result<Aftermath, SessionFault>),
}

/// How a transaction leaves the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aftermath {
    /// The peer knows that it is over.
    Clean,
    /// RSET must come before the next one.
    ResetDue,
}

#[derive(Debug)]
enum Phase {
    Envelope,
    Content(Outgoing),
    /// The peer wanted content though it accepted no recipient, and was given none.
    NoContent,
    EndOfContent,
}

impl Transaction {
    /// A transaction for `size` octets of content, in a session that the one before it left in
    /// this state.
    pub(super) fn new(
        envelope: Envelope,
        size: u64,
        peer: &Capabilities,
        layer: Layer,
        before: Aftermath,
    ) -> Self {
        let outcomes = command::first_outcomes(&envelope, size, peer, layer);
        let framing = Framing::for_peer(peer);
        let pending = outcomes.iter().enumerate().filter(|(_, o)| o.is_none());
        let pending: Vec<_> = pending.map(|(at, _)| Command::Rcpt(at)).collect();
        let mut commands = Vec::new();
        if !pending.is_empty() {
            commands.extend((before == Aftermath::ResetDue).then_some(Command::Rset));
            commands.push(Command::Mail);
            commands.extend(pending);
            commands.extend(framing.said_ahead(size, peer));
        }
        Self {
            envelope,
            size,
            peer: peer.clone(),
            framing,
            phase: Phase::Envelope,
            commands: Pipeline::new(commands, peer),
            mail_refused: false,
            recipients_accepted: 0,
            go_ahead: None,
            aftermath: before,
            chunk_not_understood: false,
            broken: None,
            outcomes,
        }
    }

    /// What the transaction is about, where the peer offered CHUNKING and then did not know BDAT.
    /// It was told nothing that it understood, and may be told again with DATA.
    pub(super) fn not_understood(self) -> Option<(Envelope, u64)> {
        self.chunk_not_understood
            .then_some((self.envelope, self.size))
    }

    /// What to do next, given all that was read so far.
    pub(super) fn advance(
        &mut self,
        exchange: &mut Exchange,
        input: &mut BytesMut,
        now: Instant,
    ) -> Step {
        let advanced = match self.broken.take() {
            Some(fault) => Err(fault),
            None => self.advance_phase(exchange, input, now),
        };
        let left = match advanced {
            Ok(Some(step)) => return step,
            Ok(None) => Ok(self.aftermath),
            Err(fault) => {
                self.settle_pending(&RecipientOutcome::of_fault(&fault));
                Err(fault)
            }
        };
        let outcomes = std::mem::take(&mut self.outcomes);
        Step::Settled(outcomes.into_iter().flatten().collect(), left)
    }

    /// The next step, or `None` when there is none left.
    fn advance_phase(
        &mut self,
        exchange: &mut Exchange,
        input: &mut BytesMut,
        now: Instant,
    ) -> Result<Option<Step>, SessionFault> {
        if matches!(self.phase, Phase::Envelope)
            && let Some(step) = self.advance_envelope(exchange, input, now)?
        {
            return Ok(Some(step));
        }
        match &mut self.phase {
            Phase::Envelope => Ok(None),
            Phase::Content(outgoing) => {
                // What is said while answers are due may be one of them.
                let is_ahead = self.commands.awaited().is_some();
                if !is_ahead {
                    exchange.listen_amid_content(input)?;
                }
                let Some(piece) = outgoing.next_piece() else {
                    return Ok(Some(Step::Content));
                };
                if is_ahead && outgoing.is_done() {
                    self.phase = Phase::Envelope;
                } else if outgoing.is_done() {
                    self.ask_for_the_verdict(Phase::EndOfContent, exchange, input, now)?;
                } else if !is_ahead {
                    exchange.await_next(Stage::Content, now);
                }
                Ok(Some(Step::Send(piece)))
            }
            Phase::NoContent | Phase::EndOfContent => match exchange.answer(input, now)? {
                None => Ok(Some(Step::Read)),
                Some(reply) => self.take_verdict(reply).map(|()| None),
            },
        }
    }

    /// Sends what may be sent and takes the answers, until there is content to send (`None`, in
    /// a later phase) or nothing at all (`None`, still in this one).
    fn advance_envelope(
        &mut self,
        exchange: &mut Exchange,
        input: &mut BytesMut,
        now: Instant,
    ) -> Result<Option<Step>, SessionFault> {
        while let Some(command) = self.commands.awaited() {
            let Some(reply) = exchange.answer(input, now)? else {
                return Ok(Some(Step::Read));
            };
            self.commands.answered();
            self.take_answer(command, reply)?;
            if let Some(next) = self.commands.awaited() {
                if next == Command::Bdat {
                    exchange.limit(None);
                }
                exchange.await_next(next.stage(), now);
            }
        }
        if self.recipients_accepted == 0 {
            self.commands.withdraw_content();
        }
        let (envelope, size, peer) = (&self.envelope, self.size, &self.peer);
        let group = self
            .commands
            .next_group(|command| command.encode(envelope, size, peer));
        if let Some(first) = self.commands.awaited() {
            exchange.ask(first.stage(), input, now)?;
            if self.commands.wants_content() {
                self.phase = Phase::Content(Outgoing::new(Framing::Bdat, self.size));
            }
            return Ok((!group.is_empty()).then_some(Step::Send(group)));
        }
        self.begin_content(exchange, input, now)
    }

    fn take_answer(&mut self, command: Command, reply: Reply) -> Result<(), SessionFault> {
        let stage = command.stage();
        match (command, reply.severity()) {
            (Command::Bdat, _) => return self.take_verdict(reply),
            (Command::Rset, Severity::PositiveCompletion) => self.aftermath = Aftermath::Clean,
            (Command::Mail, Severity::PositiveCompletion) => self.aftermath = Aftermath::ResetDue,
            (Command::Rcpt(_), Severity::PositiveCompletion) => {
                self.recipients_accepted += 1;
                self.aftermath = Aftermath::ResetDue;
            }
            (Command::Data, _) if reply.code() == ReplyCode::START_CONTENT => {
                self.go_ahead = Some(reply);
            }
            (Command::Mail, Severity::TransientNegative | Severity::PermanentNegative) => {
                self.mail_refused = true;
                self.commands.withdraw_all();
                self.settle_pending(&RecipientOutcome::refused_by_peer(reply));
            }
            (Command::Rcpt(at), Severity::TransientNegative | Severity::PermanentNegative) => {
                if let Some(outcome) = self.outcomes.get_mut(at) {
                    outcome.get_or_insert(RecipientOutcome::of_refused_rcpt(reply));
                }
            }
            (Command::Data, Severity::TransientNegative | Severity::PermanentNegative) => {
                self.settle_pending(&RecipientOutcome::refused_by_peer(reply));
            }
            (Command::Rset | Command::Mail | Command::Rcpt(_) | Command::Data, _) => {
                return Err(SessionFault::UnexpectedReply { stage, reply });
            }
        }
        Ok(())
    }

    /// Leaves the envelope when all of it is answered. A peer may answer 354 to a DATA sent
    /// ahead although it accepted no recipient; it is given empty content (RFC 2920 §3.1).
    /// One that refused MAIL and then accepted a recipient would deliver that emptiness.
    fn begin_content(
        &mut self,
        exchange: &mut Exchange,
        input: &BytesMut,
        now: Instant,
    ) -> Result<Option<Step>, SessionFault> {
        let has_recipients = self.recipients_accepted > 0;
        match self.go_ahead.take() {
            Some(reply) if self.mail_refused && has_recipients => {
                let stage = Stage::Data;
                Err(SessionFault::UnexpectedReply { stage, reply })
            }
            Some(_) if !has_recipients => {
                self.ask_for_the_verdict(Phase::NoContent, exchange, input, now)?;
                Ok(Some(Step::Send(Bytes::from_static(b".\r\n"))))
            }
            None if self.is_settled() => Ok(None),
            Some(_) | None => {
                let outgoing = Outgoing::new(self.framing, self.size);
                exchange.limit(Some(now + outgoing.limit()));
                self.phase = Phase::Content(outgoing);
                Ok(None)
            }
        }
    }

    /// Notes that the end of content is about to be sent.
    fn ask_for_the_verdict(
        &mut self,
        phase: Phase,
        exchange: &mut Exchange,
        input: &BytesMut,
        now: Instant,
    ) -> Result<(), SessionFault> {
        self.phase = phase;
        exchange.limit(None);
        exchange.ask(Stage::EndOfContent, input, now)
    }

    /// Takes the reply to the end of content, the only one that delivers anything.
    fn take_verdict(&mut self, reply: Reply) -> Result<(), SessionFault> {
        let stage = Stage::EndOfContent;
        let is_chunk = self.framing == Framing::Bdat;
        let has_recipients = self.recipients_accepted > 0 && !self.mail_refused;
        self.chunk_not_understood = is_chunk && has_recipients && is_about_syntax(reply.code());
        let outcome = match reply.severity() {
            // Nobody can say who was given it.
            Severity::PositiveCompletion if is_chunk && !has_recipients => {
                return Err(SessionFault::UnexpectedReply { stage, reply });
            }
            Severity::PositiveCompletion => RecipientOutcome::Delivered(reply),
            Severity::TransientNegative | Severity::PermanentNegative => {
                RecipientOutcome::refused_by_peer(reply)
            }
            Severity::PositiveIntermediate => {
                return Err(SessionFault::UnexpectedReply { stage, reply });
            }
        };
        // A refused BDAT leaves the transaction in a state that only RSET ends (RFC 3030 §2).
        let refused = !matches!(outcome, RecipientOutcome::Delivered(_));
        self.aftermath = if refused && is_chunk {
            Aftermath::ResetDue
        } else {
            Aftermath::Clean
        };
        self.settle_pending(&outcome);
        Ok(())
    }

    /// Takes a piece of content, or its end where there is no piece.
    pub(super) fn content(&mut self, chunk: Option<Bytes>) -> Result<(), OutOfTurn> {
        let Phase::Content(outgoing) = &mut self.phase else {
            return Err(OutOfTurn);
        };
        let taken = match chunk {
            Some(chunk) => outgoing.push(chunk),
            None => outgoing.end(),
        };
        if let Err(error) = taken {
            self.broken = Some(SessionFault::Content(error));
        }
        Ok(())
    }

    /// Ends the transaction by something that did not come from the peer.
    pub(super) fn break_off(&mut self, fault: SessionFault) {
        self.broken.get_or_insert(fault);
    }

    /// Gives every recipient who has no outcome yet this one.
    pub(super) fn settle_pending(&mut self, outcome: &RecipientOutcome) {
        for pending in self.outcomes.iter_mut().filter(|one| one.is_none()) {
            *pending = Some(outcome.clone());
        }
    }

    fn is_settled(&self) -> bool {
        self.outcomes.iter().all(Option::is_some)
    }
}

/// Whether a refusal means the command and not what it brings: 500 to 504 (RFC 5321 §4.2.2).
fn is_about_syntax(code: ReplyCode) -> bool {
    (500..=504).contains(&code.as_u16())
}
