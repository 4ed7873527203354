//! What is done with mail itself: who it is from, where it is really for, and what is told of it.

use postern_mail::Domain;
use postern_policy::Policy;

use crate::{
    Alias, Authentication, Limits, Publish, Reports, Rewrite, Srs,
    schema::{Reported, Table, all},
    section::{alias, authentication, domain::OwnDomains, publish, reports, srs},
    settings::Ways,
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
pub(crate) struct Surroundings<'s> {
    pub(crate) hostname: Option<&'s Domain>,
    pub(crate) policy: Option<&'s Policy>,
    pub(crate) limits: Option<&'s Limits>,
}

impl Handling {
    pub(crate) fn read(root: &Table<'_>, ways: &Ways<'_>, around: &Surroundings<'_>) -> Self {
        let own = OwnDomains::of(&ways.domains);
        let own = own.as_ref().map_err(|reported| *reported);
        let hostname = around.hostname;
        let authentication = root
            .section(&authentication::AUTHENTICATION)
            .and_then(|table| {
                let around = authentication::Surroundings { hostname };
                authentication::read(&table).check(&table, &around)
            });
        let aliases = root.sections(&alias::ALIAS).into_iter();
        let aliases = all(aliases.map(|table| alias::read(&table).check()));
        let rewrites = root.sections(&alias::REWRITE).into_iter();
        let rewrites = all(rewrites.map(|table| alias::read_rewrite(&table).check()));
        let srs = root.section(&srs::SRS).and_then(|table| {
            let written = srs::read(&table);
            written.map(|srs| srs.check(table.notes())).transpose()
        });
        let reports = root
            .section(&reports::REPORTS)
            .and_then(|table| reports::read(&table).check(&table, hostname, own));
        let publish = root
            .section(&publish::PUBLISH)
            .and_then(|table| publish::read(&table).check(hostname, reports.as_ref().ok()));
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
