//! What delivery is done under.

use std::sync::{Arc, Mutex, PoisonError};

use postern_dns::Dns;
use postern_fetch::StsPolicies;
use postern_policy::Policy;
use postern_tls::{CertificateStore, Contradiction, CryptoBounds, TlsClient};

use crate::{accounts::Accounts, host::Surroundings, settings::Settings};

/// What delivery is done under: exchanged as a whole when the configuration is loaded anew, so
/// that no message sees half of an old one and half of a new one.
#[derive(Debug)]
pub struct Situation {
    /// What the operator decides about delivery.
    pub settings: Settings,
    /// What channels must prove.
    pub policy: Arc<Policy>,
    /// Who answers questions about names.
    pub dns: Arc<dyn Dns>,
    /// Who knows the MTA-STS policies of others.
    pub sts: Arc<dyn StsPolicies>,
    /// Who keeps account of sessions, partners and mail in clear.
    pub accounts: Arc<dyn Accounts>,
    /// Our own certificates, for partners who want to see one.
    pub certificates: Arc<CertificateStore>,
    /// TLS clients by the bounds they keep within.
    pub tls_clients: TlsClients,
}

/// TLS clients that were made already. There are as many as there are different combinations of
/// crypto profiles in the policy, so a list serves.
#[derive(Debug, Default)]
pub struct TlsClients(Mutex<Vec<(CryptoBounds, TlsClient)>>);

impl Situation {
    /// The TLS client that keeps within `bounds`.
    pub(crate) fn tls_client(&self, bounds: &CryptoBounds) -> Result<TlsClient, Contradiction> {
        let mut made = self
            .tls_clients
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.iter().find(|(kept, _)| kept == bounds) {
            return Ok(client.clone());
        }
        let client = TlsClient::new(bounds)?;
        made.push((bounds.clone(), client.clone()));
        Ok(client)
    }

    /// What the search for hosts needs to know.
    pub(crate) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            dns: &*self.dns,
            hostname: &self.settings.hostname,
            own_addresses: &self.settings.own_addresses,
            families: self.settings.families,
            private_targets: self.settings.private_targets,
            mx_port: self.settings.mx_port,
        }
    }
}
