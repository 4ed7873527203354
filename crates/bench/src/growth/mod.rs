//! How cost grows: with the queue, with connections, with the size of messages, with partners, with a
//! destination that hangs.
//!
//! A row sets the same work on Postern twice, once with little of what it asks about and once with
//! much, and tells the figures beside what they should be at most. The numbers are parameters:
//! [`Size::full`] is what the figures of `docs/performance.md` are made with, [`Size::short`] shows
//! in a test that the rows work.

mod filling;
mod prepared;
mod rows;

use std::fmt;
use std::str::FromStr;

use postern_tests::fault::Fault;
use serde::{Deserialize, Serialize};

/// A question about growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Messages that wait.
    Queue,
    /// Connections that are idle.
    Sessions,
    /// Octets of a message.
    Octets,
    /// Partners with rules.
    Partners,
    /// Messages for a host that hangs.
    Dead,
}

impl Row {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Queue,
        Self::Sessions,
        Self::Octets,
        Self::Partners,
        Self::Dead,
    ];

    /// Measures it.
    pub fn measure(self, size: &Size) -> Result<Vec<Finding>, Fault> {
        match self {
            Self::Queue => rows::queue(size),
            Self::Sessions => rows::sessions(size),
            Self::Octets => rows::octets(size),
            Self::Partners => rows::partners(size),
            Self::Dead => rows::dead(size),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Queue => "queue",
            Self::Sessions => "sessions",
            Self::Octets => "octets",
            Self::Partners => "partners",
            Self::Dead => "dead",
        })
    }
}

impl FromStr for Row {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.to_string() == text);
        found.ok_or_else(|| format!("no row {text:?}: there are {:?}", Self::ALL))
    }
}

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Messages that wait.
    pub messages: usize,
    /// Idle connections.
    pub sessions: usize,
    /// Octets of the large message.
    pub octets: usize,
    /// Partners.
    pub partners: usize,
    /// Messages for the host that hangs.
    pub dead: usize,
    /// The share of W1's messages that the cost is measured with.
    pub share: f64,
}

impl Size {
    /// What is to be reached.
    pub const fn full() -> Self {
        Self {
            messages: 1_000_000,
            sessions: 10_000,
            octets: 50 * 1024 * 1024,
            partners: 10_000,
            dead: 10_000,
            share: 1.0,
        }
    }

    /// What a test takes some seconds for.
    pub const fn short() -> Self {
        Self {
            messages: 2000,
            sessions: 64,
            octets: 4 * 1024 * 1024,
            partners: 200,
            dead: 200,
            share: 0.02,
        }
    }
}

/// A figure, and what it should be at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was measured.
    pub what: String,
    /// What it came to.
    pub figure: f64,
    /// In which unit; `×` for a ratio.
    pub unit: String,
    /// What it should be at most, where something was set.
    pub target: Option<f64>,
}

impl Finding {
    fn new(what: impl Into<String>, figure: f64, unit: &str) -> Self {
        Self {
            what: what.into(),
            figure,
            unit: unit.to_owned(),
            target: None,
        }
    }

    fn at_most(self, target: f64) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// Whether it is what it should be; a figure without a target always is.
    pub fn is_met(&self) -> bool {
        self.target.is_none_or(|target| self.figure <= target)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what, figure, unit, ..
        } = self;
        write!(f, "{what}: {figure:.2} {unit}")?;
        match self.target {
            None => Ok(()),
            Some(target) if self.is_met() => write!(f, " (at most {target} {unit}: met)"),
            Some(target) => write!(f, " (at most {target} {unit}: MISSED)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_held_against_its_target() {
        let finding = Finding::new("start", 12.0, "s");
        assert!(finding.is_met());
        assert_eq!(finding.to_string(), "start: 12.00 s");
        let missed = finding.at_most(10.0);
        assert!(!missed.is_met());
        assert_eq!(missed.to_string(), "start: 12.00 s (at most 10 s: MISSED)");
        assert!(missed.at_most(12.0).is_met());
    }

    #[test]
    fn rows_are_found_by_name() {
        for row in Row::ALL {
            assert_eq!(row.to_string().parse(), Ok(row));
        }
        assert!("none".parse::<Row>().is_err());
    }
}
