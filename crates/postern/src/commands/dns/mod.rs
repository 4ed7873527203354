//! `postern dns`: what the DNS should say of us, and whether it does.

mod facts;
mod findings;
mod records;

use std::{path::Path, time::Duration};

use postern_mail::Domain;
use postern_publish::{Facts, OurDomain};

use crate::{
    cli::DnsAction,
    failure::{Exit, Failure},
};

/// For how long others may keep a record where no configuration says it.
pub(super) const TTL: Duration = Duration::from_secs(3600);

pub(crate) fn run(config: &Path, action: &DnsAction) -> Result<Exit, Failure> {
    match action {
        DnsAction::Records(asked) => records::run(config, asked),
        DnsAction::Check { domain, format } => findings::run(config, domain.as_ref(), *format),
    }
}

/// The domains that were asked for.
fn chosen<'a>(facts: &'a Facts, only: Option<&Domain>) -> Result<Vec<&'a OurDomain>, Failure> {
    let fits = |domain: &&OurDomain| only.is_none_or(|only| domain.name == *only);
    let chosen: Vec<_> = facts.domains.iter().filter(fits).collect();
    match (chosen.is_empty(), only) {
        (false, _) => Ok(chosen),
        (true, Some(only)) => Err(Failure::plain(format_args!(
            "{only} is no [[domain]] of the configuration"
        ))
        .negative()),
        (true, None) => {
            let text = "the configuration has no [[domain]] that is given by name";
            Err(Failure::plain(text).negative())
        }
    }
}
