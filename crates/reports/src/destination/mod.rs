//! Where reports go: what domains publish about it, and whether the destination agrees.
//!
//! | what | here | RFC |
//! |---|---|---|
//! | an address in `rua` or `ruf` | [`ReportUri`] | 9989 §4.7, 8460 §3, 6068 §2 |
//! | whether somebody else's address may be used | [`dmarc_destinations`] | 9990 §4, 9991 §5 |
//! | whether two domains are of one organization | `tree` | 9989 §4.10 |
//! | the TLSRPT record | [`tlsrpt_destinations`] | 8460 §3 |
//!
//! Whoever owns a domain writes whatever address he likes into its record. Were it simply used,
//! everybody could have reports from all over the world sent to a third party, so another
//! organization's host must say in DNS that it wants them.
//!
//! Everything is bounded: [`MOST_URIS`] addresses of a record, eight questions for each of two
//! walks up the tree, one question for the consent.

mod dmarc;
mod tlsrpt;
mod tree;
mod uri;

#[cfg(test)]
mod tests;

pub use dmarc::{Destinations, NotADestination, ReportTag, dmarc_destinations};
pub use tlsrpt::tlsrpt_destinations;
pub use uri::{ReportUri, ReportUriError};

/// How many addresses of one record are used. RFC 9990 §3.5 leaves the number to whoever reports.
pub const MOST_URIS: usize = 5;

/// The `name=value` pairs of a record whose first is this version; nothing else is one.
fn tags<'a>(record: &'a [u8], version: &str) -> Option<Vec<(&'a str, &'a str)>> {
    let text = std::str::from_utf8(record).ok()?;
    let mut tags = Vec::new();
    for part in text.split(';').map(str::trim).filter(|it| !it.is_empty()) {
        let (name, value) = part.split_once('=')?;
        tags.push((name.trim(), value.trim()));
    }
    (tags.first() == Some(&("v", version))).then_some(tags)
}

/// The value of a tag.
fn tag<'a>(tags: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    let mut found = tags.iter().filter(|(it, _)| *it == name);
    found.next().map(|(_, value)| *value)
}
