//! Having signatures checked (RFC 6376 §6.1).

use std::{cell::OnceCell, time::SystemTime};

use mail_auth::{
    AuthenticatedMessage, DkimOutput, DnsError, Error, Parameters, Txt,
    common::{
        crypto::{CryptoError, HashAlgorithm},
        headers::Header,
    },
    dkim::{Canonicalization, DkimError},
};

use super::{
    DkimOutcome, DkimResult,
    key::Keys,
    signature::{self, Flaw, Signature},
};
use crate::{
    answers::library::{Known, at_once, library},
    body::{BodyHash, Given},
    message::Message,
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

/// The first `most` signatures from the top. Those behind are not looked at, and neither is
/// anything hashed for them.
pub(crate) fn candidates(
    message: &AuthenticatedMessage<'_>,
    most: usize,
    now: SystemTime,
) -> Vec<Candidate> {
    let fields = message.headers.iter().enumerate();
    fields
        .filter(|(_, (name, _))| name.eq_ignore_ascii_case(b"DKIM-Signature"))
        .take(most)
        .map(|(field, (_, value))| Candidate {
            facts: signature::facts(value),
            field,
            signature: Signature::read(value, message.headers.len(), now),
        })
        .collect()
}

impl Candidate {
    /// What became of it.
    fn outcome(self, checked: Result<(), Flaw>) -> DkimOutcome {
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
    stray: OnceCell<bool>,
    simple: OnceCell<BodyHash>,
    relaxed: OnceCell<BodyHash>,
    normalised: OnceCell<BodyHash>,
}

impl<'a> Bodies<'a> {
    pub(crate) fn new(message: &'a Message) -> Self {
        Self {
            message,
            stray: OnceCell::new(),
            simple: OnceCell::new(),
            relaxed: OnceCell::new(),
            normalised: OnceCell::new(),
        }
    }

    fn hash(&self, form: Canonicalization, given: Given) -> &BodyHash {
        let cell = match (form, given) {
            (Canonicalization::Simple, _) => &self.simple,
            (Canonicalization::Relaxed, Given::AsItIs) => &self.relaxed,
            (Canonicalization::Relaxed, Given::EndNormalised) => &self.normalised,
        };
        cell.get_or_init(|| self.message.body_hash(form, given))
    }

    /// How the body is to be given to mail-auth for a signature: with its end normalised where
    /// it does not fit otherwise, and the form allows it.
    pub(crate) fn given(
        &self,
        form: Canonicalization,
        signed: &[u8],
        length: Option<u64>,
    ) -> Result<Given, Flaw> {
        if *self.stray.get_or_init(|| self.message.has_stray_line_end()) {
            let reason = "the body has a CR or LF that ends no line";
            return Err(Flaw::new(DkimResult::Neutral, reason));
        }
        let as_it_is =
            form == Canonicalization::Simple || self.hash(form, Given::AsItIs).sha256 == signed;
        let given = match as_it_is {
            true => Given::AsItIs,
            false => Given::EndNormalised,
        };
        check_length(self.hash(form, given).length, length)?;
        Ok(given)
    }

    /// The hashes that mail-auth compares with those of signatures.
    pub(crate) fn hashes(
        &self,
        forms: impl IntoIterator<Item = Canonicalization>,
        given: Given,
    ) -> Vec<(Canonicalization, HashAlgorithm, u64, Vec<u8>)> {
        let hash = |form| self.hash(form, given).sha256.clone();
        let forms = forms.into_iter();
        forms
            .map(|form| (form, HashAlgorithm::Sha256, 0, hash(form)))
            .collect()
    }
}

/// Whether the whole body is signed.
fn check_length(whole: u64, signed: Option<u64>) -> Result<(), Flaw> {
    match signed {
        Some(signed) if signed < whole => Err(Flaw::new(
            DkimResult::Policy,
            format!("l= covers {signed} of {whole} octets"),
        )),
        Some(signed) if signed > whole => Err(Flaw::new(
            DkimResult::Fail,
            format!("l= covers {signed} octets, and there are {whole}"),
        )),
        Some(_) | None => Ok(()),
    }
}

/// What becomes of the signatures of a message.
pub(crate) fn verify(
    candidates: Vec<Candidate>,
    message: Option<&mut AuthenticatedMessage<'_>>,
    bodies: &Bodies<'_>,
    keys: &Keys,
    known: &Known<Txt>,
) -> Vec<DkimOutcome> {
    let unread = || Err(Flaw::new(DkimResult::Neutral, "the header cannot be read"));
    let mut checked: Vec<_> = candidates.iter().map(|_| unread()).collect();
    if let Some(message) = message {
        let mut given = [
            (Given::AsItIs, Vec::new()),
            (Given::EndNormalised, Vec::new()),
        ];
        for ((at, candidate), checked) in candidates.iter().enumerate().zip(&mut checked) {
            let Ok(signature) = &candidate.signature else {
                continue;
            };
            match bodies.given(signature.read.cb, &signature.read.bh, signature.length) {
                Ok(fit) => given
                    .iter_mut()
                    .filter(|(given, _)| *given == fit)
                    .for_each(|(_, signatures)| signatures.push((at, candidate, signature))),
                Err(flaw) => *checked = Err(flaw),
            }
        }
        for (given, signatures) in given {
            let found = evaluate(message, &signatures, bodies, given, known);
            for ((at, _, signature), found) in signatures.into_iter().zip(found) {
                if let Some(checked) = checked.get_mut(at) {
                    *checked = found.and_then(|()| check_flags(signature, keys));
                }
            }
        }
    }
    let outcomes = candidates.into_iter().zip(checked);
    outcomes
        .map(|(candidate, checked)| candidate.outcome(checked))
        .collect()
}

/// What mail-auth finds of these signatures.
fn evaluate(
    message: &mut AuthenticatedMessage<'_>,
    signatures: &[(usize, &Candidate, &Signature)],
    bodies: &Bodies<'_>,
    given: Given,
    known: &Known<Txt>,
) -> Vec<Result<(), Flaw>> {
    if signatures.is_empty() {
        return Vec::new();
    }
    message.errors.clear();
    message.dkim_headers = signatures
        .iter()
        .filter_map(|(_, candidate, signature)| {
            let (name, value) = message.headers.get(candidate.field)?;
            Some(Header::new(name, value, signature.read.clone()))
        })
        .collect();
    let forms = signatures.iter().map(|(_, _, signature)| signature.read.cb);
    message.body_hashes = bodies.hashes(forms, given);
    let message = &*message;
    let parameters = Parameters::new(message).with_txt_cache(known);
    let outputs = library().and_then(|library| at_once(library.verify_dkim(parameters)));
    match outputs {
        Some(outputs) if outputs.len() == signatures.len() => outputs.iter().map(found).collect(),
        Some(_) | None => {
            let flaw = Flaw::new(DkimResult::TempError, "it could not be checked");
            vec![Err(flaw); signatures.len()]
        }
    }
}

/// What mail-auth says, in the words of RFC 8601 §2.7.1.
fn found(output: &DkimOutput<'_>) -> Result<(), Flaw> {
    use mail_auth::DkimResult as Found;
    let flaw = |result, reason: &str| Err(Flaw::new(result, reason));
    match output.result() {
        Found::Pass => Ok(()),
        Found::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => {
            flaw(DkimResult::Fail, "the body was changed")
        }
        Found::Neutral(Error::Dkim(DkimError::SignatureExpired)) => {
            flaw(DkimResult::Fail, "it has expired (x=)")
        }
        Found::Fail(Error::Dkim(DkimError::FailedAuidMatch)) => flaw(
            DkimResult::PermError,
            "its key is for the domain itself (t=s), and its identity below it",
        ),
        Found::Fail(Error::Crypto(CryptoError::IncompatibleAlgorithms)) => {
            flaw(DkimResult::PermError, "its key is for another algorithm")
        }
        Found::Fail(_) => flaw(DkimResult::Fail, "it is not of these fields or this key"),
        Found::TempError(Error::Dns(DnsError::Resolver(why))) => flaw(DkimResult::TempError, why),
        Found::PermError(Error::Io(why)) => flaw(DkimResult::PermError, why),
        Found::TempError(error) => flaw(DkimResult::TempError, &error.to_string()),
        Found::PermError(error) => flaw(DkimResult::PermError, &error.to_string()),
        Found::Neutral(error) => flaw(DkimResult::Neutral, &error.to_string()),
        Found::None => flaw(DkimResult::Neutral, "nothing was found out"),
    }
}

/// What a signature that holds is worth with its key.
fn check_flags(signature: &Signature, keys: &Keys) -> Result<(), Flaw> {
    match keys.get(&signature.key()) {
        Some(Ok(key)) if key.testing => {
            Err(Flaw::new(DkimResult::Neutral, "its key is for tests (t=y)"))
        }
        _ => Ok(()),
    }
}
