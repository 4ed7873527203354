//! What a route or a listener demands of everybody who uses it.

use postern_mail::{Host, NextHop};
use postern_tls::{CertificateUsage, ReferenceIdentity, TrustAnchors};

use crate::{
    ChannelDemand, ChannelLevel, Contribution, Grounds, Identity, IdentityConstraint,
    IdentityTerms, Key, Label, PinSet, PkixConstraint, Source,
};

/// `[[route]] require`: what connections to the next hops of a route must prove, whoever the
/// mail is for.
///
/// Authentication without names or pins is against the names of the route's next hops where it
/// has any, else against the domain that mail is for.
#[derive(Debug, Clone)]
pub struct RouteFloor {
    label: Label,
    require: ChannelLevel,
    identity: IdentityTerms,
    next_hops: Vec<NextHop>,
}

impl RouteFloor {
    /// The floor of the route that is known as `label`.
    ///
    /// # Errors
    /// Refuses an identity that nothing asks for, and authentication of hosts that are known by
    /// addresses alone.
    pub fn new(
        label: Label,
        require: ChannelLevel,
        identity: IdentityTerms,
        next_hops: &[NextHop],
    ) -> Result<Self, RouteFloorError> {
        let authenticates = require.requires_authenticated_peer();
        let given = !identity.names.is_empty() || !identity.pins.is_empty();
        let trusts = identity.trust.is_some();
        let revokes = identity.revocation.is_some();
        let unused = if authenticates {
            revokes && !identity.uses_pkix()
        } else {
            given || trusts || revokes
        };
        if unused {
            return Err(RouteFloorError::IdentityUnused);
        }
        let nameless = !next_hops.is_empty() && names_of(next_hops).is_empty();
        if authenticates && identity.uses_pkix() && identity.names.is_empty() && nameless {
            return Err(RouteFloorError::NoIdentity);
        }
        Ok(Self {
            label,
            require,
            identity,
            next_hops: next_hops.to_vec(),
        })
    }

    /// What tells this route from another.
    pub fn label(&self) -> &Label {
        &self.label
    }

    pub(crate) fn contribution(&self, destination: &Host, trust: &TrustAnchors) -> Contribution {
        let channel = demand(self.require, || {
            let names = names_or_destination(&self.next_hops, destination);
            identity(&self.identity, names, trust, CertificateUsage::ServerAuth)
        });
        let source = Source::RouteFloor(self.label.clone());
        let grounds = Grounds::Configuration(Key::Route);
        Contribution::new(source, channel, "the route requires it", grounds)
    }
}

/// Why a route's floor cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteFloorError {
    /// An identity that nobody asks for.
    #[error("names, spki-pins and trust have an effect only with require = \"authenticated\"")]
    IdentityUnused,
    /// Authentication, and no way to tell as whom.
    #[error("give names or spki-pins: the next hops are addresses, which no certificate names")]
    NoIdentity,
}

/// `tls = "required"`: a listener where everybody must use TLS.
///
/// The session demands it before any mail; here it takes part in judgements and explanations.
#[derive(Debug, Clone)]
pub struct ListenerFloor(Label);

impl ListenerFloor {
    /// The listener that is known as `label` demands encryption.
    pub fn encrypted(label: Label) -> Self {
        Self(label)
    }

    pub(crate) fn contribution(&self) -> Contribution {
        let source = Source::ListenerFloor(self.0.clone());
        Contribution::new(
            source,
            ChannelDemand::Encrypted,
            "the listener requires TLS",
            Grounds::Configuration(Key::Listener),
        )
    }
}

/// The demand of `level`, with the identity where there must be one.
pub(crate) fn demand(level: ChannelLevel, identity: impl FnOnce() -> Identity) -> ChannelDemand {
    match level {
        ChannelLevel::Any => ChannelDemand::Any,
        ChannelLevel::Encrypted => ChannelDemand::Encrypted,
        ChannelLevel::Authenticated => ChannelDemand::Authenticated(identity()),
    }
}

/// The identity that `terms` describe; `names` stand in where the terms give none, `trust` where
/// they name no anchors.
pub(crate) fn identity(
    terms: &IdentityTerms,
    names: Vec<ReferenceIdentity>,
    trust: &TrustAnchors,
    usage: CertificateUsage,
) -> Identity {
    let pkix = || {
        let names = if terms.names.is_empty() {
            names
        } else {
            terms.names.clone()
        };
        let anchors = terms.trust.as_ref().unwrap_or(trust).clone();
        PkixConstraint::new(names, anchors, usage)
            .map(|pkix| pkix.with_revocation(terms.revocation.clone()))
            .map_or(IdentityConstraint::Nameless, IdentityConstraint::from)
    };
    match PinSet::new(terms.pins.iter().copied()) {
        None => pkix().into(),
        Some(pins) if terms.uses_pkix() => Identity::new(pkix()).join(&Identity::new(pins.into())),
        Some(pins) => Identity::new(pins.into()),
    }
}

/// The names of fixed next hops, which the configuration vouches for; else the domain that mail
/// is for. A host name from MX records is never among them: whoever forges the answer would
/// choose whom to authenticate.
pub(crate) fn names_or_destination(
    fixed: &[NextHop],
    destination: &Host,
) -> Vec<ReferenceIdentity> {
    let names = names_of(fixed);
    if names.is_empty() {
        let domain = destination.domain().cloned();
        domain.map(ReferenceIdentity::from).into_iter().collect()
    } else {
        names
    }
}

fn names_of(next_hops: &[NextHop]) -> Vec<ReferenceIdentity> {
    let names = next_hops.iter().filter_map(|hop| hop.host().domain());
    names.cloned().map(ReferenceIdentity::from).collect()
}
