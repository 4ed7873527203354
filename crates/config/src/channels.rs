//! What decides over channels: our certificates, the profiles, and the policy with its partners.

use postern_policy::{PartnerName, Policy};
use postern_tls::Profile;

use crate::{
    Certificates, CrlRegistry, Dns, Dnssec, Pace,
    schema::{Notes, Reported, Table},
    section::{
        break_glass, deny, listener,
        partner::{self, Checked, Loaders, PARTNER},
        revocation::CrlLoader,
        tls,
        trust::TrustLoader,
    },
    settings::Ways,
};

/// What decides over channels; whatever is not right was told and is absent.
pub(crate) struct Channels {
    pub(crate) certificates: Result<Certificates, Reported>,
    pub(crate) policy: Result<Policy, Reported>,
    pub(crate) paces: Vec<(PartnerName, Pace)>,
    pub(crate) crls: CrlRegistry,
}

impl Channels {
    pub(crate) fn read(
        root: &Table<'_>,
        tls: Result<tls::Written<'_>, Reported>,
        dns: Option<&Dns>,
        ways: &Ways<'_>,
    ) -> Self {
        let notes = root.notes();
        let loaders = Loaders {
            trust: TrustLoader::new(notes),
            crls: CrlLoader::new(notes),
        };
        let own = tls.as_ref().ok().and_then(tls::Written::certificate_names);
        let written = root.sections(&PARTNER).into_iter().map(partner::read);
        let written: Vec<_> = written.collect();
        let names: Option<Vec<_>> = written.iter().map(partner::Written::name).collect();
        let partners = written.into_iter();
        let partners: Vec<_> = partners
            .map(|partner| partner.check(&loaders, own.as_deref()))
            .collect();
        let (defaults, certificates) = match tls {
            Ok(tls) => tls.check(notes, &loaders.trust),
            Err(reported) => (Err(reported), Err(reported)),
        };
        // Partners are held against each other even if one of them is not right by itself.
        let complete = partners.iter().all(Result::is_ok);
        let partners: Vec<_> = partners.into_iter().flatten().collect();
        if dns.is_some_and(|dns| dns.dnssec == Dnssec::Off) {
            partner::check_dane(notes, &partners);
        }
        if let Ok(defaults) = &defaults {
            let certificates = certificates.as_ref().ok();
            check_profiles(notes, defaults.profile, &partners, certificates, ways);
        }
        let policy = defaults.and_then(|defaults| partner::policy(notes, defaults, &partners));
        let policy = policy.and_then(|policy| complete.then_some(policy).ok_or(Reported));
        Self {
            certificates,
            paces: partner::paces(&partners),
            policy: exceptions(root, policy, names.as_deref()),
            crls: loaders.crls.registry(),
        }
    }
}

/// The policy with what is refused whatever it says, and with what is let through.
fn exceptions(
    root: &Table<'_>,
    policy: Result<Policy, Reported>,
    partners: Option<&[PartnerName]>,
) -> Result<Policy, Reported> {
    let denied = deny::read(root);
    let tables = root.sections(&break_glass::BREAK_GLASS).into_iter();
    let broken = tables.map(break_glass::read).collect();
    let policy = break_glass::apply(policy, broken, partners)?;
    Ok(policy.with_denied(denied?))
}

/// Refuses profiles that leave nothing to negotiate, or no certificate to show.
fn check_profiles(
    notes: &Notes<'_>,
    general: &Profile,
    partners: &[Checked<'_>],
    certificates: Option<&Certificates>,
    ways: &Ways<'_>,
) {
    if let Some(certificates) = certificates {
        partner::check_presented(notes, general, partners, certificates);
    }
    let listeners = ways.listeners.iter().map(|(_, listener)| &listener.profile);
    for profile in listeners.flatten().flatten() {
        listener::check_against(notes, general, profile, certificates);
        partner::check_listener(notes, general, profile, partners);
    }
}
