//! A partner's rule in words, by which one rule is told from another.

use std::{fmt::Display, sync::Arc};

use postern_tls::short_digest;

use super::{ClientUsage, Dane, Direction, Exclusivity, IdentityTerms, Partner};

/// The most octets of a rule that are written out: some names and keys, and short enough for
/// whoever keeps it to keep it whole. What is longer begins with a digest of all of it.
const WRITTEN: usize = 320;

/// What the rules of a partner demand, each direction by itself.
#[derive(Debug, Clone)]
pub(super) struct RulesInWords {
    outbound: Arc<str>,
    inbound: Arc<str>,
}

impl RulesInWords {
    /// Before there is a rule.
    pub(super) fn none() -> Self {
        let none: Arc<str> = Arc::from("");
        Self {
            outbound: Arc::clone(&none),
            inbound: none,
        }
    }

    pub(super) fn of(partner: &Partner) -> Self {
        Self {
            outbound: bounded(outbound(partner)),
            inbound: bounded(inbound(partner)),
        }
    }

    pub(super) fn get(&self, direction: Direction) -> &Arc<str> {
        match direction {
            Direction::Outbound => &self.outbound,
            Direction::Inbound => &self.inbound,
        }
    }
}

fn outbound(partner: &Partner) -> String {
    let terms = &partner.outbound;
    let mut words = vec![terms.require.to_string()];
    add(&mut words, "hosts", &terms.hosts);
    identity(&mut words, &terms.identity);
    if terms.dane == Dane::Demanded {
        words.push("DANE".to_owned());
    }
    profile(&mut words, partner);
    words.join(", ")
}

fn inbound(partner: &Partner) -> String {
    let terms = &partner.inbound;
    let mut words = vec![terms.require.to_string()];
    identity(&mut words, &terms.identity);
    // To accept the certificates of servers is what holds where nothing is said.
    if terms.usage == Some(ClientUsage::ClientAuthOnly) {
        words.push("certificates for clients only".to_owned());
    }
    if terms.exclusive == Exclusivity::Exclusive {
        words.push("exclusive".to_owned());
    }
    profile(&mut words, partner);
    words.join(", ")
}

fn identity(words: &mut Vec<String>, terms: &IdentityTerms) {
    add(words, "name", &terms.names);
    add(words, "key", &terms.pins);
    if let Some(trust) = &terms.trust {
        // A file may change and keep its name.
        words.push(format!(
            "trust {} ({})",
            trust.label(),
            trust.short_digest()
        ));
    }
    if let Some(revocation) = &terms.revocation {
        words.push(revocation.to_string());
    }
}

fn profile(words: &mut Vec<String>, partner: &Partner) {
    words.extend(partner.profile.map(|it| format!("profile {}", it.name())));
}

/// The values in an order of their own: that in which somebody wrote them demands nothing.
fn add(words: &mut Vec<String>, what: &str, values: &[impl Display]) {
    let mut values: Vec<_> = values.iter().map(ToString::to_string).collect();
    values.sort_unstable();
    values.dedup();
    if !values.is_empty() {
        words.push(format!("{what} {}", values.join(" or ")));
    }
}

fn bounded(text: String) -> Arc<str> {
    if text.len() <= WRITTEN {
        return text.into();
    }
    let cut = text.floor_char_boundary(WRITTEN);
    let digest = short_digest(text.as_bytes());
    let written = text.get(..cut).unwrap_or_default();
    format!("{digest}: {written}…").into()
}

#[cfg(test)]
mod tests {
    use postern_testkit::Authority;
    use postern_tls::{
        CrlSource, Profile, ProfileName, RevocationCheck, TrustAnchors, UnknownStatus,
    };

    use super::*;
    use crate::{ChannelLevel, InboundTerms, OutboundTerms, Stage};

    const NAMES: [&str; 2] = ["b.example", "a.example"];

    /// A partner of which every term can be changed.
    #[derive(Clone)]
    struct Given {
        stage: Stage,
        profile: Option<ProfileName>,
        outbound: OutboundTerms,
        inbound: InboundTerms,
    }

    impl Given {
        fn new() -> Self {
            let require = ChannelLevel::Authenticated;
            let mut given = Self {
                stage: Stage::Observe,
                profile: None,
                outbound: OutboundTerms::requiring(require),
                inbound: InboundTerms::requiring(require),
            };
            given.identity(|it| it.names = named(&NAMES));
            given
        }

        fn identity(&mut self, change: impl Fn(&mut IdentityTerms)) {
            change(&mut self.outbound.identity);
            change(&mut self.inbound.identity);
        }

        fn built(self) -> Partner {
            let builder = Partner::builder("Ministry".parse().unwrap(), self.stage)
                .domain("ministry.example".parse().unwrap())
                .outbound(self.outbound)
                .inbound(self.inbound);
            let builder = match self.profile {
                Some(name) => builder.profile(Profile::named(name)),
                None => builder,
            };
            builder.build().unwrap()
        }
    }

    fn named(names: &[&str]) -> Vec<postern_tls::ReferenceIdentity> {
        let names = names.iter();
        let names = names.map(|it| it.parse::<postern_mail::Domain>().unwrap().into());
        names.collect()
    }

    fn trust(label: &str, authority: &Authority) -> TrustAnchors {
        TrustAnchors::from_pem(label, &authority.pem()).unwrap()
    }

    fn lists(labels: &[&str], unknown: UnknownStatus) -> Option<RevocationCheck> {
        let sources = labels.iter().map(|label| Arc::new(CrlSource::new(*label)));
        Some(RevocationCheck::new(sources, unknown))
    }

