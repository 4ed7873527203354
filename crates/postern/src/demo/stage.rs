//! Plays a scene, and looks from all sides at what came of it.
//!
//! Nothing is taken for granted: what a client was answered, what the queue says, what the relay
//! logged, and what really lies in the mailbox of the neighbour must all fit together. Whatever
//! does not is an outcome that no scene expects.

use std::time::Duration;

use bytes::Bytes;
use postern_admin::{Client, ClientError, Failure as QueueFailure};
use postern_mail::{QueueId, Reply};
use postern_policy::Verdict;
use tokio::time::{Instant, sleep, timeout};

use super::{
    callers::Callers,
    configuration::Ports,
    mailbox::Arrival,
    neighbourhood::Neighbourhood,
    neighbours::Who,
    notice,
    outcome::{Enforcing, Outcome, Received, Seen},
    story::{Act, Caller, Dress, Letter, Scene},
    witness::{Line, Witness},
};
use crate::failure::chain;

/// How long anything may take that is waited for. All of it takes moments, save the notice,
/// which comes after a second; the rest is for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the queue is asked again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Our own users' mail system, bringing their letters.
const OUR_USERS: Caller = Caller {
    name: "mail.example.org",
    dress: Dress::Anonymous,
};

/// All that takes part.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) ports: &'a Ports,
    pub(super) neighbourhood: &'a Neighbourhood,
    pub(super) callers: &'a Callers,
    pub(super) queue: &'a Client,
    pub(super) witness: &'a Witness,
}

/// Where a message is, seen from the queue.
enum Whereabouts {
    /// It has left.
    Gone,
    /// It waits, because of this.
    Waits(QueueFailure),
}

/// What belongs to no story, in words.
pub(super) type Odd = String;

