//! Holding what is known of a channel against a requirement.

use std::sync::Arc;

use postern_mail::Host;
use postern_tls::{
    ChainFault, CryptoBounds, Evidence, NotSecured, PeerCertificates, PeerChain, TlsaDemand,
    pkix::{self, Demand, Wildcards},
    verify_pin, verify_tlsa,
};
use rustls_pki_types::UnixTime;

use crate::{
    Basis, ChannelDemand, Identity, IdentityConstraint, Mismatch, PinSet, PkixConstraint, Proof,
    Protection, Provenance, Refusal, Requirement, Source, TlsaConstraint,
};

impl Requirement {
    /// Whether a channel of this security meets the requirement at `now`, and on what basis.
    ///
    /// At level `any` nothing about TLS is refused, the profile included: whoever would accept
    /// plaintext gains nothing by refusing something better.
    ///
    /// # Errors
    /// Says what was not met, and who demands it.
    pub fn judge(
        &self,
        security: Result<&Evidence, &NotSecured>,
        now: UnixTime,
    ) -> Result<Basis, Refusal> {
        match (self.channel(), security) {
            (ChannelDemand::Any, security) => Ok(Basis::unauthenticated(security)),
            (ChannelDemand::Encrypted | ChannelDemand::Authenticated(_), Err(reason)) => {
                Err(self.refuse_plain(reason))
            }
            (ChannelDemand::Encrypted, Ok(evidence)) => {
                self.judge_profile(evidence)?;
                Ok(Basis::unauthenticated(security))
            }
            (ChannelDemand::Authenticated(identity), Ok(evidence)) => {
                self.judge_profile(evidence)?;
                let proofs = identity
                    .constraints()
                    .map(|constraint| self.judge_identity(constraint, evidence, now))
                    .collect::<Result<_, _>>()?;
                Ok(Basis::Authenticated {
                    proofs,
                    protection: Protection::of(evidence),
                })
            }
        }
    }

    /// Whether mail may be handed to `host`, which came to be known so.
    ///
    /// # Errors
    /// Says which hosts are allowed, and who demands it.
    pub fn judge_host(&self, host: &Host, provenance: Provenance) -> Result<(), Refusal> {
        if self.hosts().admits(host, provenance) {
            return Ok(());
        }
        let sources = self.sources(|contribution| !contribution.hosts().admits(host, provenance));
        let demand = format!("a next hop among {}", self.hosts());
        // A pattern that is not met is the plainer reason.
        let mismatch = if self.hosts().admits(host, Provenance::Configured) {
            Mismatch::HostUnproven(host.clone(), provenance)
        } else {
            Mismatch::Host(host.clone())
        };
        Err(Refusal::new(mismatch, demand, sources))
    }

    /// Whether there is anybody at all who could meet the requirement: a demand for an identity
    /// that could not be found out is met by nobody, and spares the dialling.
    ///
    /// # Errors
    /// Says what could not be found out.
    pub fn judge_prospect(&self) -> Result<(), Refusal> {
        let constraints = self.identity().into_iter().flat_map(Identity::constraints);
        for constraint in constraints {
            if let IdentityConstraint::Undetermined(reason) = constraint {
                let mismatch = Mismatch::Undetermined(Arc::clone(reason));
                let demand = "a channel authenticated as what that would say";
                return Err(Refusal::new(mismatch, demand, self.demanding(constraint)));
            }
        }
        Ok(())
    }

    fn refuse_plain(&self, reason: &NotSecured) -> Refusal {
        Refusal::new(
            Mismatch::NotEncrypted(reason.clone()),
            self.channel(),
            self.sources(|contribution| !contribution.channel().level().accepts_plain()),
        )
    }

