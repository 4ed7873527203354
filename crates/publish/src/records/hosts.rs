//! What belongs to the hosts, whichever domains they take mail for.

use postern_dns::{Caa, Name};
use postern_mail::Domain;
use postern_tls::{SpkiPin, TlsaRecord};

use super::{Records, name_of, texts};
use crate::{Data, Facts, Record, Severity};

/// The port whose keys are published: that of relays.
pub(crate) const SMTP: u16 = 25;

/// What the zones of our hosts, and of our addresses, should have.
///
/// For a host among [`Facts::hosts`] that is neither this one nor named by a certificate of ours
/// there is nothing to say: its addresses and keys are its own.
pub fn host_records(facts: &Facts) -> Vec<Record> {
    let mut records = Records::default();
    let hostname = facts.hostname.as_str();
    for address in &facts.addresses {
        let why = "where this host is reached";
        records.add(hostname, Data::Address(*address), why, Severity::Broken);
    }
    for host in &facts.hosts {
        records.tlsa(facts, host);
        records.caa(facts, host);
    }
    if !facts.hosts.contains(&facts.hostname) {
        records.caa(facts, &facts.hostname);
    }
    if !facts.domains.iter().any(|it| it.name == facts.hostname) {
        let why = "SPF for the name that we greet with: notifications have no other sender";
        records.text(hostname, texts::SPF_OF_HOST.to_owned(), why, Severity::Note);
    }
    if let Some(name) = name_of(&facts.hostname) {
        for address in &facts.addresses {
            let owner = Name::reverse(*address).to_string();
            let why = "asked of who gave you the address; many refuse mail from one without a name";
            records.add(&owner, Data::Ptr(name.clone()), why, Severity::Broken);
        }
    }
    records.0
}

impl Records {
    /// The keys of a host: those shown now, and those that will be. RFC 7671 §8.1 has a key
    /// published before it is used, and for two times the TTL at least.
    fn tlsa(&mut self, facts: &Facts, host: &Domain) {
        let Some(owner) = name_of(host).and_then(|host| host.tlsa_owner(SMTP).ok()) else {
            return;
        };
        if !facts.is_served_here(host) {
            return;
        }
        let owner = owner.to_string();
        for (key, name, time) in keys(facts, host) {
            let why = match time {
                Time::Now => format!("the key of certificate {name}; counts where DNSSEC signs"),
                Time::Next => {
                    format!("the next key of certificate {name}: published before it is used")
                }
            };
            let data = Data::Tlsa(TlsaRecord::of_key(key));
            self.add(&owner, data, why, Severity::Weak);
        }
    }

    fn caa(&mut self, facts: &Facts, host: &Domain) {
        if !facts.is_served_here(host) {
            return;
        }
        for authority in &facts.caa {
            let caa = Caa {
                critical: false,
                tag: "issue".to_owned(),
                value: authority.clone().into_bytes(),
            };
            let why = format!("{authority} may certify {host}, and nobody who is not named so");
            self.add(host.as_str(), Data::Caa(caa), why, Severity::Note);
        }
    }
}

/// When a key is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    Now,
    Next,
}

/// The keys of a host, each once, with the name of its certificate: a next key that is in use
/// already is a present one.
pub(crate) fn keys<'a>(facts: &'a Facts, host: &'a Domain) -> Vec<(SpkiPin, &'a str, Time)> {
    let mut keys: Vec<(SpkiPin, &str, Time)> = Vec::new();
    let certificates = facts.certificates_for(host);
    let now = certificates.iter().map(|it| (Some(it.key), it, Time::Now));
    let next = certificates.iter().map(|it| (it.next_key, it, Time::Next));
    for (key, certificate, time) in now.chain(next) {
        if let Some(key) = key.filter(|key| !keys.iter().any(|(other, _, _)| other == key)) {
            keys.push((key, &certificate.name, time));
        }
    }
    keys
}
