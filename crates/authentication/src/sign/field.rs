//! What a signature covers (RFC 6376 §5.4).

use postern_mail::header::{Field, fields};

use super::Unsigned;

/// Fields that are signed once more than they are there, so that nobody adds another of them
/// above the signed ones without breaking the signature (RFC 6376 §5.4.2, §8.15).
const GUARDED: [&str; 13] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
];

/// Fields that are signed where they are there, and that others may add: lists do, and so do
/// people who send a message on. RFC 6376 §5.4.1 names them; RFC 8058 §4 wants the one-click
/// fields signed.
const COVERED: [&str; 16] = [
    "Sender",
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "Resent-Date",
    "Resent-Message-ID",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "TLS-Report-Domain",
    "TLS-Report-Submitter",
];

/// How many fields one signature covers. Mail has each of them once, or a few times by mistake;
/// beyond that somebody tries how long our own field becomes.
const MOST: usize = 200;

/// The names of the fields of `header` that a signature is to cover, and of those called `others`
/// as well. mail-auth takes all fields of a name that stands there once, and for each time that
/// it stands there again one more, which is then not there.
///
/// # Errors
/// There are too many of them, or one whose canonical form is not what others make of it.
pub(crate) fn signed_names(
    header: &[u8],
    others: &[&'static str],
) -> Result<Vec<&'static str>, Unsigned> {
    let mut names = Vec::new();
    let mut covered = 0;
    for name in GUARDED.iter().chain(&COVERED).chain(others) {
        let mut found = fields(header).filter(|field| field.is(name)).peekable();
        if found.peek().is_some() {
            names.push(*name);
        }
        if GUARDED.contains(name) {
            names.push(*name);
            covered += 1;
        }
        for field in found {
            covered += 1;
            if !is_plain(&field) {
                return Err(Unsigned::Disputed(name));
            }
        }
    }
    match covered {
        0..=MOST => Ok(names),
        _ => Err(Unsigned::TooManyFields),
    }
}

/// Whether mail-auth 0.13.3 makes the same of a field as other verifiers do. It drops form feeds
/// and CR or LF alone, and does not find a field whose name has white space behind it.
fn is_plain(field: &Field<'_>) -> bool {
    let octets = field.octets();
    let name_ends = octets.get(field.name().len()) == Some(&b':');
    let text = octets.strip_suffix(b"\r\n").unwrap_or(octets);
    let mut lines = text.split(|octet| *octet == b'\n').peekable();
    let mut plain = name_ends && !text.contains(&0x0c);
    while let Some(line) = lines.next() {
        let line = match lines.peek() {
            Some(_) => line.strip_suffix(b"\r"),
            None => Some(line),
        };
        plain &= line.is_some_and(|line| !line.contains(&b'\r'));
    }
    plain
}
