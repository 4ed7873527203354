//! The sets of a chain as mail-auth reads them, and what that lets pass (RFC 8617 §5.2).

use mail_auth::{
    AuthenticatedMessage, Error,
    arc::{ArcError, Signature},
    common::{crypto::Algorithm, headers::Header, verify::VerifySignature},
    dkim::DkimError,
};
use postern_mail::Domain;

use crate::{
    dkim::signature::{check_algorithm, check_fields, domain},
    tags::Tags,
};

/// The most sets (RFC 8617 §5.2).
const SETS: usize = 50;

/// The names of the fields of a set.
const NAMES: [&[u8]; 3] = [
    b"ARC-Seal",
    b"ARC-Message-Signature",
    b"ARC-Authentication-Results",
];

/// What must be known of a chain to have it checked.
#[derive(Debug)]
pub(crate) struct Chain {
    /// Who sealed, the first one first.
    pub(crate) sealers: Vec<Domain>,
    /// The names of the keys, each once.
    pub(crate) keys: Vec<String>,
    /// How much of the body the newest signature says it is made over.
    pub(crate) length: Option<u64>,
}

/// A chain that cannot pass, as far as it can be read.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) sets: u32,
    pub(crate) sealers: Vec<Domain>,
    pub(crate) reason: String,
}

impl Chain {
    /// The chain of a message; `None` where it has none.
    pub(crate) fn read(message: &AuthenticatedMessage<'_>) -> Option<Result<Self, Broken>> {
        let numbers = NAMES.map(|wanted| {
            let names = message.headers.iter().map(|(name, _)| name);
            names
                .filter(|name| name.eq_ignore_ascii_case(wanted))
                .count()
        });
        if numbers == [0; NAMES.len()] {
            return None;
        }
        let sealers = message.as_headers.iter().take(SETS);
        let sealers: Vec<_> = sealers.filter_map(|seal| domain(&seal.header.d)).collect();
        let broken = |reason| Broken {
            sets: u32::try_from(numbers[0]).unwrap_or(u32::MAX),
            sealers: sealers.clone(),
            reason,
        };
        let checked = check_numbers(numbers)
            .and_then(|()| check_read(message))
            .and_then(|()| check_instances(message))
            .and_then(|()| check_seals(message))
            .and_then(|()| check_newest(message));
        Some(checked.map_err(broken).map(|length| Self {
            length,
            keys: keys(message),
            sealers: sealers.clone(),
        }))
    }
}

/// mail-auth sees no chain where there are no signatures.
fn check_numbers(numbers: [usize; NAMES.len()]) -> Result<(), String> {
    let [seals, signatures, results] = numbers;
    if seals > SETS {
        return Err("there are more than 50 sets".to_owned());
    }
    match seals == signatures && seals == results {
        true => Ok(()),
        false => Err("a set is not complete".to_owned()),
    }
}

/// What mail-auth could not read.
fn check_read(message: &AuthenticatedMessage<'_>) -> Result<(), String> {
    let mut errors = message.errors.iter();
    let is_ours = |name: &[u8]| NAMES.iter().any(|it| name.eq_ignore_ascii_case(it));
    match errors.find(|error| is_ours(error.name.trim_ascii_end())) {
        Some(error) => Err(words(&error.header)),
        None => Ok(()),
    }
}

/// Where two fields have the same instance, it depends on their order what mail-auth says.
fn check_instances(message: &AuthenticatedMessage<'_>) -> Result<(), String> {
    let all = 1..=u32::try_from(message.as_headers.len()).unwrap_or(u32::MAX);
    let seals = message.as_headers.iter().map(|it| it.header.i);
    let signatures = message.ams_headers.iter().map(|it| it.header.i);
    let results = message.aar_headers.iter().map(|it| it.header.i);
    match seals.eq(all.clone()) && signatures.eq(all.clone()) && results.eq(all) {
        true => Ok(()),
        false => Err(words(&Error::Arc(ArcError::InvalidInstance(1)))),
    }
}

/// What mail-auth reads in seals and should not.
fn check_seals(message: &AuthenticatedMessage<'_>) -> Result<(), String> {
    for seal in &message.as_headers {
        let of_seal = |why: &str| format!("the seal {}: {why}", seal.header.i);
        check_field(seal, seal.header.a).map_err(|why| of_seal(&why))?;
    }
    Ok(())
}

/// The same for the newest signature of the message, the only one that is checked.
fn check_newest(message: &AuthenticatedMessage<'_>) -> Result<Option<u64>, String> {
    let newest = message.ams_headers.last().ok_or("a set is not complete")?;
    let of_signature = |why: &str| format!("the newest signature: {why}");
    check_field(newest, newest.header.a).map_err(|why| of_signature(&why))?;
    let Signature { h, l, .. } = &newest.header;
    check_fields(h, message.headers.len()).map_err(|flaw| of_signature(&flaw.reason))?;
    if h.iter().any(|name| name.eq_ignore_ascii_case("arc-seal")) {
        return Err(of_signature("it is made over seals"));
    }
    let tags = Tags::parse(newest.value).map_err(|error| of_signature(&error.to_string()))?;
    Ok(tags.get("l").map(|_| *l))
}

fn check_field<T: VerifySignature>(
    field: &Header<'_, T>,
    algorithm: Algorithm,
) -> Result<(), String> {
    Tags::parse(field.value).map_err(|error| error.to_string())?;
    check_algorithm(algorithm).map_err(|flaw| flaw.reason)?;
    let name = |name: &str, text| domain(text).ok_or_else(|| format!("the tag {name} is no name"));
    name("d", field.header.domain())?;
    name("s", field.header.selector())?;
    Ok(())
}

fn keys(message: &AuthenticatedMessage<'_>) -> Vec<String> {
    let newest = message.ams_headers.last();
    let newest = newest.map(|signature| signature.header.domain_key());
    let seals = message
        .as_headers
        .iter()
        .map(|seal| seal.header.domain_key());
    let mut keys: Vec<_> = newest.into_iter().chain(seals).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What mail-auth says, in our words.
pub(super) fn words(error: &Error) -> String {
    let words = match error {
        Error::Arc(ArcError::ChainTooLong) => "there are more than 50 sets",
        Error::Arc(ArcError::BrokenChain) => "a set is not complete",
        Error::Arc(ArcError::InvalidInstance(1..=50)) => {
            "an instance (i=) is left out or there twice"
        }
        Error::Arc(ArcError::InvalidInstance(_)) => "an instance (i=) cannot be read",
        Error::Arc(ArcError::InvalidCV) => "a seal does not say that the chain holds (cv=)",
        Error::Arc(ArcError::HasHeaderTag) => "a seal names fields (h=)",
        Error::Arc(ArcError::FailedBodyHashMatch) => "the newest signature: the body was changed",
        Error::Arc(ArcError::SignatureExpired) => "the newest signature: it has expired (x=)",
        Error::MissingParameters => "a tag is missing",
        Error::Base64 => "a signature is not Base64",
        Error::Crypto(_) => "a signature or seal is not of these fields or its key",
        Error::Dkim(DkimError::UnsupportedAlgorithm) => "an algorithm (a=) is not known",
        Error::Dkim(DkimError::UnsupportedCanonicalization) => "a canonical form (c=) is not known",
        Error::Io(why) | Error::Dns(mail_auth::DnsError::Resolver(why)) => why,
        other => return other.to_string(),
    };
    words.to_owned()
}
