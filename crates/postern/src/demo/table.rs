//! The story as a table: a row when a scene has been played, and below it what is too long for
//! a row.

use std::fmt::{self, Write as _};

use postern_mail::Foreign;

use super::outcome::{Outcome, Played, Received};

/// How wide everything is.
const WIDTH: usize = 100;

/// Where the lines below a row begin.
const INDENT: usize = 4;

/// How wide the names of the lines below a row are.
const LABEL: usize = 10;

/// The head of the table.
pub(super) fn head() -> String {
    let head = row("", "tried", "must be", "has been", "");
    format!("{head}{}\n", "─".repeat(WIDTH))
}

/// What stands below the table: the notice, and whether all went well.
pub(super) fn foot(played: &[Played], notice: &[String]) -> String {
    let mut foot = format!("{}\n", "─".repeat(WIDTH));
    if !notice.is_empty() {
        foot.push_str("What alice reads about her letter to the impostor's address:\n\n");
        for line in notice {
            let line = format!("    │ {}", Foreign::new(line));
            foot.push_str(line.trim_end());
            foot.push('\n');
        }
        foot.push('\n');
    }
    let wrong = played.iter().filter(|scene| !scene.as_it_must_be).count();
    foot.push_str(&match wrong {
        0 => format!("All {} outcomes are as they must be.\n", played.len()),
        _ => format!("{wrong} of {} outcomes are WRONG.\n", played.len()),
    });
    foot
}

/// A scene.
impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.as_it_must_be { "ok" } else { "WRONG" };
        f.write_str(&row(
            &self.number.to_string(),
            self.tried,
            &self.expected.to_string(),
            &self.seen.happened.to_string(),
            verdict,
        ))?;
        let channel = self.seen.channel.as_deref();
        let refused = matches!(self.seen.happened, Outcome::Deferred { .. });
        let channel = channel.or(refused.then_some("none that may carry this letter"));
        below(f, "channel", channel)?;
        below(f, "reason", self.seen.reason.as_deref())?;
        let received = self.seen.received.as_ref().map(ToString::to_string);
        below(f, "received", received.as_deref())?;
        match &self.seen.happened {
            Outcome::Otherwise { what } => below(f, "instead", Some(what)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            messages,
            octets,
            channel,
        } = self;
        match (messages, channel) {
            (0, _) => f.write_str("nothing"),
            (1, Some(channel)) => write!(f, "1 message, {octets} octets; {channel}"),
            (1, None) => write!(f, "1 message, {octets} octets"),
            _ => write!(f, "{messages} messages, {octets} octets"),
        }
    }
}

fn row(number: &str, tried: &str, must_be: &str, has_been: &str, verdict: &str) -> String {
    let row = format!("{number:>2}  {tried:<37}  {must_be:<24}  {has_been:<24}  {verdict}");
    format!("{}\n", row.trim_end())
}

fn below(f: &mut fmt::Formatter<'_>, label: &str, text: Option<&str>) -> fmt::Result {
    let Some(text) = text else { return Ok(()) };
    let text = Foreign::new(text).to_string();
    let mut label = label;
    for line in wrapped(&text, WIDTH - INDENT - LABEL) {
        writeln!(f, "{:INDENT$}{label:<LABEL$}{line}", "")?;
        label = "";
    }
    Ok(())
}

/// A text in lines of at most `width`, broken at spaces; a longer word has a line of its own.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let full = line.chars().count() + 1 + word.chars().count() > width;
        if !line.is_empty() && full {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        // Writing to a string does not fail.
        let _ = write!(line, "{word}");
    }
    lines.push(line);
    lines
}
