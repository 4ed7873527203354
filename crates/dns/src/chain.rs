//! From the records of a response to an answer: along the aliases, and nowhere else.
//!
//! A response may hold any records at all. Only those count that an unbroken chain of aliases
//! connects with the name that was asked for; the rest, the additional section included, may
//! have been put there by somebody who has no say about the name (RFC 5452 §6).

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_resolver::{
    lookup::Lookup,
    proto::{
        dnssec,
        rr::{RData, Record, RecordType},
    },
};

use crate::{Alias, Answer, Caa, Cause, MOST_ALIASES, Mx, Name, Proof, Tlsa};

/// A type of record that is asked for, and how its data is read.
#[derive(Debug)]
pub(crate) struct Wanted<T> {
    pub(crate) kind: RecordType,
    read: fn(&RData) -> Option<T>,
}

/// The way walked so far: aliases, each followed once.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    here: Name,
    aliases: Vec<Alias>,
}

impl Way {
    pub(crate) fn from(name: &Name) -> Self {
        Self {
            here: name.clone(),
            aliases: Vec::new(),
        }
    }

    /// The name that the way has come to.
    pub(crate) fn here(&self) -> &Name {
        &self.here
    }

    /// Goes one alias on, unless it leads back or is one too many.
    pub(crate) fn follow(&mut self, target: Name, proof: Proof) -> Result<(), Cause> {
        let been_there = self.here == target || self.aliases.iter().any(|a| a.name == target);
        if been_there || self.aliases.len() == MOST_ALIASES {
            return Err(Cause::Aliases);
        }
        self.aliases.push(Alias {
            name: std::mem::replace(&mut self.here, target.clone()),
            target,
            proof,
        });
        Ok(())
    }

    /// Where the way ends, the aliases on it, and how well it and its end are proven.
    pub(crate) fn end(self, proof: Proof) -> (Name, Vec<Alias>, Proof) {
        let worst = self.aliases.iter().map(|a| a.proof).fold(proof, Proof::min);
        (self.here, self.aliases, worst)
    }
}

/// Reads what `wanted` asks for out of `lookup`, going on from where `way` has come to.
pub(crate) fn read<T>(
    mut way: Way,
    wanted: &Wanted<T>,
    lookup: &Lookup,
) -> Result<Answer<T>, Cause> {
    loop {
        let here = lookup
            .answers()
            .iter()
            .filter(|r| r.name == *way.here.as_wire());
        let (mut records, mut proof) = (Vec::new(), Proof::Secure);
        let mut alias = None;
        for record in here {
            if let Some(data) = (wanted.read)(&record.data) {
                records.push(data);
                proof = proof.min(proof_of(record)?);
            } else if let RData::CNAME(target) = &record.data {
                alias = Some((Name::from_wire(&target.0), proof_of(record)?));
            }
        }
        if !records.is_empty() {
            let (canonical, aliases, proof) = way.end(proof);
            return Ok(Answer {
                records,
                proof,
                received: None,
                valid_until: lookup.valid_until(),
                canonical,
                aliases,
            });
        }
        // Neither the records nor an alias: the response answers some other question.
        let (target, proof) = alias.ok_or(Cause::Malformed)?;
        way.follow(target, proof)?;
    }
}

/// The alias at the start of `way`, from a look-up for just that.
pub(crate) fn read_alias(way: &Way, lookup: &Lookup) -> Result<(Name, Proof), Cause> {
    let here = lookup
        .answers()
        .iter()
        .filter(|r| r.name == *way.here.as_wire());
    for record in here {
        if let RData::CNAME(target) = &record.data {
            return Ok((Name::from_wire(&target.0), proof_of(record)?));
        }
    }
    Err(Cause::Malformed)
}

fn proof_of(record: &Record) -> Result<Proof, Cause> {
    proof(record.proof)
}

/// hickory's status as ours: one of its four is no proof.
pub(crate) fn proof(proof: dnssec::Proof) -> Result<Proof, Cause> {
    match proof {
        dnssec::Proof::Secure => Ok(Proof::Secure),
        dnssec::Proof::Insecure => Ok(Proof::Insecure),
        dnssec::Proof::Indeterminate => Ok(Proof::Indeterminate),
        dnssec::Proof::Bogus => Err(Cause::Bogus),
    }
}

pub(crate) static MX: Wanted<Mx> = Wanted {
    kind: RecordType::MX,
    read: |data| match data {
        RData::MX(mx) => Some(Mx {
            preference: mx.preference,
            exchange: Name::from_wire(&mx.exchange),
        }),
        _ => None,
    },
};

pub(crate) static A: Wanted<Ipv4Addr> = Wanted {
    kind: RecordType::A,
    read: |data| match data {
        RData::A(address) => Some(address.0),
        _ => None,
    },
};

pub(crate) static AAAA: Wanted<Ipv6Addr> = Wanted {
    kind: RecordType::AAAA,
    read: |data| match data {
        RData::AAAA(address) => Some(address.0),
        _ => None,
    },
};

pub(crate) static TXT: Wanted<Vec<u8>> = Wanted {
    kind: RecordType::TXT,
    read: |data| match data {
        RData::TXT(text) => Some(text.txt_data.concat()),
        _ => None,
    },
};

pub(crate) static PTR: Wanted<Name> = Wanted {
    kind: RecordType::PTR,
    read: |data| match data {
        RData::PTR(name) => Some(Name::from_wire(&name.0)),
        _ => None,
    },
};

pub(crate) static CAA: Wanted<Caa> = Wanted {
    kind: RecordType::CAA,
    read: |data| match data {
        RData::CAA(caa) => Some(Caa {
            critical: caa.issuer_critical,
            tag: caa.tag.to_ascii_lowercase(),
            value: caa.value.clone(),
        }),
        _ => None,
    },
};

pub(crate) static TLSA: Wanted<Tlsa> = Wanted {
    kind: RecordType::TLSA,
    read: |data| match data {
        RData::TLSA(tlsa) => Some(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            association: tlsa.cert_data.clone(),
        }),
        _ => None,
    },
};
