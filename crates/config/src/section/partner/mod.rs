//! `[[partner]]`: whom we know, and what connections with them must prove, both ways.

mod faults;
mod identity;
mod inbound;
mod outbound;

use postern_mail::{DomainPattern, Mailbox};
use postern_policy::{Defaults, Partner, PartnerName, Policy, PolicyError, Stage};
use postern_tls::Profile;

use super::{
    certificate::{self, Certificates},
    tls::PROFILES,
    trust::TrustLoader,
};
use crate::{
    schema::{Key, Kind, Located, Notes, Occurs, Reported, Scalar, Section, Table},
    value::{self, PATTERN, not_a_choice},
};

/// What was written for a partner; whatever is not right was told and is absent.
pub(crate) struct Written<'a> {
    table: Table<'a>,
    name: Result<Located<PartnerName>, Reported>,
    domains: Result<Vec<Located<DomainPattern>>, Reported>,
    stage: Result<Located<Stage>, Reported>,
    profile: Result<Option<Located<&'static Profile>>, Reported>,
    contact: Result<Option<Located<Mailbox>>, Reported>,
    outbound: Result<(Table<'a>, outbound::Written), Reported>,
    inbound: Result<(Table<'a>, inbound::Written), Reported>,
}

/// A partner, and where it stands.
pub(crate) struct Checked<'a> {
    partner: Partner,
    table: Table<'a>,
    domains: Vec<Located<DomainPattern>>,
}

static PARTNER_NAMES: Kind<PartnerName> = Kind {
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
        stage: table.one(&STAGE),
        profile: table.maybe(&PROFILE),
        contact: table.maybe(&CONTACT),
        outbound: table.section(&outbound::OUTBOUND).map(|table| {
            let written = outbound::read(&table);
            (table, written)
        }),
        inbound: table.section(&inbound::INBOUND).map(|table| {
            let written = inbound::read(&table);
            (table, written)
        }),
        table,
    }
}

impl<'a> Written<'a> {
    /// The partner that this means. `certificates` are the names of ours, unless one of them is
    /// not known for sure.
    pub(crate) fn check(
        self,
        trust: &TrustLoader<'_>,
        certificates: Option<&[String]>,
    ) -> Result<Checked<'a>, Reported> {
        let outbound = self
            .outbound
            .and_then(|(table, written)| written.check(&table, trust, certificates));
        let inbound = self
            .inbound
            .and_then(|(table, written)| written.check(&table, trust));
        let domains = self.domains?;
        let mut builder = Partner::builder(self.name?.value, self.stage?.value)
            .outbound(outbound?)
            .inbound(inbound?);
        for domain in &domains {
            builder = builder.domain(domain.value.clone());
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
                table: self.table,
                domains,
            }),
            Err(errors) => {
                for error in errors {
                    faults::note_within(&self.table, &domains, &error);
                }
                Err(Reported)
            }
        }
    }
}

/// The policy of these partners and of what holds for everybody.
pub(crate) fn policy(
    notes: &Notes<'_>,
    defaults: Defaults,
    partners: &[Checked<'_>],
) -> Result<Policy, Reported> {
    let rules = partners.iter().map(|checked| checked.partner.clone());
    Policy::new(defaults, rules.collect()).map_err(|errors| {
        for error in errors {
            let named = |checked: &&Checked<'_>| checked.partner.name() == error.partner();
            let mut of_this_name = partners.iter().filter(named);
            // Of two partners with one name it is the later whose name is at fault.
            let at = match &error {
                PolicyError::DuplicatePartner(_) => of_this_name.next_back(),
                PolicyError::DomainTaken { .. }
                | PolicyError::ProfilesExclude { .. }
                | PolicyError::ExclusiveShared { .. } => of_this_name.next(),
            };
            if let Some(at) = at {
                faults::note_between(notes, at, &error);
            }
        }
        Reported
    })
}

/// Refuses a client certificate that the profiles of a partner and of everybody leave no use for.
pub(crate) fn check_presented(
    notes: &Notes<'_>,
    general: &Profile,
    partners: &[Checked<'_>],
    certificates: &Certificates,
) {
    for Checked { partner, table, .. } in partners {
        let present = partner.outbound().present.as_ref();
        let shown = present.and_then(|name| certificates.store.identity(name.as_str()));
        let (Some(own), Some(shown)) = (partner.profile(), shown) else {
            continue;
        };
        let bounds = general.bounds().intersect(own.bounds());
        if let Err(violation) = certificate::any_admitted(shown.certificates(), &bounds) {
            notes.error(
                &table.spot_of_path("outbound.present"),
                format_args!("profile {} does not allow it; {violation}", own.name()),
                "present a certificate with such a key, or choose another profile",
            );
        }
    }
}

/// Terms for a direction that is not written down.
fn nothing_required(table: &Table<'_>, mail: &str) {
    table.notes().warn(
        table.spot(),
        format_args!("is absent, so mail {mail} the partner may travel without TLS"),
        format_args!("write [{}] and what it requires", table.spot().key),
    );
}
