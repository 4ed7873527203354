//! What a session is told as to the domains whose policies it was held against (RFC 8460 §4.3).

use std::{net::IpAddr, time::SystemTime};

use postern_fetch::{StsFinding, StsTroubleKind};
use postern_mail::Domain;
use postern_policy::{
    DaneFacts, DaneRecords, HostPlan, KnownPolicy, Mismatch, Provenance, Refusal, RuleVerdict,
    Source,
};
use postern_reports::ledger::{
    AppliedPolicy, PolicyOutcome, PolicyType, ResultType, SessionFailure, TlsSession,
};
use postern_tls::{ChainFault, Evidence, NotSecured};
use rustls_pki_types::UnixTime;

/// A session with a host, at an address or kept from dialling one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session<'a> {
    pub(crate) plan: &'a HostPlan,
    pub(crate) sts: &'a StsFinding,
    /// How it was protected; nothing where the host was not dialled, because a policy forbade it.
    pub(crate) security: Option<Result<&'a Evidence, &'a NotSecured>>,
    pub(crate) from: Option<IpAddr>,
    pub(crate) to: Option<IpAddr>,
}

impl Session<'_> {
    /// The session as it is counted; nothing where there is no domain to be told of it.
    pub(crate) fn counted(&self, at: SystemTime, now: UnixTime) -> Option<TlsSession> {
        let domain = self.domain()?;
        let policies = self.policies(domain, now);
        // What was not dialled for a reason that is nobody's policy is no session.
        let is_session = self.security.is_some() || policies.iter().any(|it| it.failure.is_some());
        is_session.then(|| TlsSession {
            domain: domain.clone(),
            at,
            sending_mta_ip: self.from,
            receiving_mx_hostname: Some(self.plan.host().clone()),
            receiving_mx_helo: None,
            receiving_ip: self.to,
            policies,
        })
    }

    /// Whom the report goes to: the domain of the recipients, or of the next hop that our own
    /// configuration sends them to.
    fn domain(&self) -> Option<&Domain> {
        match self.plan.facts().provenance {
            Provenance::Configured => self.plan.host().domain(),
            Provenance::Dns(_) | Provenance::Literal => self.plan.destination().domain(),
        }
    }

    fn policies(&self, domain: &Domain, now: UnixTime) -> Vec<PolicyOutcome> {
        let verdicts = self
            .security
            .map(|security| self.plan.judge_each(security, now));
        let verdicts = verdicts.as_deref();
        let dane = self.judged(verdicts, |source| matches!(source, Source::Dane(_)));
        let sts = self.judged(verdicts, |source| matches!(source, Source::MtaSts(_)));
        let mut policies = Vec::new();
        policies.extend(self.dane(&dane));
        policies.extend(self.sts(domain, &sts));
        if policies.is_empty() {
            policies.push(PolicyOutcome {
                policy: AppliedPolicy::none(domain.clone()),
                failure: self.without_policy(),
            });
        }
        policies
    }

    /// What the rule of a source says: of the channel, or of the host alone where there is no
    /// channel.
    fn judged(&self, verdicts: Option<&[RuleVerdict]>, is_it: impl Fn(&Source) -> bool) -> Judged {
        match verdicts {
            Some(verdicts) => {
                let mut verdicts = verdicts.iter();
                let verdict = verdicts.find(|verdict| is_it(&verdict.source));
                match verdict.map(|verdict| &verdict.outcome) {
                    None => Judged::Not,
                    Some(Ok(_)) => Judged::Met,
                    Some(Err(refusal)) => Judged::Refused(refusal.clone()),
                }
            }
            None => match self.plan.judge_host() {
                Err(refusal) if refusal.demanded_by().iter().any(is_it) => Judged::Refused(refusal),
                Ok(()) | Err(_) => Judged::Not,
            },
        }
    }

    /// DANE, where TLSA records are known, could not be found out, or are demanded by us.
    fn dane(&self, judged: &Judged) -> Option<PolicyOutcome> {
        let host = self.plan.host().domain()?;
        let failure = self.dane_failure(judged)?;
        let (policy_domain, policy_string) = match &self.plan.facts().dane {
            DaneFacts::Records(DaneRecords { base, records }) => {
                (base, records.records().map(ToString::to_string).collect())
            }
            DaneFacts::NotApplicable(_) | DaneFacts::Absent | DaneFacts::Unknown(_) => {
                (host, Vec::new())
            }
        };
        Some(PolicyOutcome {
            policy: AppliedPolicy {
                policy_type: PolicyType::Tlsa,
                policy_domain: policy_domain.clone(),
                policy_string,
                mx_host: Vec::new(),
            },
            failure,
        })
    }

    /// What came of DANE: a failure or none; nothing at all where it does not apply.
    fn dane_failure(&self, judged: &Judged) -> Option<Option<SessionFailure>> {
        let failure = |result_type, reason: &str| {
            let reason = Some(reason.to_owned());
            Some(Some(SessionFailure {
                result_type,
                reason,
            }))
        };
        let demanded = self.plan.delivery().demands_dane();
        match (&self.plan.facts().dane, judged) {
            (DaneFacts::Records(_), Judged::Not) => None,
            (DaneFacts::Records(_), Judged::Refused(refusal)) => Some(Some(told(refusal))),
            // TLS is all that is demanded then; that the records are of no use is news.
            (DaneFacts::Records(found), Judged::Met) if !found.records.is_usable() => {
                failure(ResultType::TlsaInvalid, "no TLSA record is usable")
            }
            (DaneFacts::Records(_), Judged::Met) => Some(None),
            (DaneFacts::Unknown(reason), _) => failure(ResultType::DnssecInvalid, reason),
            (DaneFacts::Absent, _) if demanded => {
                failure(ResultType::DaneRequired, "there are no TLSA records")
            }
            (DaneFacts::NotApplicable(reason), _) if demanded => {
                failure(ResultType::DaneRequired, reason)
            }
            (DaneFacts::Absent | DaneFacts::NotApplicable(_), _) => None,
        }
    }

    /// MTA-STS, where a policy is known or was announced and cannot be had. That a domain may
    /// have one, and DNS does not say, is no policy to report on.
    fn sts(&self, domain: &Domain, judged: &Judged) -> Option<PolicyOutcome> {
        if let Some(known) = self.sts.known.as_deref() {
            let failure = match judged {
                Judged::Not => return None,
                Judged::Met => None,
                Judged::Refused(refusal) => Some(told(refusal)),
            };
            return Some(PolicyOutcome {
                policy: applied(known),
                failure,
            });
        }
        let trouble = self.sts.trouble.as_ref()?;
        let result_type = match trouble.kind {
            StsTroubleKind::Dns => return None,
            StsTroubleKind::Fetch => ResultType::StsPolicyFetchError,
            StsTroubleKind::WebPki => ResultType::StsWebpkiInvalid,
            StsTroubleKind::Invalid => ResultType::StsPolicyInvalid,
        };
        Some(PolicyOutcome {
            policy: AppliedPolicy {
                policy_type: PolicyType::Sts,
                ..AppliedPolicy::none(domain.clone())
            },
            failure: Some(SessionFailure {
                result_type,
                reason: Some(trouble.text.clone()),
            }),
        })
    }

    /// Where no policy asks for anything, what fails is TLS itself.
    fn without_policy(&self) -> Option<SessionFailure> {
        match self.security {
            Some(Err(reason)) => Some(SessionFailure {
                result_type: of_plain(reason),
                reason: Some(reason.to_string()),
            }),
            Some(Ok(_)) | None => None,
        }
    }
}

