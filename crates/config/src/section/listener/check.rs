//! What a listener that was written means, and what is wrong with it.

use std::num::NonZeroU32;

use postern_mail::Network;
use postern_tls::Profile;

use super::{Listener, ListenerTls, NETWORKS, Role, RoleWord, Written, judgement};
use crate::{
    schema::{Located, Notes, Reported, Table},
    section::{
        certificate::{self, Certificates},
        is_public_and_wide,
    },
};

impl Written {
    /// Whether strangers are to deliver here.
    pub(crate) fn is_mx(&self) -> bool {
        matches!(&self.role, Ok(role) if role.value == RoleWord::Mx)
    }

    /// The listener that this means; `connections` is what all listeners share.
    pub(crate) fn check(
        self,
        table: &Table<'_>,
        connections: Option<NonZeroU32>,
    ) -> Result<Listener, Reported> {
        let notes = table.notes();
        let is_mx = self.is_mx();
        let role = match (&self.role, &self.tls) {
            (Ok(role), Ok(tls)) if role.value == RoleWord::Mx => check_mx_tls(notes, tls),
            (_, tls) => tls.as_ref().map(|_| ()).map_err(|reported| *reported),
        };
        let role = self.role.and_then(|word| {
            let networks = check_networks(table, &word, self.networks?);
            role?;
            networks
        });
        if let (Ok(role), Ok(tls)) = (&role, &self.tls) {
            warn_of_clear_text(notes, role, tls);
        }
        let profile = self.profile.and_then(|profile| {
            check_profile(notes, profile.as_ref(), self.tls.as_ref().ok())?;
            Ok(profile.map(|profile| profile.value))
        });
        let most = self
            .max_connections
            .and_then(|most| check_max_connections(notes, most.as_ref(), connections));
        let authentication = self
            .authentication
            .and_then(|word| judgement::check(notes, is_mx, &word, self.quarantine?.as_ref()));
        Ok(Listener {
            address: self.address?.value,
            role: role?,
            tls: self.tls?.value,
            profile: profile?,
            max_connections: most?,
            authentication: authentication?,
        })
    }
}

fn check_profile(
    notes: &Notes<'_>,
    profile: Option<&Located<&'static Profile>>,
    tls: Option<&Located<ListenerTls>>,
) -> Result<(), Reported> {
    match (profile, tls) {
        (Some(profile), Some(tls)) if tls.value == ListenerTls::None => Err(notes.error(
            &profile.spot,
            "has no effect: the listener offers no TLS",
            "write tls = \"starttls\", or remove the key",
        )),
        _ => Ok(()),
    }
}

/// Refuses a profile with which every handshake would fail.
pub(crate) fn check_against(
    notes: &Notes<'_>,
    general: &Profile,
    profile: &Located<&'static Profile>,
    certificates: Option<&Certificates>,
) {
    let own = profile.value;
    let bounds = general.bounds().intersect(own.bounds());
    if let Some(contradiction) = bounds.contradiction() {
        notes.error(
            &profile.spot,
            format_args!(
                "{} allows nothing that tls.profile {} allows: {contradiction}",
                own.name(),
                general.name()
            ),
            "choose profiles that have something in common",
        );
        return;
    }
    let current = certificates.map(|certificates| certificates.store.current());
    let admitted = current.map(|current| certificate::any_admitted(&current, &bounds));
    if let Some(Err(violation)) = admitted {
        notes.error(
            &profile.spot,
            format_args!(
                "{} allows none of our certificates; {violation}",
                own.name()
            ),
            "choose another profile, or add a certificate with such a key",
        );
    }
}

/// RFC 3207 §4: a publicly referenced SMTP server must not demand TLS to deliver mail locally.
fn check_mx_tls(notes: &Notes<'_>, tls: &Located<ListenerTls>) -> Result<(), Reported> {
    match tls.value {
        ListenerTls::StartTls => Ok(()),
        ListenerTls::None => {
            notes.warn(
                &tls.spot,
                "strangers are offered no TLS, and partners that must use it cannot deliver",
                "write \"starttls\"",
            );
            Ok(())
        }
        ListenerTls::Required | ListenerTls::Implicit => Err(notes.error(
            &tls.spot,
            "role \"mx\" must not demand TLS of strangers (RFC 3207 §4)",
            "write \"starttls\", and demand TLS of each [[partner]]; or use role \"relay\"",
        )),
    }
}

/// Mail of our own hosts deserves TLS as well, once it leaves this one.
fn warn_of_clear_text(notes: &Notes<'_>, role: &Role, tls: &Located<ListenerTls>) {
    let Role::Relay { networks } = role else {
        return;
    };
    let afar = networks
        .iter()
        .any(|network| !network.address().is_loopback());
    if tls.value == ListenerTls::None && afar {
        notes.warn(
            &tls.spot,
            "the mail of your own hosts comes in clear",
            "write \"starttls\" or \"required\"",
        );
    }
}

fn check_networks(
    table: &Table<'_>,
    role: &Located<RoleWord>,
    networks: Option<Vec<Located<Network>>>,
) -> Result<Role, Reported> {
    let notes = table.notes();
    let networks = match (role.value, networks) {
        (RoleWord::Mx, None) => return Ok(Role::Mx),
        (RoleWord::Mx, Some(_)) => {
            return Err(notes.error(
                &table.spot_of_path(NETWORKS.entry.name),
                "has no meaning for role \"mx\", where nobody may send outward",
                "remove it, or write role = \"relay\"",
            ));
        }
        (RoleWord::Relay, None) => {
            return Err(notes.error(
                &table.spot_of(NETWORKS.entry.name),
                "is missing: role \"relay\" lets hosts send to any domain",
                "name the networks of your own hosts, such as [\"10.0.0.0/8\"]",
            ));
        }
        (RoleWord::Relay, Some(networks)) => networks,
    };
    let mut role = Ok(());
    for network in &networks {
        if network.value.prefix() == 0 {
            role = Err(notes.error(
                &network.spot,
                format_args!("{} is everyone: an open relay", network.value),
                "name the networks of your own hosts",
            ));
        } else if is_public_and_wide(&network.value) {
            notes.warn(
                &network.spot,
                format_args!("{} lets very many hosts send to any domain", network.value),
                "name only the networks of your own hosts",
            );
        }
    }
    role.map(|()| Role::Relay {
        networks: networks.into_iter().map(|network| network.value).collect(),
    })
}

fn check_max_connections(
    notes: &Notes<'_>,
    most: Option<&Located<NonZeroU32>>,
    connections: Option<NonZeroU32>,
) -> Result<NonZeroU32, Reported> {
    match (most, connections) {
        (Some(most), Some(connections)) if most.value > connections => Err(notes.error(
            &most.spot,
            format_args!(
                "{} is more than all listeners together may have",
                most.value
            ),
            format_args!("stay at or below limits.connections, which is {connections}"),
        )),
        (Some(most), _) => Ok(most.value),
        (None, Some(connections)) => Ok(connections),
        (None, None) => Err(Reported),
    }
}