impl Stage<'_> {
    /// Plays a scene.
    pub(super) async fn play(&self, scene: &Scene) -> Seen {
        let seen = match scene.act {
            Act::Send(letter, who) => self.send(letter, who).await,
            Act::Bring(letter, caller) => self.bring(letter, caller).await,
            Act::Hear(letter) => self.hear(letter).await,
        };
        seen.unwrap_or_else(Seen::otherwise)
    }

    /// Looks once more at what was said to wait: nothing of it may have come anywhere since.
    pub(super) fn look_again(&self, scene: &Scene, seen: &Seen) -> Result<(), Odd> {
        match (scene.act, &seen.happened) {
            (Act::Send(letter, _), Outcome::Deferred { .. }) => {
                self.nothing_anywhere(letter).map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, letter: Letter, who: Who) -> Result<Seen, Odd> {
        let content = letter.content();
        let reply = self
            .call(letter, OUR_USERS, Entrance::Relay, &content)
            .await?;
        let id = queue_id(&reply)?;
        match self.whereabouts(id).await? {
            Whereabouts::Gone => self.delivered(id, letter, who, &content).await,
            Whereabouts::Waits(failure) => {
                let received = self.nothing_anywhere(letter)?;
                let status = failure.status.parse();
                Ok(Seen {
                    happened: Outcome::Deferred {
                        status: status.map_err(|_| odd_status(&failure.status))?,
                    },
                    channel: None,
                    reason: Some(failure.text),
                    received: Some(received),
                })
            }
        }
    }

    async fn delivered(
        &self,
        id: QueueId,
        letter: Letter,
        who: Who,
        content: &Bytes,
    ) -> Result<Seen, Odd> {
        let id = id.to_string();
        let delivery = |line: &Line| line.says("queue_id", &id) && line.field("next_hop").is_some();
        let line = self.witness.await_line(PATIENCE, delivery).await;
        let line = line.ok_or_else(|| format!("message {id} has left the queue undelivered"))?;
        let basis = line.field("basis").unwrap_or_default().to_owned();
        // All that is logged of a delivery is logged before the queue forgets the message.
        let shadow = |line: &Line| line.says("queue_id", &id) && line.field("stage").is_some();
        let shadow = self.witness.line(shadow);
        let (arrival, received) = self.arrived(who, letter, content).await?;
        Ok(Seen {
            happened: Outcome::Delivered {
                channel: verdict(&basis)?,
                towards_us: verdict(&arrival.channel)?,
                enforcing: match &shadow {
                    None => Enforcing::ChangesNothing,
                    Some(_) => Enforcing::WouldStopIt,
                },
            },
            channel: Some(basis),
            reason: shadow.and_then(|line| {
                let reason = line.field("refused_because")?;
                Some(format!("under enforce it would wait: {reason}"))
            }),
            received: Some(received),
        })
    }

    async fn bring(&self, letter: Letter, caller: Caller) -> Result<Seen, Odd> {
        let content = letter.content();
        let reply = self.call(letter, caller, Entrance::Mx, &content).await?;
        if !reply.is_positive() {
            return self.refused(letter, &reply).await;
        }
        let id = queue_id(&reply)?.to_string();
        let accepted = |line: &Line| line.says("queue_id", &id) && line.field("helo").is_some();
        let line = self.witness.await_line(PATIENCE, accepted).await;
        let line = line.ok_or_else(|| format!("the log says nothing about message {id}"))?;
        let (_, received) = self.arrived(Who::OurMailSystem, letter, &content).await?;
        let received = received.within_our_house();
        let channel = line.field("basis").unwrap_or_default();
        Ok(Seen {
            happened: Outcome::Accepted {
                channel: verdict(channel)?,
            },
            channel: Some(channel.to_owned()),
            reason: None,
            received: Some(received),
        })
    }

    async fn refused(&self, letter: Letter, reply: &Reply) -> Result<Seen, Odd> {
        let from = letter.reverse_path();
        let refusal =
            |line: &Line| line.says("reverse_path", &from) && line.field("reply_code").is_some();
        let line = self.witness.await_line(PATIENCE, refusal).await;
        let line = line.ok_or_else(|| format!("the log says nothing about mail from {from}"))?;
        let channel = line.field("basis");
        Ok(Seen {
            happened: Outcome::Refused {
                code: reply.code(),
                status: reply.status(),
            },
            channel: channel.map(str::to_owned),
            reason: reply.lines().first().cloned(),
            received: Some(self.nothing_anywhere(letter)?),
        })
    }

    async fn hear(&self, letter: Letter) -> Result<Seen, Odd> {
        let mailbox = self.neighbourhood.mailbox(Who::OurMailSystem);
        let mailbox = mailbox.ok_or("our mail system is not there")?;
        let about_it = |arrival: &Arrival| notice::is_about(arrival, letter);
        let notice = mailbox.await_one(PATIENCE, about_it).await;
        let notice =
            notice.ok_or_else(|| late(&format!("a notice about mail to {}", letter.to)))?;
        let status = notice::field(&notice, "Status").unwrap_or_default();
        Ok(Seen {
            happened: Outcome::Told {
                status: status.parse().map_err(|_| odd_status(&status))?,
            },
            channel: None,
            reason: None,
            received: Some(received(&[notice]).within_our_house()),
        })
    }

    /// Brings a letter to the relay.
    async fn call(
        &self,
        letter: Letter,
        caller: Caller,
        entrance: Entrance,
        content: &Bytes,
    ) -> Result<Reply, Odd> {
        let server = match entrance {
            Entrance::Mx => self.ports.mx,
            Entrance::Relay => self.ports.relay,
        };
        let call = self.callers.bring(letter, caller, server, content);
        match timeout(PATIENCE, call).await {
            Ok(answered) => answered.map_err(|error| chain(&error)),
            Err(_elapsed) => Err(late(&format!("an answer of the relay to {}", letter.from))),
        }
    }

    /// Asks the queue until a message has left it, or an attempt has failed.
    async fn whereabouts(&self, id: QueueId) -> Result<Whereabouts, Odd> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match self.queue.show(id, 0).await {
                Err(ClientError::NoSuchMessage(_)) => return Ok(Whereabouts::Gone),
                Err(error) => return Err(chain(&error)),
                Ok(message) => {
                    let mut recipients = message.recipients.into_iter();
                    if let Some(failure) = recipients.find_map(|it| it.last_failure) {
                        return Ok(Whereabouts::Waits(failure));
                    }
                }
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Err(late(&format!("a first attempt to deliver message {id}")))
    }

    /// The letter in a mailbox. It must be there just as it was sent, and nowhere else.
    async fn arrived(
        &self,
        who: Who,
        letter: Letter,
        content: &Bytes,
    ) -> Result<(Arrival, Received), Odd> {
        let mailbox = self.neighbourhood.mailbox(who);
        let mailbox = mailbox.ok_or("there is no such neighbour")?;
        let this_one = |arrival: &Arrival| is_letter(arrival, letter);
        let arrival = mailbox.await_one(PATIENCE, this_one).await;
        let arrival = arrival.ok_or_else(|| late(&format!("mail to {}", letter.to)))?;
        let all = self.neighbourhood.having(this_one);
        if all.len() != 1 {
            return Err(format!(
                "the letter to {} has arrived {} times",
                letter.to,
                all.len()
            ));
        }
        if !arrival.head.ends_with(content) {
            return Err(format!(
                "the letter to {} was changed on its way",
                letter.to
            ));
        }
        Ok((arrival, received(&all)))
    }

    /// No mailbox may have the letter.
    fn nothing_anywhere(&self, letter: Letter) -> Result<Received, Odd> {
        let all = self
            .neighbourhood
            .having(|arrival| is_letter(arrival, letter));
        match all.first() {
            None => Ok(received(&all)),
            Some(Arrival { at, .. }) => Err(format!("the letter to {} is with {at}", letter.to)),
        }
    }
}

/// A listener of the relay.
#[derive(Clone, Copy)]
enum Entrance {
    Mx,
    Relay,
}

fn is_letter(arrival: &Arrival, letter: Letter) -> bool {
    arrival.reverse_path == letter.reverse_path()
        && arrival.forward_paths == [letter.forward_path()]
}

fn received(arrivals: &[Arrival]) -> Received {
    Received {
        messages: arrivals.len(),
        octets: arrivals.iter().map(|arrival| arrival.octets).sum(),
        channel: arrivals.first().map(|arrival| arrival.channel.clone()),
    }
}

/// The name under which the relay has taken a message, which its reply tells.
fn queue_id(reply: &Reply) -> Result<QueueId, Odd> {
    let words = reply
        .lines()
        .iter()
        .flat_map(|line| line.split_whitespace());
    let mut ids = words.filter_map(|word| word.parse().ok());
    let id = ids.next().filter(|_| reply.is_positive());
    id.ok_or_else(|| format!("the relay did not take the letter: {reply}"))
}

/// The verdict with which the words for a channel begin.
fn verdict(channel: &str) -> Result<Verdict, Odd> {
    let all = [Verdict::Plain, Verdict::Encrypted, Verdict::Authenticated];
    let mut fitting = all
        .into_iter()
        .filter(|it| channel.starts_with(&it.to_string()));
    fitting
        .next()
        .ok_or_else(|| format!("{channel:?} is no verdict"))
}

fn late(what: &str) -> Odd {
    format!("{what} did not come within {} s", PATIENCE.as_secs())
}

fn odd_status(text: &str) -> Odd {
    format!("{text:?} is no status")
}
