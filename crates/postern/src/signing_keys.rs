//! The keys that sign our mail and our ARC chains, told to people and programs.

use std::time::{Duration, SystemTime};

use postern_admin::{KeyState, SigningKeyStatus, Timestamp};
use postern_authentication::SigningKey;

use crate::output::Table;

/// How long before its end a key is told of. A new record has to be published, to be seen
/// everywhere, and the key to sign beside the old one for a while; two weeks leave room for a
/// holiday.
pub(crate) const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signs {
    /// Our mail (RFC 6376).
    Mail,
    /// Chains of mail that is passed on (RFC 8617).
    Arc,
}

/// The keys as they are at `now`.
pub(crate) fn describe(
    signing: &[SigningKey],
    sealing: Option<&SigningKey>,
    now: SystemTime,
) -> Vec<SigningKeyStatus> {
    let mail = signing
        .iter()
        .map(|key| status(key, Signs::Mail, state(key, signing, now)));
    let arc = sealing
        .into_iter()
        .map(|key| status(key, Signs::Arc, state(key, &[], now)));
    mail.chain(arc).collect()
}

fn status(key: &SigningKey, signs: Signs, state: KeyState) -> SigningKeyStatus {
    SigningKeyStatus {
        domain: key.domain.to_string(),
        selector: key.selector.clone(),
        algorithm: key.key.algorithm().to_string(),
        signs: match signs {
            Signs::Mail => "mail",
            Signs::Arc => "arc",
        }
        .to_owned(),
        from: key.from.map(Timestamp::from),
        until: key.until.map(Timestamp::from),
        state,
    }
}

/// A key that ends is no trouble where another one of its domain and kind goes on: that is how
/// keys are exchanged.
fn state(key: &SigningKey, all: &[SigningKey], now: SystemTime) -> KeyState {
    if key.from.is_some_and(|from| now < from) {
        return KeyState::Coming;
    }
    let Some(until) = key.until else {
        return KeyState::Signing;
    };
    let goes_on = || {
        all.iter().any(|other| {
            other.domain == key.domain
                && other.key.algorithm() == key.key.algorithm()
                && other.from.is_none_or(|from| from <= until)
                && other.until.is_none_or(|end| until < end)
        })
    };
    let left = until.duration_since(now).unwrap_or_default();
    match left {
        Duration::ZERO => KeyState::Over,
        left if left <= NOTICE && !goes_on() => KeyState::Ending,
        _ => KeyState::Signing,
    }
}

/// What has to be done about these keys, in sentences: one for each key that ends with nothing
/// to take its place, and for each domain whose keys are all over or still to come.
pub(crate) fn troubles(keys: &[SigningKeyStatus]) -> Vec<String> {
    let mut troubles = Vec::new();
    let ending = keys.iter().filter(|key| key.state == KeyState::Ending);
    for key in ending {
        let until = key.until.map_or_else(String::new, |it| it.to_string());
        troubles.push(format!(
            "the {} key {} of {} signs until {until}, and no other one of its kind goes on: \
             make one with a new selector and publish it",
            key.algorithm, key.selector, key.domain
        ));
    }
    let signs = |key: &SigningKeyStatus| matches!(key.state, KeyState::Signing | KeyState::Ending);
    let mut told: Vec<&str> = Vec::new();
    for key in keys {
        let of_domain = keys
            .iter()
            .filter(|it| it.domain == key.domain && it.signs == key.signs);
        if told.contains(&key.domain.as_str()) || of_domain.clone().any(signs) {
            continue;
        }
        told.push(&key.domain);
        troubles.push(format!(
            "mail of {} is not signed now: none of its keys is in its time",
            key.domain
        ));
    }
    troubles
}

/// The keys as a table.
pub(crate) fn table(keys: &[SigningKeyStatus]) -> Table<6> {
    let mut table = Table::new(["SIGNS", "FOR", "SELECTOR", "KEY", "NOW", "UNTIL"]);
    for key in keys {
        table.row([
            key.signs.clone(),
            key.domain.clone(),
            key.selector.clone(),
            key.algorithm.clone(),
            now(key),
            key.until
                .map_or_else(|| "-".to_owned(), |until| until.to_string()),
        ]);
    }
    table
}

fn now(key: &SigningKeyStatus) -> String {
    match (key.state, key.from) {
        (KeyState::Signing, _) => "signs".to_owned(),
        (KeyState::Coming, Some(from)) => format!("signs from {from}"),
        (KeyState::Coming, None) => "signs later".to_owned(),
        (KeyState::Ending, _) => "ENDS SOON".to_owned(),
        (KeyState::Over, _) => "over".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postern_authentication::{DkimKey, DkimKeyKind, make_dkim_key};

    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn at(day: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * DAY + day * DAY)
    }

    fn key(domain: &str, selector: &str, from: Option<u64>, until: Option<u64>) -> SigningKey {
        let pem = make_dkim_key(DkimKeyKind::Ed25519).unwrap();
        SigningKey {
            domain: domain.parse().unwrap(),
            selector: selector.to_owned(),
            key: Arc::new(DkimKey::from_pem(pem.as_bytes()).unwrap()),
            from: from.map(at),
            until: until.map(at),
        }
    }

    #[track_caller]
    fn check(keys: &[SigningKey], expected: &[KeyState], troubles: usize) {
        let told = describe(keys, None, at(100));
        let states: Vec<_> = told.iter().map(|it| it.state).collect();
        assert_eq!(states, expected);
        let found = super::troubles(&told);
        assert_eq!(found.len(), troubles, "{found:?}");
    }

    #[test]
    fn a_key_that_ends_is_told_of_unless_another_goes_on() {
        use KeyState::{Coming, Ending, Over, Signing};
        check(&[key("a.example", "1", None, None)], &[Signing], 0);
        check(&[key("a.example", "1", None, Some(115))], &[Signing], 0);
        check(&[key("a.example", "1", None, Some(110))], &[Ending], 1);
        let [old, new] = [
            key("a.example", "1", None, Some(110)),
            key("a.example", "2", Some(105), None),
        ];
        check(&[old.clone(), new], &[Signing, Coming], 0);
        // A day without a key lies between the two.
        let late = key("a.example", "2", Some(111), None);
        check(&[old.clone(), late], &[Ending, Coming], 1);
        // Somebody else's key is none of this domain's.
        let other = key("b.example", "1", None, None);
        check(&[old, other], &[Ending, Signing], 1);
        check(&[key("a.example", "1", None, Some(100))], &[Over], 1);
        let both = [
            key("a.example", "1", None, Some(90)),
            key("a.example", "2", Some(101), None),
        ];
        check(&both, &[Over, Coming], 1);
    }
}
