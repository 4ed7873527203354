//! Waiting for what another process does, always with a limit.
//!
//! The harness has no other sign of a foreign daemon's progress than its effects: a port that
//! answers, a file that appears, a line in a log. These are looked at again and again until they are
//! there; how long a look takes to be repeated decides nothing but the speed.

use std::thread;
use std::time::{Duration, Instant};

use crate::fault::Fault;

/// How long a program may take for anything it is expected to do at once. Generous, because tests
/// share two cores; a healthy run never gets near it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks with `look` until it sees something, at most for `limit`.
///
/// `seen` says, for the report of a failure, what there was instead.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, Fault>,
    seen: impl FnOnce() -> String,
) -> Result<T, Fault> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= end {
            return Err(Fault::TimedOut {
                what: what.to_owned(),
                limit,
                seen: seen(),
            });
        }
        thread::sleep(PAUSE);
    }
}

/// The last lines of `text`, enough to see why a program did not do what it should.
pub fn tail(text: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(LINES)..)
        .unwrap_or_default()
        .join("\n")
}
