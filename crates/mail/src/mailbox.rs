//! `Mailbox = Local-part "@" ( Domain / address-literal )` (RFC 5321 §4.1.2).

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Domain, Host, HostError};

/// The longest local-part that RFC 5321 §4.5.3.1.1 obliges anyone to accept is 64 octets.
/// Longer ones are in use (bounce addresses that encode the recipient), so we take up to 255.
const LONGEST_LOCAL_PART: usize = 255;

/// What stands before the `@`, as a value: without quotes or backslashes.
///
/// Case is kept and significant (RFC 5321 §2.4). Printing quotes the value where the dot-string
/// form cannot hold it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalPart(Arc<str>);

impl LocalPart {
    /// The value, unquoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_value(value: String) -> Result<Self, MailboxError> {
        if value.len() > LONGEST_LOCAL_PART {
            return Err(MailboxError::LocalPartTooLong);
        }
        if let Some(bad) = value.chars().find(|c| c.is_control()) {
            return Err(MailboxError::Character(bad));
        }
        Ok(Self(value.into()))
    }

    fn is_dot_string(&self) -> bool {
        self.0
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
    }
}

/// `atext` of RFC 5322 §3.2.3, with the non-ASCII characters of RFC 6531 §3.3.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_dot_string() {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

impl TryFrom<String> for LocalPart {
    type Error = MailboxError;

    fn try_from(value: String) -> Result<Self, MailboxError> {
        Self::from_value(value)
    }
}

impl From<LocalPart> for String {
    fn from(local_part: LocalPart) -> Self {
        local_part.as_str().to_owned()
    }
}

/// An address that mail can be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mailbox {
    local_part: LocalPart,
    host: Host,
}

impl Mailbox {
    /// Puts a mailbox together from its parts.
    pub fn new(local_part: LocalPart, host: Host) -> Self {
        Self { local_part, host }
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &LocalPart {
        &self.local_part
    }

    /// What stands behind the `@`.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The domain, unless the mailbox is at an address literal.
    pub fn domain(&self) -> Option<&Domain> {
        self.host.domain()
    }

    /// Whether only an SMTPUTF8 transaction can carry this mailbox (RFC 6531 §3.3). The domain
    /// never asks for it, because it is kept in A-labels.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local_part.as_str().is_ascii()
    }

    /// Parses the mailbox at the start of `text` and returns it with what follows.
    ///
    /// The end is where the grammar ends: at the first character that cannot belong to the
    /// domain, so a `>` inside a quoted local-part ends nothing.
    pub(crate) fn parse_prefix(text: &str) -> Result<(Self, &str), MailboxError> {
        let (local_part, rest) = parse_local_part(text)?;
        let rest = rest.strip_prefix('@').ok_or(MailboxError::NoAt)?;
        let end = match rest.strip_prefix('[') {
            Some(literal) => literal.find(']').map_or(rest.len(), |close| close + 2),
            None => rest.find(['>', ' ', ',', ':']).unwrap_or(rest.len()),
        };
        let (host, rest) = rest.split_at(end);
        Ok((
            Self {
                local_part,
                host: host.parse()?,
            },
            rest,
        ))
    }
}

/// `Local-part = Dot-string / Quoted-string` at the start of `text`.
fn parse_local_part(text: &str) -> Result<(LocalPart, &str), MailboxError> {
    if let Some(quoted) = text.strip_prefix('"') {
        return parse_quoted(quoted);
    }
    let end = text
        .find(|c| !(is_atext(c) || c == '.'))
        .unwrap_or(text.len());
    let (value, rest) = text.split_at(end);
    let local_part = LocalPart::from_value(value.to_owned())?;
    if local_part.is_dot_string() {
        Ok((local_part, rest))
    } else {
        match rest.chars().next() {
            Some(bad) if value.is_empty() && bad != '@' => Err(MailboxError::Character(bad)),
            Some(_) | None => Err(MailboxError::Dots),
        }
    }
}

