//! `[authentication]`: how it is found out who wrote a message.

use std::sync::Arc;

use postern_authentication::{Sealer, Signer, SigningKey, Verifier, VerifierSettings};
use postern_dns::Dns;
use postern_inbound::Authentication;

use super::{delivery::number, keys::Keys};

/// Who judges and seals. Our resolver is asked, so that answers are validated as those for
/// deliveries are.
pub(super) fn authentication(
    written: &postern_config::Authentication,
    keys: &Keys,
    signer: &Arc<Signer>,
    dns: Arc<dyn Dns>,
) -> Authentication {
    Authentication {
        verifier: Arc::new(Verifier::new(dns, verifier(written))),
        authserv_id: written.authserv_id.to_string(),
        received_spf: written.received_spf,
        temperror_limit: written.temperror_limit,
        signer: Arc::clone(signer),
        sealer: keys.arc.as_ref().map(|key| Arc::new(sealer(key))),
    }
}

fn verifier(written: &postern_config::Authentication) -> VerifierSettings {
    VerifierSettings {
        time: written.time_limit,
        queries: number(written.dns_limit),
        memory: written.memory.octets(),
        trusted_sealers: written.trusted_sealers.clone(),
        trusted_forwarders: written.trusted_forwarders.clone(),
        ..VerifierSettings::default()
    }
}

fn sealer(key: &SigningKey) -> Sealer {
    Sealer {
        domain: key.domain.clone(),
        selector: key.selector.clone(),
        key: Arc::clone(&key.key),
    }
}
