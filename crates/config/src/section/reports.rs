//! `[reports]`: what domains are told about mail in their name, and what they tell us.

use std::num::NonZeroU32;

use postern_mail::{Domain, Mailbox};

use super::domain::OwnDomains;
use crate::{
    schema::{Key, Located, Occurs, Reported, Section, Table},
    value::{BOOLEAN, COUNT, MAILBOX, SENTENCE},
};

/// What domains are told about mail in their name, and what they tell us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reports {
    /// Who answers for the reports, and sends them.
    pub contact: Mailbox,
    /// What the reports call us.
    pub organisation: String,
    /// Whether DMARC aggregate reports are sent (RFC 9990).
    pub dmarc: bool,
    /// Whether TLS reports are sent (RFC 8460).
    pub tls: bool,
    /// The most DMARC failure reports in an hour to one domain (RFC 9991), if any are sent.
    pub failures: Option<NonZeroU32>,
    /// Where the reports of others come in: what is sent there is kept and not delivered.
    pub receive: Vec<Mailbox>,
}

/// What was written; whatever is not right was told and is absent.
pub(crate) struct Written {
    contact: Result<Option<Located<Mailbox>>, Reported>,
    organisation: Result<Option<Located<String>>, Reported>,
    dmarc: Result<Located<bool>, Reported>,
    tls: Result<Located<bool>, Reported>,
    failure: Result<Located<bool>, Reported>,
    failure_limit: Result<Located<NonZeroU32>, Reported>,
    receive: Result<Option<Vec<Located<Mailbox>>>, Reported>,
}

static CONTACT: Key<Mailbox> = Key::optional(
    "contact",
    &MAILBOX,
    "`postmaster` at the first `[[domain]]` that is given by name, or else at `hostname`",
    r#""postmaster@example.org""#,
    "Who answers for the reports that are sent; they come from this address. Its domain should \
     have a key in `[[domain.dkim]]`: TLS reports that are not signed do not count (RFC 8460 §3).",
);

static ORGANISATION: Key<String> = Key::optional(
    "organisation",
    &SENTENCE,
    "the domain of `contact`",
    r#""Example Org""#,
    "What the reports call us.",
);

static DMARC: Key<bool> = Key::defaulted(
    "dmarc",
    &BOOLEAN,
    "true",
    "Whether the domains that ask for it are told each day what mail came in their name (DMARC \
     aggregate reports, RFC 9990): counts by host and result, nothing of any message.",
);

static TLS: Key<bool> = Key::defaulted(
    "tls",
    &BOOLEAN,
    "true",
    "Whether the domains that ask for it are told each day how connections to them went (TLS \
     reports, RFC 8460).",
);

static FAILURE: Key<bool> = Key::defaulted(
    "failure",
    &BOOLEAN,
    "false",
    "Whether the domains that ask for it are told of single messages that failed DMARC (RFC \
     9991). Such a report shows parts of a message to the domain that it names as its author, \
     which is a matter of privacy (RFC 9991 §6).",
);

static FAILURE_LIMIT: Key<NonZeroU32> = Key::defaulted(
    "failure-limit",
    &COUNT,
    "10",
    "The most of those reports in an hour to one domain.",
);

static RECEIVE: Key<Mailbox> = Key::optional(
    "receive",
    &MAILBOX,
    "no mail is taken for a report",
    r#"["dmarc-reports@example.org", "tls-reports@example.org"]"#,
    "Where the reports of others come in, in domains of ours: what is sent there is read, kept \
     and not delivered. `postern report list` shows it.",
)
.list();

pub(crate) static REPORTS: Section = Section {
    name: "reports",
    occurs: Occurs::Once,
    doc: "What domains are told about mail in their name and about connections to them, and where \
          the reports of others come in.",
    keys: &[
        &CONTACT.entry,
        &ORGANISATION.entry,
        &DMARC.entry,
        &TLS.entry,
        &FAILURE.entry,
        &FAILURE_LIMIT.entry,
        &RECEIVE.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        contact: table.maybe(&CONTACT),
        organisation: table.maybe(&ORGANISATION),
        dmarc: table.one(&DMARC),
        tls: table.one(&TLS),
        failure: table.one(&FAILURE),
        failure_limit: table.one(&FAILURE_LIMIT),
        receive: table.maybe_many(&RECEIVE),
    }
}

impl Written {
    /// What this means.
    pub(crate) fn check(
        self,
        table: &Table<'_>,
        hostname: Option<&Domain>,
        own: Result<&OwnDomains, Reported>,
    ) -> Result<Reports, Reported> {
        let contact = match self.contact? {
            Some(contact) => contact.value,
            None => {
                let home = own?.first().or(hostname).ok_or(Reported)?;
                let postmaster = format!("postmaster@{home}").parse();
                postmaster
                    .map_err(|error| table.notes().error(table.spot(), error, "give contact"))?
            }
        };
        let organisation = match self.organisation? {
            Some(organisation) => organisation.value,
            None => contact.host().to_string(),
        };
        let limit = self.failure_limit?.value;
        Ok(Reports {
            contact,
            organisation,
            dmarc: self.dmarc?.value,
            tls: self.tls?.value,
            failures: self.failure?.value.then_some(limit),
            receive: self
                .receive?
                .into_iter()
                .flatten()
                .map(|mailbox| mailbox.value)
                .collect(),
        })
    }
}
