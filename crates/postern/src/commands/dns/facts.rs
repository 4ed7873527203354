//! From the configuration to what is known of us.

use std::{
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use postern_authentication::DkimKey;
use postern_config::{DmarcPolicy, LocalDomain, Settings, SpfOthers};
use postern_mail::{Domain, DomainPattern, Network, is_public_address};
use postern_publish::{DkimFacts, Facts, Others, OurCertificate, OurDomain};
use postern_tls::{Certificate, CertificateSummary, Date, PrivateKey, SpkiPin};
use rustls_pki_types::UnixTime;

use crate::failure::Failure;

/// What is known of us. Keys are read for their public halves.
pub(super) fn facts(settings: &Settings) -> Result<Facts, Failure> {
    let publish = &settings.publish;
    Ok(Facts {
        hostname: settings.hostname.clone(),
        hosts: publish.mx.clone(),
        addresses: addresses(settings),
        senders: publish.addresses.clone(),
        certificates: certificates(settings)?,
        spf_includes: publish.spf_includes.clone(),
        spf_others: match publish.spf_others {
            SpfOthers::Fail => Others::Fail,
            SpfOthers::SoftFail => Others::SoftFail,
            SpfOthers::Neutral => Others::Neutral,
        },
        dmarc: dmarc(publish.dmarc_policy),
        dmarc_below: dmarc(publish.dmarc_subdomain_policy),
        dmarc_reports: publish.dmarc_reports.clone(),
        tls_reports: publish.tls_reports.clone(),
        caa: publish.caa.clone(),
        queue_lifetime: settings.queue.lifetime,
        domains: domains(settings)?,
    })
}

fn dmarc(policy: DmarcPolicy) -> postern_publish::DmarcPolicy {
    match policy {
        DmarcPolicy::None => postern_publish::DmarcPolicy::None,
        DmarcPolicy::Quarantine => postern_publish::DmarcPolicy::Quarantine,
        DmarcPolicy::Reject => postern_publish::DmarcPolicy::Reject,
    }
}

/// The addresses of this host: those that it listens at. A host that listens everywhere may be
/// behind another address anyway; then it is the one of its family that mail is said to come from,
/// unless several are.
fn addresses(settings: &Settings) -> Vec<IpAddr> {
    let listeners = settings.listeners.iter().map(|it| it.address.ip());
    let mut own: Vec<_> = listeners.filter(|it| is_public_address(*it)).collect();
    for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
        if own.iter().any(family) {
            continue;
        }
        let senders = settings.publish.addresses.iter();
        let of_family: Vec<_> = senders.filter(|it| family(&it.address())).collect();
        if let [only] = of_family.as_slice()
            && is_one(only)
        {
            own.push(only.address());
        }
    }
    own.sort_unstable();
    own.dedup();
    own
}

fn is_one(network: &Network) -> bool {
    network.prefix() == if network.address().is_ipv4() { 32 } else { 128 }
}

/// Our certificates, as they are shown, with the keys that come after theirs.
fn certificates(settings: &Settings) -> Result<Vec<OurCertificate>, Failure> {
    let current = settings.certificates.store.current();
    current.iter().map(|it| certificate(settings, it)).collect()
}

fn certificate(settings: &Settings, certificate: &Certificate) -> Result<OurCertificate, Failure> {
    let name = &certificate.files().name;
    let mut next = settings.certificates.next_keys.iter();
    let next = next.find(|it| it.certificate == *name);
    let next_key = next.map(|next| pin_of(&next.key)).transpose()?;
    Ok(OurCertificate {
        name: name.clone(),
        names: certificate.names().to_vec(),
        chain: certificate.chain().iter().map(|it| it.to_vec()).collect(),
        key: pin(certificate.summary())?,
        next_key,
    })
}

fn pin(summary: &CertificateSummary) -> Result<SpkiPin, Failure> {
    let contents = summary.contents.as_ref();
    let contents = contents.ok_or_else(|| Failure::plain("a certificate cannot be read"));
    contents.map(|contents| contents.spki_pin)
}

fn pin_of(path: &std::path::Path) -> Result<SpkiPin, Failure> {
    let key = PrivateKey::read(path);
    let key = key.map_err(|error| Failure::new(path.display(), &error))?;
    Ok(key.pin())
}

/// The domains that are given by name; what lies below one has no zone to publish in.
fn domains(settings: &Settings) -> Result<Vec<OurDomain>, Failure> {
    let mut domains = Vec::new();
    for written in &settings.domains {
        if let DomainPattern::Exact(name) = &written.pattern {
            domains.push(domain(settings, name, written)?);
        }
    }
    Ok(domains)
}

fn domain(settings: &Settings, name: &Domain, written: &LocalDomain) -> Result<OurDomain, Failure> {
    let serving = settings.mta_sts.serving.as_ref();
    let serving = serving.filter(|serving| serving.domains.contains(name));
    let keys = written.dkim.iter().map(key);
    Ok(OurDomain {
        name: name.clone(),
        keys: keys.collect::<Result<_, _>>()?,
        sts: serving.map(|serving| serving.policy.clone()),
    })
}

fn key(written: &postern_config::DkimKey) -> Result<DkimFacts, Failure> {
    let key = DkimKey::read(&written.key).map_err(Failure::plain)?;
    Ok(DkimFacts {
        selector: written.selector.clone(),
        record: key.public_record(),
        from: written.from.map(date),
        until: written.until.map(date),
    })
}

fn date(time: SystemTime) -> Date {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Date(UnixTime::since_unix_epoch(since))
}
