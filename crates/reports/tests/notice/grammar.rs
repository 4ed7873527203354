//! The grammar of RFC 3464 §2, written down a second time: as its readers have it.

use mail_parser::{DateTime, MessageParser};

/// RFC 3464 §2.3.3, without *expanded*.
const ACTIONS: [&str; 4] = ["failed", "delayed", "relayed", "delivered"];

/// Fields of one group, in their order.
pub(crate) type Group = Vec<(String, String)>;

/// `delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )`.
#[track_caller]
pub(crate) fn parse(part: &str) -> (Group, Vec<Group>) {
    let text = part.strip_suffix("\r\n").unwrap();
    let mut groups = text.split("\r\n\r\n").map(parse_group);
    let message = groups.next().unwrap();
    let recipients: Vec<_> = groups.collect();
    assert!(!recipients.is_empty(), "a report is about somebody");
    check_message(&message);
    recipients.iter().for_each(check_recipient);
    (message, recipients)
}

#[track_caller]
fn parse_group(text: &str) -> Group {
    text.split("\r\n").map(parse_field).collect()
}

#[track_caller]
fn parse_field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}"));
    let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-';
    assert!(!name.is_empty() && name.chars().all(is_token), "{line:?}");
    let is_text = |c: char| !c.is_control();
    assert!(!value.is_empty() && value.chars().all(is_text), "{line:?}");
    assert!(line.len() <= 998, "{line:?}");
    (name.to_owned(), value.to_owned())
}

pub(crate) fn value<'a>(group: &'a Group, name: &str) -> Option<&'a str> {
    let mut found = group.iter().filter(|(n, _)| n == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} stands twice");
    value
}

/// RFC 3464 §2.2: which fields, each at most once, the reporting MTA among them.
fn check_message(group: &Group) {
    for (name, text) in group {
        value(group, name);
        match name.as_str() {
            "Original-Envelope-Id" => {}
            "Reporting-MTA" => check_typed(text, &["dns"]),
            "Arrival-Date" => check_date(text),
            _ => panic!("{name} is no field of a message"),
        }
    }
    assert!(value(group, "Reporting-MTA").is_some());
}

/// RFC 3464 §2.3: recipient, action and status have to be there.
fn check_recipient(group: &Group) {
    for (name, text) in group {
        value(group, name);
        match name.as_str() {
            "Original-Recipient" => check_typed(text, &[]),
            "Final-Recipient" => check_typed(text, &["rfc822", "utf-8"]),
            "Action" => assert!(ACTIONS.contains(&text.as_str())),
            "Status" => check_status(text),
            "Remote-MTA" => check_typed(text, &["dns", "x-postern"]),
            "Diagnostic-Code" => check_typed(text, &["smtp", "x-postern"]),
            "Last-Attempt-Date" | "Will-Retry-Until" => check_date(text),
            "Final-Log-ID" => {}
            _ => panic!("{name} is no field of a recipient"),
        }
    }
    for needed in ["Final-Recipient", "Action", "Status"] {
        assert!(value(group, needed).is_some(), "{needed} is missing");
    }
    check_action_against_status(group);
}

/// RFC 3464 §2.3.3, §2.3.4, §2.3.9.
fn check_action_against_status(group: &Group) {
    let class = &value(group, "Status").unwrap()[..1];
    let classes = match value(group, "Action").unwrap() {
        "failed" => "45",
        "delayed" => "4",
        _ => "2",
    };
    assert!(classes.contains(class), "{group:?}");
    let waits = value(group, "Action") == Some("delayed");
    assert_eq!(value(group, "Will-Retry-Until").is_some(), waits);
}

/// `type ";" text`, the type an atom.
fn check_typed(value: &str, types: &[&str]) {
    let (kind, text) = value
        .split_once("; ")
        .unwrap_or_else(|| panic!("{value:?}"));
    assert!(types.is_empty() || types.contains(&kind), "{value:?}");
    let is_atom = |c: char| c.is_ascii_alphanumeric() || c == '-';
    assert!(!kind.is_empty() && kind.chars().all(is_atom), "{value:?}");
    assert!(!text.trim().is_empty(), "{value:?}");
}

/// `status-code = DIGIT "." 1*3DIGIT "." 1*3DIGIT`.
fn check_status(value: &str) {
    let parts: Vec<_> = value.split('.').collect();
    let is_number = |part: &&str| {
        matches!(part.len(), 1..=3) && part.bytes().all(|octet| octet.is_ascii_digit())
    };
    assert!(parts.len() == 3 && parts.iter().all(is_number), "{value:?}");
    assert!(["2", "4", "5"].contains(&parts[0]), "{value:?}");
}

fn check_date(value: &str) {
    let field = format!("Date: {value}\r\n\r\n");
    let message = MessageParser::default().parse(field.as_bytes()).unwrap();
    let date = message.date().unwrap_or_else(|| panic!("{value:?}"));
    assert!(date.is_valid() && date.year == 2026 || *date == DateTime::from_timestamp(0));
}
