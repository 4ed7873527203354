//! Addresses that are not ASCII, in the parameter `ORCPT` (RFC 6533 §3).
//!
//! ```abnf
//! utf-8-addr-xtext    = 1*(QCHAR / EmbeddedUnicodeChar)    ; fits any transaction
//! utf-8-addr-unitext  = 1*(QUCHAR / EmbeddedUnicodeChar)   ; fits one with SMTPUTF8
//! EmbeddedUnicodeChar = "\x{" HEXPOINT "}"
//! ```
//! `QCHAR` is what ASCII shows save backslash, plus and the equals sign.

use std::fmt::Write;

use crate::XtextError;

/// Decodes either form. A backslash that begins nothing stands for itself.
pub(crate) fn decode(text: &str) -> Result<String, XtextError> {
    const BEGINNING: &str = "\\x{";
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(BEGINNING) {
        let (point, behind) = behind.split_once('}').ok_or(XtextError::Encoding)?;
        decoded.push_str(before);
        decoded.push(character(point).ok_or(XtextError::Encoding)?);
        rest = behind;
    }
    decoded.push_str(rest);
    if decoded.chars().any(char::is_control) {
        return Err(XtextError::Control);
    }
    Ok(decoded)
}

/// The form that any transaction can carry.
pub(crate) fn xtext(address: &str) -> String {
    encode(address, |c| c.is_ascii())
}

/// The form that a transaction with SMTPUTF8 can carry.
pub(crate) fn unitext(address: &str) -> String {
    encode(address, |_| true)
}

/// A `HEXPOINT` has two to six digits. `from_str_radix` alone would take a sign.
fn character(point: &str) -> Option<char> {
    let digits = point.bytes().all(|octet| octet.is_ascii_hexdigit());
    (digits && (1..=6).contains(&point.len()))
        .then(|| u32::from_str_radix(point, 16).ok())
        .flatten()
        .and_then(char::from_u32)
}

fn encode(address: &str, may_stand: impl Fn(char) -> bool) -> String {
    let mut encoded = String::with_capacity(address.len());
    for c in address.chars() {
        let is_shown = c.is_ascii_graphic() || !c.is_ascii();
        if is_shown && may_stand(c) && !matches!(c, '+' | '\\' | '=') {
            encoded.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "\\x{{{:02X}}}", u32::from(c));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_character_is_refused() {
        for bad in [
            r"\x{}",
            r"\x{+41}",
            r"\x{110000}",
            r"\x{0000041}",
            r"\x{4 1}",
        ] {
            assert_eq!(decode(bad), Err(XtextError::Encoding), "{bad}");
        }
        assert_eq!(decode(r"a\b\x@c").as_deref(), Ok(r"a\b\x@c"));
    }

    proptest! {
        #[test]
        fn addresses_survive_both_forms(address in "\\PC{0,30}") {
            prop_assume!(!address.chars().any(char::is_control));
            prop_assert!(xtext(&address).is_ascii());
            prop_assert_eq!(decode(&xtext(&address)), Ok(address.clone()));
            prop_assert_eq!(decode(&unitext(&address)), Ok(address));
        }
    }
}
