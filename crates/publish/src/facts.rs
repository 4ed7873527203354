//! What is known of us, and of each domain.

use std::{net::IpAddr, time::Duration};

use postern_mail::{Domain, Mailbox, Network};
use postern_policy::StsPolicy;
use postern_tls::{Date, SpkiPin};
use rustls_pki_types::UnixTime;

/// For how long others may go on with mail after it has left us: RFC 5321 §4.5.4.1 has relays
/// try for four to five days, and a week leaves room for one that forwards.
const OTHERS_RETRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The queue lifetime where nothing else is said.
const QUEUE_LIFETIME: Duration = Duration::from_secs(5 * 24 * 60 * 60);

/// What is known of this installation, for all its domains.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What this host calls itself.
    pub hostname: Domain,
    /// The hosts that MX records should name, the preferred first. Usually the hostname alone.
    pub hosts: Vec<Domain>,
    /// The public addresses of this very host, as far as they are known.
    pub addresses: Vec<IpAddr>,
    /// Where mail of our domains leaves from, this host and others. Where none are named, it is
    /// where `hosts` are.
    pub senders: Vec<Network>,
    /// Our certificates; the first is shown to whoever asks for none of the names.
    pub certificates: Vec<OurCertificate>,
    /// Others who may send for our domains, by the domain of their SPF record.
    pub spf_includes: Vec<Domain>,
    /// What SPF says of all who are not named.
    pub spf_others: Others,
    /// What receivers should do with mail that is not ours.
    pub dmarc: DmarcPolicy,
    /// The same for mail in the name of domains below ours.
    pub dmarc_below: DmarcPolicy,
    /// Where DMARC reports go.
    pub dmarc_reports: Vec<Mailbox>,
    /// Where reports about TLS go.
    pub tls_reports: Vec<Mailbox>,
    /// The authorities that may certify our hosts, as CAA records name them.
    pub caa: Vec<String>,
    /// For how long mail may wait in our queue.
    pub queue_lifetime: Duration,
    /// Our domains.
    pub domains: Vec<OurDomain>,
}

impl Facts {
    /// Of a host of this name nothing else is known.
    pub fn of(hostname: Domain) -> Self {
        Self {
            hosts: vec![hostname.clone()],
            hostname,
            addresses: Vec::new(),
            certificates: Vec::new(),
            senders: Vec::new(),
            spf_includes: Vec::new(),
            spf_others: Others::SoftFail,
            dmarc: DmarcPolicy::None,
            dmarc_below: DmarcPolicy::None,
            dmarc_reports: Vec::new(),
            tls_reports: Vec::new(),
            caa: Vec::new(),
            queue_lifetime: QUEUE_LIFETIME,
            domains: Vec::new(),
        }
    }

    /// The certificates that a peer may be shown who asks for `host`.
    pub(crate) fn certificates_for<'a>(&'a self, host: &'a Domain) -> Vec<&'a OurCertificate> {
        let named: Vec<_> = self.named_for(host).collect();
        match named.is_empty() {
            false => named,
            true => self.certificates.iter().take(1).collect(),
        }
    }

    /// The certificates with this host among their names.
    pub(crate) fn named_for<'a>(
        &'a self,
        host: &'a Domain,
    ) -> impl Iterator<Item = &'a OurCertificate> {
        self.certificates.iter().filter(move |it| it.is_for(host))
    }

    /// Whether our keys are shown there: this host, or one that a certificate of ours names.
    pub(crate) fn is_served_here(&self, host: &Domain) -> bool {
        *host == self.hostname || self.named_for(host).next().is_some()
    }

    /// Until when a key that signed until `until` has to stay published.
    pub(crate) fn keep_until(&self, until: Date) -> Date {
        let kept = self.queue_lifetime.saturating_add(OTHERS_RETRY);
        Date(UnixTime::since_unix_epoch(Duration::from_secs(
            until.0.as_secs().saturating_add(kept.as_secs()),
        )))
    }
}

/// What an SPF record says of those whom it does not name (RFC 7208 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They may not send.
    Fail,
    /// They should not, and are not refused for it.
    SoftFail,
    /// Nothing.
    Neutral,
}

/// What receivers should do with mail that fails DMARC (RFC 9989 §4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmarcPolicy {
    /// Deliver it, and report.
    None,
    /// Treat it as suspicious.
    Quarantine,
    /// Refuse it.
    Reject,
}

