//! Having a chain checked (RFC 8617 §5.2, steps 4 to 7).

use mail_auth::{
    AuthenticatedMessage, DkimResult as Found, Parameters, Txt, dkim::Canonicalization,
};
use postern_mail::Domain;

use super::{
    ArcOutcome, ArcResult,
    chain::{Broken, Chain, words},
    claims,
};
use crate::{
    answers::library::{Known, at_once, library},
    body::Given,
    dkim::Bodies,
    reason::printable,
};

/// What a chain is worth.
pub(crate) fn verify(
    chain: Option<&Result<Chain, Broken>>,
    message: Option<&mut AuthenticatedMessage<'_>>,
    bodies: &Bodies<'_>,
    known: &Known<Txt>,
    author: Option<&Domain>,
) -> ArcOutcome {
    let chain = match chain {
        Some(Ok(chain)) => chain,
        Some(Err(broken)) => return failed(broken),
        None => return none(),
    };
    let Some(message) = message else {
        return none();
    };
    let (result, reason) = check(chain, message, bodies, known);
    let newest = message.aar_headers.last();
    let claims_pass = |author| newest.is_some_and(|it| claims::dmarc_passed(it.value, author));
    ArcOutcome {
        reason: reason.map(|reason| printable(&reason)),
        claims_dmarc_pass: result == ArcResult::Pass && author.is_some_and(claims_pass),
        ..unknown(chain, result)
    }
}

/// What is said where there is no chain.
pub(crate) fn none() -> ArcOutcome {
    ArcOutcome {
        result: ArcResult::None,
        sets: 0,
        sealer: None,
        sealers: Vec::new(),
        reason: None,
        claims_dmarc_pass: false,
    }
}

/// What can be said of a chain without its signatures.
pub(crate) fn unknown(chain: &Chain, result: ArcResult) -> ArcOutcome {
    ArcOutcome {
        result,
        sets: u32::try_from(chain.sealers.len()).unwrap_or(u32::MAX),
        sealer: chain.sealers.last().cloned(),
        sealers: chain.sealers.clone(),
        ..none()
    }
}

pub(crate) fn failed(broken: &Broken) -> ArcOutcome {
    ArcOutcome {
        result: ArcResult::Fail,
        sets: broken.sets,
        sealer: broken.sealers.last().cloned(),
        sealers: broken.sealers.clone(),
        reason: Some(printable(&broken.reason)),
        claims_dmarc_pass: false,
    }
}

/// What mail-auth finds: the newest signature of the message first, then the seals.
fn check(
    chain: &Chain,
    message: &mut AuthenticatedMessage<'_>,
    bodies: &Bodies<'_>,
    known: &Known<Txt>,
) -> (ArcResult, Option<String>) {
    let given = match prepare(chain, message, bodies) {
        Ok(given) => given,
        Err(reason) => return (ArcResult::Fail, Some(reason)),
    };
    let forms = [Canonicalization::Simple, Canonicalization::Relaxed];
    message.body_hashes = match given {
        Given::AsItIs => bodies.hashes(forms, given),
        Given::EndNormalised => bodies.hashes([Canonicalization::Relaxed], given),
    };
    let message = &*message;
    let parameters = Parameters::new(message).with_txt_cache(known);
    let Some(output) = library().and_then(|library| at_once(library.verify_arc(parameters))) else {
        return (
            ArcResult::TempError,
            Some("it could not be checked".to_owned()),
        );
    };
    match output.result() {
        Found::Pass => (ArcResult::Pass, None),
        Found::None => (ArcResult::None, None),
        Found::TempError(error) => (ArcResult::TempError, Some(words(error))),
        Found::Fail(error) | Found::PermError(error) | Found::Neutral(error) => {
            (ArcResult::Fail, Some(words(error)))
        }
    }
}

/// Takes the lengths from the signatures, which are judged here, and chooses how the body is
/// given for the newest one.
fn prepare(
    chain: &Chain,
    message: &mut AuthenticatedMessage<'_>,
    bodies: &Bodies<'_>,
) -> Result<Given, String> {
    for signature in &mut message.ams_headers {
        signature.header.l = 0;
    }
    let newest = message.ams_headers.last().ok_or("a set is not complete")?;
    bodies
        .given(newest.header.cb, &newest.header.bh, chain.length)
        .map_err(|flaw| format!("the newest signature: {}", flaw.reason))
}