    fn judge_profile(&self, evidence: &Evidence) -> Result<(), Refusal> {
        self.bounds().admits(evidence).map_err(|violation| {
            let refusing: Vec<_> = self
                .contributions()
                .filter_map(|contribution| Some((contribution, contribution.profile()?)))
                .filter(|(_, profile)| profile.bounds().admits(evidence).is_err())
                .collect();
            let names: Vec<_> = refusing.iter().map(|(_, profile)| profile.name()).collect();
            let sources = refusing
                .iter()
                .map(|(contribution, _)| contribution.source().clone())
                .collect();
            let demand = format!("profile {}", names.join(" and "));
            Refusal::new(Mismatch::Profile(violation), demand, sources)
        })
    }

    fn judge_identity(
        &self,
        constraint: &IdentityConstraint,
        evidence: &Evidence,
        now: UnixTime,
    ) -> Result<Proof, Refusal> {
        prove(constraint, self.bounds(), evidence, now).map_err(|mismatch| {
            let demand = format!("a channel authenticated as {constraint}");
            Refusal::new(mismatch, demand, self.demanding(constraint))
        })
    }

    fn demanding(&self, constraint: &IdentityConstraint) -> Vec<Source> {
        self.sources(|contribution| {
            contribution
                .channel()
                .identity()
                .is_some_and(|identity| identity.contains(constraint))
        })
    }
}

/// Whether the peer meets one constraint of an identity.
pub(crate) fn prove(
    constraint: &IdentityConstraint,
    bounds: &CryptoBounds,
    evidence: &Evidence,
    now: UnixTime,
) -> Result<Proof, Mismatch> {
    let PeerCertificates::Chain(chain) = evidence.peer() else {
        return Err(Mismatch::NoCertificate);
    };
    let proof = match constraint {
        IdentityConstraint::Pkix(pkix) => prove_name(pkix, bounds, chain, now),
        IdentityConstraint::Pins(pins) => prove_key(pins, bounds, chain),
        IdentityConstraint::Tlsa(tlsa) => prove_tlsa(tlsa, bounds, chain, now),
        IdentityConstraint::Undetermined(reason) => {
            return Err(Mismatch::Undetermined(Arc::clone(reason)));
        }
        IdentityConstraint::Nameless => return Err(Mismatch::Nameless),
    };
    proof.map_err(|fault| Mismatch::Chain {
        fault,
        fingerprint: chain.summary().fingerprint,
    })
}

fn prove_name(
    pkix: &PkixConstraint,
    bounds: &CryptoBounds,
    chain: &PeerChain,
    now: UnixTime,
) -> Result<Proof, ChainFault> {
    let names: Vec<_> = pkix.names().iter().cloned().collect();
    let demand = Demand {
        usage: pkix.usage(),
        anchors: pkix.anchors(),
        names: &names,
        wildcards: Wildcards::Permitted,
        bounds,
        revocation: pkix.revocation(),
    };
    let verified = pkix::verify(chain, &demand, now)?;
    match verified.name {
        Some(matched) => Ok(Proof::Name {
            name: matched.reference.domain().clone(),
            anchors: pkix.anchors().label().to_owned(),
            anchor: verified.anchor_pin,
            revocation: verified.revocation,
        }),
        None => Err(ChainFault::Other("no name was demanded".to_owned())),
    }
}

fn prove_tlsa(
    tlsa: &TlsaConstraint,
    bounds: &CryptoBounds,
    chain: &PeerChain,
    now: UnixTime,
) -> Result<Proof, ChainFault> {
    let names: Vec<_> = tlsa.names().iter().cloned().collect();
    let demand = TlsaDemand {
        records: tlsa.records(),
        names: &names,
        bounds,
    };
    let matched = verify_tlsa(chain, &demand, now)?;
    Ok(Proof::Tlsa {
        base: tlsa.base().clone(),
        record: matched.record,
    })
}

/// A pin speaks of the key alone, so neither names nor dates of the certificate count; the
/// operator who wrote it down vouches in place of an authority (compare RFC 7672 §3.1.1).
fn prove_key(pins: &PinSet, bounds: &CryptoBounds, chain: &PeerChain) -> Result<Proof, ChainFault> {
    let pins: Vec<_> = pins.iter().copied().collect();
    verify_pin(chain, &pins, bounds).map(Proof::Key)
}
