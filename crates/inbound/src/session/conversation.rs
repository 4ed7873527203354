//! The shell around a session: read, feed, perform, repeat.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use postern_mail::Foreign;
use postern_smtp::server::{Action, AwaitingTls, Ending, Question, ServerSession};
use postern_tls::{PlainServerChannel, ServerChannel};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{timeout, timeout_at},
};

use super::{Lost, Visit, journal, make_room, reception::Reception};
use crate::admission;

/// How much is read at once while commands are expected, and while content is.
const COMMANDS: usize = 4 * 1024;
const CONTENT: usize = 64 * 1024;

/// How long we listen on after our last word, and how much we throw away meanwhile. To close a
/// socket with octets unread makes the kernel reset the connection, and the client would lose
/// the reply that says why.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_OCTETS: usize = 256 * 1024;

/// A session and the channel that it is held over.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    visit: &'a Visit,
    channel: ServerChannel<TcpStream>,
    session: ServerSession,
    input: BytesMut,
    stopping: Stopping,
}

/// Whether the session knows that reception stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    Told,
}

/// What comes after a conversation.
#[derive(Debug)]
pub(super) enum Next {
    /// The connection is closed.
    Closed(Ending),
    /// The client is to begin a handshake.
    StartTls(AwaitingTls, PlainServerChannel<TcpStream>),
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        visit: &'a Visit,
        channel: ServerChannel<TcpStream>,
        session: ServerSession,
    ) -> Self {
        Self {
            visit,
            channel,
            session,
            input: BytesMut::new(),
            stopping: Stopping::No,
        }
    }

    pub(super) async fn run(mut self, reception: &mut Reception<'_>) -> Result<Next, Lost> {
        reception.begin_over(self.channel.evidence());
        self.hear_early_talker().await?;
        loop {
            match self.session.advance(&mut self.input, Instant::now()) {
                Action::Send(octets) => self.send(&octets).await?,
                Action::Read => self.read(reception.is_taking_content()).await?,
                Action::Ask(Question::Message(message)) => {
                    let weighed = self.while_it_stays(reception.weigh(message)).await?;
                    self.session.answer(reception.keep(weighed).await);
                }
                Action::Ask(question) => {
                    let answer = reception.answer(question, &self.session).await;
                    self.session.answer(answer);
                }
                Action::Content(octets) => {
                    if let Err(reply) = reception.take(octets).await {
                        self.session.refuse_content(reply);
                    }
                }
                Action::Abandon(why) => reception.abandon(why),
                Action::Refused(reply) => journal::command_refused(&reply),
                Action::StartTls if self.octets_pending()? => {
                    self.session.abort(admission::behind_starttls());
                }
                Action::StartTls => return Ok(self.into_starttls()),
                Action::Close(ending) => return Ok(self.close(ending).await),
            }
        }
    }

    /// A client that has spoken already does not wait for our greeting, nor for anything else.
    async fn hear_early_talker(&mut self) -> Result<(), Lost> {
        if self.octets_pending()? {
            make_room(&mut self.input, COMMANDS);
            self.channel.read_buf(&mut self.input).await?;
        }
        Ok(())
    }

    /// Does work that may take a while, unless the client leaves: what it does not wait for is not
    /// to be done. What it sends meanwhile waits for its turn (RFC 2920 §3.1).
    ///
    /// Whoever has said QUIT behind its message and then sends no more has not left: it has said
    /// all there is to say, and may still hear (half-closed connections, as small programs and
    /// scripts leave them). Such senders do not come again, so their mail would be lost.
    async fn while_it_stays<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Lost> {
        let mut work = pin!(work);
        let mut is_done = false;
        loop {
            let room = self.input.len() < COMMANDS && !is_done;
            if room {
                make_room(&mut self.input, COMMANDS);
            }
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                read = self.channel.read_buf(&mut self.input), if room => {
                    if read? == 0 {
                        is_done = says_goodbye(&self.input);
                        if !is_done {
                            return Err(Lost::Closed);
                        }
                    }
                }
            }
        }
    }

    /// Whether the kernel has octets of a plain session for us.
    fn octets_pending(&self) -> Result<bool, Lost> {
        match &self.channel {
            ServerChannel::Plain(channel) => Ok(channel.octets_pending()?),
            ServerChannel::Tls(_) => Ok(false),
        }
    }

    async fn send(&mut self, octets: &[u8]) -> Result<(), Lost> {
        let deadline = self.deadline();
        tracing::debug!(replies = %Foreign::new(&String::from_utf8_lossy(octets)), "sent");
        let written = timeout_at(deadline, async {
            self.channel.write_all(octets).await?;
            self.channel.flush().await
        });
        Ok(written.await.map_err(|_| Lost::NotRead)??)
    }

    async fn read(&mut self, content: bool) -> Result<(), Lost> {
        make_room(&mut self.input, if content { CONTENT } else { COMMANDS });
        let deadline = self.deadline();
        let stopped = self.visit.shared.drain.stopped();
        tokio::select! {
            read = timeout_at(deadline, self.channel.read_buf(&mut self.input)) => match read {
                Ok(Ok(0)) => Err(Lost::Closed),
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(error.into()),
                // The session notices by itself that time has passed.
                Err(_) => Ok(()),
            },
            () = stopped, if self.stopping == Stopping::No => {
                self.stopping = Stopping::Told;
                self.session.shut_down();
                Ok(())
            }
        }
    }

    /// The session names a deadline for whatever makes us wait.
    fn deadline(&self) -> tokio::time::Instant {
        self.session.deadline().unwrap_or_else(Instant::now).into()
    }

    fn into_starttls(self) -> Next {
        match self.channel {
            ServerChannel::Plain(channel) => {
                Next::StartTls(self.session.starttls(self.input), channel)
            }
            // A session over TLS answers STARTTLS with 503 and never comes here.
            ServerChannel::Tls(_) => Next::Closed(Ending::Aborted),
        }
    }

    async fn close(mut self, ending: Ending) -> Next {
        let farewell = async {
            self.channel.shutdown().await?;
            let mut thrown_away = 0;
            while ending != Ending::Quit && thrown_away < LINGER_OCTETS {
                self.input.clear();
                make_room(&mut self.input, COMMANDS);
                match self.channel.read_buf(&mut self.input).await? {
                    0 => break,
                    octets => thrown_away += octets,
                }
            }
            std::io::Result::Ok(())
        };
        // Whatever comes of it, the connection is over.
        let _ = timeout(LINGER, farewell).await;
        Next::Closed(ending)
    }
}

/// Whether the last command is QUIT (RFC 5321 §4.1.1.10).
fn says_goodbye(input: &[u8]) -> bool {
    let lines = input.strip_suffix(b"\r\n").unwrap_or_default();
    let last = lines.rsplit(|octet| *octet == b'\n').next();
    last.is_some_and(|line| line.eq_ignore_ascii_case(b"QUIT"))
}
