//! `[reports]`: what domains are told about mail in their name, and what they tell us.

use std::num::NonZeroU32;

use postern_mail::{Domain, Mailbox};

use super::{alias::Book, domain::OwnDomains};
use crate::{
    schema::{Key, Located, Notes, Occurs, Reported, Section, Table, all},
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

/// What the section has to agree with, as far as it is right by itself.
#[derive(Clone, Copy)]
pub(crate) struct Around<'s> {
    pub(crate) hostname: Option<&'s Domain>,
    pub(crate) own: Result<&'s OwnDomains, Reported>,
    pub(crate) book: Option<&'s Book>,
}

impl Written {
    /// What this means.
    pub(crate) fn check(self, table: &Table<'_>, around: Around<'_>) -> Result<Reports, Reported> {
        let notes = table.notes();
        let receive = self
            .receive
            .and_then(|receive| check_receivers(notes, receive.unwrap_or_default(), &around));
        let contact = match self.contact {
            Ok(Some(contact)) => check_contact(
                notes,
                &contact,
                receive.as_deref().unwrap_or_default(),
                &around,
            )
            .map(|()| contact.value),
            Ok(None) => postmaster(table, &around),
            Err(reported) => Err(reported),
        };
        let (contact, organisation) = (contact?, self.organisation?);
        let limit = self.failure_limit?.value;
        Ok(Reports {
            organisation: match organisation {
                Some(organisation) => organisation.value,
                None => contact.host().to_string(),
            },
            contact,
            dmarc: self.dmarc?.value,
            tls: self.tls?.value,
            failures: self.failure?.value.then_some(limit),
            receive: receive?,
        })
    }
}

/// Every domain has such a mailbox (RFC 5321 §4.5.1).
fn postmaster(table: &Table<'_>, around: &Around<'_>) -> Result<Mailbox, Reported> {
    let home = around.own?.first().or(around.hostname).ok_or(Reported)?;
    let postmaster = format!("postmaster@{home}").parse();
    postmaster.map_err(|error| table.notes().error(table.spot(), error, "write contact"))
}

/// Reports and replies to them reach the contact only if people read what comes there.
fn check_contact(
    notes: &Notes<'_>,
    contact: &Located<Mailbox>,
    receive: &[Mailbox],
    around: &Around<'_>,
) -> Result<(), Reported> {
    if receive.contains(&contact.value) {
        return Err(notes.error(
            &contact.spot,
            "stands in receive as well, where nobody reads what people write",
            "give a mailbox that somebody reads",
        ));
    }
    let strange = |own: &OwnDomains| {
        let domain = contact.value.domain();
        domain.is_some_and(|domain| !own.accepts(domain))
    };
    if around.own.is_ok_and(strange) {
        notes.warn(
            &contact.spot,
            format_args!(
                "{} is in no [[domain]]: no key of ours signs the reports, and they count for \
                 little",
                contact.value
            ),
            "give a mailbox in a domain of ours",
        );
    }
    Ok(())
}

fn check_receivers(
    notes: &Notes<'_>,
    receive: Vec<Located<Mailbox>>,
    around: &Around<'_>,
) -> Result<Vec<Mailbox>, Reported> {
    notes.refuse_repetition(receive.iter(), "name it once");
    let receivers = receive.into_iter();
    all(receivers.map(|receiver| check_receiver(notes, receiver, around)))
}

/// Nothing comes to a mailbox that no mail is accepted for, or whose mail goes elsewhere.
fn check_receiver(
    notes: &Notes<'_>,
    receiver: Located<Mailbox>,
    around: &Around<'_>,
) -> Result<Mailbox, Reported> {
    let Located { value, spot } = receiver;
    let accepted = |own: &OwnDomains| value.domain().is_none_or(|domain| own.accepts(domain));
    if !around.own.is_ok_and(accepted) && around.own.is_ok() {
        let wrong = format_args!("mail for {value} is not accepted: it is in no [[domain]]");
        return Err(notes.error(&spot, wrong, "give a mailbox in a domain of ours"));
    }
    if around.book.is_some_and(|book| !book.keeps(&value)) {
        let wrong =
            format_args!("mail for {value} goes elsewhere, as [[alias]] or [[rewrite]] says");
        let right = "give it an [[alias]] to itself, or another mailbox";
        return Err(notes.error(&spot, wrong, right));
    }
    Ok(value)
}
