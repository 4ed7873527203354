//! All that was found out about one message, and what follows from it.

use std::{fmt, net::IpAddr};

use postern_mail::{Domain, Foreign, Network};

use crate::{
    arc::ArcOutcome,
    dkim::{DkimOutcome, DkimResult},
    dmarc::{DmarcOutcome, DmarcPolicy, DmarcResult},
    iprev::IprevOutcome,
    spf::{SpfOutcome, SpfResult},
};

/// Who wrote a message, as far as the standards tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Who handed the message over.
    pub client: IpAddr,
    /// What the client is called.
    pub iprev: IprevOutcome,
    /// SPF for what the client calls itself (RFC 7208 §2.3).
    pub helo: SpfOutcome,
    /// SPF for the reverse-path (RFC 7208 §2.4); `None` where that is null, and the name of the
    /// client alone counts.
    pub mail_from: Option<SpfOutcome>,
    /// The signatures that were looked at, from the top.
    pub dkim: Vec<DkimOutcome>,
    /// The chain of those who passed it on.
    pub arc: ArcOutcome,
    /// What the author domain says.
    pub dmarc: DmarcOutcome,
    /// Whose domain the `From` field names.
    pub author: Author,
    /// Whose word or way outweighs a failure of DMARC.
    pub overridden: Option<Override>,
}

/// The author domain of a message (RFC 9989 §3.2.2): there is exactly one, or a reason why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// One `From` field, which every reader takes for this domain.
    One(Domain),
    /// No `From` field, or none that names a domain.
    None,
    /// Several fields, or several domains for one reader or another.
    Several(Vec<Domain>),
    /// What stands in the field is no address that can be judged. The text says why; it is
    /// printable ASCII.
    Unusable(String),
}

/// What an author domain asks for. What a listener does about it is for its policy to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Nothing.
    Accept,
    /// DMARC fails or cannot be found out, and there is a reason to let that be.
    Overridden(Override),
    /// Suspicion.
    Quarantine {
        /// What failed, for which domain, and what that domain asks.
        reason: String,
    },
    /// Refusal.
    Reject {
        /// What failed, for which domain, and what that domain asks.
        reason: String,
    },
    /// It could not be found out; later it may.
    Defer {
        /// What could not be found out.
        reason: String,
    },
    /// Nobody can be asked: the message has no single author domain.
    BadAuthor {
        /// What is wrong with the author.
        reason: String,
    },
}

/// Why a failure of DMARC is let be (RFC 9989 §7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Override {
    /// A sealer that is trusted says that DMARC passed before the message was changed.
    TrustedSealer(Domain),
    /// The client forwards for us.
    TrustedForwarder(Network),
}

/// What the reverse-path is worth when a bounce would go there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderStanding {
    /// Its domain sent the message.
    Proven,
    /// Nothing is known for or against it.
    Unknown,
    /// Its domain, or the author's, says that it did not: a bounce would hit somebody else.
    Forged,
}

impl Verdict {
    /// SPF for the identity that counts: the reverse-path's, or where that is null the client's
    /// (RFC 7208 §2.4).
    pub fn spf(&self) -> &SpfOutcome {
        self.mail_from.as_ref().unwrap_or(&self.helo)
    }

    /// What the author domain asks for this message.
    pub fn disposition(&self) -> Disposition {
        let domain = match &self.author {
            Author::One(domain) => domain,
            author => {
                return Disposition::BadAuthor {
                    reason: author.to_string(),
                };
            }
        };
        let asked = match (self.dmarc.result, self.dmarc.policy) {
            (DmarcResult::Fail, DmarcPolicy::Reject) => Disposition::Reject {
                reason: self.failure(domain),
            },
            (DmarcResult::Fail, DmarcPolicy::Quarantine) => Disposition::Quarantine {
                reason: self.failure(domain),
            },
            (DmarcResult::TempError, _) if self.policy_may_matter() => Disposition::Defer {
                reason: self.delay(domain),
            },
            (
                DmarcResult::Pass
                | DmarcResult::Fail
                | DmarcResult::None
                | DmarcResult::TempError
                | DmarcResult::PermError,
                _,
            ) => return Disposition::Accept,
        };
        match &self.overridden {
            Some(why) => Disposition::Overridden(why.clone()),
            None => asked,
        }
    }