/// What one rule came to.
enum Judged {
    /// There is none, or it had no say.
    Not,
    Met,
    Refused(Refusal),
}

fn applied(known: &KnownPolicy) -> AppliedPolicy {
    AppliedPolicy {
        policy_type: PolicyType::Sts,
        policy_domain: known.domain.clone(),
        policy_string: known.policy.to_text().lines().map(str::to_owned).collect(),
        mx_host: known.policy.mx().iter().map(ToString::to_string).collect(),
    }
}

fn told(refusal: &Refusal) -> SessionFailure {
    SessionFailure {
        result_type: of_mismatch(refusal.mismatch()),
        reason: Some(refusal.mismatch().to_string()),
    }
}

/// The kind of failure that a mismatch is.
fn of_mismatch(mismatch: &Mismatch) -> ResultType {
    match mismatch {
        Mismatch::NotEncrypted(reason) => of_plain(reason),
        Mismatch::Chain { fault, .. } => of_chain(fault),
        Mismatch::NoCertificate | Mismatch::DeniedAuthority { .. } => {
            ResultType::CertificateNotTrusted
        }
        Mismatch::Undetermined(_) => ResultType::DnssecInvalid,
        // An MX host that the policy does not list is no fault of a certificate, and the policy
        // is valid: RFC 8460 has no word for it but the general one.
        Mismatch::Host(_)
        | Mismatch::HostUnproven(..)
        | Mismatch::Profile(_)
        | Mismatch::Denied { .. }
        | Mismatch::Nameless
        | Mismatch::Exclusive { .. }
        | Mismatch::TooManyPartners
        | Mismatch::StalePlan => ResultType::ValidationFailure,
    }
}

fn of_plain(reason: &NotSecured) -> ResultType {
    match reason {
        NotSecured::NotOffered
        | NotSecured::NotRequired
        | NotSecured::NotUsed
        | NotSecured::Refused(_) => ResultType::StarttlsNotSupported,
        NotSecured::HandshakeFailed(_) => ResultType::ValidationFailure,
    }
}

/// `certificate-not-trusted` is for everything about certificates that has no word of its own.
fn of_chain(fault: &ChainFault) -> ResultType {
    match fault {
        ChainFault::NameMismatch { .. } => ResultType::CertificateHostMismatch,
        ChainFault::Expired { .. } => ResultType::CertificateExpired,
        ChainFault::TlsaMismatch { .. } | ChainFault::TlsaUnusable(_) => ResultType::TlsaInvalid,
        ChainFault::NotProven(_)
        | ChainFault::NotYetValid { .. }
        | ChainFault::UnknownIssuer { .. }
        | ChainFault::SelfSigned { .. }
        | ChainFault::Usage { .. }
        | ChainFault::OutsideProfile(_)
        | ChainFault::SignatureAlgorithm { .. }
        | ChainFault::BadSignature
        | ChainFault::AuthorityAsLeaf
        | ChainFault::LeafAsAuthority
        | ChainFault::NameConstraint
        | ChainFault::PathLength
        | ChainFault::CriticalExtension
        | ChainFault::TooComplex
        | ChainFault::PinMismatch { .. }
        | ChainFault::Revoked { .. }
        | ChainFault::RevocationUnknown { .. }
        | ChainFault::Malformed(_)
        | ChainFault::Other(_) => ResultType::CertificateNotTrusted,
    }
}

#[cfg(test)]
mod tests;
