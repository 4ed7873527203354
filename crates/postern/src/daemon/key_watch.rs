//! Keys that are about to end are told when that is found and every day after, so that nobody
//! learns of it from mail that is no longer signed.

use std::time::{Duration, SystemTime};

use postern_admin::SigningKeyStatus;
use tokio::time::Instant;

use crate::{signing_keys, wiring::Keys};

/// How often keys are looked at.
const BETWEEN_LOOKS: Duration = Duration::from_secs(60);

/// How often what has to be done is told again.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Watches over the keys of the configuration in force.
#[derive(Debug, Default)]
pub(super) struct KeyWatch {
    looked: Option<Instant>,
    told: Option<(Instant, Vec<String>)>,
}

impl KeyWatch {
    /// Tells of these keys what there is to say, whatever was told before: somebody has just read
    /// the configuration.
    pub(super) fn begin(&mut self, keys: &Keys) {
        *self = Self::default();
        self.look(keys);
    }

    /// Tells what there is to say, if it is time to.
    pub(super) fn look(&mut self, keys: &Keys) {
        let now = Instant::now();
        let soon = self.looked.is_some_and(|last| now < last + BETWEEN_LOOKS);
        if !soon {
            self.looked = Some(now);
            for trouble in self.due(&keys.describe(SystemTime::now()), now) {
                tracing::warn!("{trouble}");
            }
        }
    }

    /// What is to be told now: all of it if it is not what was told, or if that was a day ago.
    fn due(&mut self, keys: &[SigningKeyStatus], now: Instant) -> Vec<String> {
        let troubles = signing_keys::troubles(keys);
        let is_told = |(at, told): &(Instant, Vec<String>)| *told == troubles && now < *at + AGAIN;
        if self.told.as_ref().is_some_and(is_told) {
            return Vec::new();
        }
        self.told = Some((now, troubles.clone()));
        troubles
    }
}

#[cfg(test)]
mod tests {
    use postern_admin::KeyState;

    use super::*;

    fn key(state: KeyState) -> SigningKeyStatus {
        SigningKeyStatus {
            domain: "example.org".to_owned(),
            selector: "2026a".to_owned(),
            algorithm: "rsa-sha256".to_owned(),
            signs: "mail".to_owned(),
            from: None,
            until: None,
            state,
        }
    }

    #[test]
    fn what_has_to_be_done_is_told_once_a_day_and_when_it_changes() {
        let mut watch = KeyWatch::default();
        let start = Instant::now();
        let mut told = |state, after| watch.due(&[key(state)], start + after).len();
        let hour = Duration::from_secs(60 * 60);
        assert_eq!(told(KeyState::Signing, hour), 0);
        assert_eq!(told(KeyState::Ending, 2 * hour), 1);
        assert_eq!(told(KeyState::Ending, 25 * hour), 0);
        assert_eq!(told(KeyState::Ending, 26 * hour), 1);
        assert_eq!(told(KeyState::Over, 27 * hour), 1);
        assert_eq!(told(KeyState::Signing, 28 * hour), 0);
    }
}
