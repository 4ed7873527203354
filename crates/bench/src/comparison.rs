//! Subjects side by side, and the table of it.

use std::fmt::{self, Write as _};

use postern_tests::fault::Fault;
use serde::{Deserialize, Serialize};

use crate::run::{self, Figures, Measure};
use crate::subject::{Subject, SubjectName};
use crate::targets::{Bound, TARGETS, Target};
use crate::workload::{Workload, WorkloadName};

/// What is compared.
#[derive(Debug)]
pub struct Plan {
    /// Who takes part.
    pub subjects: Vec<Box<dyn Subject>>,
    /// What they do.
    pub workloads: Vec<Workload>,
    /// How often; the table has medians.
    pub runs: usize,
}

/// What a comparison came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// The figures of every single run.
    pub figures: Vec<Figures>,
    /// Runs that did not come to an end, or in which a message was lost, doubled or damaged.
    pub failures: Vec<Failure>,
}

/// A run without figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// Whose.
    pub subject: SubjectName,
    /// Of what.
    pub workload: WorkloadName,
    /// Why there are none.
    pub why: String,
}

impl Plan {
    /// Does it all, telling `tell` a line about every run. Whoever is not installed is a fault before
    /// anything begins.
    ///
    /// Every subject has its turn before any has another: a machine that becomes slower while this
    /// goes on does so for all.
    pub fn perform(&self, mut tell: impl FnMut(&str)) -> Result<Comparison, Fault> {
        for subject in &self.subjects {
            let version = subject.version()?;
            tell(&format!("{} {version}", subject.name()));
        }
        let mut comparison = Comparison::default();
        for turn in 1..=self.runs {
            for workload in &self.workloads {
                for subject in &self.subjects {
                    let line = comparison.add(*workload, &**subject);
                    tell(&format!("run {turn} of {}: {line}", self.runs));
                }
            }
        }
        Ok(comparison)
    }
}

impl Comparison {
    fn add(&mut self, workload: Workload, subject: &dyn Subject) -> String {
        let (name, of) = (workload.name, subject.name());
        match run::run(workload, subject) {
            Ok(figures) => {
                let line = format!("{name} {of}: {}", figures.summary());
                self.figures.push(figures);
                line
            }
            Err(fault) => {
                self.failures.push(Failure {
                    subject: of,
                    workload: name,
                    why: fault.to_string(),
                });
                format!("{name} {of}: {fault}")
            }
        }
    }

    /// The median of a figure over all runs.
    pub fn median(
        &self,
        subject: SubjectName,
        workload: WorkloadName,
        measure: Measure,
    ) -> Option<f64> {
        let fits = |it: &&Figures| it.subject == subject && it.workload == workload;
        let all = self.figures.iter().filter(fits);
        let mut values: Vec<f64> = all.filter_map(|it| it.get(measure)).collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = values.get(middle).copied()?;
        if values.len() % 2 == 1 {
            return Some(upper);
        }
        values.get(middle - 1).map(|lower| (lower + upper) / 2.0)
    }

    /// The subjects that have figures or failed, in the order of the table.
    pub fn subjects(&self) -> Vec<SubjectName> {
        let takes_part = |name: &SubjectName| {
            self.figures.iter().any(|it| it.subject == *name)
                || self.failures.iter().any(|it| it.subject == *name)
        };
        let all = SubjectName::ALL.into_iter().chain([SubjectName::Nothing]);
        all.filter(takes_part).collect()
    }

    pub(crate) fn version(&self, subject: SubjectName) -> &str {
        let found = self.figures.iter().find(|it| it.subject == subject);
        found.map_or("", |it| it.version.as_str())
    }

