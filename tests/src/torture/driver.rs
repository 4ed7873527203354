//! A process that exercises the queue alone and tells, line by line, what it was promised.
//!
//! The lines are read by [`Ledger`](super::ledger::Ledger). What is about to be tried is told before
//! it is tried, and what was acknowledged after, so that a kill leaves no doubt but about the step
//! that it came in.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postern_mail::{
    BodyType, EnhancedStatusCode, Envelope, ForwardPath, QueueId, ReversePath, TlsWish,
};
use postern_spool::{
    BounceTo, Claim, Content, Failure, Health, LocalSpool, Origin, Outcome, Settings, Settlement,
    Spool as _, SpoolError, Submission,
};

/// Names the queue's directory; a process that has it in its environment is a driver.
pub(super) const QUEUE: &str = "POSTERN_TORTURE_QUEUE";
/// The number of the first message.
pub(super) const FIRST: &str = "POSTERN_TORTURE_FIRST";
/// What the driver does: the name of a [`Script`].
pub(super) const SCRIPT: &str = "POSTERN_TORTURE_SCRIPT";

/// Larger content has a file of its own.
const IN_MEMORY: u64 = 256 * 1024;
/// Two pieces of what is handed to a file at once.
const LARGE: u64 = 300 * 1024;

/// What a driver does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Everything that can become of a message, twice, with the queue closed and opened in between.
    Life,
    /// So much content that the engine moves records to its tables.
    Tables,
}

impl Script {
    /// What stands in the environment for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Life => "life",
            Self::Tables => "tables",
        }
    }
}

/// Why a driver goes no further.
enum Stop {
    /// The queue takes and gives nothing until a restart.
    Poisoned,
    /// It could not be opened.
    NotOpened,
    /// Nobody reads what is told.
    Unheard,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Unheard
    }
}

/// Runs the driver if this process is to be one.
pub fn requested() -> Option<ExitCode> {
    let queue = PathBuf::from(env::var_os(QUEUE)?);
    let first = env::var(FIRST).ok().and_then(|it| it.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Some(ExitCode::FAILURE);
    };
    let ended = runtime.block_on(async {
        let mut driver = Driver::open(&queue, first.unwrap_or_default())?;
        match env::var(SCRIPT).as_deref() {
            Ok("tables") => driver.fill_tables().await,
            _ => driver.live_twice(&queue).await,
        }
    });
    Some(match ended.and_then(|()| Ok(say("done")?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Poisoned | Stop::NotOpened | Stop::Unheard) => ExitCode::from(3),
    })
}

/// Content that can be recognised as whole: its number, its length and a pattern.
pub(super) fn content(number: u64, length: u64) -> Bytes {
    let head = format!("{number} {length}\r\n");
    let pattern = format!("{number} of {length}, ");
    let length = usize::try_from(length).unwrap_or_default();
    let mut body = pattern.repeat(length / pattern.len() + 1);
    body.truncate(length);
    [head, body].concat().into()
}

/// The number of content that is whole.
pub(super) fn number_of(octets: &[u8]) -> Option<u64> {
    let head = octets.split(|&octet| octet == b'\r').next()?;
    let (number, length) = std::str::from_utf8(head).ok()?.split_once(' ')?;
    let (number, length) = (number.parse().ok()?, length.parse::<u64>().ok()?);
    // What it says of itself is not believed further than it is long.
    let whole = length <= octets.len() as u64 && content(number, length) == octets;
    whole.then_some(number)
}

/// How the queue of a driver is set up.
pub(super) fn settings(queue: &Path) -> Settings {
    Settings {
        reserve: 0,
        in_memory: IN_MEMORY,
        ..Settings::at(queue)
    }
}

/// Everything that is due within a day.
pub(super) fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(24 * 3600)
}

struct Driver {
    spool: LocalSpool,
    number: u64,
}

impl Driver {
    fn open(queue: &Path, first: u64) -> Result<Self, Stop> {
        match LocalSpool::open(&settings(queue)) {
            Ok(opened) => {
                for damage in &opened.quarantined {
                    say(&format!("quarantined {damage}"))?;
                }
                Ok(Self {
                    spool: opened.spool,
                    number: first,
                })
            }
            Err(error) => {
                say(&format!("open-failed {}", chain(&error)))?;
                Err(Stop::NotOpened)
            }
        }
    }

