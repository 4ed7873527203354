//! Panics: each is a mistake of ours, told and counted. Tokio keeps one to its task.

use std::{
    panic,
    sync::atomic::{AtomicU64, Ordering},
};

use postern_mail::Foreign;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// From now on panics go to the log and are counted.
pub(crate) fn count() {
    panic::set_hook(Box::new(|info| {
        COUNT.fetch_add(1, Ordering::Relaxed);
        let at = info.location().map(ToString::to_string);
        // It may quote what a peer sent.
        let text = Foreign::new(info.payload_as_str().unwrap_or("no text"));
        let at = at.as_deref().unwrap_or("an unknown place");
        tracing::error!(at, "a task panicked: {text}");
    }));
}

/// How many there were.
pub(crate) fn total() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_counted_and_stays_in_its_task() {
        count();
        let before = total();
        let ended = tokio::spawn(async { panic!("on purpose\r\n250 OK") }).await;
        drop(panic::take_hook());
        assert!(ended.is_err_and(|error| error.is_panic()));
        assert!(total() > before);
    }
}
