//! `[dns]`.

use std::sync::Arc;

use postern_config::{DnsServers, Dnssec, DnssecAnchors};
use postern_dns::{Resolver, Servers, Settings, TrustAnchors, Validation};

use crate::failure::Failure;

/// Who is asked for names.
pub(crate) fn resolver(settings: &Settings) -> Result<Arc<Resolver>, Failure> {
    let resolver = Resolver::new(settings);
    let resolver = resolver.map_err(|error| Failure::new("the resolver", &error))?;
    Ok(Arc::new(resolver))
}

/// What the resolver goes by.
pub(super) fn settings(written: &postern_config::Dns) -> Settings {
    Settings {
        servers: match &written.servers {
            DnsServers::System => Servers::System,
            DnsServers::These(servers) => Servers::At(servers.clone()),
        },
        validation: match &written.dnssec {
            Dnssec::Off => Validation::Off,
            Dnssec::Validate(DnssecAnchors::BuiltIn) => Validation::With(TrustAnchors::BuiltIn),
            Dnssec::Validate(DnssecAnchors::File(path)) => {
                Validation::With(TrustAnchors::File(path.clone()))
            }
        },
        ..Settings::default()
    }
}
