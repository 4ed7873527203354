//! Commands: whether they are due, and what they do.

use std::time::Instant;

use bytes::BytesMut;
use postern_mail::Reply;

use super::{
    Action, Ending, Hello, Layer, Pending, Question, RequireTls, ServerSession, StartTls, State,
    output::When,
    replies,
    transaction::{Chunks, Transaction},
};
use crate::{
    command::{self, Command, CommandError, MailCommand, RcptCommand, Verb},
    framing::Line,
};

/// RCPT commands beyond the limit of recipients are answered, since real clients send them, but
/// not for ever: one transaction may hold this many times the limit.
const PATIENCE_WITH_RCPT: usize = 10;

/// What a line of HTTP begins with (ALPACA, USENIX Security 2021: a browser can be made to send
/// requests whose body is SMTP).
const HTTP_METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
];

impl ServerSession {
    /// Takes the next command from the input and carries it out.
    pub(super) fn next_command(&mut self, input: &mut BytesMut, now: Instant) -> Option<Action> {
        if self.shutting_down {
            self.close(&replies::shutting_down(), Ending::ShutDown);
            return None;
        }
        let line = self.lines.next(input, self.settings.limits.line);
        if line == Line::NeedOctets {
            return self.await_octets(now);
        }
        self.patience.progress();
        match line {
            Line::Complete(line) => return self.obey(&line, input),
            Line::TooLong => self.refuse(replies::line_too_long()),
            Line::Endless => self.close(&replies::line_too_long(), Ending::EndlessLine),
            Line::BareLineFeed => self.close(&replies::bare_line_feed(), Ending::BareLineFeed),
            Line::NeedOctets => {}
        }
        None
    }

    /// Legality before effect: first whether the command may come now and is well-formed, then
    /// what it does.
    fn obey(&mut self, line: &[u8], input: &BytesMut) -> Option<Action> {
        if is_http(line) {
            self.close(&replies::not_a_web_server(), Ending::Http);
            return None;
        }
        let (verb, argument) = match command::split(line) {
            Ok(split) => split,
            Err(why) => {
                self.refuse(self.unreadable(&why));
                return None;
            }
        };
        if verb == Verb::Mail {
            self.tally.unknowing = self.settings.limits.recipients.saturating_add(1);
        }
        match (self.is_due(verb), Command::of(verb, argument)) {
            (Ok(()), Ok(command)) => return self.perform(command, input),
            // Octets follow BDAT whatever the reply is.
            (Err(reply), Ok(Command::Bdat(bdat))) => self.swallow_chunk(bdat, reply),
            (_, Err(why @ CommandError::Chunk)) => {
                let reply = replies::command_error(&why);
                self.refused = Some(reply.clone());
                self.close(&reply, Ending::ChunkWithoutSize);
            }
            (Err(reply), _) if self.is_unknowing(verb) => {
                self.tally.unknowing -= 1;
                self.output.push(&reply, When::AtOnce);
                self.refused = Some(reply);
            }
            (Err(reply), _) => self.refuse(reply),
            (Ok(()), Err(why)) => self.refuse(replies::command_error(&why)),
        }
        None
    }

    /// Whether the command was sent by a client that may not have known that its MAIL was
    /// refused: one that pipelines sends its recipients and DATA in the same breath
    /// (RFC 2920 §3.1). That is no mistake.
    fn is_unknowing(&self, verb: Verb) -> bool {
        matches!(verb, Verb::Rcpt | Verb::Data)
            && self.transaction.is_none()
            && self.tally.unknowing > 0
    }

    /// What a line gets that has no verb of ours: it may be one that demands TLS, such as AUTH.
    fn unreadable(&self, why: &CommandError) -> Reply {
        if self.tls_is_missing() {
            replies::starttls_first()
        } else {
            replies::command_error(why)
        }
    }

