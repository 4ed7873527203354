//! `[[partner]]`: whom we know, and what connections with them must prove, both ways.

mod between;
mod faults;
mod identity;
mod inbound;
mod outbound;

use postern_mail::{DomainPattern, Mailbox};
use postern_policy::{Partner, PartnerName, Stage};
use postern_tls::Profile;

use super::{pace::Pace, revocation::CrlLoader, tls::PROFILES, trust::TrustLoader};
pub(crate) use between::{check_dane, check_listener, check_presented, policy};

use crate::{
    schema::{Key, Kind, Located, Occurs, Reported, Scalar, Section, Table},
    value::{self, PATTERN, not_a_choice},
};

/// What was written for a partner; whatever is not right was told and is absent.
pub(crate) struct Written<'a> {
    table: Table<'a>,
    name: Result<Located<PartnerName>, Reported>,
    domains: Result<Vec<Located<DomainPattern>>, Reported>,
    except: Result<Option<Vec<Located<DomainPattern>>>, Reported>,
    stage: Result<Located<Stage>, Reported>,
    profile: Result<Option<Located<&'static Profile>>, Reported>,
    contact: Result<Option<Located<Mailbox>>, Reported>,
    outbound: Result<(Table<'a>, outbound::Written), Reported>,
    inbound: Result<(Table<'a>, inbound::Written), Reported>,
}

/// A partner, and where it stands.
pub(crate) struct Checked<'a> {
    partner: Partner,
    pace: Pace,
    table: Table<'a>,
    patterns: Patterns,
}

/// The patterns of `domains` and `except`, and where they stand.
pub(crate) struct Patterns {
    domains: Vec<Located<DomainPattern>>,
    except: Vec<Located<DomainPattern>>,
}

/// What reads the files that rules name; each file is read once.
pub(crate) struct Loaders<'n> {
    pub(crate) trust: TrustLoader<'n>,
    pub(crate) crls: CrlLoader<'n>,
}

pub(super) static PARTNER_NAMES: Kind<PartnerName> = Kind {
    name: value::NAME.name,
    right: value::NAME.right,
    scalar: Scalar::Text(|text| {
        let name = value::name(text)?;
        name.parse()
            .map_err(|error| format!("{text:?} is refused: {error}"))
    }),
};

static STAGES: Kind<Stage> = Kind {
    name: "choice",
    right: "\"observe\", \"warn\" or \"enforce\"",
    scalar: Scalar::Text(|text| text.parse().map_err(|_| not_a_choice(text))),
};

static MAILBOX: Kind<Mailbox> = Kind {
    name: "mailbox",
    right: "a mailbox such as \"mail-team@ministry.example\"",
    scalar: Scalar::Text(|text| {
        text.parse()
            .map_err(|error| format!("{text:?} is refused: {error}"))
    }),
};

static NAME: Key<PartnerName> = Key::required(
    "name",
    &PARTNER_NAMES,
    r#""Ministry of Examples""#,
    "What logs, replies and reports call the partner.",
);

static DOMAINS: Key<DomainPattern> = Key::required(
    "domains",
    &PATTERN,
    r#"["ministry.example", "*.ministry.example"]"#,
    "The partner's mail domains: each by name, or `*.ministry.example` for all below it.",
)
.list();

static EXCEPT: Key<DomainPattern> = Key::optional(
    "except",
    &PATTERN,
    "every domain that a wildcard matches",
    r#"["old.ministry.example"]"#,
    "Domains that a wildcard of `domains` matches and that are not the partner's: each by name, or \
     `*.old.ministry.example` for all below it. For them the rule says nothing.",
)
.list();

static STAGE: Key<Stage> = Key::defaulted(
    "stage",
    &STAGES,
    r#""enforce""#,
    "What follows when a connection does not prove what it must. `observe`: it is counted. \
     `warn`: the operator is told as well. `enforce`: no mail travels. The rules are judged in \
     full at every stage.",
);

