//! What systemd is told, where it asks (sd_notify(3)).

use std::time::Duration;

use sd_notify::NotifyState;

/// Every listener is ready.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read anew. [`ready`] follows. systemd wants the time with it, to
/// tell this reload from one that it asks for later.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the monotonic clock cannot be read"),
    }
}

/// The end has begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Work is being done.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How long systemd waits for the next [`alive`] before it kills us, if it does.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
