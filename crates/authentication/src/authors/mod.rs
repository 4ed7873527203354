//! Whose domains the `From` field of a message names (RFC 5322 §3.6.2).
//!
//! That field is what people are shown, and a message is read by many: the mail program of the
//! recipient, and whatever stands before it. They do not agree about fields that are not well
//! formed, and a sender who means to pass for a partner looks for the form in which we see
//! somebody else than they do. So a field is read in three ways, and the domains of all count:
//!
//! - by a parser of messages, which knows groups and common mistakes;
//! - by what stands behind every `@` that is neither quoted nor in a comment. An `@` in a display
//!   name has no business there, and people take what it makes for the address;
//! - as people are shown it, wherever the second way finds no domain: in a mailbox without an
//!   address, behind an `@` that leads to none, and where a quotation or a comment has no end.
//!   Encoded words (RFC 2047) are decoded then, and quotations and comments hide nothing.
//!
//! A display name that is quoted or encoded, with an address behind it, is not read for others:
//! lists that send on what others wrote put their addresses there. To name too many domains
//! costs a message of odd form, and that only where a partner is at stage enforce.

mod fields;
mod tokens;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, net::Ipv4Addr};

use mail_parser::{HeaderName, MessageParser};
use postern_mail::Domain;

use self::tokens::{Quoting, mailboxes, names_behind_ats};
use crate::Author;

/// The author domain of a message with this header. What stands behind the header does no harm.
///
/// Exactly one `From` field is asked for, with one domain for every reader. Several mailboxes of
/// one domain will do: RFC 5322 §3.6.2 allows them, and DMARC can judge them.
pub fn author(header: &[u8]) -> Author {
    let found = fields::from(header);
    let domains = domains(&found.octets);
    match (found.number, domains.as_slice()) {
        (0, _) => Author::None,
        (1, [domain]) => Author::One(domain.clone()),
        (1, []) => Author::Unusable("it names no domain".to_owned()),
        (1, _) => Author::Several(domains),
        (2.., _) => Author::Several(domains),
    }
}

/// The domains that these fields, all of the name `From`, speak for.
pub fn domains(fields: &[u8]) -> Vec<Domain> {
    let text = String::from_utf8_lossy(fields);
    let mut named: BTreeSet<Domain> = by_parser(fields)
        .iter()
        .filter_map(|it| domain(it))
        .collect();
    for value in by_field(&text) {
        match mailboxes(value) {
            Some(mailboxes) => named.extend(mailboxes.into_iter().flat_map(of_mailbox)),
            None => named.extend(as_shown(value)),
        }
    }
    named.into_iter().collect()
}

fn by_parser(fields: &[u8]) -> Vec<String> {
    let Some(message) = MessageParser::default().parse_headers(fields) else {
        return Vec::new();
    };
    let from = message.headers().iter();
    from.filter(|header| header.name == HeaderName::From)
        .filter_map(|header| header.value().as_address())
        .flat_map(|address| address.iter())
        .filter_map(|mailbox| mailbox.address()?.rsplit_once('@'))
        .map(|(_, domain)| domain.trim().to_owned())
        .collect()
}

/// The values of the fields. A field without an end in its quotation must not swallow the next.
fn by_field(text: &str) -> impl Iterator<Item = &str> {
    text.split("\nFrom:")
        .map(|value| value.strip_prefix("From:").unwrap_or(value))
}

fn of_mailbox(mailbox: &str) -> Vec<Domain> {
    let names = names_behind_ats(mailbox, Quoting::Understood);
    let mut domains: Vec<_> = names.iter().filter_map(|name| domain(name)).collect();
    if names.is_empty() || domains.len() < names.len() {
        domains.extend(as_shown(mailbox));
    }
    domains
}

/// What people may take for addresses where nothing is an address.
fn as_shown(text: &str) -> Vec<Domain> {
    let names = names_behind_ats(&decoded(text), Quoting::Ignored);
    names.iter().filter_map(|name| domain(name)).collect()
}

fn domain(name: &str) -> Option<Domain> {
    let name = name.trim_end_matches('.');
    let is_address = name.parse::<Ipv4Addr>().is_ok();
    name.parse().ok().filter(|_| !is_address)
}

/// The text with its encoded words decoded, be they set apart from what is around them or not.
fn decoded(text: &str) -> String {
    if !text.contains("=?") {
        return text.to_owned();
    }
    let mut field = String::from("Subject: ");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // Only the beginning of an encoded word has the name of a character set behind `=?`.
        if c == '=' && begins_a_word(rest.clone()) {
            field.push(' ');
        }
        field.push(if c.is_control() { ' ' } else { c });
    }
    field.push_str("\r\n\r\n");
    let message = MessageParser::default().parse_headers(field.as_bytes());
    let decoded = message.and_then(|message| message.subject().map(str::to_owned));
    decoded.unwrap_or_else(|| text.to_owned())
}

fn begins_a_word(mut behind: impl Iterator<Item = char>) -> bool {
    behind.next() == Some('?') && behind.next().is_some_and(char::is_alphanumeric)
}
