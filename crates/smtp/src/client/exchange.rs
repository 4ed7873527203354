//! One question, one answer: the part of a session that opening and delivery share.

use std::time::Instant;

use bytes::BytesMut;
use postern_mail::{Reply, ReplyCode, Severity};

use super::{ReplyReader, SessionFault, Stage};

/// Which reply is waited for, and until when.
#[derive(Debug)]
pub(super) struct Exchange {
    reader: ReplyReader,
    stage: Stage,
    deadline: Instant,
    limit: Option<Instant>,
}

impl Exchange {
    pub(super) fn new(stage: Stage, now: Instant) -> Self {
        Self {
            reader: ReplyReader::default(),
            stage,
            deadline: now + stage.patience(),
            limit: None,
        }
    }

    /// Bounds a run of exchanges as a whole: a peer that answers each of a thousand commands at
    /// the last moment would hold a connection for days.
    pub(super) fn limit(&mut self, limit: Option<Instant>) {
        self.limit = limit;
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) fn deadline(&self) -> Instant {
        self.limit
            .map_or(self.deadline, |limit| limit.min(self.deadline))
    }

    /// Notes that a command is about to be sent. Whatever the peer has said by now answers
    /// something it was never asked, so nobody may take it for the answer.
    pub(super) fn ask(
        &mut self,
        stage: Stage,
        input: &BytesMut,
        now: Instant,
    ) -> Result<(), SessionFault> {
        if !input.is_empty() || self.reader.is_midway() {
            return Err(SessionFault::AnswerBeforeQuestion { stage });
        }
        self.await_next(stage, now);
        Ok(())
    }

    /// Notes that something further is due: an answer to what was sent already, or the writing
    /// of a piece of content.
    pub(super) fn await_next(&mut self, stage: Stage, now: Instant) {
        self.stage = stage;
        self.deadline = now + stage.patience();
    }

    /// The answer, if it is there. Slow octets win no time: the deadline is for the whole reply.
    pub(super) fn answer(
        &mut self,
        input: &mut BytesMut,
        now: Instant,
    ) -> Result<Option<Reply>, SessionFault> {
        match self.interjection(self.stage, input)? {
            None if now >= self.deadline() => Err(SessionFault::TimedOut { stage: self.stage }),
            reply => Ok(reply),
        }
    }

    /// What the peer says of its own accord. 421 ends the session whenever it comes
    /// (RFC 5321 §3.8).
    pub(super) fn interjection(
        &mut self,
        stage: Stage,
        input: &mut BytesMut,
    ) -> Result<Option<Reply>, SessionFault> {
        match self.reader.next(input) {
            Err(error) => Err(SessionFault::IllFormedReply { stage, error }),
            Ok(Some(reply)) if reply.code() == ReplyCode::NOT_AVAILABLE => {
                Err(SessionFault::ShutDown { stage, reply })
            }
            Ok(reply) => Ok(reply),
        }
    }

    /// Hears a peer that speaks amid content, where no reply is due. A refusal may be meant well,
    /// but the session is out of step from there on; anything else forges the final reply.
    pub(super) fn listen_amid_content(&mut self, input: &mut BytesMut) -> Result<(), SessionFault> {
        let stage = Stage::Content;
        match self.interjection(stage, input)? {
            None => Ok(()),
            Some(reply) => Err(match reply.severity() {
                Severity::TransientNegative | Severity::PermanentNegative => {
                    SessionFault::Refused { stage, reply }
                }
                Severity::PositiveCompletion | Severity::PositiveIntermediate => {
                    SessionFault::UnexpectedReply { stage, reply }
                }
            }),
        }
    }

    /// What it means that the connection is gone, or was given up, `now`.
    pub(super) fn connection_lost(&self, now: Instant) -> SessionFault {
        let stage = self.stage;
        if now >= self.deadline() {
            SessionFault::TimedOut { stage }
        } else {
            SessionFault::ConnectionLost { stage }
        }
    }
}
