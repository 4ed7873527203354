//! What Postern is to reach, and what it aims at.

use crate::run::Measure;
use crate::workload::WorkloadName;

/// One figure that is held against a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Of this workload.
    pub workload: WorkloadName,
    /// This figure.
    pub measure: Measure,
    /// What it is called in the table.
    pub title: &'static str,
    /// What must be reached.
    pub must: Bound,
    /// What is aimed at.
    pub aim: Bound,
}

/// When a figure is good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At most this.
    AtMost(f64),
    /// At least so many times what Postfix has in the same comparison.
    TimesPostfix(f64),
}

impl Bound {
    /// Whether `figure` is good enough; unknown where it takes a figure of Postfix that is not there.
    pub fn is_met(self, figure: f64, postfix: Option<f64>) -> Option<bool> {
        match self {
            Self::AtMost(most) => Some(figure <= most),
            Self::TimesPostfix(times) => postfix.map(|postfix| figure >= times * postfix),
        }
    }
}

/// All figures of the table, in order.
pub const TARGETS: [Target; 8] = [
    Target {
        workload: WorkloadName::W1,
        measure: Measure::Cpu,
        title: "bulk, CPU ms/message",
        must: Bound::AtMost(0.20),
        aim: Bound::AtMost(0.10),
    },
    Target {
        workload: WorkloadName::W1,
        measure: Measure::Rate,
        title: "bulk, relayed messages/s",
        must: Bound::TimesPostfix(6.0),
        aim: Bound::TimesPostfix(15.0),
    },
    Target {
        workload: WorkloadName::W1,
        measure: Measure::Memory,
        title: "bulk, peak memory MiB",
        must: Bound::AtMost(120.0),
        aim: Bound::AtMost(60.0),
    },
    Target {
        workload: WorkloadName::W2,
        measure: Measure::Cpu,
        title: "churn, CPU ms/message",
        must: Bound::AtMost(0.50),
        aim: Bound::AtMost(0.35),
    },
    Target {
        workload: WorkloadName::W3,
        measure: Measure::Cpu,
        title: "plain, CPU ms/message",
        must: Bound::AtMost(0.18),
        aim: Bound::AtMost(0.08),
    },
    Target {
        workload: WorkloadName::W4,
        measure: Measure::Cpu,
        title: "large, CPU ms/message",
        must: Bound::AtMost(14.0),
        aim: Bound::AtMost(8.0),
    },
    Target {
        workload: WorkloadName::W5,
        measure: Measure::Idle,
        title: "idle TLS connection, KiB",
        must: Bound::AtMost(16.0),
        aim: Bound::AtMost(12.0),
    },
    Target {
        workload: WorkloadName::W6,
        measure: Measure::Latency,
        title: "serial, median ms to 250",
        must: Bound::AtMost(1.0),
        aim: Bound::AtMost(0.6),
    },
];