    /// The rules of a partner with this change: outbound, inbound.
    fn words(change: impl FnOnce(&mut Given)) -> [String; 2] {
        let mut given = Given::new();
        change(&mut given);
        let partner = given.built();
        [Direction::Outbound, Direction::Inbound]
            .map(|direction| partner.rule_in_words(direction).to_string())
    }

    #[test]
    fn a_rule_says_all_that_it_demands() {
        let [outbound, inbound] = words(|it| {
            it.profile = Some(ProfileName::Modern);
            it.outbound.hosts = vec!["mx.example:2525".parse().unwrap()];
            it.outbound.dane = Dane::Demanded;
            it.identity(|it| it.revocation = lists(&["b.crl", "a.crl"], UnknownStatus::Accept));
            it.inbound.usage = Some(ClientUsage::ClientAuthOnly);
            it.inbound.exclusive = Exclusivity::Exclusive;
        });
        assert_eq!(
            outbound,
            "authenticated, hosts mx.example:2525, name a.example or b.example, \
             not revoked by a.crl or b.crl, accepted where they do not say, DANE, profile modern"
        );
        assert_eq!(
            inbound,
            "authenticated, name a.example or b.example, not revoked by a.crl or b.crl, \
             accepted where they do not say, certificates for clients only, exclusive, \
             profile modern"
        );
    }

    #[test]
    fn every_term_makes_another_rule() {
        let (one, other) = (Authority::new("One"), Authority::new("Other"));
        let pin = |octet: &str| octet.repeat(32).parse().unwrap();
        let both = [
            words(|_| ()),
            words(|it| {
                it.outbound = OutboundTerms::requiring(ChannelLevel::Encrypted);
                it.inbound = InboundTerms::requiring(ChannelLevel::Encrypted);
            }),
            words(|it| {
                it.outbound = OutboundTerms::requiring(ChannelLevel::Any);
                it.inbound = InboundTerms::requiring(ChannelLevel::Any);
            }),
            words(|it| it.identity(|it| it.names = named(&["a.example"]))),
            words(|it| it.identity(|it| it.pins = vec![pin("00")])),
            words(|it| it.identity(|it| it.pins = vec![pin("00"), pin("01")])),
            words(|it| it.identity(|it| it.trust = Some(trust("ca.pem", &one)))),
            words(|it| it.identity(|it| it.trust = Some(trust("ca.pem", &other)))),
            words(|it| it.identity(|it| it.trust = Some(trust("new.pem", &one)))),
            words(|it| it.identity(|it| it.revocation = lists(&["a.crl"], UnknownStatus::Accept))),
            words(|it| it.identity(|it| it.revocation = lists(&["a.crl"], UnknownStatus::Refuse))),
            words(|it| it.identity(|it| it.revocation = lists(&["b.crl"], UnknownStatus::Accept))),
            words(|it| it.profile = Some(ProfileName::Modern)),
            words(|it| it.profile = Some(ProfileName::Intermediate)),
        ];
        for direction in 0..=1 {
            let mut rules: Vec<_> = both.iter().map(|rules| &rules[direction]).collect();
            rules.sort();
            rules.dedup();
            assert_eq!(rules.len(), both.len(), "{rules:#?}");
        }
        let [outbound, inbound] = words(|_| ());
        let check_outbound = |change: fn(&mut OutboundTerms)| {
            let found = words(|it| change(&mut it.outbound));
            assert_ne!(found[0], outbound);
            assert_eq!(found[1], inbound, "the other direction is another rule");
        };
        check_outbound(|it| it.dane = Dane::Demanded);
        check_outbound(|it| it.hosts = vec!["mx.example".parse().unwrap()]);
        let check_inbound = |change: fn(&mut InboundTerms)| {
            let found = words(|it| change(&mut it.inbound));
            assert_ne!(found[1], inbound);
            assert_eq!(found[0], outbound, "the other direction is another rule");
        };
        check_inbound(|it| it.usage = Some(ClientUsage::ClientAuthOnly));
        check_inbound(|it| it.exclusive = Exclusivity::Exclusive);
    }

    #[test]
    fn what_demands_nothing_makes_no_other_rule() {
        let rule = words(|_| ());
        let reversed = ["a.example", "b.example", "a.example"];
        assert_eq!(
            words(|it| it.identity(|it| it.names = named(&reversed))),
            rule
        );
        assert_eq!(words(|it| it.stage = Stage::Enforce), rule);
        assert_eq!(
            words(|it| it.outbound.present = Some(crate::CertificateName::new("ours"))),
            rule
        );
        assert_eq!(
            words(|it| it.inbound.usage = Some(ClientUsage::AcceptServerAuth)),
            rule
        );
    }

    #[test]
    fn a_long_rule_is_cut_and_still_told_from_others() {
        let many = |last: &str| {
            let names: Vec<_> = (0..100).map(|it| format!("mx{it:03}.example")).collect();
            let mut names: Vec<_> = names.iter().map(String::as_str).collect();
            names.push(last);
            words(|it| it.identity(|it| it.names = named(&names)))
        };
        let (one, other) = (many("y.example"), many("z.example"));
        for (one, other) in one.iter().zip(&other) {
            assert_ne!(one, other);
            assert!(one.len() < 400, "{}", one.len());
            let (digest, written) = one.split_once(": ").unwrap();
            assert_eq!(digest.len(), 16);
            assert!(written.starts_with("authenticated, name mx000.example or "));
            assert!(written.ends_with('…'));
        }
    }
}
