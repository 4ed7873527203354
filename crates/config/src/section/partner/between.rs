//! What partners must agree on among themselves, and with the rest of the file.

use postern_policy::{ChannelLevel, Dane, Defaults, Policy, PolicyError};
use postern_tls::Profile;

use super::{Checked, faults};
use crate::{
    schema::{Located, Notes, Reported},
    section::certificate::{self, Certificates},
};

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
                PolicyError::UnknownPartner(_)
                | PolicyError::DomainTaken { .. }
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

/// Refuses to demand records that nobody could prove.
pub(crate) fn check_dane(notes: &Notes<'_>, partners: &[Checked<'_>]) {
    for Checked { partner, table, .. } in partners {
        if partner.outbound().dane == Dane::Demanded {
            notes.error(
                &table.spot_of_path("outbound.dane"),
                "cannot be met while dns.dnssec is \"off\"",
                "write dnssec = \"validate\", or authenticate the partner otherwise",
            );
        }
    }
}

/// Warns of a partner that could never deliver over a listener of this profile, although the
/// rule lets it deliver over TLS only.
pub(crate) fn check_listener(
    notes: &Notes<'_>,
    general: &Profile,
    listener: &Located<&'static Profile>,
    partners: &[Checked<'_>],
) {
    let bounds = general.bounds().intersect(listener.value.bounds());
    for Checked { partner, .. } in partners {
        let Some(own) = partner.profile() else {
            continue;
        };
        if partner.inbound().require != ChannelLevel::Any
            && let Some(contradiction) = bounds.intersect(own.bounds()).contradiction()
        {
            notes.warn(
                &listener.spot,
                format_args!(
                    "{} allows nothing that the profile {} of partner {} allows: {contradiction}",
                    listener.value.name(),
                    own.name(),
                    partner.name()
                ),
                "let the partner deliver to another listener",
            );
        }
    }
}