    /// Whether a bounce may go to the reverse-path (RFC 3834 §2, RFC 5321 §6.2).
    pub fn standing(&self) -> SenderStanding {
        let Some(spf) = &self.mail_from else {
            return SenderStanding::Unknown;
        };
        let signed = |outcome: &DkimOutcome| {
            outcome.result == DkimResult::Pass
                && outcome.domain.as_ref().map(Domain::as_str) == Some(spf.domain.as_str())
        };
        let denied = spf.result == SpfResult::Fail
            || (self.dmarc.result == DmarcResult::Fail && self.dmarc.policy != DmarcPolicy::None);
        // The author's own mail on its way through a forwarder, as a rule.
        let is_author = self.author.domain().map(Domain::as_str) == Some(spf.domain.as_str());
        match spf.result {
            SpfResult::Pass => SenderStanding::Proven,
            _ if is_author && self.dmarc.result == DmarcResult::Pass => SenderStanding::Unknown,
            // A signature says nothing of the reverse-path, under which anybody may send a signed
            // message again; so it outweighs no denial by another domain than the author's.
            _ if denied && self.overridden.is_none() => SenderStanding::Forged,
            _ if !denied && self.dkim.iter().any(signed) => SenderStanding::Proven,
            _ => SenderStanding::Unknown,
        }
    }

    /// Without a record at hand the policy may be anything.
    fn policy_may_matter(&self) -> bool {
        self.dmarc.record.is_none() || self.dmarc.policy != DmarcPolicy::None
    }

    fn failure(&self, domain: &Domain) -> String {
        let signatures = match self.dkim.as_slice() {
            [] => "it has no DKIM signature".to_owned(),
            found if found.iter().any(|it| it.result == DkimResult::Pass) => {
                "no DKIM signature of that domain holds".to_owned()
            }
            _ => "no DKIM signature holds".to_owned(),
        };
        let spf = self.spf();
        format!(
            "DMARC fails for {domain}, which asks to {}: SPF for {} is {}{}, and {signatures}",
            match self.dmarc.policy {
                DmarcPolicy::Reject => "reject such mail",
                DmarcPolicy::Quarantine => "quarantine such mail",
                DmarcPolicy::None => "do nothing",
            },
            Foreign::new(&spf.domain),
            spf.result,
            if spf.result == SpfResult::Pass {
                " but another domain's"
            } else {
                ""
            },
        )
    }

    fn delay(&self, domain: &Domain) -> String {
        let reason = self.dmarc.reason.as_deref().unwrap_or("no answer");
        format!("DMARC for {domain} cannot be evaluated now: {reason}")
    }
}

impl Author {
    /// The domain, where there is exactly one.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::One(domain) => Some(domain),
            Self::None | Self::Several(_) | Self::Unusable(_) => None,
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(domain) => write!(f, "the author is at {domain}"),
            Self::None => f.write_str("no From field names an author"),
            Self::Several(domains) => {
                f.write_str("the From field does not name one author domain")?;
                let mut separator = ": ";
                // Enough to see what is wrong; a reply has little room.
                for domain in domains.iter().take(3) {
                    write!(f, "{separator}{domain}")?;
                    separator = ", ";
                }
                Ok(())
            }
            Self::Unusable(why) => write!(f, "the From field cannot be used: {why}"),
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrustedSealer(domain) => {
                write!(f, "the trusted sealer {domain} says that DMARC passed")
            }
            Self::TrustedForwarder(network) => write!(f, "a trusted forwarder in {network}"),
        }
    }
}
