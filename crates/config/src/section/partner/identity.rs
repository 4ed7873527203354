//! As whom a partner authenticates: keys that both directions have.

use postern_mail::Domain;
use postern_policy::{ChannelLevel, IdentityTerms};
use postern_tls::{ReferenceIdentity, SpkiPin};

use super::Loaders;
use crate::{
    schema::{Key, Located, Reported, Table},
    section::{
        revocation,
        trust::{TRUST_SOURCES, TrustSource},
    },
    value::{CHANNEL, DOMAIN, SPKI_PIN},
};

/// What was written for the identity of one direction.
pub(super) struct Written {
    pub(super) require: Result<Located<ChannelLevel>, Reported>,
    pub(super) names: Result<Option<Vec<Located<Domain>>>, Reported>,
    pub(super) pins: Result<Option<Vec<Located<SpkiPin>>>, Reported>,
    pub(super) trust: Result<Option<Vec<Located<TrustSource>>>, Reported>,
    pub(super) revocation: revocation::Written,
}

/// The declarations of the keys that one direction has for it.
pub(super) struct Keys {
    pub(super) require: Key<ChannelLevel>,
    pub(super) names: Key<Domain>,
    pub(super) pins: Key<SpkiPin>,
    pub(super) trust: Key<TrustSource>,
    pub(super) revocation: revocation::Keys,
}

impl Keys {
    pub(super) const fn new(
        require: &'static str,
        names: [&'static str; 3],
        pins: &'static str,
    ) -> Self {
        let [absent, shown, doc] = names;
        Self {
            require: Key::defaulted("require", &CHANNEL, r#""authenticated""#, require),
            names: Key::optional("names", &DOMAIN, absent, shown, doc).list(),
            pins: Key::optional(
                "spki-pins",
                &SPKI_PIN,
                "no key is pinned",
                r#"["sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]"#,
                pins,
            )
            .list(),
            trust: Key::optional(
                "trust",
                &TRUST_SOURCES,
                "`tls.trust`",
                r#"["ministry-ca.pem"]"#,
                "Who may vouch for the names: `system`, `public` (the bundled public roots), or \
                 files of certificates in PEM.",
            )
            .list(),
            revocation: revocation::Keys::new(),
        }
    }

    pub(super) fn read(&self, table: &Table<'_>) -> Written {
        Written {
            require: table.one(&self.require),
            names: table.maybe_many(&self.names),
            pins: table.maybe_many(&self.pins),
            trust: table.maybe_many(&self.trust),
            revocation: self.revocation.read(table),
        }
    }
}

impl Written {
    /// What is required, and as whom.
    pub(super) fn check(
        self,
        loaders: &Loaders<'_>,
    ) -> Result<(ChannelLevel, IdentityTerms), Reported> {
        let trust = self.trust.and_then(|sources| {
            let loaded = sources.map(|sources| loaders.trust.load(&sources));
            loaded.transpose()
        });
        let revocation = self.revocation.check(&loaders.crls);
        let names = self.names?.into_iter().flatten();
        let pins = self.pins?.into_iter().flatten();
        let identity = IdentityTerms {
            names: names
                .map(|name| ReferenceIdentity::from(name.value))
                .collect(),
            pins: pins.map(|pin| pin.value).collect(),
            trust: trust?,
            revocation: revocation?,
        };
        Ok((self.require?.value, identity))
    }
}
