//! Figures in the documentation: `docs/performance.md` has them between marks, and nobody types one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use postern_tests::fault::Fault;
use postern_tests::programs::project;
use serde::de::DeserializeOwned;

use crate::comparison::Comparison;
use crate::growth::Finding;
use crate::plot;

/// Writes what `compare` and `growth` found into the document, and draws the plot beside it. What is
/// not given stays as it is.
pub fn write(results: &Path, growth: Option<&Path>) -> Result<(), Fault> {
    let docs = project().join("docs");
    let page = docs.join("performance.md");
    let comparison: Comparison = read(results)?;
    let text = fs::read_to_string(&page).map_err(Fault::at(&page))?;
    let table = format!("{comparison}\n![Bars of the figures above](performance.svg)\n");
    let mut text = replaced(&text, "comparison", &table)?;
    if let Some(growth) = growth {
        let findings: Vec<Finding> = read(growth)?;
        text = replaced(&text, "growth", &rows(&findings))?;
    }
    fs::write(&page, text).map_err(Fault::at(&page))?;
    let drawing = docs.join("performance.svg");
    fs::write(&drawing, plot::draw(&comparison)).map_err(Fault::at(&drawing))
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Fault> {
    let text = fs::read(file).map_err(Fault::at(file))?;
    serde_json::from_slice(&text)
        .map_err(|error| Fault::Unexpected(format!("{}: {error}", file.display())))
}

/// The text with `content` between the marks called `name`.
fn replaced(text: &str, name: &str, content: &str) -> Result<String, Fault> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let missing = || Fault::Unexpected(format!("no marks called {name}"));
    let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok([before, &begin, content.trim_end(), "\n", &end, after].concat())
}

fn rows(findings: &[Finding]) -> String {
    let mut table = "| what | figure | at most | |\n|---|---|---|---|\n".to_owned();
    for finding in findings {
        let Finding {
            what, figure, unit, ..
        } = finding;
        let (target, verdict) = match finding.target {
            None => (String::new(), ""),
            Some(target) if finding.is_met() => (format!("{target} {unit}"), "met"),
            Some(target) => (format!("{target} {unit}"), "missed"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {what} | {figure:.2} {unit} | {target} | {verdict} |"
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = "a\n<!-- growth -->\nold\nlines\n<!-- /growth -->\nz\n";
        let expected = "a\n<!-- growth -->\nnew\n<!-- /growth -->\nz\n";
        assert_eq!(replaced(page, "growth", "new\n").unwrap(), expected);
        assert_eq!(replaced(expected, "growth", "new").unwrap(), expected);
        assert!(replaced(page, "comparison", "new").is_err());
    }

    #[test]
    fn the_page_has_all_marks() {
        let page = fs::read_to_string(project().join("docs/performance.md")).unwrap();
        for name in ["comparison", "growth"] {
            assert!(replaced(&page, name, "").is_ok(), "{name}");
        }
    }

    #[test]
    fn a_growth_row_tells_whether_it_is_met() {
        let finding = Finding {
            what: "start".to_owned(),
            figure: 12.0,
            unit: "s".to_owned(),
            target: Some(10.0),
        };
        let table = rows(&[finding]);
        assert!(
            table.ends_with("| start | 12.00 s | 10 s | missed |\n"),
            "{table}"
        );
    }
}
