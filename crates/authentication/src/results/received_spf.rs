//! The `Received-SPF` field (RFC 7208 §9.1).
//!
//! ```abnf
//! header-field   = "Received-SPF:" [CFWS] result FWS [comment FWS] [ key-value-list ] CRLF
//! key-value-list = key-value-pair *( ";" [CFWS] key-value-pair ) [";"]
//! key-value-pair = key [CFWS] "=" ( dot-atom / quoted-string )
//! ```

use bytes::Bytes;

use super::words::{address, quoted_words};
use crate::{Letter, Verdict, folded::FoldedField};

/// The `Received-SPF` field for a message, with its line end. It belongs above the `Received`
/// field of the same host.
pub fn received_spf_field(letter: &Letter<'_>, verdict: &Verdict) -> Bytes {
    let outcome = verdict.spf();
    let identity = match verdict.mail_from {
        Some(_) => "mailfrom",
        None => "helo",
    };
    let envelope_from = letter
        .reverse_path
        .mailbox()
        .and_then(|mailbox| address(&mailbox.to_string()));
    let mut field = FoldedField::new("Received-SPF");
    field.word(&outcome.result.to_string());
    let mut pair = |key: &str, text: &str| {
        let quote = if is_dot_atom(text) { "" } else { "\"" };
        field.word(&format!("{key}={quote}{text}{quote};"));
    };
    pair("receiver", letter.hostname.as_str());
    pair("identity", identity);
    if let Some(envelope_from) = envelope_from {
        pair("envelope-from", &envelope_from);
    }
    pair("helo", &letter.helo.to_string());
    pair("client-ip", &letter.client.to_canonical().to_string());
    if let Some(reason) = &outcome.reason {
        quoted_words(&mut field, "problem=", reason);
    }
    field.finish()
}

/// Narrower than RFC 5322 §3.2.3 has it, which is no fault.
fn is_dot_atom(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}
