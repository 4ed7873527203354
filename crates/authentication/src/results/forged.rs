//! Taking out the fields that claim to be ours (RFC 8601 §5).
//!
//! Whoever reads our results behind us trusts the field that bears our identifier, so no other
//! field may come through that somebody might read as bearing it. Readers differ, and so a claim
//! is recognised in more forms than the grammar has: whatever the case of letters, wherever lines
//! are folded and comments stand, quoted or not, with a version behind, with the `/1` of older
//! texts, as an internationalised name in any spelling, and where a quotation or a comment has no
//! end. A line that is no field does not end the search, since many readers pass over it.

use std::borrow::Cow;

use postern_mail::{Domain, header::Field};

use crate::{ArcOutcome, ArcResult};

const RESULTS: &str = "Authentication-Results";
const ARC_RESULTS: &str = "ARC-Authentication-Results";

/// Whether a field is an `Authentication-Results` field in our name.
///
/// Anybody can write one. It is to be believed only in a message that came through
/// [`without_forged`] before our own field was put on top.
pub fn is_ours(field: &Field<'_>, authserv_id: &str) -> bool {
    match Kind::of(field.octets()) {
        Some((Kind::Plain, value)) => Identifier::new(authserv_id).is_claimed_by(value),
        Some((Kind::Arc, _)) | None => false,
    }
}

/// The message with all fields taken out that claim to be results of ours; all else stays octet
/// for octet. `header` may go on behind the header.
///
/// `ARC-Authentication-Results` in our name are ours where we sealed the message before, and
/// removing one breaks the chain; they are taken out where the chain does not hold anyway.
pub fn without_forged<'a>(header: &'a [u8], authserv_id: &str, arc: ArcChain) -> Cow<'a, [u8]> {
    let id = Identifier::new(authserv_id);
    let is_forged = |field: &[u8]| match (Kind::of(field), arc) {
        (Some((Kind::Arc, _)), ArcChain::Valid) | (None, _) => false,
        (Some((Kind::Arc, value)), ArcChain::Invalid) | (Some((Kind::Plain, value)), _) => {
            id.is_claimed_by(value)
        }
    };
    let mut kept = Cow::Borrowed(header);
    let mut rest = header;
    while let Some((field, behind)) = first_line(rest) {
        let passed = header.len() - rest.len();
        match &mut kept {
            Cow::Borrowed(_) if is_forged(field) => {
                let before = header.get(..passed).unwrap_or_default();
                kept = Cow::Owned(before.to_vec());
            }
            Cow::Owned(_) if is_forged(field) => {}
            Cow::Owned(kept) => kept.extend_from_slice(field),
            Cow::Borrowed(_) => {}
        }
        rest = behind;
    }
    if let Cow::Owned(kept) = &mut kept {
        kept.extend_from_slice(rest);
    }
    kept
}

/// Whether the ARC sets of a message are to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArcChain {
    /// The chain was validated (RFC 8617 §5.2).
    Valid,
    /// There is none, it is broken, or nobody looked.
    Invalid,
}

impl From<&ArcOutcome> for ArcChain {
    fn from(outcome: &ArcOutcome) -> Self {
        match outcome.result {
            ArcResult::Pass => Self::Valid,
            ArcResult::None | ArcResult::Fail | ArcResult::TempError => Self::Invalid,
        }
    }
}

/// The first line of a header with the lines folded onto it, and what stands behind; nothing at
/// the empty line.
fn first_line(header: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut end = line_length(header);
    if matches!(header.get(..end)?, b"" | b"\n" | b"\r\n") {
        return None;
    }
    while matches!(header.get(end), Some(b' ' | b'\t')) {
        end += line_length(header.get(end..)?);
    }
    header.split_at_checked(end)
}

fn line_length(octets: &[u8]) -> usize {
    octets
        .iter()
        .position(|octet| *octet == b'\n')
        .map_or(octets.len(), |at| at + 1)
}

/// Which of the two fields of results a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Arc,
}

