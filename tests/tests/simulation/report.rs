//! What a world has come to, and what is said of one in which an invariant does not hold.

use std::fmt;

use super::mutation::Mutation;

/// What a world has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) worlds: u64,
    pub(crate) steps: u64,
    pub(crate) sessions: u64,
    pub(crate) promised: u64,
    pub(crate) delivered: u64,
    pub(crate) duplicates: u64,
    pub(crate) bounced: u64,
    pub(crate) crashes: u64,
    pub(crate) reloads: u64,
    pub(crate) reused: u64,
    pub(crate) rewound: u64,
}

impl Report {
    pub(crate) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.worlds, other.worlds),
            (&mut self.steps, other.steps),
            (&mut self.sessions, other.sessions),
            (&mut self.promised, other.promised),
            (&mut self.delivered, other.delivered),
            (&mut self.duplicates, other.duplicates),
            (&mut self.bounced, other.bounced),
            (&mut self.crashes, other.crashes),
            (&mut self.reloads, other.reloads),
            (&mut self.reused, other.reused),
            (&mut self.rewound, other.rewound),
        ];
        for (sum, more) in sums {
            *sum += more;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} worlds, {} steps, {} sessions, {} messages promised, {} copies delivered of which \
             {} duplicates, {} failures told, {} crashes, {} reloads, {} connections reused, {} \
             messages given again by DATA",
            self.worlds,
            self.steps,
            self.sessions,
            self.promised,
            self.delivered,
            self.duplicates,
            self.bounced,
            self.crashes,
            self.reloads,
            self.reused,
            self.rewound
        )
    }
}

/// An invariant did not hold.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) seed: u64,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) what: String,
    pub(crate) steps: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 200;
        let from = self.steps.len().saturating_sub(SHOWN);
        for step in self.steps.iter().skip(from) {
            writeln!(f, "{step}")?;
        }
        writeln!(f, "world {}: {}", self.seed, self.what)?;
        write!(
            f,
            "again: cargo run --release -p postern-tests --example simulate -- --seed {}",
            self.seed
        )?;
        match self.mutation {
            Some(mutation) => write!(f, " --mutation {mutation}"),
            None => Ok(()),
        }
    }
}