/// The rest of a `Quoted-string` behind its first quote.
fn parse_quoted(text: &str) -> Result<(LocalPart, &str), MailboxError> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                let rest = text.get(at + 1..).unwrap_or_default();
                return Ok((LocalPart::from_value(value)?, rest));
            }
            '\\' => {
                let (_, escaped) = characters.next().ok_or(MailboxError::Unterminated)?;
                value.push(escaped);
            }
            _ => value.push(c),
        }
    }
    Err(MailboxError::Unterminated)
}

impl FromStr for Mailbox {
    type Err = MailboxError;

    fn from_str(text: &str) -> Result<Self, MailboxError> {
        match Self::parse_prefix(text)? {
            (mailbox, "") => Ok(mailbox),
            (_, rest) => Err(MailboxError::Character(
                rest.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER),
            )),
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.host)
    }
}

/// Why a text is not a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// The `@` is missing where it must stand.
    #[error("a mailbox has a local-part, an @ and a domain")]
    NoAt,
    /// An empty local-part, or a dot at its edge or beside another.
    #[error("a local-part must not be empty, nor have a dot first, last or doubled")]
    Dots,
    /// More than 255 octets.
    #[error("a local-part is longer than 255 octets")]
    LocalPartTooLong,
    /// A character that may not stand there.
    #[error("a mailbox must not contain {0:?} there")]
    Character(char),
    /// A quoted string without its end.
    #[error("a quoted local-part lacks its closing quote")]
    Unterminated,
    /// What stands behind the `@` is neither domain nor address literal.
    #[error(transparent)]
    Host(#[from] HostError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(input: &str, expected: Option<&str>) {
        let mailbox = input.parse::<Mailbox>().ok();
        assert_eq!(
            mailbox.map(|mailbox| mailbox.to_string()).as_deref(),
            expected,
            "{input}"
        );
    }

    #[test]
    fn mailboxes() {
        check("Jo.Doe@Example.org", Some("Jo.Doe@example.org"));
        check("a@[192.0.2.1]", Some("a@[192.0.2.1]"));
        check("\"jo doe\"@example.org", Some("\"jo doe\"@example.org"));
        check("\"jo.doe\"@example.org", Some("jo.doe@example.org"));
        check(r#""a\"b"@example.org"#, Some(r#""a\"b"@example.org"#));
        check("\"a@b>c\"@example.org", Some("\"a@b>c\"@example.org"));
        check("x%v@example.org", Some("x%v@example.org"));
        check("v!x@example.org", Some("v!x@example.org"));
        check("дж@example.org", Some("дж@example.org"));
        check("a@bücher.example", Some("a@xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_no_mailbox_is_refused() {
        for input in [
            "",
            "a",
            "@b",
            "a@",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a b@c",
            "a@b c",
            "a@b@c",
            "\"a@b",
            "\"a\nb\"@c",
            "a@[1.2.3]",
            "a@b>",
            "a@b,",
            "\"a\\",
            "a\u{7f}@b",
        ] {
            check(input, None);
        }
        check(&format!("{}@example.org", "a".repeat(256)), None);
    }

    #[test]
    fn a_non_ascii_local_part_needs_smtputf8_and_a_domain_never_does() {
        assert!(
            "дж@example.org"
                .parse::<Mailbox>()
                .unwrap()
                .needs_smtputf8()
        );
        assert!(
            !"a@bücher.example"
                .parse::<Mailbox>()
                .unwrap()
                .needs_smtputf8()
        );
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_is_the_identity(local in "\\PC{0,30}") {
            if let Ok(local_part) = LocalPart::try_from(local) {
                let mailbox = Mailbox::new(local_part, "example.org".parse().unwrap());
                prop_assert_eq!(mailbox.to_string().parse::<Mailbox>(), Ok(mailbox));
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,60}") {
            if let Ok(mailbox) = text.parse::<Mailbox>() {
                prop_assert_eq!(mailbox.to_string().parse::<Mailbox>(), Ok(mailbox));
            }
        }
    }
}
