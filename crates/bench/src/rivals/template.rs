//! Settings files with gaps.

use std::collections::BTreeMap;
use std::fs;

use postern_tests::fault::Fault;
use postern_tests::programs::project;

/// A file of `crates/bench/rivals`. It is read at every start, so that a setting can be tried without
/// building anything.
fn settings(name: &str) -> Result<String, Fault> {
    let file = project().join("crates/bench/rivals").join(name);
    fs::read_to_string(&file).map_err(Fault::at(&file))
}

/// What the gaps are filled with, by name.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<&'static str, String>);

impl Values {
    /// With one more, which replaces one of the same name.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over what they have just made to be shown"
    )]
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.insert(name, value.to_string());
        self
    }

    /// The settings file with a value in the place of every `{{name}}`.
    pub(super) fn fill_file(&self, name: &str) -> Result<String, Fault> {
        self.fill(&settings(name)?)
    }

    fn fill(&self, text: &str) -> Result<String, Fault> {
        let mut pieces = text.split("{{");
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece
                .split_once("}}")
                .ok_or_else(|| Fault::Unexpected(format!("a gap without end: {piece:?}")))?;
            let value = self
                .0
                .get(name)
                .ok_or_else(|| Fault::Unexpected(format!("nothing fills {name:?}")))?;
            filled.push_str(value);
            filled.push_str(rest);
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_and_none_is_overlooked() {
        let values = Values::default().with("port", 25).with("name", "a");
        assert_eq!(values.fill("{{name}}:{{port}}\n").unwrap(), "a:25\n");
        assert_eq!(values.fill("{ }").unwrap(), "{ }");
        assert!(values.fill("{{other}}").is_err());
        assert!(values.fill("{{port").is_err());
    }
}
