//! What outbound tells of one session: which policies applied, and what became of each.

use std::{fmt, net::IpAddr, time::SystemTime};

use postern_mail::{Domain, Host};
use serde::{Deserialize, Serialize};

use super::word::words;

/// One attempt to set up TLS with one host, or the failure to come so far because of a policy.
/// Sessions are counted, not messages (RFC 8460 §4.2).
///
/// A failure that is no failure of TLS or of a policy, such as a connection that is refused or
/// times out, need not be reported and is not recorded (RFC 8460 §4.3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSession {
    /// To whom the report of it goes: the domain of the recipients, or of the smart host that
    /// local rules send them to.
    pub domain: Domain,
    /// When the session began. Its day in UTC is the day it counts for.
    pub at: SystemTime,
    /// Our address.
    pub sending_mta_ip: Option<IpAddr>,
    /// What the host is called where we found it.
    pub receiving_mx_hostname: Option<Host>,
    /// What the host calls itself in its greeting or its answer to EHLO.
    pub receiving_mx_helo: Option<String>,
    /// The host's address.
    pub receiving_ip: Option<IpAddr>,
    /// Every policy that applied. DANE and MTA-STS may apply at once, and the session is counted
    /// for each; where none was found, that is the one [`PolicyType::NoPolicyFound`].
    pub policies: Vec<PolicyOutcome>,
}

/// What became of one policy in one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyOutcome {
    /// The policy.
    pub policy: AppliedPolicy,
    /// Why the session failed it; `None` if it was met.
    pub failure: Option<SessionFailure>,
}

/// Why a session failed a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFailure {
    /// The kind.
    pub result_type: ResultType,
    /// In our words, or those of the library (`failure-reason-code`). It must not name what
    /// differs with every session, such as a time or a port.
    pub reason: Option<String>,
}

/// A policy of the destination, as it was applied (`policy` in RFC 8460 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AppliedPolicy {
    /// Of which kind it is.
    pub policy_type: PolicyType,
    /// For which domain it is published: for DANE the TLSA base domain of the host
    /// (RFC 7672 §2.2.3), otherwise the domain of the recipients.
    pub policy_domain: Domain,
    /// The lines of an MTA-STS policy, or TLSA records in presentation form; empty where no
    /// policy was found or it could not be had.
    pub policy_string: Vec<String>,
    /// The patterns of host names that an MTA-STS policy allows; otherwise empty.
    pub mx_host: Vec<String>,
}

impl AppliedPolicy {
    /// There was none.
    pub fn none(domain: Domain) -> Self {
        Self {
            policy_type: PolicyType::NoPolicyFound,
            policy_domain: domain,
            policy_string: Vec::new(),
            mx_host: Vec::new(),
        }
    }
}

words! {
    /// The kind of a policy (`policy-type` in RFC 8460 §4.4).
    PolicyType, not = "a policy type" {
        /// DANE.
        Tlsa = "tlsa",
        /// MTA-STS.
        Sts = "sts",
        /// Neither was found.
        NoPolicyFound = "no-policy-found",
    }
}

words! {
    /// The kind of a failure (RFC 8460 §4.3).
    ResultType, not = "a result type" {
        /// The host does not offer STARTTLS (RFC 8460 §4.3.1).
        StarttlsNotSupported = "starttls-not-supported",
        /// The certificate is for other names: of MTA-STS, the host's; of DANE, as RFC 7672
        /// asks for (RFC 8460 §4.3.1).
        CertificateHostMismatch = "certificate-host-mismatch",
        /// The certificate has expired (RFC 8460 §4.3.1).
        CertificateExpired = "certificate-expired",
        /// The certificate does not lead to a trusted authority, revoked ones among them
        /// (RFC 8460 §4.3.1).
        CertificateNotTrusted = "certificate-not-trusted",
        /// TLS failed for a reason that has no word of its own, or the host is not among the
        /// patterns of an MTA-STS policy (RFC 8460 §4.3.1, §4.3.3).
        ValidationFailure = "validation-failure",
        /// A TLSA record is of no use, or no record fits the certificate
        /// (RFC 8460 §4.3.2.1).
        TlsaInvalid = "tlsa-invalid",
        /// DNSSEC did not validate: no valid records came (RFC 8460 §4.3.2.1).
        DnssecInvalid = "dnssec-invalid",
        /// Our own rules demand DANE and the host has no TLSA records
        /// (RFC 8460 §4.3.2.1).
        DaneRequired = "dane-required",
        /// The MTA-STS policy could not be fetched (RFC 8460 §4.3.2.2).
        StsPolicyFetchError = "sts-policy-fetch-error",
        /// The MTA-STS policy is not one (RFC 8460 §4.3.2.2).
        StsPolicyInvalid = "sts-policy-invalid",
        /// The policy host could not be authenticated by the web's authorities
        /// (RFC 8460 §4.3.2.2).
        StsWebpkiInvalid = "sts-webpki-invalid",
    }
}

/// A message that travelled in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaintextMessage {
    /// Where it went.
    pub destination: Host,
    /// When.
    pub at: SystemTime,
    /// Why not under TLS.
    pub cause: PlaintextCause,
}

/// Why a message travelled in clear.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum PlaintextCause {
    /// The host did not offer STARTTLS.
    NotOffered,
    /// The host offered it, and no handshake succeeded.
    HandshakeFailed {
        /// What became of it, without what differs with every session.
        reason: String,
    },
}

impl fmt::Display for PlaintextCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered => f.write_str("STARTTLS was not offered"),
            Self::HandshakeFailed { reason } => write!(f, "the TLS handshake failed: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::UnknownWord;

    #[test]
    fn words_are_those_of_the_rfc() {
        assert_eq!(ResultType::ALL.len(), 11);
        for result in ResultType::ALL {
            assert_eq!(result.to_string().parse(), Ok(*result));
            let json = serde_json::to_string(result).unwrap();
            assert_eq!(json, format!("\"{result}\""));
        }
        assert_eq!("sts".parse(), Ok(PolicyType::Sts));
        assert_eq!(
            "STS".parse::<PolicyType>(),
            Err(UnknownWord("a policy type"))
        );
    }
}
