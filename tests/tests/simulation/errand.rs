//! Senders: what they have for us, and how long they try.

use bytes::Bytes;
use postern_mail::{BodyType, Envelope, ForwardPath, Mailbox, Recipient, ReversePath, TlsWish};
use postern_smtp::client::RecipientOutcome;

use super::{
    caller::{Letter, Outcome},
    cast::{Face, MINISTRY},
    core::Core,
    ends::MARK,
    random::Random,
    timeline::Event,
};

/// How often a sender tries before it gives up. What it was not told 250 for is not ours to lose.
const TRIES: u32 = 6;

/// A message that somebody wants to send by us.
#[derive(Debug)]
pub(crate) struct Errand {
    from: &'static str,
    /// What it shows in a handshake; without it speaks in clear.
    pub(crate) face: Option<Face>,
    /// Who has not got it yet.
    left: Vec<String>,
    lines: u64,
    wish: TlsWish,
    tries: u32,
    pub(crate) done: bool,
}

impl Errand {
    pub(crate) fn new(random: &mut Random, number: usize) -> Self {
        let from = random.pick(&[MINISTRY, "stranger.example", "stranger.example"]);
        let face = match (from, random.chance(70)) {
            (MINISTRY, true) => Some(Face::Ministry),
            _ if random.chance(50) => Some(random.pick(&Face::CLIENTS)),
            _ => None,
        };
        let recipients = random.between(1, 3);
        let left = (0..recipients).map(|recipient| {
            let to = random.pick(&["ministry", "ministry", "bureau", "observed", "stranger"]);
            let kind = if random.chance(10) { "refused" } else { "r" };
            format!("{kind}{number}-{recipient}@{to}.example")
        });
        Self {
            from,
            left: left.collect(),
            face,
            lines: random.between(1, 60),
            wish: if face.is_some() && random.chance(10) {
                TlsWish::Required
            } else {
                TlsWish::Unstated
            },
            tries: 0,
            done: false,
        }
    }

    /// The letter of one try, which is told from those of others by its reverse-path.
    pub(crate) fn letter(&mut self, number: u32) -> Letter {
        self.tries += 1;
        let sender: Mailbox = format!("t{number}@{}", self.from).parse().unwrap();
        let recipients = self.left.iter().map(|name| {
            let mailbox: Mailbox = name.parse().unwrap();
            Recipient::from(ForwardPath::from(mailbox))
        });
        let mut content = format!("Subject: letter {number}\r\n\r\n");
        for line in 0..self.lines {
            // A dot at the start of some lines, for the sake of transparency.
            let dot = if line % 7 == 3 { "." } else { "" };
            content.push_str(&format!("{dot}{MARK} {number} {line}\r\n"));
        }
        Letter {
            envelope: Envelope {
                reverse_path: ReversePath::Mailbox(sender),
                recipients: recipients.collect(),
                body: BodyType::SevenBit,
                smtputf8: false,
                ret: None,
                envelope_id: None,
                tls_wish: self.wish,
            },
            content: Bytes::from(content),
        }
    }
}

impl Core {
    /// A try has come to its end. Without an outcome for somebody there is another.
    pub(crate) fn errand_returns(&mut self, at: usize, number: u32, outcome: Option<&Outcome>) {
        self.note(|| format!("letter {number}: the sender hears {outcome:?}"));
        let Some(errand) = self.errands.get_mut(at) else {
            return;
        };
        let mut delivered = false;
        if let Some(Outcome::Settled(outcomes)) = outcome {
            let mut outcomes = outcomes.iter();
            errand.left.retain(|_| match outcomes.next() {
                Some(RecipientOutcome::Delivered(_)) => {
                    delivered = true;
                    false
                }
                Some(RecipientOutcome::Permanent(_)) => false,
                Some(RecipientOutcome::Transient(_)) | None => true,
            });
        }
        errand.done = errand.left.is_empty() || errand.tries >= TRIES;
        let again = !errand.done;
        if delivered && !self.ledger.is_promised(number) {
            let heard = format!("the sender of letter {number} heard a 250 that nobody said");
            self.ledger.violate(heard);
        }
        if again {
            let wait = self.random.between(30_000, 400_000);
            self.after(wait, Event::Submit(at));
        }
    }
}
