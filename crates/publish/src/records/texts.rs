//! The texts that are published, character by character.

use std::{fmt::Write as _, net::IpAddr};

use postern_mail::{Domain, Mailbox, Network};
use postern_policy::StsPolicy;

use crate::{Facts, Others};

/// SPF for a domain (RFC 7208 §4.5). Addresses cost nobody a look-up; where none are known
/// everything rests on the names of our hosts.
pub(crate) fn spf(facts: &Facts) -> String {
    let mut text = "v=spf1".to_owned();
    if facts.senders.is_empty() {
        for host in &facts.hosts {
            // Writing into a string does not fail.
            let _ = write!(text, " a:{host}");
        }
    }
    for network in &facts.senders {
        let _ = match network.address() {
            IpAddr::V4(_) => write!(text, " ip4:{}", network_text(network)),
            IpAddr::V6(_) => write!(text, " ip6:{}", network_text(network)),
        };
    }
    for include in &facts.spf_includes {
        let _ = write!(text, " include:{include}");
    }
    text.push_str(match facts.spf_others {
        Others::Fail => " -all",
        Others::SoftFail => " ~all",
        Others::Neutral => " ?all",
    });
    text
}

/// SPF for the name that we greet with (RFC 7208 §2.3): it speaks where the reverse-path is null,
/// and nobody else has reason to use the name.
pub(crate) const SPF_OF_HOST: &str = "v=spf1 a -all";

/// A network, or its one address.
pub(crate) fn network_text(network: &Network) -> String {
    if is_address(network) {
        network.address().to_string()
    } else {
        network.to_string()
    }
}

/// Whether a network is one address.
pub(crate) fn is_address(network: &Network) -> bool {
    network.prefix() == if network.address().is_ipv4() { 32 } else { 128 }
}

/// DMARC (RFC 9989 §4.7).
pub(crate) fn dmarc(facts: &Facts) -> String {
    let mut text = format!("v=DMARC1; p={}", facts.dmarc.as_str());
    if facts.dmarc_below != facts.dmarc {
        let _ = write!(text, "; sp={}", facts.dmarc_below.as_str());
    }
    if !facts.dmarc_reports.is_empty() {
        let _ = write!(text, "; rua={}", mailtos(&facts.dmarc_reports));
    }
    text
}

/// Whether reports about `domain` to `reporting` need the agreement of the latter: they do where
/// the two have different Organizational Domains (RFC 9990 §4). Names of which one lies below the
/// other have the same one, and of others nobody can say without asking.
pub(crate) fn is_elsewhere(reporting: &Domain, domain: &Domain) -> bool {
    reporting != domain && !reporting.is_below(domain) && !domain.is_below(reporting)
}

/// The announcement of an MTA-STS policy (RFC 8461 §3.1). The id is a digest of the policy as it
/// is served, so that it changes when the policy does, and not otherwise.
pub(crate) fn sts(policy: &StsPolicy) -> String {
    format!("v=STSv1; id={};", sts_id(policy))
}

pub(crate) fn sts_id(policy: &StsPolicy) -> String {
    postern_tls::short_digest(policy.to_text().as_bytes())
}

/// Where reports about TLS go (RFC 8460 §3).
pub(crate) fn tls_reports(facts: &Facts) -> Option<String> {
    let reports = &facts.tls_reports;
    (!reports.is_empty()).then(|| format!("v=TLSRPTv1; rua={}", mailtos(reports)))
}

fn mailtos(mailboxes: &[Mailbox]) -> String {
    let uris: Vec<_> = mailboxes.iter().map(mailto).collect();
    uris.join(",")
}

/// A URI of an address (RFC 6068 §2). Records have `,`, `;` and `!` for themselves, so whatever
/// is not plainly part of an address is written as its octets.
fn mailto(mailbox: &Mailbox) -> String {
    let mut uri = "mailto:".to_owned();
    for octet in mailbox.to_string().bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~@+".contains(&octet) {
            uri.push(char::from(octet));
        } else {
            let _ = write!(uri, "%{octet:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DmarcPolicy;

    fn facts() -> Facts {
        Facts::of("mx1.example.org".parse().unwrap())
    }

    #[test]
    fn spf_names_addresses_and_others() {
        let mut facts = facts();
        assert_eq!(spf(&facts), "v=spf1 a:mx1.example.org ~all");
        let senders = [
            "192.0.2.1",
            "198.51.100.0/24",
            "2001:db8::1",
            "2001:db8:1::/48",
        ];
        facts.senders = senders.iter().map(|it| it.parse().unwrap()).collect();
        facts.spf_includes = vec!["_spf.other.example".parse().unwrap()];
        facts.spf_others = Others::Fail;
        assert_eq!(
            spf(&facts),
            "v=spf1 ip4:192.0.2.1 ip4:198.51.100.0/24 ip6:2001:db8::1 ip6:2001:db8:1::/48 \
             include:_spf.other.example -all"
        );
    }

    #[test]
    fn dmarc_is_as_wished() {
        let mut facts = facts();
        assert_eq!(dmarc(&facts), "v=DMARC1; p=none");
        facts.dmarc = DmarcPolicy::Quarantine;
        facts.dmarc_below = DmarcPolicy::Reject;
        facts.dmarc_reports = vec![
            "dmarc@example.org".parse().unwrap(),
            "other@example.net".parse().unwrap(),
        ];
        assert_eq!(
            dmarc(&facts),
            "v=DMARC1; p=quarantine; sp=reject; \
             rua=mailto:dmarc@example.org,mailto:other@example.net"
        );
    }

    #[test]
    fn an_address_may_hold_anything() {
        let mut facts = facts();
        assert_eq!(tls_reports(&facts), None);
        facts.tls_reports = vec!["\"tls;a\"@example.org".parse().unwrap()];
        let text = tls_reports(&facts).unwrap();
        assert_eq!(text, "v=TLSRPTv1; rua=mailto:%22tls%3Ba%22@example.org");
        facts.tls_reports = vec!["a!b+c@example.org".parse().unwrap()];
        let text = tls_reports(&facts).unwrap();
        assert_eq!(text, "v=TLSRPTv1; rua=mailto:a%21b+c@example.org");
    }

    #[test]
    fn the_id_follows_the_policy() {
        let policy = |text: &[u8]| StsPolicy::parse(text).unwrap();
        let one = policy(b"version: STSv1\nmode: testing\nmx: a.example\nmax_age: 86400\n");
        let same =
            policy(b"version: STSv1\r\nmax_age: 86400\r\nmx: A.example\r\nmode: testing\r\n");
        let other = policy(b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n");
        assert_eq!(sts(&one), sts(&same));
        assert_ne!(sts(&one), sts(&other));
        let texts = [sts(&one).into_bytes()];
        let record = postern_policy::StsRecord::among(&texts).unwrap().unwrap();
        assert_eq!(record.id().as_str(), sts_id(&one));
    }
}
