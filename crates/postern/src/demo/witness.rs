//! What the relay says of itself: its log, in a file for the user and in memory for the table.
//!
//! What became of a message that has left the queue stands in the log and nowhere else. The
//! fields of its lines are stable and documented; the words beside them are not looked at.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use tokio::sync::watch;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

/// The most lines that are remembered.
const REMEMBERED: usize = 1000;

/// A line of the log, field by field.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Vec<(&'static str, String)>);

impl Line {
    /// What a field holds, where the line has it.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a field holds this.
    pub(super) fn says(&self, name: &str, value: &str) -> bool {
        self.field(name) == Some(value)
    }
}

/// Reads along what the relay logs; its clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Witness {
    lines: Arc<watch::Sender<VecDeque<Line>>>,
}

impl Witness {
    /// The first line that fits; nothing if none comes within `limit`.
    pub(super) async fn await_line(
        &self,
        limit: Duration,
        fits: impl Fn(&Line) -> bool,
    ) -> Option<Line> {
        let mut changes = self.lines.subscribe();
        let has_come = changes.wait_for(|lines| lines.iter().any(&fits));
        let lines = tokio::time::timeout(limit, has_come).await.ok()?.ok()?;
        lines.iter().find(|line| fits(line)).cloned()
    }

    /// The first line so far that fits.
    pub(super) fn line(&self, fits: impl Fn(&Line) -> bool) -> Option<Line> {
        self.lines.borrow().iter().find(|line| fits(line)).cloned()
    }
}

impl<S: Subscriber> Layer<S> for Witness {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() > Level::INFO {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        self.lines.send_modify(|lines| {
            if lines.len() == REMEMBERED {
                lines.pop_front();
            }
            lines.push_back(line);
        });
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn lines_are_found_by_their_fields() {
        let witness = Witness::default();
        let subscriber = tracing_subscriber::registry().with(witness.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(queue_id = %"A1", basis = "plain (no)", "delivered");
            tracing::debug!(queue_id = %"B2", "too much");
        });
        let line = witness.line(|line| line.says("queue_id", "A1")).unwrap();
        assert_eq!(line.field("basis"), Some("plain (no)"));
        assert_eq!(line.field("stage"), None);
        assert!(witness.line(|line| line.says("queue_id", "B2")).is_none());
    }
}
