//! What people read: what happened, why, what they can do, and what happens next.
//!
//! The reader has written a message and knows nothing of mail servers; the postmaster whom he
//! may ask reads the fields in the next part. So there is one thought per paragraph, the words of
//! other hosts are marked as such, and recipients that share a fate are told of together.

use std::fmt::Write;

use postern_mail::{EnhancedStatusCode, Foreign, StatusClass};

use crate::{
    Action, Cause, Facts, RecipientFact,
    fields::{bare, date},
};

/// Where lines of our own text are broken.
const WIDTH: usize = 72;

/// The most groups of recipients, and the most recipients of a group, that are told of in words.
/// The fields tell of all.
const MOST: usize = 50;

/// The text, with CRLF after each line.
pub(crate) fn text(facts: &Facts<'_>, recipients: &[RecipientFact<'_>]) -> String {
    let mut text = Text::default();
    text.paragraph(
        0,
        &format!("This is the mail system at {}.", facts.reporter),
    );
    let groups: Vec<_> = recipients.chunk_by(share_a_fate).collect();
    for group in groups.iter().take(MOST) {
        text.group(group);
    }
    if groups.len() > MOST {
        text.paragraph(
            0,
            "More recipients are listed in the second part of this report.",
        );
    }
    text.line(
        0,
        &format!(
            "If you ask your postmaster for help, send this whole report along. Our name for \
             your message is {}.",
            facts.id
        ),
    );
    text.0
}

/// The subject of the report, after the worst that it tells of.
pub(crate) fn subject(recipients: &[RecipientFact<'_>]) -> &'static str {
    let any = |wanted: fn(&Action) -> bool| recipients.iter().any(|fact| wanted(&fact.action));
    if any(|action| matches!(action, Action::Failed)) {
        "Your message could not be delivered"
    } else if any(|action| matches!(action, Action::Delayed { .. })) {
        "Your message is delayed, we keep trying"
    } else if any(|action| matches!(action, Action::Relayed)) {
        "Your message was passed on"
    } else {
        "Your message was delivered"
    }
}

fn share_a_fate(one: &RecipientFact<'_>, other: &RecipientFact<'_>) -> bool {
    (one.action, one.status, one.cause) == (other.action, other.status, other.cause)
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn group(&mut self, group: &[RecipientFact<'_>]) {
        let Some(fact) = group.first() else { return };
        self.paragraph(0, what_happened(fact.action));
        for recipient in group.iter().take(MOST) {
            let path = bare(&recipient.recipient.forward_path);
            self.line(2, &Foreign::new(&path).to_string());
        }
        if group.len() > MOST {
            self.line(2, &format!("and {} more", group.len() - MOST));
        }
        self.0.push_str("\r\n");
        if fact.action != Action::Delivered {
            self.reason(fact);
        }
        if let Some(advice) = advice(fact) {
            self.paragraph(0, &format!("What you can do: {advice}"));
        }
        self.paragraph(0, &what_happens_next(fact.action));
    }

    fn reason(&mut self, fact: &RecipientFact<'_>) {
        match fact.cause {
            Cause::Reply { host, reply } => {
                let host = Foreign::new(host);
                self.line(0, &format!("The host {host} said:"));
                self.paragraph(4, &reply.to_string());
            }
            Cause::Here(text) => {
                if fact.is_refused_channel() {
                    self.paragraph(
                        0,
                        "Mail to this recipient is handed over only through a connection that \
                         is secured as has been agreed, so that nobody can read or change it \
                         on its way. No such connection could be made, and nothing of your \
                         message was sent. What was wrong with the connection:",
                    );
                } else {
                    self.line(0, "The reason:");
                }
                let text = if text.trim().is_empty() {
                    "none is known"
                } else {
                    text
                };
                self.paragraph(4, &Foreign::new(text).to_string());
            }
        }
    }

    /// Words, broken into lines, and an empty line.
    fn paragraph(&mut self, indent: usize, words: &str) {
        self.line(indent, words);
        self.0.push_str("\r\n");
    }

    /// Words, broken into lines. A word that is too long for a line has one to itself.
    fn line(&mut self, indent: usize, words: &str) {
        let mut column = 0;
        for word in words.split_whitespace() {
            let width = word.chars().count();
            if column == 0 {
                column = indent;
                let _ = write!(self.0, "{:indent$}", "");
            } else if column + 1 + width > WIDTH {
                let _ = write!(self.0, "\r\n{:indent$}", "");
                column = indent;
            } else {
                self.0.push(' ');
                column += 1;
            }
            self.0.push_str(word);
            column += width;
        }
        self.0.push_str("\r\n");
    }
}

fn what_happened(action: Action) -> &'static str {
    match action {
        Action::Failed => "Your message could not be delivered to:",
        Action::Delayed { .. } => "Your message has not been delivered yet to:",
        Action::Relayed => {
            "Your message was passed on. The next mail system sends no reports, so this is the \
             last you hear from us about:"
        }
        Action::Delivered => "Your message was delivered to:",
    }
}

fn what_happens_next(action: Action) -> String {
    match action {
        Action::Failed => {
            "What happens next: nothing. We have given up, and do not keep your message.".to_owned()
        }
        Action::Delayed { until } => format!(
            "What happens next: we keep trying until {}, and tell you if we have to give up. Do \
             not send the message again.",
            date(until).to_rfc822()
        ),
        Action::Relayed | Action::Delivered => {
            "What happens next: nothing more on our side.".to_owned()
        }
    }
}

/// What the sender can do, by what the status says (RFC 3463 §3).
fn advice(fact: &RecipientFact<'_>) -> Option<&'static str> {
    if fact.is_refused_channel() {
        return Some(
            "tell your postmaster, who can settle with the recipient's postmaster what the \
             connection has to be like. Both need the sentence above.",
        );
    }
    match fact.action {
        Action::Relayed | Action::Delivered => None,
        Action::Delayed { .. } => {
            Some("nothing needs to be done. If it is urgent, reach the recipient by other means.")
        }
        Action::Failed => Some(advice_after_failure(fact.status)),
    }
}

fn advice_after_failure(status: EnhancedStatusCode) -> &'static str {
    match (status.subject(), status.detail()) {
        (1, 7 | 8) => "ask your postmaster: it is your own address that was not accepted.",
        (1, _) => "check the address for mistakes, and send the message again to the right one.",
        (2, 2) => "ask the recipient to make room in the mailbox, and send the message again.",
        (2, 3) | (3, 4) => "send a smaller message, or the large part of it in another way.",
        (6, _) => "send the message in a simpler form, for example without special characters.",
        (4, _) => "send the message again later, or reach the recipient by other means.",
        (7, _) => "ask the recipient's postmaster why the message was refused.",
        _ if status.class() == StatusClass::Transient => {
            "send the message again later, or reach the recipient by other means."
        }
        _ => "the words above are the recipient's mail system's; its postmaster can explain them.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_broken_into_lines() {
        let mut text = Text::default();
        text.line(4, &"word ".repeat(30));
        assert!(text.0.split("\r\n").all(|line| line.len() <= WIDTH));
        assert!(text.0.starts_with("    word word"));
        assert_eq!(text.0.matches("word").count(), 30);
        let mut text = Text::default();
        text.line(2, &format!("a {} b", "x".repeat(100)));
        assert_eq!(text.0, format!("  a\r\n  {}\r\n  b\r\n", "x".repeat(100)));
    }
}
