//! What is shown of the header of somebody's message.

use postern_mail::{Domain, header};

/// The fields that are shown: those that tell which way a message came, who is said to have
/// written it, and what the verifiers went by. Any other may hold anything.
pub const SHOWN: &[&str] = &[
    "ARC-Authentication-Results",
    "ARC-Message-Signature",
    "ARC-Seal",
    "Authentication-Results",
    "Cc",
    "Content-Type",
    "DKIM-Signature",
    "Date",
    "From",
    "In-Reply-To",
    "List-Id",
    "MIME-Version",
    "Message-ID",
    "Received",
    "Received-SPF",
    "References",
    "Reply-To",
    "Resent-Date",
    "Resent-From",
    "Resent-Message-ID",
    "Return-Path",
    "Sender",
    "Subject",
    "To",
];

/// Fields whose identifiers only look like addresses.
const IDENTIFIERS: &[&str] = &[
    "In-Reply-To",
    "Message-ID",
    "References",
    "Resent-Message-ID",
];

/// The most octets that are shown.
const MOST_OCTETS: usize = 16 << 10;

/// The header without what is not shown: ASCII, in lines that end with CRLF.
pub(super) fn header(content: &[u8], own: &Domain) -> String {
    let mut redacted = Redacted {
        own,
        seen: Vec::new(),
        text: String::new(),
    };
    for field in header::fields(content) {
        let is_named = |names: &[&str]| names.iter().any(|name| field.is(name));
        if !is_named(SHOWN) {
            continue;
        }
        let line = unfolded(field.octets());
        let before = redacted.text.len();
        match is_named(IDENTIFIERS) {
            true => redacted.text.push_str(&line),
            false => redacted.line(&line),
        }
        redacted.text.push_str("\r\n");
        if redacted.text.len() > MOST_OCTETS {
            redacted.text.truncate(before);
            break;
        }
    }
    redacted.text
}

/// A field as lines of printable ASCII; those behind the first begin with a space.
fn unfolded(octets: &[u8]) -> String {
    /// Longer lines are not sent (RFC 5322 §2.1.1).
    const LONGEST: usize = 900;
    let mut lines = Vec::new();
    for line in octets.split(|octet| *octet == b'\n') {
        let shown = |octet: &u8| match octet {
            b' '..=b'~' => char::from(*octet),
            b'\t' => ' ',
            _ => '?',
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text: String = line.iter().take(LONGEST).map(shown).collect();
        // A line of white space alone would end the header for some.
        if !text.trim().is_empty() {
            lines.push(text);
        }
    }
    lines.join("\r\n")
}

struct Redacted<'a> {
    /// Whose local-parts may be seen: whoever owns the domain knows them.
    own: &'a Domain,
    seen: Vec<String>,
    text: String,
}

impl Redacted<'_> {
    /// Copies a field, with a number in the place of each local-part.
    fn line(&mut self, line: &str) {
        let mut rest = line;
        while let Some((before, behind)) = rest.split_once('@') {
            let start = local_part_start(before);
            let (plain, local_part) = before.split_at_checked(start).unwrap_or((before, ""));
            self.text.push_str(plain);
            if local_part.is_empty() || self.is_own(behind) {
                self.text.push_str(local_part);
            } else {
                self.number(local_part);
            }
            self.text.push('@');
            rest = behind;
        }
        self.text.push_str(rest);
    }

    fn is_own(&self, behind: &str) -> bool {
        let is_of_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let end = behind.find(|c| !is_of_domain(c)).unwrap_or(behind.len());
        let domain = behind.get(..end).and_then(|it| it.parse::<Domain>().ok());
        domain.is_some_and(|it| it == *self.own || it.is_below(self.own))
    }

    fn number(&mut self, local_part: &str) {
        let known = self.seen.iter().position(|it| it == local_part);
        let at = known.unwrap_or_else(|| {
            self.seen.push(local_part.to_owned());
            self.seen.len() - 1
        });
        self.text.push_str(&format!("redacted-{}", at + 1));
    }
}

/// Where the local-part in front of an `@` begins. In doubt it is longer rather than shorter: a
/// quoted one reaches back to the first quote of the field.
fn local_part_start(before: &str) -> usize {
    // White space and comments may stand before the `@` (RFC 5322 §4.4).
    let before = before.trim_end();
    if before.ends_with('"') {
        // Where this is the only quote, the first one stands before another `@`.
        let first = before.find('"').unwrap_or_default();
        return if first + 1 == before.len() { 0 } else { first };
    }
    if before.ends_with(')') {
        return before.rfind([',', '<', ':', ';']).map_or(0, |at| at + 1);
    }
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    // `i=jo@example.org` in a signature is redacted from its tag on, which does no harm.
    before.trim_end_matches(is_atext).len()
}
