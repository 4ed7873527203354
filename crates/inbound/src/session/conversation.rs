//! The shell around a session: read, feed, perform, repeat.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    ops::RangeInclusive,
    pin::{Pin, pin},
    task::{Poll, ready},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use postern_mail::Foreign;
use postern_smtp::server::{Action, AwaitingTls, Ending, Question, ServerSession};
use postern_tls::{PlainServerChannel, ServerChannel};
use tokio::{
    io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use super::{Lost, Visit, journal, reception::Reception, timer::Timer};
use crate::admission;

/// How much is read at once while commands are expected.
const COMMANDS: usize = 4 * 1024;

/// Room that is made for content. Pieces of content keep all of it alive, so a small message gets
/// little.
const CONTENT: RangeInclusive<usize> = 8 * 1024..=64 * 1024;

/// What the octets of a content are more on the wire than those announced: doubled dots, and the
/// line that ends it.
const FRAMING: usize = 256;

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
    timer: Timer,
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
            timer: Timer::default(),
            stopping: Stopping::No,
        }
    }

    pub(super) async fn run(mut self, reception: &mut Reception<'_>) -> Result<Next, Lost> {
        reception.begin_over(self.channel.evidence());
        self.hear_early_talker().await?;
        let visit = self.visit;
        let mut stopped = pin!(visit.shared.drain.stopped());
        loop {
            match self.session.advance(&mut self.input, Instant::now()) {
                Action::Send(octets) => self.send(&octets).await?,
                Action::Read => {
                    let content = reception.content_to_come();
                    self.read(content, stopped.as_mut()).await?;
                }
                Action::Ask(Question::Message(message)) => {
                    // Boxed, as the room for it is wanted for a moment only.
                    let weighing = Box::pin(reception.weigh(message));
                    let weighed = self.while_it_stays(weighing).await?;
                    let answer = Box::pin(reception.keep(weighed)).await;
                    self.session.answer(answer);
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
                Action::Refused(reply) => {
                    self.visit.note_refusal(&reply);
                    journal::command_refused(&reply);
                }
                Action::StartTls if self.octets_pending()? => {
                    self.session.abort(admission::behind_starttls());
                }
                Action::StartTls => return Ok(self.into_starttls()),
                Action::Close(ending) => return Ok(Box::pin(self.close(ending)).await),
            }
        }
    }

    /// A client that has spoken already does not wait for our greeting, nor for anything else.
    async fn hear_early_talker(&mut self) -> Result<(), Lost> {
        if self.octets_pending()? {
            read_commands(&mut self.channel, &mut self.input).await?;
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
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                read = read_commands(&mut self.channel, &mut self.input), if room => {
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
        let channel = &mut self.channel;
        let written = self.timer.until(deadline, async {
            channel.write_all(octets).await?;
            channel.flush().await
        });
        Ok(written.await.ok_or(Lost::NotRead)??)
    }

    async fn read(
        &mut self,
        content: Option<u64>,
        stopped: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), Lost> {
        let deadline = self.deadline();
        let (channel, input) = (&mut self.channel, &mut self.input);
        let reading = async {
            match content {
                Some(to_come) => read_content(channel, input, to_come).await,
                None => read_commands(channel, input).await,
            }
        };
        tokio::select! {
            biased;
            read = self.timer.until(deadline, reading) => match read {
                Some(Ok(0)) => Err(Lost::Closed),
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(error.into()),
                // The session notices by itself that time has passed.
                None => Ok(()),
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
                match read_commands(&mut self.channel, &mut self.input).await? {
                    0 => break,
                    octets => thrown_away += octets,
                }
            }
            io::Result::Ok(())
        };
        // Whatever comes of it, the connection is over.
        let _ = timeout(LINGER, farewell).await;
        Next::Closed(ending)
    }
}

/// Reads what there is of commands. Whoever waits for some holds no buffer meanwhile: sessions are
/// idle most of the time, and there may be thousands.
async fn read_commands(
    channel: &mut ServerChannel<TcpStream>,
    input: &mut BytesMut,
) -> io::Result<usize> {
    if input.is_empty() {
        *input = BytesMut::new();
    }
    poll_fn(|context| {
        let mut octets = [const { MaybeUninit::uninit() }; COMMANDS];
        let mut read = ReadBuf::uninit(&mut octets);
        ready!(Pin::new(&mut *channel).poll_read(context, &mut read))?;
        input.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
    .await
}

/// Reads what there is of content, into a buffer of which the pieces of content are cut.
async fn read_content(
    channel: &mut ServerChannel<TcpStream>,
    input: &mut BytesMut,
    to_come: u64,
) -> io::Result<usize> {
    // What is left of the last allocation is used up first: content that comes in small pieces
    // would otherwise keep a large buffer alive for each.
    const LEAST: usize = 4 * 1024;
    if input.capacity() - input.len() < LEAST {
        let to_come = usize::try_from(to_come).unwrap_or(usize::MAX);
        let room = to_come.saturating_add(FRAMING);
        input.reserve(room.clamp(*CONTENT.start(), *CONTENT.end()));
    }
    channel.read_buf(input).await
}

/// Whether the last command is QUIT (RFC 5321 §4.1.1.10).
fn says_goodbye(input: &[u8]) -> bool {
    let lines = input.strip_suffix(b"\r\n").unwrap_or_default();
    let last = lines.rsplit(|octet| *octet == b'\n').next();
    last.is_some_and(|line| line.eq_ignore_ascii_case(b"QUIT"))
}
