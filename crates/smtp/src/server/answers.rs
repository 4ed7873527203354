//! Questions to the shell, and what its answers lead to.

use std::mem;

use postern_mail::Reply;

use super::{
    Action, Answer, Pending, Question, ServerSession, State,
    output::When,
    replies,
    transaction::{Chunks, Transaction},
};

impl ServerSession {
    pub(super) fn ask(&mut self, pending: Pending, question: Question) -> Action {
        self.state = State::Asking(pending);
        Action::Ask(question)
    }

    /// Answers the question that was asked last. Without one it does nothing.
    pub fn answer(&mut self, answer: Answer) {
        let pending = match mem::replace(&mut self.state, State::Command) {
            State::Asking(pending) => pending,
            other => {
                self.state = other;
                return;
            }
        };
        match answer {
            Answer::Accept => self.accepted(pending, ""),
            Answer::AcceptSaying(text) => self.accepted(pending, &text),
            Answer::Refuse(reply) => self.declined(&pending, replies::refusing(reply)),
        }
    }

    fn accepted(&mut self, pending: Pending, text: &str) {
        match pending {
            Pending::Mail(mail) => {
                self.tally.unknowing = 0;
                self.transaction = Some(Transaction::begin(mail));
                self.output
                    .push(&replies::sender_accepted(text), When::Gathered);
            }
            Pending::Rcpt(rcpt) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.envelope.recipients.push(rcpt.recipient);
                }
                self.output
                    .push(&replies::recipient_accepted(text), When::Gathered);
            }
            Pending::Data => {
                self.output.push(&replies::send_content(), When::AtOnce);
                self.receive_data();
            }
            Pending::Chunk(bdat) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.chunks = Chunks::Begun;
                }
                self.receive_chunk(bdat, None);
            }
            Pending::Message => {
                self.tally.errors = 0;
                self.tally.refusals = 0;
                self.output
                    .push(&replies::message_accepted(text), When::AtOnce);
            }
        }
    }

    fn declined(&mut self, pending: &Pending, reply: Reply) {
        match pending {
            Pending::Mail(_) | Pending::Rcpt(_) => self.decline(&reply, When::Gathered),
            Pending::Data | Pending::Message => self.decline(&reply, When::AtOnce),
            Pending::Chunk(bdat) => self.receive_chunk(*bdat, Some(reply)),
        }
    }
}
