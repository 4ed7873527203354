//! When keys sign, and when none of them does.

use postern_mail::DomainPattern;
use postern_tls::Date;
use rustls_pki_types::UnixTime;

use super::Checked;
use crate::schema::{Located, Notes, Reported};

/// How long before the last key ends its successor should be written down, in seconds: two weeks,
/// in which a record can be published and seen.
const NOTICE: u64 = 14 * 24 * 60 * 60;

/// From when until when a key signs; without an end where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) from: Option<UnixTime>,
    pub(super) until: Option<UnixTime>,
}

impl Term {
    fn has_begun(&self, at: UnixTime) -> bool {
        self.from.is_none_or(|from| from <= at)
    }

    fn covers(&self, at: UnixTime) -> bool {
        self.has_begun(at) && self.until.is_none_or(|until| at < until)
    }
}

/// The term that the two keys mean.
pub(super) fn check(
    notes: &Notes<'_>,
    from: Option<Located<UnixTime>>,
    until: Option<Located<UnixTime>>,
) -> Result<Term, Reported> {
    if let (Some(from), Some(until)) = (&from, &until)
        && until.value <= from.value
    {
        return Err(notes.error(
            &until.spot,
            "is not after from: the key would never sign",
            "give a later moment",
        ));
    }
    Ok(Term {
        from: from.map(|from| from.value),
        until: until.map(|until| until.value),
    })
}

/// Warns where a domain has keys and there is, or soon will be, a time when none of them signs.
pub(super) fn warn_of_silence(notes: &Notes<'_>, domain: &DomainPattern, keys: &[Checked]) {
    let Some(first) = keys.first() else { return };
    let now = UnixTime::now();
    let terms: Vec<_> = keys.iter().map(|key| key.term).collect();
    let Some(end) = covered_until(&terms, now) else {
        return;
    };
    let successor = terms.iter().filter_map(|term| term.from);
    let successor = successor.filter(|from| *from > end).min().map(Date);
    let wrong = match successor {
        Some(next) if end == now => format!("no key signs mail of {domain} before {next}"),
        None if end == now => {
            format!("every key has ended: mail of {domain} is not signed")
        }
        Some(next) => format!("from {} to {next} no key signs mail of {domain}", Date(end)),
        None if end.as_secs() - now.as_secs() > NOTICE => return,
        None => format!(
            "the last key ends on {}: mail of {domain} is not signed after that",
            Date(end)
        ),
    };
    let right = "add a key that signs then, and publish its record beforehand";
    notes.warn(&first.spot, wrong, right);
}

/// Until when there is always a key that signs; `None` without an end.
fn covered_until(terms: &[Term], now: UnixTime) -> Option<UnixTime> {
    let mut end = now;
    // Each round ends a term for good, so there are no more rounds than terms.
    while let Some(longest) = terms
        .iter()
        .filter(|term| term.covers(end))
        .map(|term| term.until)
        .max_by_key(|until| until.map_or(u64::MAX, |until| until.as_secs()))
    {
        end = longest?;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[track_caller]
    fn check(terms: &[(Option<u64>, Option<u64>)], expected: Option<u64>) {
        let terms: Vec<_> = terms
            .iter()
            .map(|(from, until)| Term {
                from: from.map(at),
                until: until.map(at),
            })
            .collect();
        let end = covered_until(&terms, at(100)).map(|end| end.as_secs());
        assert_eq!(end, expected);
    }

    #[test]
    fn terms_follow_one_another() {
        check(&[(None, None)], None);
        check(&[(None, Some(200))], Some(200));
        check(&[(Some(150), Some(300)), (None, Some(200))], Some(300));
        check(&[(Some(200), None), (None, Some(200))], None);
        check(&[(Some(201), None), (None, Some(200))], Some(200));
        check(&[(Some(101), None)], Some(100));
        check(&[(None, Some(100))], Some(100));
        check(&[(None, Some(150)), (None, Some(120))], Some(150));
        check(&[], Some(100));
    }
}
