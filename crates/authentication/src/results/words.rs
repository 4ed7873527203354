//! Words of a results field that hold no more than they should.

use postern_mail::Domain;

use crate::folded::FoldedField;

/// The most characters of a foreign value or a reason.
const SHOWN: usize = 300;

/// Adds a property (`propspec`) with its value. One that could not be written without a change is
/// left out: a value that is not the true one is worse than none.
pub(super) fn property(field: &mut FoldedField, name: &str, text: &str) {
    if is_harmless(text) {
        field.word(&format!("{name}={}", value(text)));
    }
}

/// Whether a text means the same to those who know quotations and to those who do not.
fn is_harmless(text: &str) -> bool {
    let harmless = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';' | '(' | ')');
    // Base64 ends in `=`; anywhere else it could make a result of what stands around it.
    let body = text.trim_end_matches('=');
    !body.is_empty() && text.len() <= SHOWN && text.chars().all(harmless) && !body.contains('=')
}

/// A value: as it is where that is a token (RFC 2045 §5.1), a domain or an address, quoted else.
pub(super) fn value(text: &str) -> String {
    let tspecial = |c: char| "()<>@,;:\\\"/[]?=".contains(c);
    let token = |text: &str| text.chars().all(|c| c.is_ascii_graphic() && !tspecial(c));
    let address = text
        .split_once('@')
        .is_some_and(|(local, domain)| token(local) && token(domain) && !domain.is_empty());
    if (token(text) && !text.is_empty()) || address {
        text.to_owned()
    } else {
        format!("\"{}\"", tame(text))
    }
}

/// Adds `before` and a text in quotation marks, which may be folded between its words.
pub(super) fn quoted_words(field: &mut FoldedField, before: &str, text: &str) {
    let text = tame(text);
    let mut words = text.split_ascii_whitespace();
    field.word(&format!("{before}\"{}", words.next().unwrap_or_default()));
    for word in words {
        field.word(word);
    }
    field.push("\"");
}

/// Text without anything that could end its quotation, part results, or look like one.
fn tame(text: &str) -> String {
    let mut tame = String::with_capacity(text.len().min(SHOWN));
    for c in text.chars().take(SHOWN) {
        tame.push(match c {
            '"' => '\'',
            '\\' => '/',
            ';' => ',',
            '(' => '[',
            ')' => ']',
            '=' if !ends_with_tag(&tame) => ':',
            c if c.is_ascii_graphic() => c,
            c if c.is_whitespace() => ' ',
            _ => '?',
        });
    }
    tame
}

/// Whether a text ends with a single letter. No method is called by one, but tags are, and
/// "l= covers 10 of 20 octets" is worth reading.
fn ends_with_tag(text: &str) -> bool {
    let mut before = text.chars().rev();
    before.next().is_some_and(|c| c.is_ascii_alphabetic()) && before.next().is_none_or(|c| c == ' ')
}

/// An address as `[ [ local-part ] "@" ] domain-name`, its domain normalised. The local-part is
/// foreign, has no part in any result, and is left out unless it consists of what local-parts
/// are made of in earnest.
pub(super) fn address(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let domain: Domain = domain.parse().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let local = Some(local).filter(|local| local.len() <= 64 && local.chars().all(plain));
    Some(format!("{}@{domain}", local.unwrap_or_default()))
}