    fn cell(&self, target: &Target, subject: SubjectName) -> String {
        let Target {
            workload, measure, ..
        } = *target;
        let failed = |it: &Failure| it.subject == subject && it.workload == workload;
        if self.failures.iter().any(failed) {
            return "failed".to_owned();
        }
        let Some(figure) = self.median(subject, workload, measure) else {
            return "-".to_owned();
        };
        let mut cell = number(figure);
        let postfix = self.median(SubjectName::Postfix, workload, measure);
        if let Some(postfix) = postfix.filter(|it| subject != SubjectName::Postfix && *it > 0.0) {
            // Writing to a String cannot fail.
            let _ = write!(cell, " (×{})", number(figure / postfix));
        }
        if subject == SubjectName::Postern {
            let met = |bound: Bound| bound.is_met(figure, postfix);
            cell.push_str(match (met(target.must), met(target.aim)) {
                (_, Some(true)) => " aim",
                (Some(true), _) => " must",
                (Some(false), _) => " MISSED",
                (None, _) => "",
            });
        }
        cell
    }
}

/// The table: a row for each figure, in parentheses how many times that of Postfix; behind Postern's
/// figures stands which bound they meet.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects = self.subjects();
        let mut header = vec![String::new(), "must".to_owned(), "aim".to_owned()];
        let named = |it: &SubjectName| format!("{it} {}", self.version(*it)).trim_end().to_owned();
        header.extend(subjects.iter().map(named));
        let mut rows = vec![header];
        for target in &TARGETS {
            let of_it = |it: &SubjectName| self.cell(target, *it);
            let cells: Vec<String> = subjects.iter().map(of_it).collect();
            if cells.iter().all(|cell| cell == "-") {
                continue;
            }
            let title = format!("{} {}", target.workload, target.title);
            rows.push([vec![title, bound(target.must), bound(target.aim)], cells].concat());
        }
        table(f, &rows)
    }
}

fn table(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (number, row) in rows.iter().enumerate() {
        f.write_str("|")?;
        for (cell, width) in row.iter().zip(&widths) {
            write!(f, " {cell:<width$} |")?;
        }
        f.write_str("\n")?;
        if number == 0 {
            f.write_str("|")?;
            for width in &widths {
                write!(f, "{:-<1$}|", "", width + 2)?;
            }
            f.write_str("\n")?;
        }
    }
    Ok(())
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtMost(most) => format!("≤ {}", number(most)),
        Bound::TimesPostfix(times) => format!("≥ {times}× Postfix"),
    }
}

/// As many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    let digits = match value {
        _ if value >= 100.0 => 0,
        _ if value >= 10.0 => 1,
        _ if value >= 0.1 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(subject: SubjectName, cpu_ms: f64) -> Figures {
        Figures {
            subject,
            version: "1".to_owned(),
            workload: WorkloadName::W1,
            messages: 1,
            accepted_per_second: 1.0,
            relayed_per_second: 100.0,
            cpu_ms,
            own_cpu_ms: 0.0,
            latency_ms: [1.0; 3],
            memory_mib: 61.0,
            idle_kib: None,
            connections_out: 1,
        }
    }

    #[test]
    fn the_table_has_medians_ratios_and_bounds() {
        let mut comparison = Comparison::default();
        let cpu = |subject, values: &[f64]| -> Vec<Figures> {
            values.iter().map(|&it| figures(subject, it)).collect()
        };
        comparison
            .figures
            .extend(cpu(SubjectName::Postern, &[0.9, 0.18, 0.1]));
        comparison
            .figures
            .extend(cpu(SubjectName::Postfix, &[1.0, 2.2]));
        comparison.failures.push(Failure {
            subject: SubjectName::Exim,
            workload: WorkloadName::W1,
            why: "a message was lost".to_owned(),
        });
        let text = comparison.to_string();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split('|').map(str::trim).collect())
            .collect();
        assert_eq!(lines[0][4..7], ["Postern 1", "Postfix 1", "Exim"]);
        assert_eq!(lines[2][4..7], ["0.18 (×0.11) must", "1.60", "failed"]);
        assert_eq!(
            lines[3][4], "100 (×1.00) MISSED",
            "six times Postfix is asked for"
        );
        assert_eq!(lines[4][4], "61.0 (×1.00) must");
        assert_eq!(
            lines.len(),
            5,
            "nothing is said about workloads nobody did:\n{text}"
        );
    }
}
