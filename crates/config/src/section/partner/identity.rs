//! As whom a partner authenticates: keys that both directions have.

use postern_mail::Domain;
use postern_policy::{ChannelLevel, IdentityTerms};
use postern_tls::{ReferenceIdentity, SpkiPin};

use crate::{
    schema::{Key, Kind, Located, Reported, Scalar, Table},
    section::trust::{TRUST_SOURCES, TrustLoader, TrustSource},
    value::{CHANNEL, DOMAIN},
};

/// What was written for the identity of one direction.
pub(super) struct Written {
    pub(super) require: Result<Located<ChannelLevel>, Reported>,
    pub(super) names: Result<Option<Vec<Located<Domain>>>, Reported>,
    pub(super) pins: Result<Option<Vec<Located<SpkiPin>>>, Reported>,
    trust: Result<Option<Vec<Located<TrustSource>>>, Reported>,
}

/// The declarations of the keys that one direction has for it.
pub(super) struct Keys {
    pub(super) require: Key<ChannelLevel>,
    pub(super) names: Key<Domain>,
    pub(super) pins: Key<SpkiPin>,
    pub(super) trust: Key<TrustSource>,
}

static PINS: Kind<SpkiPin> = Kind {
    name: "SPKI pin",
    right: "the SHA-256 of a public key (SPKI) in base64 or hexadecimal, such as \
            \"sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"",
    scalar: Scalar::Text(|text| {
        text.parse()
            .map_err(|error| format!("{text:?} is refused: {error}"))
    }),
};

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
                &PINS,
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
        }
    }

    pub(super) fn read(&self, table: &Table<'_>) -> Written {
        Written {
            require: table.one(&self.require),
            names: table.maybe_many(&self.names),
            pins: table.maybe_many(&self.pins),
            trust: table.maybe_many(&self.trust),
        }
    }
}

impl Written {
    /// What is required, and as whom.
    pub(super) fn check(
        self,
        trust: &TrustLoader<'_>,
    ) -> Result<(ChannelLevel, IdentityTerms), Reported> {
        let trust = self.trust.and_then(|sources| {
            let loaded = sources.map(|sources| trust.load(&sources));
            loaded.transpose()
        });
        let names = self.names?.into_iter().flatten();
        let pins = self.pins?.into_iter().flatten();
        let identity = IdentityTerms {
            names: names
                .map(|name| ReferenceIdentity::from(name.value))
                .collect(),
            pins: pins.map(|pin| pin.value).collect(),
            trust: trust?,
        };
        Ok((self.require?.value, identity))
    }
}