impl Kind {
    /// The kind of a field and its value. What is no visible character of its name does not count.
    fn of(field: &[u8]) -> Option<(Self, &[u8])> {
        let colon = field.iter().position(|octet| *octet == b':')?;
        let (name, value) = field.split_at_checked(colon)?;
        let name: Vec<u8> = name.iter().copied().filter(u8::is_ascii_graphic).collect();
        let kind = if name.eq_ignore_ascii_case(RESULTS.as_bytes()) {
            Self::Plain
        } else if name.eq_ignore_ascii_case(ARC_RESULTS.as_bytes()) {
            Self::Arc
        } else {
            return None;
        };
        Some((kind, value.get(1..)?))
    }
}

/// Our `authserv-id`, to be compared with.
struct Identifier {
    text: String,
    domain: Option<Domain>,
}

impl Identifier {
    fn new(authserv_id: &str) -> Self {
        Self {
            text: authserv_id.to_lowercase(),
            domain: authserv_id.parse().ok(),
        }
    }

    /// Whether a value begins with this identifier, or does so behind the instance of an ARC set.
    fn is_claimed_by(&self, value: &[u8]) -> bool {
        let value = String::from_utf8_lossy(value);
        let (first, rest) = Segment::split(&value);
        let (second, _) = Segment::split(rest);
        let claims = |segment: &Segment| self.is(&segment.first_word());
        claims(&first) || (first.is_instance() && claims(&second))
    }

    fn is(&self, word: &str) -> bool {
        word.trim_end_matches('.').to_lowercase() == self.text
            || (self.domain.is_some() && word.parse().ok() == self.domain)
    }
}

/// What stands before a semicolon, with a space for every comment, and quotations resolved.
struct Segment(String);

impl Segment {
    /// The first segment of a value, and what stands behind its semicolon.
    fn split(value: &str) -> (Self, &str) {
        Self::quoted(value).unwrap_or_else(|| Self::unquoted(value))
    }

    /// As the grammar has it, unless a quotation or a comment has no end.
    fn quoted(value: &str) -> Option<(Self, &str)> {
        let mut text = String::new();
        let mut quoted = false;
        let mut comments = 0_usize;
        let mut rest = value.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' if comments > 0 => drop(rest.next()),
                '\\' if quoted => text.extend(rest.next()),
                '\\' => {}
                '"' if comments == 0 => quoted = !quoted,
                '(' if !quoted => {
                    comments += 1;
                    text.push(' ');
                }
                ')' if comments > 0 => comments -= 1,
                _ if comments > 0 => {}
                ';' if !quoted => return Some((Self(text), rest.as_str())),
                _ => push(&mut text, c),
            }
        }
        (!quoted && comments == 0).then_some((Self(text), ""))
    }

    /// As those read it who know neither quotations nor comments.
    fn unquoted(value: &str) -> (Self, &str) {
        let (segment, rest) = value.split_once(';').unwrap_or((value, ""));
        let mut text = String::new();
        for c in segment.chars() {
            match c {
                '"' | '(' | ')' | '\\' => text.push(' '),
                _ => push(&mut text, c),
            }
        }
        (Self(text), rest)
    }

    /// The first word, without a version behind a stroke. White space around a dot does not end
    /// a word, since the obsolete grammar of domains allows it (RFC 5322 §4.4).
    fn first_word(&self) -> String {
        let mut found = String::new();
        for word in self.0.split_whitespace() {
            if !(found.is_empty() || found.ends_with('.') || word.starts_with('.')) {
                break;
            }
            found.push_str(word);
        }
        found
            .split_once('/')
            .map_or(found.clone(), |(id, _)| id.to_owned())
    }

    /// Whether it is the `i=` of an ARC set (RFC 8617 §4.2.1), or nothing at all.
    fn is_instance(&self) -> bool {
        let text: String = self.0.split_whitespace().collect();
        text.is_empty()
            || text
                .strip_prefix(['i', 'I'])
                .and_then(|rest| rest.strip_prefix('='))
                .is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
    }
}

/// Adds a character of a word, or a space. Semicolons of a quotation end words for those who do
/// not know quotations; what has no shape is passed over.
fn push(text: &mut String, c: char) {
    if c.is_whitespace() || c == ';' {
        text.push(' ');
    } else if !c.is_control() {
        text.push(c);
    }
}
