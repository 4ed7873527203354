//! From the settings of the configuration to those of each part.
//!
//! Nothing is decided here: a number keeps its value, a word its meaning. What one setting means
//! for two parts is the only thing worth a second look.

mod delivery;
mod dns;
mod reception;
mod spool;

use std::{path::PathBuf, sync::Arc};

use postern_config::Settings;
use postern_policy::Policy;
use postern_tls::{CertificateFiles, CertificateStore};

pub(crate) use self::{
    delivery::{own_addresses, routes},
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
        let reception = postern_inbound::Settings {
            hostname: settings.hostname,
            policy: Arc::clone(&policy),
            certificates: Arc::clone(&certificates),
            domains,
            listeners,
            limits,
        };
        Self {
            policy,
            certificates,
            certificate_files: settings.certificates.files,
            spool,
            dns,
            delivery,
            reception,
            control_socket: settings.admin.socket,
            log: settings.log,
        }
    }
}

#[cfg(test)]
mod tests;