    /// Whether the command may come now (RFC 5321 §4.1.4, RFC 3207 §4, RFC 3030 §2).
    fn is_due(&self, verb: Verb) -> Result<(), Reply> {
        match verb {
            Verb::Ehlo | Verb::Helo | Verb::Rset | Verb::Noop | Verb::Quit | Verb::Help => Ok(()),
            Verb::StartTls => self.starttls_is_due(),
            Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat | Verb::Vrfy | Verb::Expn
                if self.tls_is_missing() =>
            {
                Err(replies::starttls_first())
            }
            Verb::Vrfy | Verb::Expn => Ok(()),
            Verb::Mail => match (&self.hello, &self.transaction) {
                (None, _) => Err(replies::bad_sequence("Say EHLO first")),
                (Some(_), Some(_)) => Err(replies::bad_sequence("A transaction is open")),
                (Some(_), None) => Ok(()),
            },
            Verb::Rcpt => match self.open_transaction()?.chunks {
                Chunks::None => Ok(()),
                Chunks::Begun | Chunks::Refused(_) => {
                    Err(replies::bad_sequence("Content has begun"))
                }
            },
            Verb::Data => match self.open_transaction()?.chunks {
                Chunks::None => self.recipients_are_there(),
                Chunks::Begun | Chunks::Refused(_) => {
                    Err(replies::bad_sequence("BDAT and DATA do not mix"))
                }
            },
            Verb::Bdat => match &self.open_transaction()?.chunks {
                Chunks::None => self.recipients_are_there(),
                Chunks::Begun => Ok(()),
                Chunks::Refused(reply) => Err(reply.clone()),
            },
        }
    }

    fn tls_is_missing(&self) -> bool {
        self.layer == Layer::Plain && self.settings.starttls == StartTls::Required
    }

    fn starttls_is_due(&self) -> Result<(), Reply> {
        match (self.layer, self.settings.starttls, &self.hello) {
            (Layer::Tls, _, _) => Err(replies::bad_sequence("TLS is active already")),
            (Layer::Plain, StartTls::NotOffered, _) => Err(replies::starttls_not_offered()),
            (Layer::Plain, StartTls::Offered | StartTls::Required, None) => {
                Err(replies::bad_sequence("Say EHLO first"))
            }
            (Layer::Plain, StartTls::Offered | StartTls::Required, Some(_)) => Ok(()),
        }
    }

    fn open_transaction(&self) -> Result<&Transaction, Reply> {
        self.transaction
            .as_ref()
            .ok_or_else(|| replies::bad_sequence("Say MAIL first"))
    }

    /// RFC 5321 §3.3: 503 when no recipient was named, 554 when none was accepted.
    fn recipients_are_there(&self) -> Result<(), Reply> {
        let transaction = self.open_transaction()?;
        if !transaction.envelope.recipients.is_empty() {
            Ok(())
        } else if transaction.recipients_named == 0 {
            Err(replies::bad_sequence("Say RCPT first"))
        } else {
            Err(replies::no_valid_recipients())
        }
    }

    fn perform(&mut self, command: Command, input: &BytesMut) -> Option<Action> {
        let moves_a_message = match command {
            Command::Rcpt(_) => true,
            Command::Bdat(bdat) => bdat.size > 0,
            _ => false,
        };
        if !moves_a_message && !self.afford_idle_command() {
            return None;
        }
        match command {
            Command::Mail(mail) => return self.mail(mail),
            Command::Rcpt(rcpt) => return self.rcpt(rcpt),
            Command::Data => return Some(self.ask(Pending::Data, Question::Content)),
            Command::Bdat(bdat) => return self.bdat(bdat),
            Command::Ehlo(name) => self.greeted_by(Hello::Ehlo(name)),
            Command::Helo(name) => self.greeted_by(Hello::Helo(name)),
            Command::Rset => {
                self.end_transaction();
                self.output.push(&replies::done(), When::Gathered);
            }
            Command::Vrfy => self.output.push(&replies::cannot_verify(), When::AtOnce),
            Command::Expn => self.refuse(replies::not_expanded()),
            Command::Help => self.output.push(&replies::help(), When::AtOnce),
            Command::Noop => self.output.push(&replies::done(), When::AtOnce),
            Command::Quit => self.close(&replies::goodbye(), Ending::Quit),
            Command::StartTls if input.is_empty() => {
                self.end_transaction();
                self.state = State::StartTls;
            }
            // Postfix called this plaintext command injection, CVE-2011-0411: what stands here
            // would be read after the handshake, as if it had come by it.
            Command::StartTls => self.close(
                &replies::pipelined_behind_starttls(),
                Ending::PipelinedBehindStartTls,
            ),
        }
        None
    }

