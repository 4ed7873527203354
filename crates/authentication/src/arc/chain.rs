//! The sets of a chain, and whether they fit together (RFC 8617 §5.2, steps 1 to 3).

use std::time::SystemTime;

use postern_mail::{Domain, header::Field};

use crate::{
    dkim::{
        DkimAlgorithm,
        signature::{Kind, Signature, algorithm, decoded},
    },
    message::Message,
    tags::Tags,
};

/// The most sets (RFC 8617 §5.2).
const SETS: usize = 50;

/// The sets of a message, the first one first; fields are counted from the top of the header.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) sets: Vec<Set>,
    /// The newest signature of the message.
    pub(crate) signature: Signature,
}

/// What one hop added.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) results: usize,
    pub(crate) message_signature: usize,
    pub(crate) seal: usize,
    pub(crate) sealed: Seal,
}

/// What a seal says of itself (RFC 8617 §4.1.3).
#[derive(Debug, Clone)]
pub(crate) struct Seal {
    pub(crate) domain: Domain,
    pub(crate) selector: Domain,
    pub(crate) algorithm: DkimAlgorithm,
    pub(crate) signature: Vec<u8>,
    state: State,
}

/// `cv=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    None,
    Pass,
    Fail,
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
    pub(crate) fn read(message: &Message, now: SystemTime) -> Option<Result<Self, Broken>> {
        let fields = message.fields();
        let found = Found::new(&fields);
        if found.seals.is_empty() && found.signatures.is_empty() && found.results.is_empty() {
            return None;
        }
        let sealers = found.sealers(&fields);
        let broken = |reason| Broken {
            sets: u32::try_from(found.seals.len()).unwrap_or(u32::MAX),
            sealers: sealers.clone(),
            reason,
        };
        Some(found.chain(&fields, now).map_err(broken))
    }

    pub(crate) fn sealers(&self) -> Vec<Domain> {
        self.sets
            .iter()
            .map(|set| set.sealed.domain.clone())
            .collect()
    }
}

/// Where the fields of ARC are.
#[derive(Debug, Default)]
struct Found {
    seals: Vec<usize>,
    signatures: Vec<usize>,
    results: Vec<usize>,
}