static PROFILE: Key<&'static Profile> = Key::optional(
    "profile",
    &PROFILES,
    "no more than `tls.profile` demands",
    r#""suite-b-128""#,
    "The crypto profile for connections with the partner. It is joined with `tls.profile`: only \
     what both allow is used.",
);

static CONTACT: Key<Mailbox> = Key::optional(
    "contact",
    &MAILBOX,
    "not known",
    r#""mail-team@ministry.example""#,
    "Whom to ask there when connections fail.",
);

pub(crate) static PARTNER: Section = Section {
    name: "partner",
    occurs: Occurs::Often,
    doc: "An organisation with whom connections must prove something, both ways: what they prove \
          to us and what we prove to them.",
    keys: &[
        &NAME.entry,
        &DOMAINS.entry,
        &EXCEPT.entry,
        &STAGE.entry,
        &PROFILE.entry,
        &CONTACT.entry,
    ],
    sections: &[&outbound::OUTBOUND, &inbound::INBOUND],
    not_yet: &[],
    commented: true,
    example: None,
};

pub(crate) fn read(table: Table<'_>) -> Written<'_> {
    Written {
        name: table.one(&NAME),
        domains: table.many(&DOMAINS),
        except: table.maybe_many(&EXCEPT),
        stage: table.one(&STAGE),
        profile: table.maybe(&PROFILE),
        contact: table.maybe(&CONTACT),
        outbound: table
            .section(&outbound::OUTBOUND)
            .map(|table| table.with(outbound::read)),
        inbound: table
            .section(&inbound::INBOUND)
            .map(|table| table.with(inbound::read)),
        table,
    }
}

impl<'a> Written<'a> {
    /// What the configuration calls it.
    pub(crate) fn name(&self) -> Option<PartnerName> {
        let name = self.name.as_ref().ok();
        name.map(|name| name.value.clone())
    }

    /// The partner that this means. `certificates` are the names of ours, unless one of them is
    /// not known for sure.
    pub(crate) fn check(
        self,
        loaders: &Loaders<'_>,
        certificates: Option<&[String]>,
    ) -> Result<Checked<'a>, Reported> {
        let outbound = self
            .outbound
            .and_then(|(table, written)| written.check(&table, loaders, certificates));
        let inbound = self
            .inbound
            .and_then(|(table, written)| written.check(&table, loaders));
        let except = self.except.map(Option::unwrap_or_default);
        let patterns = Patterns {
            domains: self.domains?,
            except: except?,
        };
        let (outbound, pace) = outbound?;
        let mut builder = Partner::builder(self.name?.value, self.stage?.value)
            .outbound(outbound)
            .inbound(inbound?);
        for domain in &patterns.domains {
            builder = builder.domain(domain.value.clone());
        }
        for exception in &patterns.except {
            builder = builder.except(exception.value.clone());
        }
        if let Some(profile) = self.profile? {
            builder = builder.profile(profile.value);
        }
        if let Some(contact) = self.contact? {
            builder = builder.contact(contact.value);
        }
        match builder.build() {
            Ok(partner) => Ok(Checked {
                partner,
                pace,
                table: self.table,
                patterns,
            }),
            Err(errors) => {
                for error in errors {
                    faults::note_within(&self.table, &patterns, &error);
                }
                Err(Reported)
            }
        }
    }
}

/// How fast mail goes to those partners for whom something is written about it.
pub(crate) fn paces(partners: &[Checked<'_>]) -> Vec<(PartnerName, Pace)> {
    let written = partners.iter().filter(|it| it.pace != Pace::default());
    written
        .map(|it| (it.partner.name().clone(), it.pace))
        .collect()
}

/// Terms for a direction that is not written down.
fn nothing_required(table: &Table<'_>, mail: &str) {
    table.notes().warn(
        table.spot(),
        format_args!("is absent, so mail {mail} the partner may travel without TLS"),
        format_args!("write [{}] and what it requires", table.spot().key),
    );
}