    /// EHLO and HELO end an open transaction (RFC 5321 §4.1.4).
    fn greeted_by(&mut self, hello: Hello) {
        self.end_transaction();
        let reply = match (&hello, self.layer) {
            (Hello::Helo(_), _) => replies::helo(&self.settings),
            (Hello::Ehlo(_), layer) => replies::ehlo(&self.settings, layer),
        };
        self.output.push(&reply, When::AtOnce);
        self.hello = Some(hello);
    }

    fn mail(&mut self, mail: MailCommand) -> Option<Action> {
        if mail.requiretls
            && let Err(reply) = self.requiretls_is_possible()
        {
            self.refuse(reply);
            return None;
        }
        if mail
            .size
            .is_some_and(|size| size > self.settings.limits.content)
        {
            self.refused = Some(replies::too_large());
            self.decline(&replies::too_large(), When::Gathered);
            return None;
        }
        Some(self.ask(Pending::Mail(mail.clone()), Question::Mail(mail)))
    }

    /// Whether the promise of REQUIRETLS can be made here (RFC 8689 §2, §4.1): a message that
    /// came in clear has been read on its way already.
    fn requiretls_is_possible(&self) -> Result<(), Reply> {
        match (self.settings.requiretls, self.layer) {
            (RequireTls::Offered, Layer::Tls) => Ok(()),
            (RequireTls::Offered, Layer::Plain) => Err(replies::requiretls_in_clear()),
            (RequireTls::NotOffered, Layer::Plain | Layer::Tls) => Err(replies::command_error(
                &CommandError::ParameterNotRecognised,
            )),
        }
    }

    fn rcpt(&mut self, rcpt: RcptCommand) -> Option<Action> {
        let limit = self.settings.limits.recipients;
        let transaction = self.transaction.as_mut()?;
        transaction.recipients_named += 1;
        if transaction.recipients_named > limit.saturating_mul(PATIENCE_WITH_RCPT) {
            self.close(
                &replies::too_much("Too many commands"),
                Ending::TooManyCommands,
            );
        } else if transaction.envelope.recipients.len() >= limit {
            self.output
                .push(&replies::too_many_recipients(), When::Gathered);
        } else if rcpt.needs_smtputf8 && !transaction.envelope.smtputf8 {
            self.refuse(replies::command_error(&CommandError::NeedsSmtputf8));
        } else {
            return Some(self.ask(Pending::Rcpt(rcpt.clone()), Question::Rcpt(rcpt)));
        }
        None
    }

    /// Counts a command that moves no message; beyond the limit it ends the session.
    fn afford_idle_command(&mut self) -> bool {
        self.tally.idle_commands += 1;
        let afforded = self.tally.idle_commands <= self.settings.limits.idle_commands;
        if !afforded {
            self.close(
                &replies::too_much("Too many commands"),
                Ending::TooManyCommands,
            );
        }
        afforded
    }

    /// Forgets the envelope, and the content where a part of it came in.
    pub(super) fn end_transaction(&mut self) {
        self.patience.content_ends();
        if let Some(Transaction {
            chunks: Chunks::Begun,
            ..
        }) = self.transaction.take()
        {
            self.abandoned = Some(super::Abandoned::Reset);
        }
    }
}

/// Whether a line is the first of an HTTP request.
fn is_http(line: &[u8]) -> bool {
    HTTP_METHODS.iter().any(|method| line.starts_with(method))
        || [&b" HTTP/1.0"[..], b" HTTP/1.1", b" HTTP/2.0"]
            .iter()
            .any(|version| line.ends_with(version))
}
