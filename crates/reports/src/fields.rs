//! `message/delivery-status`: the part that programs read (RFC 3464 §2), and
//! `message/global-delivery-status`, which need not be ASCII (RFC 6533 §4).
//!
//! ```text
//! delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )
//! ```
//! A field is a line: nothing is folded, and each value is short enough (`ascii`).

use std::time::SystemTime;

use mail_builder::headers::date::Date;
use postern_mail::{ForwardPath, Host};

use crate::{
    Action, Cause, Facts, RecipientFact,
    ascii::{Script, printable},
};

/// The content of the part.
pub(crate) fn delivery_status(
    facts: &Facts<'_>,
    recipients: &[RecipientFact<'_>],
    script: Script,
) -> String {
    let mut fields = Fields {
        text: String::new(),
        script,
    };
    fields.per_message(facts);
    for recipient in recipients {
        fields.text.push_str("\r\n");
        fields.per_recipient(facts, recipient);
    }
    fields.text
}

/// A point in time as header fields have it (RFC 5322 §3.3).
pub(crate) fn date(time: SystemTime) -> Date {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    Date::from(since.map_or(0, |elapsed| elapsed.as_secs()))
}

struct Fields {
    text: String,
    script: Script,
}

impl Fields {
    /// Writes a field whose value is printable and without line ends.
    fn field(&mut self, name: &str, value: &str) {
        for part in [name, ": ", value, "\r\n"] {
            self.text.push_str(part);
        }
    }

    /// Writes a field for what somebody else has stated, unless that is nothing.
    fn stated(&mut self, name: &str, before: &str, text: &str) {
        let text = self.script.text(text);
        let text = text.trim();
        if !text.is_empty() {
            self.field(name, &format!("{before}{text}"));
        }
    }

    /// `address-type ";" generic-address`. An address that is not ASCII is of the type `utf-8`,
    /// which has an encoding of its own (RFC 6533 §3).
    fn address(&mut self, name: &str, kind: &str, address: &str) {
        if address.is_ascii() && !kind.eq_ignore_ascii_case("utf-8") {
            self.stated(name, &format!("{}; ", printable(kind)), address);
        } else {
            self.field(name, &format!("utf-8; {}", self.script.address(address)));
        }
    }

    /// `mta-name-type ";" mta-name`: a domain or address literal, or whatever we have been told.
    fn mta(&mut self, name: &str, host: &str) {
        match host.parse::<Host>() {
            Ok(host) => self.field(name, &format!("dns; {host}")),
            Err(_) => self.stated(name, "x-postern; ", host),
        }
    }

    /// RFC 3464 §2.2.
    fn per_message(&mut self, facts: &Facts<'_>) {
        if let Some(id) = &facts.envelope.envelope_id {
            self.stated("Original-Envelope-Id", "", id.as_str());
        }
        self.field("Reporting-MTA", &format!("dns; {}", facts.reporter));
        self.field("Arrival-Date", &date(facts.arrived).to_rfc822());
    }

    /// RFC 3464 §2.3.
    fn per_recipient(&mut self, facts: &Facts<'_>, fact: &RecipientFact<'_>) {
        if let Some(original) = &fact.recipient.original {
            self.address("Original-Recipient", original.kind(), original.address());
        }
        let last = &fact.recipient.forward_path;
        self.address("Final-Recipient", "rfc822", &bare(last));
        self.field("Action", action(fact.action));
        self.field("Status", &fact.shown_status().to_string());
        match fact.cause {
            Cause::Reply { host, reply } => {
                self.mta("Remote-MTA", host);
                self.stated("Diagnostic-Code", "smtp; ", &reply.to_string());
            }
            Cause::Here(text) => self.stated("Diagnostic-Code", "x-postern; ", text),
        }
        if let Some(time) = fact.last_attempt {
            self.field("Last-Attempt-Date", &date(time).to_rfc822());
        }
        self.field("Final-Log-ID", &facts.id.to_string());
        if let Action::Delayed { until } = fact.action {
            self.field("Will-Retry-Until", &date(until).to_rfc822());
        }
    }
}

/// The path without its brackets.
pub(crate) fn bare(path: &ForwardPath) -> String {
    match path {
        ForwardPath::Postmaster => "Postmaster".to_owned(),
        ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Failed => "failed",
        Action::Delayed { .. } => "delayed",
        Action::Relayed => "relayed",
        Action::Delivered => "delivered",
    }
}