    async fn live_twice(mut self, queue: &Path) -> Result<(), Stop> {
        self.live().await?;
        let number = self.number;
        drop(self);
        let mut again = Self::open(queue, number)?;
        again.live().await
    }

    /// One of everything; some of it stays in the queue.
    async fn live(&mut self) -> Result<(), Stop> {
        self.accept(100, 1, None).await?;
        self.accept(1000, 2, None).await?;
        self.accept(LARGE, 1, None).await?;
        let held = self.accept(50, 1, Some("looked at first")).await?;
        self.deliver().await?;
        let removed = self.accept(LARGE, 1, None).await?;
        let retried = self.accept(200, 2, None).await?;
        if let Some(id) = removed {
            self.change("hold", id).await?;
            self.change("remove", id).await?;
        }
        if let Some(id) = held {
            self.change("release", id).await?;
        }
        if let Some(id) = retried {
            self.change("hold", id).await?;
            self.change("release", id).await?;
            self.change("retry", id).await?;
        }
        self.deliver().await
    }

    /// More than the engine keeps in memory before it writes a table.
    async fn fill_tables(&mut self) -> Result<(), Stop> {
        for _ in 0..2 {
            for _ in 0..70 {
                self.accept(250 * 1024, 1, None).await?;
            }
            self.deliver().await?;
        }
        Ok(())
    }

    /// Settles what is due, each in one of four ways.
    async fn deliver(&mut self) -> Result<(), Stop> {
        let claims = match self.spool.claim(SystemTime::now(), usize::MAX).await {
            Ok(claims) => claims,
            Err(_) => return self.still_there(),
        };
        for claim in claims {
            match self.spool.is_wanted(&claim) {
                true => self.settle(&claim).await?,
                false => say(&format!("wrong {} is claimed and not wanted", claim.id()))?,
            }
        }
        Ok(())
    }

    async fn settle(&mut self, claim: &Claim) -> Result<(), Stop> {
        let id = claim.id();
        match read(claim.content()).await {
            Ok(content) if number_of(&content).is_some() => {}
            Ok(_) => say(&format!("wrong {id} would be delivered torn"))?,
            Err(error) => {
                say(&format!("unreadable {id} {}", chain(&error)))?;
                return self.still_there();
            }
        }
        let is_notice = claim.envelope().recipients.iter().any(is_notice);
        let was_delayed = claim.recipients().iter().any(|it| it.attempts > 0);
        let mut settlement = Settlement::default();
        let mut words = Vec::new();
        for (place, due) in claim.recipients().iter().enumerate() {
            // The last recipient of every other message waits on, with a notice.
            let delayed = !is_notice && !was_delayed && place == 1;
            let outcome = if delayed {
                settlement.delay_notices.push(due.index);
                settlement.submissions.push(notice(id));
                words.push(format!("{}=deferred", due.index.as_usize()));
                Outcome::Deferred {
                    until: SystemTime::now(),
                    failure: failure(),
                }
            } else {
                words.push(format!("{}=done", due.index.as_usize()));
                match was_delayed {
                    true => Outcome::Bounced { failure: failure() },
                    false => Outcome::Delivered,
                }
            };
            settlement.outcomes.push((due.index, outcome));
        }
        say(&format!("settling {id} {}", words.join(" ")))?;
        match self.spool.settle(claim, settlement).await {
            Ok(settled) => {
                let notices = settled.submitted.iter().map(QueueId::to_string);
                let notices: Vec<String> = notices.collect();
                Ok(say(&format!("settled {id} {}", notices.join(" ")))?)
            }
            Err(_) => self.still_there(),
        }
    }

