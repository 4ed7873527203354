//! From the settings of the configuration to those of each part.
//!
//! Nothing is decided here: a number keeps its value, a word its meaning. What one setting means
//! for two parts is the only thing worth a second look.

mod delivery;
mod dns;
mod fetching;
mod reception;
mod spool;

use std::{path::PathBuf, sync::Arc};

use postern_config::{CrlRegistry, HonourSts, Settings, StsServing};
use postern_fetch::{CrlSubscription, Targets};
use postern_policy::Policy;
use postern_tls::{CertificateFiles, CertificateStore, TrustAnchors};

pub(crate) use self::{
    delivery::{routes, situation},
    dns::resolver,
    fetching::http_client,
    reception::{floor, own_domains, role_word, tls_word},
    spool::settings as spool,
};

/// The settings, each part's for itself.
#[derive(Debug)]
pub(crate) struct Wiring {
    pub(crate) policy: Arc<Policy>,
    pub(crate) certificates: Arc<CertificateStore>,
    pub(crate) certificate_files: Vec<CertificateFiles>,
    pub(crate) spool: postern_spool::Settings,
    pub(crate) dns: postern_dns::Settings,
    /// Whether the MTA-STS policies of others count.
    pub(crate) honour: HonourSts,
    /// Where their names may lead.
    pub(crate) targets: Targets,
    /// Our own MTA-STS policy.
    pub(crate) serving: Option<StsServing>,
    /// The certificates that it is served with.
    pub(crate) web_certificates: Arc<CertificateStore>,
    /// Where these come from, if they are not all of ours.
    pub(crate) web_certificate_files: Option<CertificateFiles>,
    /// The revocation lists that the policy asks, for the next configuration to go on with.
    pub(crate) crls: CrlRegistry,
    /// The same, for who fetches them.
    pub(crate) revocation: Vec<CrlSubscription>,
    pub(crate) delivery: postern_outbound::Settings,
    pub(crate) reception: postern_inbound::Settings,
    pub(crate) control_socket: PathBuf,
    pub(crate) log: postern_config::Log,
}

impl From<Settings> for Wiring {
    fn from(settings: Settings) -> Self {
        let spool = spool(&settings.spool);
        let dns = dns::settings(&settings.dns);
        let delivery = delivery::settings(&settings);
        let domains = own_domains(&settings.domains);
        let listeners = settings.listeners.iter().map(reception::listener);
        let listeners = listeners.collect();
        let limits = reception::limits(&settings.limits);
        let policy = Arc::new(settings.policy);
        let certificates = Arc::new(settings.certificates.store);
        let files = settings.certificates.files;
        let web = fetching::web_certificate(settings.mta_sts.serving.as_ref(), &files);
        let reception = postern_inbound::Settings {
            hostname: settings.hostname,
            policy: Arc::clone(&policy),
            certificates: Arc::clone(&certificates),
            domains,
            authentication: None,
            rewriting: Arc::default(),
            listeners,
            limits,
        };
        Self {
            policy,
            web_certificates: fetching::web_certificates(web.as_ref(), &certificates),
            web_certificate_files: web,
            certificate_files: files,
            certificates,
            spool,
            dns,
            honour: settings.mta_sts.honour,
            targets: fetching::targets(settings.delivery.private_targets),
            serving: settings.mta_sts.serving,
            revocation: fetching::subscriptions(&settings.crls),
            crls: settings.crls,
            delivery,
            reception,
            control_socket: settings.admin.socket,
            log: settings.log,
        }
    }
}

impl Wiring {
    /// Who vouches for hosts whose policy or revocation lists are fetched: those who vouch for
    /// mail hosts.
    pub(crate) fn trust(&self) -> &TrustAnchors {
        &self.policy.defaults().trust
    }
}

#[cfg(test)]
mod tests;
