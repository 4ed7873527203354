//! The other implementations, behind one process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// Debian's own interpreter: its packages are not seen by others.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = include_str!("second_opinion.py");

/// Answers questions, one at a time.
pub(crate) struct Opinion {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Opinion {
    /// Starts it, or says what is missing.
    pub(crate) fn start() -> Result<Self, String> {
        let needed = "import authheaders, dkim, nacl, spf";
        let found = Command::new(PYTHON).args(["-c", needed]).output();
        let found = found.map_err(|error| format!("{PYTHON}: {error}"))?;
        if !found.status.success() {
            let why = String::from_utf8_lossy(&found.stderr);
            let why = why.lines().last().unwrap_or_default();
            return Err(format!("{why} (see .ci/install-test-programs)"));
        }
        let mut process = Command::new(PYTHON)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{PYTHON}: {error}"))?;
        let questions = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Ok(Self {
            process,
            questions,
            answers,
        })
    }

    /// Asks about `about`; the rest of the question is `details`.
    pub(crate) fn ask(&mut self, about: &str, mut details: Value) -> Value {
        details["about"] = json!(about);
        writeln!(self.questions, "{details}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Opinion {
    fn drop(&mut self) {
        // It is in the middle of nothing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
