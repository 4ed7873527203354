//! Servers that offer less than they can do, or more.
//!
//! The sessions at the ends of all connections are ours and offer all that we know. What stands
//! here takes offers away, in clear and over TLS by themselves, and makes a server that offers
//! CHUNKING and does not know BDAT when it comes.

use bytes::{Buf as _, Bytes, BytesMut};

use super::random::Random;

/// What may be missing from the reply to EHLO.
const OFFERS: [&str; 6] = [
    "PIPELINING",
    "CHUNKING",
    "SIZE",
    "REQUIRETLS",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
];

/// What a server does with BDAT (RFC 3030 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bdat {
    Known,
    /// It takes the chunk, and says that it does not know the command.
    Swallowed(u16),
    /// It does not know that a chunk follows, and takes it for commands.
    Unknown,
}

/// How a server departs from what its session would do.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    /// What is not offered in clear, and what over TLS, by the bits of `OFFERS`.
    hidden: [u64; 2],
    /// The largest message it takes, as it says.
    size: Option<u32>,
    bdat: Bdat,
    /// Octets of a chunk that are still to be swallowed.
    swallows: usize,
}

impl Habits {
    /// Those of our own reception, with offers that somebody on the way takes out.
    pub(crate) fn honest(random: &mut Random) -> Self {
        let mut hidden = || match random.below(10) {
            0 | 1 => u64::MAX,
            2 | 3 => random.next(),
            _ => 0,
        };
        Self {
            hidden: [hidden(), hidden()],
            size: None,
            bdat: Bdat::Known,
            swallows: 0,
        }
    }

    /// Those of a next hop.
    pub(crate) fn of_others(random: &mut Random, healed: bool) -> Self {
        let codes = [500, 501, 502, 503, 504];
        let bdat = match random.below(100) {
            0..15 => Bdat::Swallowed(random.pick(&codes)),
            15..22 if !healed => Bdat::Unknown,
            _ => Bdat::Known,
        };
        let small = random.chance(8) && !healed;
        Self {
            size: small.then(|| random.between(200, 2_000) as u32),
            bdat,
            ..Self::honest(random)
        }
    }

    /// What is said in place of the reply to EHLO.
    pub(crate) fn reply(&self, said: &Bytes, over_tls: bool) -> Bytes {
        let text = String::from_utf8_lossy(said);
        if !text.contains("250-PIPELINING") {
            return said.clone();
        }
        let hidden = self.hidden[usize::from(over_tls)];
        let mut lines = Vec::new();
        for line in text.lines() {
            let keyword = line.get(4..).unwrap_or_default();
            let keyword = keyword.split(' ').next().unwrap_or_default();
            let at = OFFERS.iter().position(|offer| *offer == keyword);
            lines.push(match (at, self.size) {
                (Some(at), _) if hidden >> at & 1 == 1 => line.replace(keyword, "XHIDDEN"),
                (Some(2), Some(size)) => format!("{}SIZE {size}", &line[..4]),
                (Some(_) | None, _) => line.to_owned(),
            });
        }
        (lines.join("\r\n") + "\r\n").into()
    }

    /// How much of what a client sent the session is given: nothing of a chunk that is swallowed,
    /// and nothing behind a BDAT that it is not to know until all before it is answered.
    pub(crate) fn pass(&mut self, input: &mut BytesMut) -> usize {
        let swallowed = self.swallows.min(input.len());
        input.advance(swallowed);
        self.swallows -= swallowed;
        let held = command(input).filter(|_| self.bdat != Bdat::Known);
        held.unwrap_or(input.len())
    }

    /// Whether a BDAT has come that is not known, and all before it is answered.
    pub(crate) fn holds_back(&self, input: &[u8]) -> bool {
        let is_whole = || input.windows(2).any(|two| two == b"\r\n");
        self.bdat != Bdat::Known && command(input) == Some(0) && is_whole()
    }

    /// Takes BDAT out of what came, and says something to it; or makes it a word that the session
    /// does not know either.
    pub(crate) fn take_bdat(&mut self, input: &mut BytesMut) -> Bytes {
        let Bdat::Swallowed(code) = self.bdat else {
            input[0] = b'X';
            return Bytes::new();
        };
        let end = input.windows(2).position(|two| two == b"\r\n");
        let line = input.split_to(end.map_or(input.len(), |end| end + 2));
        let line = String::from_utf8_lossy(&line);
        let size = line.split_whitespace().nth(1);
        self.swallows = size.and_then(|size| size.parse().ok()).unwrap_or(0);
        format!("{code} what is BDAT\r\n").into()
    }
}

/// Where BDAT stands at the start of a line. No line of what is sent here begins with it but the
/// command.
fn command(input: &[u8]) -> Option<usize> {
    let bdat = b"BDAT ";
    if input.starts_with(bdat) {
        return Some(0);
    }
    let found = input.windows(7).position(|octets| octets == b"\r\nBDAT ");
    found.map(|at| at + 2)
}
