//! Which commands may be sent ahead of which replies (RFC 2920 §3.1).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{Capabilities, Extension, command::Command};

/// The most octets of commands sent ahead of their replies. While we write, nobody may be
/// reading: a group that fits the buffers on the way cannot make both ends wait for each other
/// to read (RFC 2920 §3.1). It holds some two hundred recipients.
const LARGEST_GROUP: usize = 16 * 1024;

/// The commands of a transaction, sent in groups: the next one leaves when all of the last are
/// answered.
#[derive(Debug)]
pub(super) struct Pipeline {
    unsent: VecDeque<Command>,
    unanswered: VecDeque<Command>,
    largest_group: usize,
}

impl Pipeline {
    /// Without PIPELINING every command is a group of its own.
    pub(super) fn new(commands: Vec<Command>, peer: &Capabilities) -> Self {
        let pipelining = peer.offers(Extension::Pipelining);
        Self {
            unsent: commands.into(),
            unanswered: VecDeque::new(),
            largest_group: if pipelining { LARGEST_GROUP } else { 0 },
        }
    }

    /// The command that the next reply answers.
    pub(super) fn awaited(&self) -> Option<Command> {
        self.unanswered.front().copied()
    }

    /// Notes that it was answered.
    pub(super) fn answered(&mut self) {
        self.unanswered.pop_front();
    }

    /// Whether the last command of the group was sent, and all that is missing of it is content.
    pub(super) fn wants_content(&self) -> bool {
        self.unanswered.back() == Some(&Command::Bdat)
    }

    /// Takes the next group, empty when nothing is left. DATA and BDAT, which only ever stand last,
    /// may be in it before a recipient is known to be accepted.
    pub(super) fn next_group(&mut self, encode: impl Fn(Command) -> String) -> Bytes {
        let mut group = BytesMut::new();
        while let Some(command) = self.unsent.pop_front() {
            group.extend_from_slice(encode(command).as_bytes());
            self.unanswered.push_back(command);
            if group.len() >= self.largest_group {
                break;
            }
        }
        group.freeze()
    }

    /// Gives up DATA or BDAT where it is all that is left: all recipients are answered then, and
    /// the caller knows that none was accepted.
    pub(super) fn withdraw_content(&mut self) {
        if let Some(Command::Data | Command::Bdat) = self.unsent.front() {
            self.unsent.clear();
        }
    }

    /// Gives up what was not sent.
    pub(super) fn withdraw_all(&mut self) {
        self.unsent.clear();
    }
}

#[cfg(test)]
mod tests {
    use postern_mail::{Reply, ReplyCode};

    use super::*;

    #[test]
    fn groups_are_bounded_and_complete() {
        let ehlo = Reply::new(ReplyCode::OK, "mx").with_line("PIPELINING");
        let commands: Vec<_> = (0..1000).map(Command::Rcpt).collect();
        let mut pipeline = Pipeline::new(commands.clone(), &Capabilities::from_ehlo(&ehlo));
        let mut sent = Vec::new();
        loop {
            let group = pipeline.next_group(|_| "x".repeat(100));
            assert!(group.len() < LARGEST_GROUP + 100);
            if group.is_empty() {
                break;
            }
            while let Some(command) = pipeline.awaited() {
                sent.push(command);
                pipeline.answered();
            }
        }
        assert_eq!(sent, commands);
    }
}
