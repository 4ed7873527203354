//! `[dns]`.

use postern_config::{DnsServers, Dnssec, DnssecAnchors};
use postern_dns::{Servers, Settings, TrustAnchors, Validation};

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
