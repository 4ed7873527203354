//! `[[domain.dkim]]`, `[authentication.arc]` and `[srs]`: what signs.
//!
//! The configuration knows where keys are and that their files are protected. They are read
//! here, all of them, so that what is wrong with any is told at once, by `postern check` as by
//! the daemon.

use std::{path::Path, sync::Arc, time::SystemTime};

use postern_admin::SigningKeyStatus;
use postern_authentication::{DkimKey, DkimKeyError, SigningKey};
use postern_config::Settings;
use postern_mail::DomainPattern;
use postern_rewriting::Srs;

use super::ready::Fault;
use crate::{failure::chain, signing_keys};

/// What signs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    /// Our mail, in the order of the configuration.
    pub(crate) mail: Vec<SigningKey>,
    /// Chains of mail that is passed on.
    pub(crate) arc: Option<SigningKey>,
    /// The addresses that senders of forwarded mail get.
    pub(crate) srs: Option<Arc<Srs>>,
}

impl Keys {
    /// Reads the files that the configuration names, and notes what is wrong with them.
    pub(super) fn read(settings: &Settings, faults: &mut Vec<Fault>) -> Self {
        Self {
            mail: mail(settings, faults),
            arc: arc(settings, faults),
            srs: srs(settings, faults),
        }
    }

    /// The keys as they are at `now`.
    pub(crate) fn describe(&self, now: SystemTime) -> Vec<SigningKeyStatus> {
        signing_keys::describe(&self.mail, self.arc.as_ref(), now)
    }
}

fn mail(settings: &Settings, faults: &mut Vec<Fault>) -> Vec<SigningKey> {
    let mut keys = Vec::new();
    for domain in &settings.domains {
        // Keys of patterns are refused by the configuration.
        let DomainPattern::Exact(name) = &domain.pattern else {
            continue;
        };
        for written in &domain.dkim {
            let key = dkim("domain.dkim.key", &written.key, faults);
            keys.extend(key.map(|key| SigningKey {
                domain: name.clone(),
                selector: written.selector.clone(),
                key,
                from: written.from,
                until: written.until,
            }));
        }
    }
    keys
}

fn arc(settings: &Settings, faults: &mut Vec<Fault>) -> Option<SigningKey> {
    let written = settings.authentication.arc.as_ref()?;
    Some(SigningKey {
        domain: written.domain.clone(),
        selector: written.selector.clone(),
        key: dkim("authentication.arc.key", &written.key, faults)?,
        from: None,
        until: None,
    })
}

fn dkim(key: &'static str, path: &Path, faults: &mut Vec<Fault>) -> Option<Arc<DkimKey>> {
    let fault = |error: DkimKeyError| Fault {
        key,
        wrong: chain(&error),
        right: "give a key that postern key dkim has made",
    };
    let read = DkimKey::read(path).map(Arc::new);
    read.map_err(|error| faults.push(fault(error))).ok()
}

fn srs(settings: &Settings, faults: &mut Vec<Fault>) -> Option<Arc<Srs>> {
    let written = settings.srs.as_ref()?;
    let secrets = written.secrets.iter().map(|secret| secret.octets());
    let made = Srs::new(written.domain.clone(), secrets).map(Arc::new);
    let fault = |error| Fault {
        key: "srs.secret",
        wrong: chain(&error),
        right: "put random octets there",
    };
    made.map_err(|error| faults.push(fault(error))).ok()
}
