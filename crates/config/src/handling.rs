//! What is done with mail itself: who it is from, where it is really for, and what is told of it.

use postern_mail::Domain;
use postern_policy::Policy;

use crate::{
    Alias, Authentication, Limits, MtaSts, Publish, Reports, Rewrite, Srs,
    schema::{Reported, Table},
    section::{
        alias, authentication,
        domain::{self, OwnDomains},
        listener, publish, reports, srs,
    },
};

/// What is done with mail itself; whatever is not right was told and is absent.
pub(crate) struct Handling {
    pub(crate) authentication: Result<Authentication, Reported>,
    pub(crate) aliases: Result<Vec<Alias>, Reported>,
    pub(crate) rewrites: Result<Vec<Rewrite>, Reported>,
    pub(crate) srs: Result<Option<Srs>, Reported>,
    pub(crate) reports: Result<Reports, Reported>,
    pub(crate) publish: Result<Publish, Reported>,
}

/// What these sections have to agree with, as far as it is right by itself.
pub(crate) struct Around<'s> {
    pub(crate) hostname: Option<&'s Domain>,
    pub(crate) policy: Option<&'s Policy>,
    pub(crate) limits: Option<&'s Limits>,
    pub(crate) mta_sts: Option<&'s MtaSts>,
    pub(crate) domains: &'s [domain::Written<'s>],
    pub(crate) listeners: &'s [(Table<'s>, listener::Written)],
}

impl Handling {
    pub(crate) fn read(
        root: &Table<'_>,
        authentication: Result<(Table<'_>, authentication::Written), Reported>,
        around: &Around<'_>,
    ) -> Self {
        let notes = root.notes();
        let own = OwnDomains::of(around.domains);
        let own = own.as_ref().map_err(|reported| *reported);
        let authentication = authentication.and_then(|(table, written)| {
            let around = authentication::Around {
                hostname: around.hostname,
                policy: around.policy,
                limits: around.limits,
                own,
                domains: around.domains,
                listeners: around.listeners,
            };
            written.check(&table, around)
        });
        let srs = root.section(&srs::SRS).and_then(|table| {
            let written = srs::read(&table);
            written.map(|srs| srs.check(notes, own)).transpose()
        });
        let beside_aliases = alias::Around {
            notes,
            own,
            has_srs: root.holds(srs::SRS.name),
        };
        let aliases = alias::check(&alias::read(root), beside_aliases);
        let reports = root.section(&reports::REPORTS).and_then(|table| {
            let around = reports::Around {
                hostname: around.hostname,
                own,
                book: aliases.as_ref().ok().map(|aliases| &aliases.book),
            };
            reports::read(&table).check(&table, around)
        });
        let publish = root.section(&publish::PUBLISH).and_then(|table| {
            let around = publish::Around {
                hostname: around.hostname,
                reports: reports.as_ref().ok(),
                mta_sts: around.mta_sts,
            };
            publish::read(&table).check(&table, around)
        });
        let (aliases, rewrites) = match aliases {
            Ok(checked) => (Ok(checked.aliases), Ok(checked.rewrites)),
            Err(reported) => (Err(reported), Err(reported)),
        };
        Self {
            authentication,
            aliases,
            rewrites,
            srs,
            reports,
            publish,
        }
    }
}
