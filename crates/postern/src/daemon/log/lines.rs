//! Lines on their way to standard error, or to the journal.
//!
//! Whoever logs only puts its line down; one thread takes what has gathered and writes it at once.
//! So mail never waits for whoever reads the log, and a busy relay makes a few writes a second
//! rather than several for each message. What waits is bounded: while the reader does not read,
//! lines are dropped and counted, and the count is told when the reader goes on. A kill takes with
//! it what was logged in the last hundredth of a second; an orderly end, and every error, is
//! waited for.

use std::{
    io, mem,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How many octets of lines may wait: some seconds of a busy relay.
const MOST: usize = 4 * 1024 * 1024;

/// How long lines wait for company.
const LINGER: Duration = Duration::from_millis(10);

/// How long the end of the process waits for a log that nobody reads.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// The lines of this process, once its log has begun.
static LINES: OnceLock<Lines> = OnceLock::new();

/// The lines of this process, for the log to write to.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToStandardError(&'static Lines);

impl ToStandardError {
    /// Begins to write. Where there is no thread to be had, every line is written by whoever
    /// logs it.
    pub(super) fn start(mut into: impl io::Write + Send + 'static) -> Self {
        let lines = LINES.get_or_init(Lines::default);
        let writer = thread::Builder::new().name("postern-log".to_owned());
        let started = writer.spawn(move || lines.write_out(&mut into));
        lines.waiting().has_writer |= started.is_ok();
        Self(lines)
    }
}

/// Waits until what was logged is written.
pub(crate) fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(LAST_WAIT);
    }
}

/// Lines that wait to be written.
#[derive(Debug, Default)]
struct Lines {
    waiting: Mutex<Waiting>,
    /// Wakes the writer.
    arrived: Condvar,
    /// Wakes who waits for the writer.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    octets: Vec<u8>,
    /// How many lines found no room.
    dropped: u64,
    urgency: Urgency,
    has_writer: bool,
    /// Whether the writer has taken lines that are not yet written.
    is_writing: bool,
}

/// Whether lines may wait for company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Urgency {
    #[default]
    Some,
    Great,
}

impl Lines {
    /// The lock guards plain values that are whole after every statement.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8], urgency: Urgency) {
        let mut waiting = self.waiting();
        if !waiting.has_writer {
            write_all(&mut io::stderr(), line);
            return;
        }
        if waiting.octets.len().saturating_add(line.len()) > MOST {
            waiting.dropped += 1;
            return;
        }
        let is_first = waiting.octets.is_empty();
        waiting.octets.extend_from_slice(line);
        let hurries = urgency == Urgency::Great && waiting.urgency != Urgency::Great;
        if hurries {
            waiting.urgency = Urgency::Great;
        }
        drop(waiting);
        if is_first || hurries {
            self.arrived.notify_one();
        }
    }

    /// Writes what comes, for as long as the process lives.
    fn write_out(&self, into: &mut impl io::Write) {
        let mut lines = Vec::new();
        loop {
            let dropped = self.take(&mut lines);
            write_all(into, &lines);
            if dropped > 0 {
                let text = format!("{dropped} lines of the log were dropped: nobody read them\n");
                write_all(into, text.as_bytes());
            }
            lines.clear();
            self.waiting().is_writing = false;
            self.written.notify_all();
        }
    }

    /// Waits for lines, and then a little for more of them. Says how many were dropped.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let mut waiting = self.waiting();
        while waiting.octets.is_empty() {
            let woken = self.arrived.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let since = Instant::now();
        while waiting.urgency == Urgency::Some
            && let Some(left) = LINGER.checked_sub(since.elapsed())
        {
            let woken = self.arrived.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        mem::swap(lines, &mut waiting.octets);
        waiting.urgency = Urgency::Some;
        waiting.is_writing = true;
        mem::take(&mut waiting.dropped)
    }

    fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut waiting = self.waiting();
        waiting.urgency = Urgency::Great;
        self.arrived.notify_one();
        while waiting.has_writer
            && (waiting.is_writing || !waiting.octets.is_empty())
            && let Some(left) = deadline.checked_duration_since(Instant::now())
        {
            let woken = self.written.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Standard error may be gone: a log that nobody reads any more is no reason to fail, and
/// `eprintln` would panic.
fn write_all(into: &mut impl io::Write, octets: &[u8]) {
    let _ = into.write_all(octets);
}

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    lines: &'static Lines,
    urgency: Urgency,
}

impl<'a> MakeWriter<'a> for ToStandardError {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            lines: self.0,
            urgency: Urgency::Some,
        }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        let urgency = match *event.level() {
            Level::ERROR => Urgency::Great,
            _ => Urgency::Some,
        };
        Line {
            lines: self.0,
            urgency,
        }
    }
}

impl io::Write for Line {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.lines.add(octets, self.urgency);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    };

    use super::*;

    /// A reader that takes what is written only when it is asked to.
    struct Reader(SyncSender<String>);

    impl io::Write for Reader {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(octets).into_owned();
            self.0.send(text).map_err(io::Error::other)?;
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn started() -> (Arc<Lines>, Receiver<String>) {
        let (write, written) = sync_channel(0);
        let lines = Arc::new(Lines::default());
        lines.waiting().has_writer = true;
        let of_writer = Arc::clone(&lines);
        thread::spawn(move || of_writer.write_out(&mut Reader(write)));
        (lines, written)
    }

    #[test]
    fn lines_keep_their_order_and_are_written_together() {
        let (lines, written) = started();
        lines.add(b"one\n", Urgency::Some);
        lines.add(b"two\n", Urgency::Great);
        assert_eq!(written.recv().unwrap(), "one\ntwo\n");
    }

    #[test]
    fn whoever_logs_never_waits_and_what_is_lost_is_told() {
        let (lines, written) = started();
        lines.add(b"first\n", Urgency::Great);
        while !lines.waiting().is_writing {
            thread::yield_now();
        }
        let line = vec![b'x'; MOST / 4];
        for _ in 0..7 {
            lines.add(&line, Urgency::Great);
        }
        assert_eq!(written.recv().unwrap(), "first\n");
        assert_eq!(written.recv().unwrap().len(), MOST);
        let told = written.recv().unwrap();
        assert!(told.starts_with("3 lines "), "{told}");
    }

    #[test]
    fn a_flush_waits_for_what_was_logged_and_not_for_ever() {
        let (lines, written) = started();
        lines.add(b"last\n", Urgency::Some);
        lines.flush(Duration::from_millis(50));
        assert!(lines.waiting().is_writing, "nobody has read it");
        assert_eq!(written.recv().unwrap(), "last\n");
        lines.flush(LAST_WAIT);
        assert!(!lines.waiting().is_writing);
    }
}
