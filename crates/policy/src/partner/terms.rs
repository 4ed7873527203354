//! What a partner's rules say, as the configuration writes it.

use std::{fmt, sync::Arc};

use postern_mail::NextHop;
use postern_tls::{ReferenceIdentity, RevocationCheck, SpkiPin, TrustAnchors};
use serde::Serialize;

use crate::ChannelLevel;

/// Which way mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the partner.
    Outbound,
    /// From the partner.
    Inbound,
}

impl Direction {
    /// The word used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// As whom a partner must authenticate.
///
/// Names and pins together must both be met. Where there are neither, a default name stands in:
/// see [`OutboundTerms`] and [`InboundTerms`].
#[derive(Debug, Clone, Default)]
pub struct IdentityTerms {
    /// `names`: the reference identities, of which the certificate must present one.
    pub names: Vec<ReferenceIdentity>,
    /// `spki-pins`: the keys, of which the certificate must hold one.
    pub pins: Vec<SpkiPin>,
    /// `trust`: who may vouch for the names, where it is not the general set.
    pub trust: Option<TrustAnchors>,
    /// `crl`, `crl-unknown`: who says whether a certificate is revoked.
    pub revocation: Option<RevocationCheck>,
}

impl IdentityTerms {
    /// Whether a certificate chain is verified: unless pins alone are given.
    pub(crate) fn uses_pkix(&self) -> bool {
        !self.names.is_empty() || self.trust.is_some() || self.pins.is_empty()
    }
}

/// `[partner.outbound]`: what connections to the partner must prove.
///
/// Authentication without names or pins is against the names of the fixed hosts where there are
/// any, else against the domain that mail is for. It is never against a host name that an
/// unprotected DNS answer gave.
#[derive(Debug, Clone)]
pub struct OutboundTerms {
    /// `require`
    pub require: ChannelLevel,
    /// `names`, `spki-pins`, `trust`
    pub identity: IdentityTerms,
    /// `present`: which of our certificates we show.
    pub present: Option<CertificateName>,
    /// `hosts`: fixed next hops in place of routes and MX records.
    pub hosts: Vec<NextHop>,
    /// `dane`
    pub dane: Dane,
}

/// Whether a partner must authenticate by TLSA records (RFC 7672 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dane {
    /// Where there are such records they count, as they do for everybody.
    #[default]
    WherePublished,
    /// Without usable records, proven by DNSSEC, nothing is sent.
    Demanded,
}

impl OutboundTerms {
    /// Terms that demand this level and nothing else.
    pub fn requiring(require: ChannelLevel) -> Self {
        Self {
            require,
            identity: IdentityTerms::default(),
            present: None,
            hosts: Vec::new(),
            dane: Dane::WherePublished,
        }
    }

    /// Whether TLSA records alone say who the partner is.
    pub(crate) fn is_by_dane_alone(&self) -> bool {
        let given = !self.identity.names.is_empty() || !self.identity.pins.is_empty();
        self.dane == Dane::Demanded && !given && self.identity.trust.is_none()
    }
}

/// `[partner.inbound]`: what connections that bring the partner's mail must prove.
///
/// Authentication without names or pins is against the partner's domains, the patterns left out.
#[derive(Debug, Clone)]
pub struct InboundTerms {
    /// `require`
    pub require: ChannelLevel,
    /// `names`, `spki-pins`, `trust`
    pub identity: IdentityTerms,
    /// Which certificates pass for a client's; where nothing is said, those that
    /// [`ClientUsage::AcceptServerAuth`] describes.
    pub usage: Option<ClientUsage>,
    /// `exclusive`
    pub exclusive: Exclusivity,
}

impl InboundTerms {
    /// Terms that demand this level and nothing else.
    pub fn requiring(require: ChannelLevel) -> Self {
        Self {
            require,
            identity: IdentityTerms::default(),
            usage: None,
            exclusive: Exclusivity::Shared,
        }
    }
}

/// Which certificates a partner's client may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientUsage {
    /// Those that are for clients, and those that are for servers: public authorities no longer
    /// issue any that are for clients.
    AcceptServerAuth,
    /// Only those that are for clients.
    ClientAuthOnly,
}

/// For whom the certificate of a partner may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusivity {
    /// For anybody: a provider's certificate, say.
    Shared,
    /// For the partner's domains and no other.
    Exclusive,
}

/// The name of one of our certificates, as `[[tls.certificate]]` gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CertificateName(Arc<str>);

impl CertificateName {
    /// The certificate of this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
