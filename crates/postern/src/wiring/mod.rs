//! From the settings of the configuration to those of each part.
//!
//! Nothing is decided here: a number keeps its value, a word its meaning. What one setting means
//! for two parts is the only thing worth a second look.

mod authentication;
mod delivery;
mod dns;
mod fetching;
mod keys;
mod ready;
mod reception;
mod rewriting;
mod spool;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use postern_authentication::Signer;
use postern_config::{CrlRegistry, HonourSts, Settings, StsServing};
use postern_dns::Dns;
use postern_fetch::{CrlSubscription, Targets};
use postern_policy::Policy;
use postern_tls::{CertificateFiles, CertificateStore, TrustAnchors};

pub(crate) use self::{
    delivery::{routes, situation},
    dns::resolver,
    fetching::http_client,
    keys::Keys,
    ready::{Fault, Ready, Unusable},
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
    /// What signs.
    pub(crate) keys: Keys,
    /// Who signs our mail with it.
    pub(crate) signer: Arc<Signer>,
    /// How mail of strangers is judged.
    authentication: postern_config::Authentication,
    /// What domains are told, and what they tell us.
    pub(crate) reports: postern_config::Reports,
    pub(crate) delivery: postern_outbound::Settings,
    /// Without who judges: that takes a resolver ([`Wiring::judging`]).
    pub(crate) reception: postern_inbound::Settings,
    pub(crate) control_socket: PathBuf,
    /// Where metrics and health are told.
    pub(crate) watch: Option<SocketAddr>,
    pub(crate) log: postern_config::Log,
}

impl TryFrom<Settings> for Wiring {
    type Error = Unusable;

    /// Reads the keys that the settings name, and so blocks.
    fn try_from(settings: Settings) -> Result<Self, Unusable> {
        let ready = Ready::of(&settings)?;
        Ok(Self::new(settings, ready))
    }
}

impl Wiring {
    /// The settings, for who signs nothing and takes nothing in.
    pub(crate) fn to_look(settings: Settings) -> Self {
        Self::new(settings, Ready::default())
    }

    fn new(settings: Settings, ready: Ready) -> Self {
        let Ready { keys, rewriting } = ready;
        let spool = spool(&settings.spool);
        let dns = dns::settings(&settings.dns);
        let signer = Arc::new(Signer::new(keys.mail.clone()));
        let delivery = postern_outbound::Settings {
            signer: Some(Arc::clone(&signer)),
            ..delivery::settings(&settings, &keys)
        };
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
            rewriting: Arc::new(rewriting),
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
            keys,
            signer,
            authentication: settings.authentication,
            reports: settings.reports,
            delivery,
            reception,
            control_socket: settings.admin.socket,
            watch: settings.admin.http,
            log: settings.log,
        }
    }
}

impl Wiring {
    /// What reception goes by, where `dns` is asked about who wrote a message.
    pub(crate) fn judging(&self, dns: Arc<dyn Dns>) -> postern_inbound::Settings {
        let Self {
            authentication,
            keys,
            signer,
            reception,
            ..
        } = self;
        let authentication = authentication::authentication(authentication, keys, signer, dns);
        postern_inbound::Settings {
            authentication: Some(Arc::new(authentication)),
            ..reception.clone()
        }
    }

    /// The name under which our results stand in messages.
    pub(crate) fn authserv_id(&self) -> String {
        self.authentication.authserv_id.to_string()
    }

    /// Who vouches for hosts whose policy or revocation lists are fetched: those who vouch for
    /// mail hosts.
    pub(crate) fn trust(&self) -> &TrustAnchors {
        &self.policy.defaults().trust
    }
}

#[cfg(test)]
mod tests;
