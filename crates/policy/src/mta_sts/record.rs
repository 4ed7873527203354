//! The record at `_mta-sts` (RFC 8461 §3.1).

use std::{fmt, str::FromStr, sync::Arc};

use serde::Serialize;

use super::is_field_name;

/// The longest record that is read. A record has an id of 32 characters; whatever else may come
/// to be in it fits as well.
const LONGEST: usize = 4096;

/// The announcement of a policy.
///
/// ```text
/// sts-text-record = "v=STSv1" 1*( *WSP ";" *WSP sts-field ) [ *WSP ";" *WSP ]
/// sts-field       = "id=" 1*32( ALPHA / DIGIT ) / ext-name "=" ext-value
/// ext-value       = 1*( %x21-3A / %x3C / %x3E-7E )
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StsRecord {
    id: StsId,
}

impl StsRecord {
    /// The one record among all texts at the name. Texts of another kind do not count, and two
    /// records are as good as none.
    ///
    /// # Errors
    /// There is more than one record, or it is not what the grammar allows. The RFC has both
    /// treated like no record at all; the difference is for whoever looks for the reason.
    pub fn among(texts: &[Vec<u8>]) -> Result<Option<Self>, StsRecordError> {
        let mut records = texts.iter().filter_map(|text| fields(text));
        let Some(fields) = records.next() else {
            return Ok(None);
        };
        if records.next().is_some() {
            return Err(StsRecordError::Several);
        }
        Self::parse(fields).map(Some)
    }

    /// What the policy is called for now: another id announces another policy.
    pub fn id(&self) -> &StsId {
        &self.id
    }

    fn parse(fields: &[u8]) -> Result<Self, StsRecordError> {
        let fields = std::str::from_utf8(fields).map_err(|_| StsRecordError::Octets)?;
        if fields.len() > LONGEST {
            return Err(StsRecordError::TooLong);
        }
        let mut id = None;
        let mut fields = fields.split(';').map(trim).peekable();
        while let Some(field) = fields.next() {
            // Only the last field may be empty: the delimiter behind it is optional.
            if field.is_empty() && fields.peek().is_none() {
                break;
            }
            let (name, value) = field.split_once('=').ok_or(StsRecordError::Field)?;
            if !is_field_name(name) || !is_value(value) {
                return Err(StsRecordError::Field);
            }
            if name == "id" && id.replace(value.parse()?).is_some() {
                return Err(StsRecordError::SeveralIds);
            }
        }
        id.map(|id| Self { id }).ok_or(StsRecordError::NoId)
    }
}

/// What stands behind the version of a record, if this is one.
fn fields(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"v=STSv1")?;
    let white = rest.iter().take_while(|c| b" \t".contains(c)).count();
    rest.get(white..)?.strip_prefix(b";")
}

fn trim(field: &str) -> &str {
    field.trim_matches([' ', '\t'])
}

fn is_value(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|c| c.is_ascii_graphic() && c != b'=')
}

/// What a domain calls its policy: one to 32 letters and digits, with no order among them.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct StsId(Arc<str>);

impl StsId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StsId {
    type Err = StsIdError;

    fn from_str(text: &str) -> Result<Self, StsIdError> {
        let is_id =
            (1..=32).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric());
        is_id.then(|| Self(text.into())).ok_or(StsIdError)
    }
}

impl fmt::Display for StsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for StsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StsId({})", self.0)
    }
}

/// A text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of an MTA-STS policy is one to 32 letters and digits")]
pub struct StsIdError;

/// Why there is no usable record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StsRecordError {
    /// There are two or more.
    #[error("there is more than one MTA-STS record")]
    Several,
    /// It is longer than any record needs to be.
    #[error("the MTA-STS record is longer than {LONGEST} octets")]
    TooLong,
    /// It holds octets that are not text.
    #[error("the MTA-STS record is not text")]
    Octets,
    /// A field is not `name=value`.
    #[error("a field of the MTA-STS record is not `name=value`")]
    Field,
    /// There is no id.
    #[error("the MTA-STS record has no id")]
    NoId,
    /// There are two ids.
    #[error("the MTA-STS record has more than one id")]
    SeveralIds,
    /// The id is none.
    #[error(transparent)]
    Id(#[from] StsIdError),
}