impl DmarcPolicy {
    /// The word in records.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

/// A domain of ours.
#[derive(Debug, Clone)]
pub struct OurDomain {
    /// The domain.
    pub name: Domain,
    /// The keys its mail is signed with, was, or will be.
    pub keys: Vec<DkimFacts>,
    /// The MTA-STS policy that we serve for it.
    pub sts: Option<StsPolicy>,
}

impl OurDomain {
    /// A domain without keys and policy.
    pub fn named(name: Domain) -> Self {
        Self {
            name,
            keys: Vec::new(),
            sts: None,
        }
    }
}

/// A DKIM key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimFacts {
    /// The selector (RFC 6376 §3.1).
    pub selector: String,
    /// The record of its public half (RFC 6376 §3.6.1).
    pub record: String,
    /// From when on it signs.
    pub from: Option<Date>,
    /// Until when it signs.
    pub until: Option<Date>,
}

/// Where a DKIM key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPhase {
    /// It will sign from this moment on. It is published before: verifiers keep "there is no
    /// such key" for a while (RFC 2308 §5).
    Coming(Date),
    /// It signs.
    Current,
    /// It no longer signs, and mail that it signed is still under way until this moment.
    Ending(Date),
    /// All that it signed is delivered or was given up, since this moment.
    Over(Date),
}

impl DkimFacts {
    /// Where the key is in its life.
    pub fn phase(&self, facts: &Facts, now: Date) -> KeyPhase {
        if let Some(from) = self.from.filter(|from| now < *from) {
            return KeyPhase::Coming(from);
        }
        match self.until.filter(|until| *until <= now) {
            None => KeyPhase::Current,
            Some(until) => {
                let kept = facts.keep_until(until);
                if now < kept {
                    KeyPhase::Ending(kept)
                } else {
                    KeyPhase::Over(kept)
                }
            }
        }
    }
}

/// A certificate that this host shows.
#[derive(Debug, Clone)]
pub struct OurCertificate {
    /// What the configuration calls it.
    pub name: String,
    /// The dNSName entries, in lower case.
    pub names: Vec<String>,
    /// The chain in DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// Its key.
    pub key: SpkiPin,
    /// The key of its successor, where that has been made.
    pub next_key: Option<SpkiPin>,
}

impl OurCertificate {
    /// Whether a peer that wants `host` finds it here (RFC 9525 §6.3).
    pub fn is_for(&self, host: &Domain) -> bool {
        self.names.iter().any(|name| {
            let below = || {
                let parent = name.strip_prefix("*.")?;
                let (_, rest) = host.as_str().split_once('.')?;
                Some(parent == rest)
            };
            name == host.as_str() || below().unwrap_or(false)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u64) -> Date {
        Date(UnixTime::since_unix_epoch(Duration::from_secs(
            day * 86_400,
        )))
    }

    #[test]
    fn a_key_is_published_before_and_behind_its_time() {
        let facts = Facts::of("mx1.example.org".parse().unwrap());
        let key = DkimFacts {
            selector: "a".to_owned(),
            record: String::new(),
            from: Some(day(100)),
            until: Some(day(200)),
        };
        let phase = |now| key.phase(&facts, day(now));
        assert_eq!(phase(99), KeyPhase::Coming(day(100)));
        assert_eq!(phase(100), KeyPhase::Current);
        assert_eq!(phase(199), KeyPhase::Current);
        // Five days in our queue and seven in those of others.
        assert_eq!(phase(200), KeyPhase::Ending(day(212)));
        assert_eq!(phase(211), KeyPhase::Ending(day(212)));
        assert_eq!(phase(212), KeyPhase::Over(day(212)));
    }

    #[test]
    fn a_wildcard_certificate_is_for_one_label() {
        let certificate = OurCertificate {
            name: "default".to_owned(),
            names: vec!["*.example.org".to_owned(), "mx.example.net".to_owned()],
            chain: Vec::new(),
            key: SpkiPin::of_spki(b"key"),
            next_key: None,
        };
        let is_for = |host: &str| certificate.is_for(&host.parse().unwrap());
        assert!(is_for("mx1.example.org") && is_for("mx.example.net"));
        assert!(!is_for("example.org") && !is_for("a.b.example.org") && !is_for("example.net"));
    }
}
