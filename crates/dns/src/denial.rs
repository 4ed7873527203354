//! What a server can say: records, or that there are none, and how well the latter is proven.

use hickory_resolver::{
    lookup::Lookup,
    net::NoRecords,
    proto::{
        dnssec,
        op::{Message, ResponseCode},
        rr,
    },
};

use crate::{
    Cause, Denial, LookupError, Name, Proof, Validation,
    chain::{self, Way},
    trouble::Trouble,
};

/// What a server can say.
pub(crate) enum Response {
    Records(Lookup),
    Nothing(Missing),
}

/// That there is nothing, as one response says it.
pub(crate) struct Missing {
    pub(crate) name: Name,
    is_domain: bool,
    /// Whether a zone vouches for it with its SOA (RFC 2308 §2.1, §2.2). Where none does, the
    /// denial may be hickory's own, for aliases that it stopped following.
    pub(crate) is_authoritative: bool,
    proof: Proof,
}

impl Missing {
    pub(crate) fn read(
        asked: &Name,
        none: &NoRecords,
        validation: &Validation,
    ) -> Result<Self, Trouble> {
        let name = Name::from_wire(none.query.name());
        let vouching = match (&none.soa, &none.authorities) {
            (Some(soa), _) => vec![(&soa.name, soa.proof)],
            (None, Some(authorities)) => authorities.iter().map(|r| (&r.name, r.proof)).collect(),
            (None, None) => Vec::new(),
        };
        Ok(Self {
            is_domain: none.response_code == ResponseCode::NXDomain,
            is_authoritative: none.soa.is_some(),
            proof: proof_of_denial(asked, &name, &vouching, validation)?,
            name,
        })
    }

    /// The denial of a zone with so many NSEC3 iterations that its proof was not looked at. Its
    /// signatures hold, and RFC 9276 §3.2 lets such a zone count as insecure; were it *not
    /// known*, mail for it would wait until somebody repairs the zone.
    ///
    /// hickory says so with an error that holds the response. Only a plain denial is taken from
    /// it: no answer, no alias, and a SOA with a good signature by a zone that holds the name.
    pub(crate) fn unproven(asked: &Name, response: &Message) -> Option<Self> {
        let is_soa = |r: &&rr::Record| r.record_type() == rr::RecordType::SOA;
        let soa = response.authorities.iter().find(is_soa)?;
        let is_plain = response.answers.is_empty()
            && soa.proof == dnssec::Proof::Secure
            && Name::from_wire(&soa.name).holds(asked);
        is_plain.then(|| Self {
            name: asked.clone(),
            is_domain: response.metadata.response_code == ResponseCode::NXDomain,
            is_authoritative: true,
            proof: Proof::Insecure,
        })
    }

    pub(crate) fn behind(self, way: Way) -> Trouble {
        let (name, aliases, proof) = way.end(self.proof);
        let denial = Denial {
            name,
            proof,
            received: None,
            aliases: aliases.into(),
        };
        Trouble::Denied(Box::new(if self.is_domain {
            LookupError::NoSuchDomain(denial)
        } else {
            LookupError::NoData(denial)
        }))
    }
}

/// How well a denial is proven by those who vouch for it: owners and statuses of its SOA, or of
/// whatever else stands in its authority section.
///
/// hickory holds a denial for insecure when all of that section is insecure, whosever records
/// they are. Records of an unsigned zone elsewhere would so make the TLSA records of a signed
/// zone disappear, and DANE with them; they are refused here. Where the section is empty, hickory
/// has looked for itself, and lets nothing but a denial by an unsigned zone pass.
fn proof_of_denial(
    asked: &Name,
    denied: &Name,
    vouching: &[(&rr::Name, dnssec::Proof)],
    validation: &Validation,
) -> Result<Proof, Trouble> {
    let mut worst = match validation {
        Validation::Off => return Ok(Proof::Indeterminate),
        Validation::With(_) if vouching.is_empty() => return Ok(Proof::Insecure),
        Validation::With(_) => Proof::Secure,
    };
    for (owner, proof) in vouching {
        let owner = Name::from_wire(owner);
        if !owner.holds(denied) {
            return Err(Trouble::Unknown {
                cause: Cause::Malformed,
                detail: format!("{owner} speaks for {asked}, which is not its own"),
            });
        }
        worst = worst.min(chain::proof(*proof)?);
    }
    Ok(worst)
}
