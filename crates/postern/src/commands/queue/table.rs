//! Messages for people.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use postern_admin::{Failure, Message, Origin, Recipient, RecipientState, Timestamp};
use postern_mail::Foreign;

use crate::{
    output::Table,
    words::{delay, duration, octets},
};

/// A line for each message.
pub(super) fn list(messages: &[Message]) -> Table<7> {
    let now = SystemTime::now();
    let mut table = Table::new(["ID", "AGE", "SIZE", "NEXT", "FROM", "TO", "WHY"]);
    for message in messages {
        table.row([
            message.id.to_string(),
            since(message.received_at, now),
            octets(message.octets),
            next(message, now),
            message.reverse_path.clone(),
            to(message),
            why(message),
        ]);
    }
    table
}

/// All about a message.
pub(super) fn show(message: &Message) -> String {
    let now = SystemTime::now();
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<9} {}", Foreign::new(value));
    };
    line("message", &message.id.to_string());
    let age = since(message.received_at, now);
    line("received", &format!("{} ({age} ago)", message.received_at));
    origin(&message.origin, &mut line);
    line("from", &message.reverse_path);
    line("size", &octets(message.octets));
    if let Some(id) = &message.envelope_id {
        line("envelope", id);
    }
    if let Some(reason) = &message.hold {
        line("held", reason);
    }
    if let Some(reason) = &message.quarantined {
        line("suspect", reason);
    }
    if let Some(reason) = &message.not_bounced {
        line("bounces", &format!("to nobody: {reason}"));
    }
    let waiting = (message.waiting, message.recipients_total);
    line(
        "waiting",
        &format!("{} of {} recipients", waiting.0, waiting.1),
    );
    for one in &message.delays {
        for text in delay(one, now) {
            line("delayed", &text);
        }
    }
    let is_held = message.hold.is_some();
    let mut table = Table::new([
        "TO",
        "STATE",
        "NEXT",
        "ATTEMPTS",
        "SENDER TOLD",
        "LAST FAILURE",
    ]);
    for recipient in &message.recipients {
        let told = if recipient.sender_told_of_delay {
            "of delay"
        } else {
            ""
        };
        table.row([
            recipient.forward_path.clone(),
            state(recipient.state, is_held).to_owned(),
            recipient
                .next_attempt
                .filter(|_| !is_held)
                .map_or_else(String::new, |next| until(next, now)),
            recipient.attempts.to_string(),
            told.to_owned(),
            recipient
                .last_failure
                .as_ref()
                .map_or_else(String::new, failure),
        ]);
    }
    format!("{text}\n{table}")
}

fn origin(origin: &Origin, line: &mut dyn FnMut(&str, &str)) {
    match origin {
        Origin::Postern => line("by", "postern itself: a notification"),
        Origin::Peer {
            address,
            helo,
            channel,
            partner,
        } => {
            line("by", &format!("{address}, which called itself {helo}"));
            line("channel", channel);
            if let Some(partner) = partner {
                line("partner", partner);
            }
        }
    }
}

fn next(message: &Message, now: SystemTime) -> String {
    match (&message.hold, message.next_attempt) {
        (Some(_), _) => "held".to_owned(),
        (None, Some(next)) => until(next, now),
        (None, None) => String::new(),
    }
}

/// The first recipient that waits, and how many more do.
fn to(message: &Message) -> String {
    let first = message.recipients.first();
    let first = first.map_or("", |recipient| recipient.forward_path.as_str());
    match message.waiting {
        0 | 1 => first.to_owned(),
        many => format!("{first} and {} more", many - 1),
    }
}

/// Why it is held, or why a recipient still waits.
fn why(message: &Message) -> String {
    if let Some(reason) = &message.hold {
        return reason.clone();
    }
    let failures = message.recipients.iter().filter_map(last_failure);
    failures
        .max_by_key(|failure| failure.at)
        .map_or_else(String::new, failure)
}

fn last_failure(recipient: &Recipient) -> Option<&Failure> {
    recipient.last_failure.as_ref()
}

pub(super) fn failure(failure: &Failure) -> String {
    match &failure.host {
        // A reply tells its codes itself.
        Some(host) => format!("{host} said: {}", failure.text),
        None => format!("{} {}", failure.status, failure.text),
    }
}

/// A list says the same of a held message.
fn state(state: RecipientState, is_held: bool) -> &'static str {
    match state {
        RecipientState::Waiting if is_held => "held",
        RecipientState::Waiting => "waiting",
        RecipientState::Delivered => "delivered",
        RecipientState::Bounced => "bounced",
    }
}

pub(super) fn since(then: Timestamp, now: SystemTime) -> String {
    let age = now.duration_since(then.system_time());
    duration(age.unwrap_or_default())
}

pub(super) fn until(then: Timestamp, now: SystemTime) -> String {
    match then.system_time().duration_since(now) {
        Ok(wait) if wait >= Duration::from_secs(1) => format!("in {}", duration(wait)),
        Ok(_) | Err(_) => "now".to_owned(),
    }
}
