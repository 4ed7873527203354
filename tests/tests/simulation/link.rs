//! Connections: octets on their way, in pieces, late, cut off or stalled.
//!
//! Within one direction octets keep their order, as TCP keeps it. Between directions and between
//! connections nothing is kept: each piece has a delay of its own, and what is due at one moment
//! happens in an order that the seed chooses.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{ends::End, random::Random};

/// One of the two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Who dialled.
    Caller,
    /// Who was dialled.
    Listener,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Caller, Self::Listener];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Caller => Self::Listener,
            Self::Listener => Self::Caller,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Caller => 0,
            Self::Listener => 1,
        }
    }
}

/// What an end reads and writes.
#[derive(Debug, Default)]
pub(crate) struct Port {
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    /// Nothing comes any more: the other end closed, or the connection broke.
    pub(crate) ended: bool,
    /// This end writes no more.
    pub(crate) closed: bool,
    /// When this end wants to be run though nothing has come, in milliseconds.
    pub(crate) wake: Option<u64>,
}

/// What travels.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Octets(Bytes),
    End,
}

/// How a connection behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Milliseconds that a piece takes at least, and how many it may take beyond.
    pub(crate) delay: (u64, u64),
    /// Whether writes come apart into many pieces.
    pub(crate) splits: bool,
    /// Behind so many octets, both directions together, this happens.
    pub(crate) trouble: Option<(usize, Trouble)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Both ends learn that the connection is over.
    Cut,
    /// Nothing comes any more, and nobody is told.
    Silence,
    /// What is under way takes minutes longer.
    Stall,
}

#[derive(Debug)]
struct Direction {
    /// What is under way, and when it arrives.
    wire: VecDeque<(u64, Piece)>,
    latest: u64,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) ends: [Option<End>; 2],
    ports: [Port; 2],
    directions: [Direction; 2],
    weather: Weather,
    moved: usize,
    broken: bool,
}

impl Link {
    pub(crate) fn new(caller: End, listener: End, weather: Weather, now: u64) -> Self {
        let direction = || Direction {
            wire: VecDeque::new(),
            latest: now,
        };
        Self {
            ends: [Some(caller), Some(listener)],
            ports: Default::default(),
            directions: [direction(), direction()],
            weather,
            moved: 0,
            broken: false,
        }
    }

    pub(crate) fn end(&mut self, side: Side) -> &mut Option<End> {
        &mut self.ends[side.index()]
    }

    pub(crate) fn port(&mut self, side: Side) -> &mut Port {
        &mut self.ports[side.index()]
    }

    /// Whether nobody is left to talk.
    pub(crate) fn is_over(&self) -> bool {
        self.ends.iter().all(Option::is_none)
    }

    /// Octets that are held for this connection.
    pub(crate) fn octets(&self) -> usize {
        let ports = self.ports.iter();
        let held: usize = ports.map(|port| port.input.len() + port.output.len()).sum();
        let wires = self.directions.iter().flat_map(|way| &way.wire);
        let under_way = wires.map(|(_, piece)| match piece {
            Piece::Octets(octets) => octets.len(),
            Piece::End => 0,
        });
        held + under_way.sum::<usize>()
    }

    /// Puts what `from` has written on its way. Says when the pieces arrive.
    pub(crate) fn transmit(&mut self, from: Side, now: u64, random: &mut Random) -> Vec<u64> {
        let port = &mut self.ports[from.index()];
        let octets = port.output.split().freeze();
        let closed = port.closed;
        let mut arrivals = self.send(from, octets, now, random);
        if closed && self.ends[from.index()].is_some() {
            self.ends[from.index()] = None;
            arrivals.extend(self.place(from, Piece::End, now, random));
        }
        arrivals
    }

    /// An end is gone without a word, with the machine that it was on. Says when the other end
    /// learns of it, if it does.
    pub(crate) fn vanish(&mut self, side: Side, now: u64, random: &mut Random) -> Vec<u64> {
        self.ends[side.index()] = None;
        if random.chance(30) {
            self.broken = true;
            return Vec::new();
        }
        self.place(side, Piece::End, now, random)
            .into_iter()
            .collect()
    }

    /// The next piece for `to`.
    pub(crate) fn arrive(&mut self, to: Side) -> Option<Piece> {
        let way = &mut self.directions[to.other().index()];
        way.wire.pop_front().map(|(_, piece)| piece)
    }

    fn send(&mut self, from: Side, octets: Bytes, now: u64, random: &mut Random) -> Vec<u64> {
        let mut left = octets;
        let mut arrivals = Vec::new();
        while !left.is_empty() && !self.broken {
            let mut size = left.len();
            if self.weather.splits {
                size = 1 + random.below(size.min(300) as u64) as usize;
            }
            let trouble = self
                .weather
                .trouble
                .filter(|(at, _)| *at < self.moved + size);
            if let Some((at, _)) = trouble {
                size = at - self.moved;
            }
            self.moved += size;
            if size > 0 {
                let piece = Piece::Octets(left.split_to(size));
                arrivals.extend(self.place(from, piece, now, random));
            }
            if let Some((_, trouble)) = trouble {
                self.weather.trouble = None;
                arrivals.extend(self.befall(trouble, now, random));
            }
        }
        arrivals
    }

    /// What is under way already still arrives: the far end may know more than the near one.
    fn befall(&mut self, trouble: Trouble, now: u64, random: &mut Random) -> Vec<u64> {
        let mut arrivals = Vec::new();
        match trouble {
            Trouble::Cut => {
                for side in Side::BOTH {
                    arrivals.extend(self.place(side, Piece::End, now, random));
                }
                self.broken = true;
            }
            Trouble::Silence => self.broken = true,
            Trouble::Stall => {
                let late = now + random.between(60_000, 700_000);
                for way in &mut self.directions {
                    way.latest = way.latest.max(late);
                }
            }
        }
        arrivals
    }

    fn place(&mut self, from: Side, piece: Piece, now: u64, random: &mut Random) -> Option<u64> {
        if self.broken {
            return None;
        }
        let (least, more) = self.weather.delay;
        let way = &mut self.directions[from.index()];
        way.latest = way.latest.max(now + least + random.below(more + 1));
        way.wire.push_back((way.latest, piece));
        Some(way.latest)
    }
}
