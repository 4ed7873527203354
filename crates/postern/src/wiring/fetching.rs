//! `[mta-sts]` and `crl` of partners: what is fetched from others, and served to them.

use std::sync::Arc;

use postern_config::{CrlRegistry, PrivateTargets, StsServing};
use postern_dns::Dns;
use postern_fetch::{CrlPlace, CrlSubscription, HttpClient, Targets, WebUrlError};
use postern_tls::{
    CertificateFiles, CertificateStore, Profile, ProfileName, TrustAnchors, WebClient,
};
use rustls_pki_types::UnixTime;

use crate::failure::Failure;

/// Where the names of policy hosts may lead: where those of mail hosts may.
pub(super) fn targets(written: PrivateTargets) -> Targets {
    match written {
        PrivateTargets::Refused => Targets::Public,
        PrivateTargets::Allowed => Targets::Any,
    }
}

/// The sources of revocation lists. A URL was checked when the configuration was read; one that
/// is refused all the same leaves its source empty, which refuses certificates.
pub(super) fn subscriptions(registry: &CrlRegistry) -> Vec<CrlSubscription> {
    let subscription = |(place, source): (&postern_config::CrlPlace, &Arc<_>)| {
        let place = match place {
            postern_config::CrlPlace::File(path) => CrlPlace::File(path.clone()),
            postern_config::CrlPlace::Url(url) => {
                let parsed: Result<_, WebUrlError> = url.parse();
                let parsed = parsed.inspect_err(|error| {
                    tracing::error!(url, %error, "a revocation list cannot be fetched");
                });
                CrlPlace::Url(parsed.ok()?)
            }
        };
        Some(CrlSubscription {
            place,
            source: Arc::clone(source),
        })
    };
    registry.iter().filter_map(subscription).collect()
}

/// The one certificate that our own policy is served with, where the configuration names one.
pub(super) fn web_certificate(
    serving: Option<&StsServing>,
    files: &[CertificateFiles],
) -> Option<CertificateFiles> {
    let name = serving?.certificate.as_ref()?;
    files.iter().find(|it| it.name == *name).cloned()
}

/// The certificates that our own policy is served with: a store that holds the one, or all.
pub(super) fn web_certificates(
    one: Option<&CertificateFiles>,
    all: &Arc<CertificateStore>,
) -> Arc<CertificateStore> {
    let one = one.map(|files| {
        let (files, now) = (std::slice::from_ref(files), UnixTime::now());
        let loaded = CertificateStore::load(files, now);
        loaded.or_else(|_| CertificateStore::load_even_expired(files, now))
    });
    match one {
        // It was loaded a moment ago, so this fails only if it was exchanged meanwhile.
        Some(Ok(store)) => Arc::new(store),
        Some(Err(_)) | None => Arc::clone(all),
    }
}

/// The client that fetches what others publish. Its bounds do not follow the operator's for
/// mail: a policy that cannot be fetched protects nobody. RFC 8461 §3.3 wants TLS 1.2 at least.
pub(crate) fn http_client(dns: Arc<dyn Dns>, trust: &TrustAnchors) -> Result<HttpClient, Failure> {
    let bounds = Profile::named(ProfileName::Intermediate).bounds();
    let tls = WebClient::new(trust, bounds);
    let tls = tls.map_err(|error| Failure::new("the web client", &error))?;
    Ok(HttpClient::new(dns, tls))
}
