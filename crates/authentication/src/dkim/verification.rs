//! Checking signatures (RFC 6376 §6.1).

use std::{cell::OnceCell, collections::HashMap, time::SystemTime};

use postern_mail::header::Field;

use super::{
    DkimOutcome, DkimResult,
    key::Key,
    signature::{self, Flaw, Kind, Signature},
};
use crate::{
    canonical::{relaxed_field, relaxed_unended},
    dkim::DkimAlgorithm,
    message::{BodyHash, Form, Message},
    reason::printable,
};

/// A signature of a message, before its key is known.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// What it says of itself.
    pub(crate) facts: DkimOutcome,
    /// Which field it is, counted from the top.
    pub(crate) field: usize,
    pub(crate) signature: Result<Signature, Flaw>,
}

/// The first `most` signatures from the top.
pub(crate) fn candidates(message: &Message, most: usize, now: SystemTime) -> Vec<Candidate> {
    let fields = message.fields();
    let found = fields
        .iter()
        .enumerate()
        .filter(|(_, it)| it.is("DKIM-Signature"));
    found
        .take(most)
        .map(|(at, field)| Candidate {
            facts: signature::facts(field.value()),
            field: at,
            signature: Signature::parse(field.value(), Kind::Dkim, now).and_then(acceptable),
        })
        .collect()
}

/// Refuses what need not be checked (RFC 8301 §3.1).
fn acceptable(signature: Signature) -> Result<Signature, Flaw> {
    match signature.algorithm {
        DkimAlgorithm::RsaSha1 => Err(Flaw::new(DkimResult::PermError, "rsa-sha1 is not accepted")),
        DkimAlgorithm::RsaSha256 | DkimAlgorithm::Ed25519Sha256 => Ok(signature),
    }
}

impl Candidate {
    /// What became of it.
    pub(crate) fn outcome(self, checked: Result<(), Flaw>) -> DkimOutcome {
        let (result, reason) = match self.signature.and(checked) {
            Ok(()) => (DkimResult::Pass, None),
            Err(flaw) => (flaw.result, Some(printable(&flaw.reason))),
        };
        DkimOutcome {
            result,
            reason,
            ..self.facts
        }
    }
}

/// The hashes of the body of a message, each made once and only when it is asked for.
#[derive(Debug)]
pub(crate) struct Bodies<'a> {
    message: &'a Message,
    simple: OnceCell<BodyHash>,
    relaxed: OnceCell<BodyHash>,
}

impl<'a> Bodies<'a> {
    pub(crate) fn new(message: &'a Message) -> Self {
        Self {
            message,
            simple: OnceCell::new(),
            relaxed: OnceCell::new(),
        }
    }

    fn hash(&self, form: Form) -> &BodyHash {
        let cell = match form {
            Form::Simple => &self.simple,
            Form::Relaxed => &self.relaxed,
        };
        cell.get_or_init(|| self.message.body_hash(form))
    }
}

/// Checks one signature with its key.
pub(crate) fn check(
    fields: &[Field<'_>],
    bodies: &Bodies<'_>,
    at: usize,
    signature: &Signature,
    key: &Key,
) -> Result<(), Flaw> {
    check_body(bodies, signature)?;
    let signed = signed_octets(fields, at, &signature.fields, signature.header_form);
    key.check(signature.algorithm, &signed, &signature.signature)?;
    key.check_flags(signature)
}

/// Whether the whole body is what was signed.
fn check_body(bodies: &Bodies<'_>, signature: &Signature) -> Result<(), Flaw> {
    let body = bodies.hash(signature.body_form);
    match signature.length {
        Some(length) if length < body.length => Err(Flaw::new(
            DkimResult::Policy,
            format!("l= covers {length} of {} octets", body.length),
        )),
        Some(length) if length > body.length => Err(Flaw::new(
            DkimResult::Fail,
            format!("l= covers {length} octets, and there are {}", body.length),
        )),
        Some(_) | None if body.sha256 == signature.body_hash => Ok(()),
        Some(_) | None => Err(Flaw::new(DkimResult::Fail, "the body was changed")),
    }
}

/// The octets that a signature is made over: the fields that it names, each name taking the next
/// instance from the bottom (RFC 6376 §5.4.2), and last the field of the signature itself, without
/// its value of `b` and its line end (RFC 6376 §3.7).
pub(crate) fn signed_octets(
    fields: &[Field<'_>],
    at: usize,
    names: &[String],
    form: Form,
) -> Vec<u8> {
    // A name may stand there a thousand times, as may a field, so neither is searched through.
    let mut instances: HashMap<String, Vec<&Field<'_>>> = HashMap::new();
    for field in fields {
        let name = String::from_utf8_lossy(field.name()).to_ascii_lowercase();
        instances.entry(name).or_default().push(field);
    }
    let mut octets = Vec::new();
    for name in names {
        if let Some(field) = instances.get_mut(name).and_then(Vec::pop) {
            add(field.octets(), form, &mut octets);
        }
    }
    if let Some(field) = fields.get(at) {
        let unsigned = without_signature(field.octets());
        match form {
            Form::Relaxed => relaxed_unended(&unsigned, &mut octets),
            Form::Simple => octets.extend_from_slice(&unsigned),
        }
    }
    octets
}

fn add(field: &[u8], form: Form, octets: &mut Vec<u8>) {
    match form {
        Form::Relaxed => relaxed_field(field, octets),
        Form::Simple => octets.extend_from_slice(field),
    }
}

/// The field with nothing behind `b=`, and without its line end.
pub(crate) fn without_signature(field: &[u8]) -> Vec<u8> {
    let field = field.strip_suffix(b"\n").unwrap_or(field);
    let field = field.strip_suffix(b"\r").unwrap_or(field);
    let colon = field.iter().position(|octet| *octet == b':');
    let start = colon.map_or(field.len(), |at| at + 1);
    let (name, value) = field.split_at_checked(start).unwrap_or((field, &[]));
    let mut unsigned = name.to_vec();
    for (at, tag) in value.split(|octet| *octet == b';').enumerate() {
        if at > 0 {
            unsigned.push(b';');
        }
        let equals = tag
            .iter()
            .position(|octet| *octet == b'=')
            .unwrap_or(tag.len());
        let is_signature = tag.get(..equals).unwrap_or_default().trim_ascii() == b"b";
        let kept = match is_signature && equals < tag.len() {
            true => tag.get(..=equals),
            false => Some(tag),
        };
        unsigned.extend_from_slice(kept.unwrap_or_default());
    }
    unsigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_alone_is_left_out() {
        for (field, expected) in [
            ("A: v=1; b=abc; bh=def\r\n", "A: v=1; b=; bh=def"),
            ("A: b = a\r\n b ;\r\n", "A: b =;"),
            ("A:bh=b=c;\r\n\tb=\r\n\txyz\r\n", "A:bh=b=c;\r\n\tb="),
            ("A: B=abc; b\r\n", "A: B=abc; b"),
        ] {
            let unsigned = without_signature(field.as_bytes());
            assert_eq!(String::from_utf8_lossy(&unsigned), expected, "{field:?}");
        }
    }

    #[test]
    fn fields_are_taken_from_the_bottom() {
        let message = Message::new(&["B: 1\r\nA: 1\r\nA: 2\r\nC: b=x\r\n\r\n".into()]);
        let names = ["a", "a", "a", "b", "none"].map(str::to_owned);
        let octets = signed_octets(&message.fields(), 3, &names, Form::Relaxed);
        assert_eq!(
            String::from_utf8_lossy(&octets),
            "a:2\r\na:1\r\nb:1\r\nc:b="
        );
    }
}
