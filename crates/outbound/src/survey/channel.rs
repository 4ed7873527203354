//! What a probe tells of a channel under TLS.

use postern_tls::{
    CertificateContents, CertificateSummary, Evidence, HandshakeKind, PeerCertificates, Possession,
    Profile, conformance,
};
use rustls_pki_types::UnixTime;
use serde::Serialize;

/// How a channel is protected, and what the peer showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Channel {
    /// The protocol version.
    pub version: String,
    /// The cipher suite.
    pub suite: String,
    /// The group of the key exchange.
    pub group: Option<String>,
    /// Whether the session was resumed.
    pub resumed: bool,
    /// The name that was indicated.
    pub server_name: Option<String>,
    /// How the peer signed the handshake, where that is known.
    pub signature: Option<String>,
    /// Why it is not proven that the peer holds the key of its certificate, where it is not.
    pub unproven: Option<String>,
    /// The certificates that the peer showed, its own first.
    pub certificates: Vec<Certificate>,
    /// Which of our certificates was shown.
    pub own_certificate: Option<String>,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Certificate {
    /// The SHA-256 of the certificate.
    pub fingerprint: String,
    /// What could be read from it.
    pub contents: Option<Contents>,
}

/// The fields of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Contents {
    /// The subject.
    pub subject: String,
    /// The dNSName entries.
    pub names: Vec<String>,
    /// The issuer.
    pub issuer: String,
    /// The serial number.
    pub serial: String,
    /// The first moment at which it is valid.
    pub not_before: String,
    /// The last moment at which it is valid.
    pub not_after: String,
    /// How many days that is from now; negative where it is past.
    pub days_left: i64,
    /// The public key.
    pub key: String,
    /// The pin of the public key.
    pub spki_pin: String,
}

/// How a handshake stands to a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Conformance {
    /// The profile.
    pub profile: String,
    /// The worst of what was found.
    pub verdict: String,
    /// What was found for each criterion.
    pub findings: Vec<Finding>,
}

/// What was found for one criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// The criterion.
    pub criterion: String,
    /// What the handshake has.
    pub found: String,
    /// What the profile demands.
    pub demanded: String,
    /// How the one stands to the other.
    pub standing: String,
    /// Why the guidance thinks so, where it says.
    pub why: Option<String>,
    /// Who demands it.
    pub source: String,
}

impl Channel {
    pub(super) fn of(evidence: &Evidence, now: UnixTime) -> Self {
        let chain = match evidence.peer() {
            PeerCertificates::Chain(chain) => Some(chain),
            PeerCertificates::None => None,
        };
        let ders = chain.iter().flat_map(|chain| {
            let leaf: &[u8] = chain.leaf();
            let others = chain.intermediates().iter().map(AsRef::as_ref);
            std::iter::once(leaf).chain(others)
        });
        let own = evidence.own_certificate();
        Self {
            version: evidence.version().to_string(),
            suite: evidence.suite().to_string(),
            group: evidence.group().map(|group| group.to_string()),
            resumed: evidence.handshake() == HandshakeKind::Resumed,
            server_name: evidence.sni().map(str::to_owned),
            signature: chain
                .and_then(|chain| chain.signature_scheme())
                .map(|scheme| scheme.to_string()),
            unproven: chain.and_then(|chain| match chain.possession() {
                Possession::Proven => None,
                Possession::Unproven(why) => Some(why.clone()),
            }),
            certificates: ders.map(|der| Certificate::of(der, now)).collect(),
            own_certificate: own.map(|own| own.name.to_string()),
        }
    }
}

impl Certificate {
    fn of(der: &[u8], now: UnixTime) -> Self {
        let summary = CertificateSummary::of(der);
        Self {
            fingerprint: summary.fingerprint.to_string(),
            contents: summary.contents.map(|read| Contents::of(read, now)),
        }
    }
}

impl Contents {
    fn of(read: CertificateContents, now: UnixTime) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        let (end, now) = (read.not_after.0.as_secs(), now.as_secs());
        let left = i64::try_from(end.saturating_sub(now) / DAY).unwrap_or(i64::MAX);
        let past = i64::try_from(now.saturating_sub(end).div_ceil(DAY)).unwrap_or(i64::MAX);
        Self {
            subject: read.subject,
            names: read.names,
            issuer: read.issuer,
            serial: read.serial.to_string(),
            not_before: read.not_before.to_string(),
            not_after: read.not_after.to_string(),
            days_left: left - past,
            key: read.key.to_string(),
            spki_pin: read.spki_pin.to_string(),
        }
    }
}

impl Conformance {
    pub(super) fn of(evidence: &Evidence, profile: &'static Profile) -> Self {
        let report = conformance(evidence, profile);
        let finding = |finding: &postern_tls::Finding| Finding {
            criterion: finding.criterion.as_str().to_owned(),
            found: finding.found.clone(),
            demanded: finding.demanded.clone(),
            standing: finding.standing.as_str().to_owned(),
            why: finding.why.map(str::to_owned),
            source: finding.source.clone(),
        };
        Self {
            profile: report.profile().name().to_string(),
            verdict: report.verdict().as_str().to_owned(),
            findings: report.findings().iter().map(finding).collect(),
        }
    }
}
