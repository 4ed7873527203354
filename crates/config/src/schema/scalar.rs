//! From TOML's single values to ours.

use toml::de::{DeInteger, DeValue};

use super::{Kind, Scalar};

impl<T> Kind<T> {
    /// The value, or what is wrong with it.
    pub(super) fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        match (&self.scalar, value) {
            (Scalar::Text(parse), DeValue::String(text)) => parse(text),
            (Scalar::Integer(parse), DeValue::Integer(integer)) => parse(whole_number(integer)?),
            (Scalar::Boolean(make), DeValue::Boolean(boolean)) => Ok(make(*boolean)),
            (Scalar::Text(_) | Scalar::Integer(_) | Scalar::Boolean(_), other) => {
                Err(format!("is {}", named(other)))
            }
        }
    }
}

fn whole_number(integer: &DeInteger<'_>) -> Result<u64, String> {
    u64::from_str_radix(integer.as_str(), integer.radix())
        .map_err(|_| format!("{integer} is out of range"))
}

/// What was found, with its article.
pub(super) fn named(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