impl Found {
    fn new(fields: &[Field<'_>]) -> Self {
        let mut found = Self::default();
        for (at, field) in fields.iter().enumerate() {
            if field.is("ARC-Seal") {
                found.seals.push(at);
            } else if field.is("ARC-Message-Signature") {
                found.signatures.push(at);
            } else if field.is("ARC-Authentication-Results") {
                found.results.push(at);
            }
        }
        found
    }

    /// Who seems to have sealed, where that can be read: for the log.
    fn sealers(&self, fields: &[Field<'_>]) -> Vec<Domain> {
        let seals = self.seals.iter().rev().take(SETS);
        seals
            .filter_map(|at| Seal::parse(fields.get(*at)?.value()).ok())
            .map(|seal| seal.domain)
            .collect()
    }

    fn chain(&self, fields: &[Field<'_>], now: SystemTime) -> Result<Chain, String> {
        let number = self.seals.len();
        if number > SETS {
            return Err(format!("there are more than {SETS} sets"));
        }
        if self.signatures.len() != number || self.results.len() != number {
            return Err("a set is not complete".to_owned());
        }
        let seals = in_order(fields, &self.seals)?;
        let signatures = in_order(fields, &self.signatures)?;
        let results = in_order(fields, &self.results)?;
        let mut sets = Vec::new();
        let places = seals.into_iter().zip(signatures).zip(results);
        for (at, ((seal, message_signature), results)) in places.enumerate() {
            let value = fields.get(seal).map_or(&[][..], Field::value);
            let sealed = Seal::parse(value).map_err(|why| format!("the seal {}: {why}", at + 1))?;
            sealed.check_state(at)?;
            sets.push(Set {
                results,
                message_signature,
                seal,
                sealed,
            });
        }
        let signature = sets
            .last()
            .and_then(|set| fields.get(set.message_signature));
        let signature = signature.ok_or_else(|| "there is no set".to_owned())?;
        Ok(Chain {
            signature: message_signature(signature, now)?,
            sets,
        })
    }
}

/// The newest signature of the message (RFC 8617 §4.1.2).
fn message_signature(field: &Field<'_>, now: SystemTime) -> Result<Signature, String> {
    let of_signature = |why: &str| format!("the newest signature: {why}");
    let signature = Signature::parse(field.value(), Kind::Arc, now);
    let signature = signature.map_err(|flaw| of_signature(&flaw.reason))?;
    if signature.fields.iter().any(|name| name == "arc-seal") {
        return Err(of_signature("it is made over seals"));
    }
    if signature.algorithm == DkimAlgorithm::RsaSha1 {
        return Err(of_signature("rsa-sha1 is not accepted"));
    }
    Ok(signature)
}

/// Puts fields into the order of their instances, which must be 1, 2, 3 and so on.
fn in_order(fields: &[Field<'_>], places: &[usize]) -> Result<Vec<usize>, String> {
    let mut ordered = vec![None; places.len()];
    for at in places {
        let value = fields.get(*at).map_or(&[][..], Field::value);
        let instance = instance(value).ok_or("an instance (i=) cannot be read")?;
        let place = ordered.get_mut(instance - 1);
        let place = place.ok_or("an instance (i=) is left out")?;
        if place.replace(*at).is_some() {
            return Err(format!("the instance {instance} is there twice"));
        }
    }
    Ok(ordered.into_iter().flatten().collect())
}

/// `i=`, from 1. It stands first in results, which are no list of tags (RFC 8617 §4.1.1).
fn instance(value: &[u8]) -> Option<usize> {
    let text = str::from_utf8(value).ok()?;
    let number = match Tags::parse(value) {
        Ok(tags) => tags.get("i")?,
        Err(_) => {
            let (name, value) = text.split(';').next()?.split_once('=')?;
            (name.trim() == "i").then(|| value.trim())?
        }
    };
    let digits = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    let number: usize = number.parse().ok().filter(|_| digits)?;
    (number > 0).then_some(number)
}

impl Seal {
    fn parse(value: &[u8]) -> Result<Self, String> {
        let tags = Tags::parse(value).map_err(|error| error.to_string())?;
        let required = |name: &'static str| {
            let value = tags.get(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("the tag {name} is missing"))
        };
        if tags.get("h").is_some() {
            return Err("it names fields (h=)".to_owned());
        }
        let domain = |name| {
            let text = required(name)?;
            let domain = text.parse().ok().filter(|_| !text.ends_with('.'));
            domain.ok_or_else(|| format!("the tag {name} is no name"))
        };
        let algorithm = algorithm(required("a")?).map_err(|flaw| flaw.reason)?;
        if algorithm == DkimAlgorithm::RsaSha1 {
            return Err("rsa-sha1 is not accepted".to_owned());
        }
        Ok(Self {
            domain: domain("d")?,
            selector: domain("s")?,
            algorithm,
            signature: decoded(required("b")?).ok_or("the tag b is not Base64")?,
            state: match required("cv")?.to_ascii_lowercase().as_str() {
                "none" => State::None,
                "pass" => State::Pass,
                "fail" => State::Fail,
                _ => return Err("its state (cv=) is not known".to_owned()),
            },
        })
    }

    /// The first seal knows of no chain, and all later ones of one that passes.
    fn check_state(&self, at: usize) -> Result<(), String> {
        match (at, self.state) {
            (0, State::None) | (1.., State::Pass) => Ok(()),
            (_, State::Fail) => Err(format!("{} found the chain broken", self.domain)),
            (0, State::Pass) => Err("the first seal claims an earlier chain (cv=)".to_owned()),
            (1.., State::None) => Err(format!("the seal {} denies the chain (cv=)", at + 1)),
        }
    }
}
