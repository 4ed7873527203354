//! The texts that are published, character by character.

use std::{fmt::Write as _, net::IpAddr};

use postern_mail::{Domain, Mailbox};
use postern_policy::StsPolicy;

use crate::{DmarcWish, Facts};

/// SPF for a domain (RFC 7208 §4.5). What is known by address comes first, for it costs nobody a
/// look-up. Where our addresses are not known everything rests on the name of the host, and what
/// does not fit is doubtful rather than false.
pub(crate) fn spf(facts: &Facts) -> String {
    let mut text = "v=spf1".to_owned();
    if facts.addresses.is_empty() {
        // Writing into a string does not fail.
        let _ = write!(text, " a:{}", facts.hostname);
    }
    for address in &facts.addresses {
        let _ = match address {
            IpAddr::V4(address) => write!(text, " ip4:{address}"),
            IpAddr::V6(address) => write!(text, " ip6:{address}"),
        };
    }
    for include in &facts.spf_includes {
        let _ = write!(text, " include:{include}");
    }
    text.push_str(if facts.addresses.is_empty() {
        " ~all"
    } else {
        " -all"
    });
    text
}

pub(super) fn why_spf(facts: &Facts) -> &'static str {
    if facts.addresses.is_empty() {
        "who may send for the domain; name your addresses in publish.addresses for a strict one"
    } else {
        "who may send for the domain: these, and nobody else"
    }
}

/// SPF for the name that we greet with (RFC 7208 §2.3): it speaks where the reverse-path is null.
pub(crate) fn spf_of_host(facts: &Facts) -> String {
    if facts.addresses.is_empty() {
        "v=spf1 a -all".to_owned()
    } else {
        spf(&Facts {
            spf_includes: Vec::new(),
            ..facts.clone()
        })
    }
}

/// DMARC (RFC 9989 §4.7).
pub(crate) fn dmarc(facts: &Facts) -> String {
    let policy = match &facts.dmarc {
        DmarcWish::Record(record) => return record.clone(),
        DmarcWish::Policy(policy) => policy,
    };
    let mut text = format!("v=DMARC1; p={policy}");
    if let Some(reports) = &facts.dmarc_reports {
        let _ = write!(text, "; rua={}", mailto(reports));
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
    let reports = facts.tls_reports.as_ref()?;
    Some(format!("v=TLSRPTv1; rua={}", mailto(reports)))
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

    fn facts() -> Facts {
        Facts::of("mx1.example.org".parse().unwrap())
    }

    #[test]
    fn spf_names_addresses_and_others() {
        let mut facts = facts();
        assert_eq!(spf(&facts), "v=spf1 a:mx1.example.org ~all");
        assert_eq!(spf_of_host(&facts), "v=spf1 a -all");
        facts.addresses = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        facts.spf_includes = vec!["_spf.other.example".parse().unwrap()];
        assert_eq!(
            spf(&facts),
            "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 include:_spf.other.example -all"
        );
        assert_eq!(
            spf_of_host(&facts),
            "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"
        );
    }

    #[test]
    fn dmarc_is_as_wished() {
        let mut facts = facts();
        assert_eq!(dmarc(&facts), "v=DMARC1; p=none");
        facts.dmarc = DmarcWish::Policy("reject".to_owned());
        facts.dmarc_reports = Some("dmarc@example.org".parse().unwrap());
        assert_eq!(
            dmarc(&facts),
            "v=DMARC1; p=reject; rua=mailto:dmarc@example.org"
        );
        facts.dmarc = DmarcWish::Record("v=DMARC1; p=reject; np=reject".to_owned());
        assert_eq!(dmarc(&facts), "v=DMARC1; p=reject; np=reject");
    }

    #[test]
    fn an_address_may_hold_anything() {
        let mut facts = facts();
        facts.tls_reports = Some(
            "tls+a!b;c@example.org"
                .parse()
                .unwrap_or_else(|_| "\"tls+a!b;c\"@example.org".parse().unwrap()),
        );
        let text = tls_reports(&facts).unwrap();
        assert!(text.starts_with("v=TLSRPTv1; rua=mailto:"), "{text}");
        assert!(text.contains("tls+a%21b%3Bc"), "{text}");
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
