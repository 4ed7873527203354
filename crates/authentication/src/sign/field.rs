//! What a signature covers, and the field that carries it (RFC 6376 §3.5, §5.4).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use data_encoding::BASE64;
use postern_mail::header::{Field, fields};

use super::Unsigned;
use crate::{
    DkimKey,
    canonical::{relaxed_field, relaxed_unended},
    folded::FoldedField,
};

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

/// The fields of one message that are signed: their names for `h=`, and their canonical form.
#[derive(Debug)]
pub(crate) struct SignedFields {
    names: Vec<&'static str>,
    canonical: Vec<u8>,
}

impl SignedFields {
    /// Those of `header`, and the fields called `others` as well.
    ///
    /// Of fields with one name the lowest comes first (RFC 6376 §5.4.2).
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn of(header: &[u8], others: &[&'static str]) -> Result<Self, Unsigned> {
        let all: Vec<Field<'_>> = fields(header).collect();
        let mut signed = Self {
            names: Vec::new(),
            canonical: Vec::new(),
        };
        for name in GUARDED.iter().chain(&COVERED).chain(others) {
            for field in all.iter().rev().filter(|field| field.is(name)) {
                signed.names.push(name);
                relaxed_field(field.octets(), &mut signed.canonical);
            }
            if GUARDED.contains(name) {
                signed.names.push(name);
            }
        }
        if signed.names.len() > MOST {
            return Err(Unsigned::TooManyFields);
        }
        Ok(signed)
    }

    /// Writes `h=`.
    pub(crate) fn write(&self, tags: &mut TagList) {
        tags.list("h", &self.names);
    }

    /// Signs these fields and `tags`, whose `b=` is yet to come, and adds it.
    pub(crate) fn sign(&self, key: &DkimKey, tags: TagList) -> Result<Bytes, Unsigned> {
        tags.sign(key, &self.canonical)
    }
}

/// A field that is a list of tags (RFC 6376 §3.2), while it is written.
#[derive(Debug)]
pub(crate) struct TagList {
    field: FoldedField,
    empty: bool,
}

impl TagList {
    /// Begins the field of this name.
    pub(crate) fn new(field: &str) -> Self {
        Self {
            field: FoldedField::new(field),
            empty: true,
        }
    }

    /// Adds a tag.
    pub(crate) fn tag(&mut self, name: &str, value: &str) {
        self.separate();
        self.field.word(&format!("{name}={value}"));
    }

    /// Adds a tag with values between colons.
    fn list(&mut self, name: &str, values: &[&str]) {
        self.separate();
        for (at, value) in values.iter().enumerate() {
            match at {
                0 => self.field.word(&format!("{name}={value}")),
                _ => self.field.piece(&format!(":{value}")),
            }
        }
    }

    /// Adds a tag whose value is base64.
    pub(crate) fn base64(&mut self, name: &str, value: &[u8]) {
        self.separate();
        self.field.word(&format!("{name}="));
        self.field.breakable(&BASE64.encode(value));
    }

    /// Adds `b=`: the signature of `canonical`, which comes before this field, and of the field
    /// itself with that tag empty (RFC 6376 §3.7).
    pub(crate) fn sign(mut self, key: &DkimKey, canonical: &[u8]) -> Result<Bytes, Unsigned> {
        self.base64("b", &[]);
        let mut signed = canonical.to_vec();
        relaxed_unended(self.field.as_bytes(), &mut signed);
        let signature = key.sign(&signed)?;
        self.field.breakable(&BASE64.encode(&signature));
        Ok(self.field.finish())
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.field.push(";");
        }
    }
}

/// Seconds since 1970, as `t=` and `x=` count them.
pub(crate) fn unix_time(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .as_ref()
        .map_or(0, Duration::as_secs)
}
