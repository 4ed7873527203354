//! `[tls]`: what holds for every connection, and our own certificates.

use postern_policy::Defaults;
use postern_tls::{Profile, ProfileName};

use super::{
    certificate::{self, Certificates},
    trust::{TRUST_SOURCES, TrustLoader, TrustSource},
};
use crate::{
    schema::{Key, Kind, Located, Notes, Occurs, Reported, Scalar, Section, Table},
    value::not_a_choice,
};

/// What was written; whatever is not right was told and is absent.
pub(crate) struct Written<'a> {
    profile: Result<Located<&'static Profile>, Reported>,
    trust: Result<Vec<Located<TrustSource>>, Reported>,
    pub(crate) certificates: Vec<certificate::Written<'a>>,
}

pub(super) static PROFILES: Kind<&'static Profile> = Kind {
    name: "profile",
    right: "\"modern\", \"intermediate\", \"suite-b-128\", \"foundation\", \"ncsc\", \
            \"bsi-tr-02102-2\", \"nl\" or \"nist-sp-800-52r2\"",
    scalar: Scalar::Text(|text| {
        let name: Result<ProfileName, _> = text.parse();
        name.map(Profile::named).map_err(|_| not_a_choice(text))
    }),
};

static PROFILE: Key<&'static Profile> = Key::defaulted(
    "profile",
    &PROFILES,
    r#""intermediate""#,
    "The crypto profile of all connections. `modern`: TLS 1.3 alone. `intermediate`: TLS 1.3 and \
     1.2 with authenticated encryption and ephemeral key exchange. `ncsc`, `bsi-tr-02102-2`, `nl` \
     and `nist-sp-800-52r2`: what those authorities advise. `suite-b-128` and `foundation`: TLS \
     1.2 as those profiles describe it; few strangers can meet them, so they are for partners. \
     docs/configuration.md ends with what each allows, and its source.",
);

static TRUST: Key<TrustSource> = Key::defaulted(
    "trust",
    &TRUST_SOURCES,
    r#"["system"]"#,
    "Who may vouch for names, where a partner does not say: `system`, `public` (the bundled \
     public roots), or files of certificates in PEM.",
)
.list();

pub(crate) static TLS: Section = Section {
    name: "tls",
    occurs: Occurs::Once,
    doc: "What holds for TLS on every connection, and our own certificates.",
    keys: &[&PROFILE.entry, &TRUST.entry],
    sections: &[&certificate::CERTIFICATE],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read<'a>(table: &Table<'a>) -> Written<'a> {
    let certificates = table.sections(&certificate::CERTIFICATE).into_iter();
    Written {
        profile: table.one(&PROFILE),
        trust: table.many(&TRUST),
        certificates: certificates.map(certificate::read).collect(),
    }
}

impl Written<'_> {
    /// The names of our certificates, unless one of them cannot be told.
    pub(crate) fn certificate_names(&self) -> Option<Vec<String>> {
        let names = self.certificates.iter().map(certificate::Written::name);
        names.collect()
    }

    /// What holds for every connection, and our certificates.
    pub(crate) fn check(
        self,
        notes: &Notes<'_>,
        trust: &TrustLoader<'_>,
    ) -> (Result<Defaults, Reported>, Result<Certificates, Reported>) {
        let trust = self.trust.and_then(|sources| trust.load(&sources));
        let certificates = certificate::load(notes, &self.certificates);
        if let (Ok(profile), Ok(certificates)) = (&self.profile, &certificates) {
            check_keys(notes, profile, certificates);
        }
        let profile = self.profile.map(|profile| profile.value);
        let defaults = profile.and_then(|profile| {
            Ok(Defaults {
                profile,
                trust: trust?,
            })
        });
        (defaults, certificates)
    }
}

/// A profile that none of our keys may be used under would fail every handshake.
fn check_keys(notes: &Notes<'_>, profile: &Located<&'static Profile>, certificates: &Certificates) {
    let current = certificates.store.current();
    if let Err(violation) = certificate::any_admitted(&current, profile.value.bounds()) {
        notes.error(
            &profile.spot,
            format_args!(
                "{} allows none of our certificates; {violation}",
                profile.value.name()
            ),
            "choose another profile, or add a certificate with such a key",
        );
    }
}