    /// Accepts a message, at the second attempt if the first is refused: one fault does not last.
    async fn accept(
        &mut self,
        length: u64,
        recipients: usize,
        hold: Option<&str>,
    ) -> Result<Option<QueueId>, Stop> {
        self.number += 1;
        for _ in 0..2 {
            let reserved = self.spool.reserve_id();
            let id = reserved.queue_id();
            let held = if hold.is_some() { "held" } else { "free" };
            say(&format!(
                "accepting {id} {} {recipients} {held}",
                self.number
            ))?;
            let accepted = match self.receive(length).await {
                Ok(content) => {
                    let mailboxes = (0..recipients).map(|at| format!("r{at}@receiver.example"));
                    let hold = hold.map(str::to_owned);
                    let submission = submission(mailboxes, content, hold);
                    self.spool.accept_as(reserved, submission).await
                }
                Err(error) => Err(error),
            };
            match accepted {
                Ok(accepted) => {
                    say(&format!("accepted {accepted}"))?;
                    return Ok(Some(id));
                }
                Err(error) => say(&format!("refused {id} {} {}", self.state(), chain(&error)))?,
            }
            self.still_there()?;
        }
        say("refused-twice")?;
        Ok(None)
    }

    async fn receive(&self, length: u64) -> Result<Content, SpoolError> {
        let mut writer = self.spool.content();
        writer.write(content(self.number, length)).await?;
        writer.finish().await
    }

    async fn change(&mut self, what: &str, id: QueueId) -> Result<(), Stop> {
        say(&format!("changing {id} {what}"))?;
        let changed = match what {
            "hold" => self.spool.hold(id, "an operator wants it").await,
            "release" => self.spool.release(id).await,
            "remove" => self.spool.remove(id).await,
            _ => self.spool.retry(id).await,
        };
        match changed {
            Ok(()) => Ok(say(&format!("changed {id} {what}"))?),
            Err(_) => self.still_there(),
        }
    }

    fn state(&self) -> &'static str {
        match self.spool.health() {
            Health::Poisoned(_) => "poisoned",
            Health::Good | Health::Full { .. } => "alive",
        }
    }

    /// An error is the end only of a queue that says so.
    fn still_there(&self) -> Result<(), Stop> {
        if let Health::Poisoned(why) = self.spool.health() {
            say(&format!("poisoned {why}"))?;
            return Err(Stop::Poisoned);
        }
        Ok(())
    }
}

/// All of a content, which is small.
pub(super) async fn read(content: &Content) -> Result<Bytes, SpoolError> {
    content.head(usize::MAX).await
}

/// A message about `cause`: its id is the local-part of the recipient.
fn notice(cause: QueueId) -> Submission {
    let content = Content::from_pieces([content(0, 30)]);
    submission([format!("{cause}@notice.example")], content, None)
}

fn is_notice(recipient: &postern_mail::Recipient) -> bool {
    let domain = recipient.domain().map(ToString::to_string);
    domain.as_deref() == Some("notice.example")
}

fn submission(
    recipients: impl IntoIterator<Item = String>,
    content: Content,
    hold: Option<String>,
) -> Submission {
    let paths = recipients.into_iter().filter_map(|mailbox| {
        let (path, _) = ForwardPath::parse_prefix(&format!("<{mailbox}>")).ok()?;
        Some(path.into())
    });
    Submission {
        envelope: Envelope {
            reverse_path: ReversePath::Null,
            recipients: paths.collect(),
            body: BodyType::EightBitMime,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: TlsWish::Unstated,
        },
        origin: Origin::Ourselves,
        received_at: SystemTime::now(),
        content,
        bounce_to: BounceTo::Sender,
        quarantined: None,
        hold,
    }
}

fn failure() -> Failure {
    let status = EnhancedStatusCode::transient(4, 1);
    Failure::here(SystemTime::now(), status, "not now")
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.replace('\n', " ")
}

fn say(line: &str) -> io::Result<()> {
    // One call for each line: a kill does not leave half of one.
    io::stdout()
        .lock()
        .write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_content_is_recognised() {
        let whole = content(17, 300);
        assert_eq!(number_of(&whole), Some(17));
        assert_eq!(number_of(&whole[..whole.len() - 1]), None);
        let mut rotten = whole.to_vec();
        rotten[100] ^= 1;
        assert_eq!(number_of(&rotten), None);
    }
}
