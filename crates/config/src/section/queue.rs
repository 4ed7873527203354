//! `[queue]`: how long and how often delivery is tried.

use std::time;

use crate::{
    schema::{Key, Located, Occurs, Reported, Section, Table},
    value::{DURATION, Duration},
};

/// How long and how often delivery is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The waits between attempts; the last one repeats. There is at least one.
    pub retry: Vec<time::Duration>,
    /// After this long an undelivered message goes back to its sender.
    pub lifetime: time::Duration,
    /// After this long the sender is told that the message is still waiting.
    pub delay_notice: time::Duration,
}

static RETRY: Key<Duration> = Key::defaulted(
    "retry",
    &DURATION,
    r#"["1m", "5m", "15m", "1h", "4h"]"#,
    "The waits between attempts for a recipient: before the second attempt, before the third, \
     and so on; the last one repeats until the lifetime is over. Each from 1s to 7d.",
)
.list()
.bounded(|wait| within(wait, Duration::from_seconds(1), Duration::from_days(7)));

static LIFETIME: Key<Duration> = Key::defaulted(
    "lifetime",
    &DURATION,
    r#""5d""#,
    "How long delivery is tried before the message goes back to its sender as undeliverable. \
     RFC 5321 §4.5.4.1 asks for at least 4 to 5 days.",
)
.bounded(|wait| within(wait, Duration::from_seconds(60), Duration::from_days(30)));

static DELAY_NOTICE: Key<Duration> = Key::defaulted(
    "delay-notice",
    &DURATION,
    r#""15m""#,
    "After how long the sender is told, with the reason, that a message is still waiting. \
     Minutes rather than hours: people expect to hear at once when a partner's channel does not \
     prove what it must.",
)
.bounded(|wait| within(wait, Duration::from_seconds(1), Duration::from_days(30)));

pub(crate) static QUEUE: Section = Section {
    name: "queue",
    occurs: Occurs::Once,
    doc: "How long and how often delivery is tried.",
    keys: &[&RETRY.entry, &LIFETIME.entry, &DELAY_NOTICE.entry],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Result<Queue, Reported> {
    let retry = table.many(&RETRY);
    let lifetime = table.one(&LIFETIME);
    let delay_notice = table.one(&DELAY_NOTICE)?;
    let (retry, lifetime) = (retry?, lifetime?);
    check_lifetime(table, &retry, &lifetime, &delay_notice)?;
    Ok(Queue {
        retry: retry.iter().map(|wait| wait.value.into()).collect(),
        lifetime: lifetime.value.into(),
        delay_notice: delay_notice.value.into(),
    })
}

fn check_lifetime(
    table: &Table<'_>,
    retry: &[Located<Duration>],
    lifetime: &Located<Duration>,
    delay_notice: &Located<Duration>,
) -> Result<(), Reported> {
    let notes = table.notes();
    let mut verdict = Ok(());
    let right = format!("stay below the queue's lifetime of {}", lifetime.value);
    for wait in retry.iter().chain([delay_notice]) {
        if wait.value >= lifetime.value {
            let wrong = format!("{} would never come about", wait.value);
            verdict = Err(notes.error(&wait.spot, wrong, &right));
        }
    }
    if lifetime.value < Duration::from_days(4) {
        notes.warn(
            &lifetime.spot,
            format_args!(
                "{} is short: an outage over a weekend bounces mail",
                lifetime.value
            ),
            "RFC 5321 §4.5.4.1 asks for at least 4 to 5 days",
        );
    }
    verdict
}

fn within(wait: &Duration, least: Duration, most: Duration) -> Result<(), String> {
    if (least..=most).contains(wait) {
        Ok(())
    } else {
        Err(format!("{wait} is not from {least} to {most}"))
    }
}
