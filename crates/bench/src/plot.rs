//! The comparison as a drawing: for each figure of the table a bar a subject, on a logarithmic scale.
//!
//! SVG is written here line by line: bars and words need no library. Colours follow the reader's
//! scheme, light or dark; every bar has its number, so that nothing depends on colour alone.

use std::fmt::Write as _;

use crate::comparison::{Comparison, number};
use crate::run::Measure;
use crate::subject::SubjectName;
use crate::targets::{TARGETS, Target};

const WIDTH: f64 = 720.0;
/// Where bars begin: names stand to the left of it.
const LEFT: f64 = 110.0;
/// How long the longest bar is: its number stands to the right of it.
const LONGEST: f64 = 520.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
/// What a title takes, and what separates it from the bars above.
const TITLE: f64 = 44.0;

const STYLE: &str = "<style>
text { font: 13px sans-serif; fill: #24292f }
.title { font-weight: bold }
.other { fill: #8c959f }
.postern { fill: #0969da }
.decade { stroke: #d0d7de }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.other { fill: #6e7681 }
.postern { fill: #4493f8 }
.decade { stroke: #30363d }
}
</style>
";

/// Draws it.
pub(crate) fn draw(comparison: &Comparison) -> String {
    let mut body = String::new();
    let mut y = 0.0;
    for target in &TARGETS {
        y = panel(&mut body, comparison, target, y);
    }
    let height = y + 12.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"What a message costs Postern and its peers\">\n{STYLE}{body}</svg>\n"
    )
}

/// Draws the bars of one figure below `top`, and tells where they end.
fn panel(body: &mut String, comparison: &Comparison, target: &Target, top: f64) -> f64 {
    let figure = |subject: SubjectName| comparison.median(subject, target.workload, target.measure);
    let subjects = comparison.subjects().into_iter();
    let bars: Vec<(SubjectName, f64)> = subjects
        .filter_map(|subject| figure(subject).map(|it| (subject, it)))
        .filter(|(_, it)| *it > 0.0)
        .collect();
    let Some(scale) = Scale::of(bars.iter().map(|(_, it)| *it)) else {
        return top;
    };
    let better = match target.measure {
        Measure::Rate => "more is better",
        Measure::Cpu | Measure::Memory | Measure::Idle | Measure::Latency => "less is better",
    };
    let first = top + TITLE;
    let end = first + STEP * bars.len() as f64;
    // Writing to a String cannot fail.
    let _ = writeln!(
        body,
        "<text class=\"title\" x=\"8\" y=\"{:.0}\">{} {} ({better})</text>",
        first - 12.0,
        target.workload,
        target.title
    );
    for decade in scale.decades() {
        let x = LEFT + decade;
        let _ = writeln!(
            body,
            "<line class=\"decade\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.0}\" y2=\"{:.0}\"/>",
            first - 4.0,
            end - 2.0
        );
    }
    for (place, (subject, value)) in bars.iter().enumerate() {
        let y = first + STEP * place as f64;
        bar(body, *subject, *value, scale.length(*value), y);
    }
    end
}

fn bar(body: &mut String, subject: SubjectName, value: f64, length: f64, y: f64) {
    let class = match subject {
        SubjectName::Postern => "postern",
        SubjectName::Postfix
        | SubjectName::Exim
        | SubjectName::OpenSmtpd
        | SubjectName::Haraka
        | SubjectName::Nothing => "other",
    };
    let line = y + 13.0;
    let _ = writeln!(
        body,
        "<text x=\"{:.0}\" y=\"{line:.0}\" text-anchor=\"end\">{subject}</text>\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"{BAR}\"/>\
         <text x=\"{:.1}\" y=\"{line:.0}\">{}</text>",
        LEFT - 8.0,
        LEFT + length + 6.0,
        number(value)
    );
}

/// A logarithmic scale over whole decades.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    /// Exponents of ten.
    first: f64,
    last: f64,
}

impl Scale {
    /// One that holds all values, with a bar of some length for the smallest.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let least = values.clone().reduce(f64::min)?;
        let most = values.reduce(f64::max)?;
        Some(Self {
            first: (least / 1.5).log10().floor(),
            last: most.log10().ceil(),
        })
    }

    fn length(self, value: f64) -> f64 {
        LONGEST * (value.log10() - self.first) / (self.last - self.first)
    }

    fn decades(self) -> impl Iterator<Item = f64> {
        let count = (self.last - self.first) as i32;
        (0..=count).map(move |it| LONGEST * f64::from(it) / f64::from(count.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decade_is_as_long_as_another() {
        let scale = Scale::of([0.2, 5.0, 40.0].into_iter()).unwrap();
        assert_eq!((scale.first, scale.last), (-1.0, 2.0));
        let step = scale.length(1.0) - scale.length(0.1);
        assert!((scale.length(10.0) - scale.length(1.0) - step).abs() < 1e-9);
        assert!(scale.length(0.2) > 0.0 && scale.length(40.0) < LONGEST);
        assert_eq!(scale.decades().count(), 4);
        assert_eq!(Scale::of(std::iter::empty()), None);
    }

    #[test]
    fn every_subject_with_a_figure_has_a_bar_with_its_number() {
        let text = r#"{"failures": [], "figures": [
            {"subject": "postern", "version": "1", "workload": "W1", "messages": 1,
             "accepted_per_second": 1, "relayed_per_second": 5000, "cpu_ms": 0.15, "own_cpu_ms": 0,
             "latency_ms": [1, 1, 1], "memory_mib": 50, "idle_kib": null, "connections_out": 1},
            {"subject": "postfix", "version": "3", "workload": "W1", "messages": 1,
             "accepted_per_second": 1, "relayed_per_second": 700, "cpu_ms": 2.2, "own_cpu_ms": 0,
             "latency_ms": [1, 1, 1], "memory_mib": 200, "idle_kib": null, "connections_out": 1}]}"#;
        let comparison: Comparison = serde_json::from_str(text).unwrap();
        let drawing = draw(&comparison);
        assert_eq!(drawing.matches("<rect").count(), 6, "{drawing}");
        for number in [">0.15<", ">2.20<", ">5000<", ">700<"] {
            assert!(drawing.contains(number), "{number} in {drawing}");
        }
        assert_eq!(drawing.matches("class=\"postern\"").count(), 3);
    }
}
