//! Content: its way from DATA or BDAT to the question whether we answer for it.

use std::{mem, time::Instant};

use bytes::{Bytes, BytesMut};
use postern_mail::Reply;

use super::{
    Action, Ending, Message, Pending, Question, ServerSession, State,
    output::When,
    replies,
    transaction::{Chunks, Framing, Receiving},
};
use crate::{
    command::BdatCommand,
    framing::{Chunk, Piece, Transparency},
};

/// A client that does not know of SIZE sends its whole message before it hears that it is too
/// large, and only a reply at the end keeps it from trying again. So content beyond the limit is
/// swallowed, but not for ever: this many times the limit, all in all.
const SWALLOWED: u64 = 10;

impl ServerSession {
    /// BDAT that is due (RFC 3030 §2). Before the first chunk the shell is asked.
    pub(super) fn bdat(&mut self, bdat: BdatCommand) -> Option<Action> {
        let chunks = self
            .transaction
            .as_ref()
            .map(|transaction| &transaction.chunks);
        if matches!(chunks, Some(Chunks::None)) {
            return Some(self.ask(Pending::Chunk(bdat), Question::Content));
        }
        self.receive_chunk(bdat, None);
        None
    }

    /// BDAT that is not due. The octets behind it are there all the same and must be counted
    /// off: read as commands they would be an injection. The refusal is said behind them.
    pub(super) fn swallow_chunk(&mut self, bdat: BdatCommand, refusal: Reply) {
        self.refused = Some(refusal.clone());
        self.receive_chunk(bdat, Some(refusal));
    }

    /// Lets a chunk in, or counts it off if it is refused already.
    pub(super) fn receive_chunk(&mut self, bdat: BdatCommand, refusal: Option<Reply>) {
        let BdatCommand { size, last } = bdat;
        let chunk = Chunk::new(size);
        self.receive_by(Framing::Chunk { chunk, size, last }, refusal);
    }

    pub(super) fn receive_data(&mut self) {
        self.receive_by(Framing::Data(Transparency::new()), None);
    }

    fn receive_by(&mut self, framing: Framing, refusal: Option<Reply>) {
        self.patience.content_begins();
        self.state = State::Content(Receiving { framing, refusal });
    }

    /// Takes the next piece of content from the input.
    pub(super) fn receive(&mut self, input: &mut BytesMut, now: Instant) -> Option<Action> {
        let State::Content(receiving) = &mut self.state else {
            return None;
        };
        let piece = match &mut receiving.framing {
            Framing::Data(transparency) => transparency.next(input),
            Framing::Chunk { chunk, .. } => chunk.next(input),
        };
        match piece {
            Piece::Content(octets) => self.take_in(octets),
            Piece::End => self.end_of_content(),
            Piece::NeedOctets => self.await_octets(now),
        }
    }

    /// Passes a piece on to the shell, or throws it away when the content is refused.
    fn take_in(&mut self, octets: Bytes) -> Option<Action> {
        let limit = self.settings.limits.content;
        let so_far = self.patience.content_octets(octets.len());
        let State::Content(receiving) = &mut self.state else {
            return None;
        };
        if receiving.refusal.is_none() {
            let room = limit.saturating_sub(so_far - octets.len() as u64);
            match self.transaction.as_mut()?.inspect(&octets, room) {
                Ok(()) => return Some(Action::Content(octets)),
                Err(why) => {
                    receiving.refusal = Some(replies::abandoned(why));
                    self.abandoned = Some(why);
                }
            }
        }
        if so_far > limit.saturating_mul(SWALLOWED)
            && let Some(refusal) = receiving.refusal.take()
        {
            self.close(&refusal, Ending::EndlessContent);
        }
        None
    }

    /// The content behind DATA, or a chunk, is complete.
    fn end_of_content(&mut self) -> Option<Action> {
        let State::Content(receiving) = mem::replace(&mut self.state, State::Command) else {
            return None;
        };
        match (receiving.framing, receiving.refusal) {
            (
                Framing::Chunk {
                    size, last: false, ..
                },
                None,
            ) => {
                self.output
                    .push(&replies::chunk_received(size), When::Gathered);
                None
            }
            (Framing::Chunk { last: false, .. }, Some(refusal)) => {
                self.chunk_refused(refusal);
                None
            }
            (Framing::Data(_) | Framing::Chunk { .. }, Some(refusal)) => {
                self.message_refused(&refusal);
                None
            }
            (Framing::Data(_) | Framing::Chunk { .. }, None) => self.message_received(),
        }
    }

    /// The rest of the message is refused as well, until the last chunk or RSET.
    fn chunk_refused(&mut self, refusal: Reply) {
        self.decline(&refusal, When::Gathered);
        match &mut self.transaction {
            Some(transaction) => transaction.chunks = Chunks::Refused(refusal),
            None => {
                self.patience.content_ends();
            }
        }
    }

    fn message_refused(&mut self, refusal: &Reply) {
        self.transaction = None;
        self.patience.content_ends();
        self.tally.idle_commands = 0;
        self.decline(refusal, When::AtOnce);
    }

    fn message_received(&mut self) -> Option<Action> {
        let transaction = self.transaction.take()?;
        if let Err(why) = transaction.finish() {
            self.abandoned = Some(why);
            self.message_refused(&replies::abandoned(why));
            return None;
        }
        self.tally.idle_commands = 0;
        let message = Message {
            envelope: transaction.into_envelope(),
            octets: self.patience.content_ends(),
        };
        Some(self.ask(Pending::Message, Question::Message(message)))
    }
}
