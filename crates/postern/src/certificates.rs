//! Our certificates, told to people and programs.

use postern_admin::{CertificateStatus, StapleStatus};
use postern_tls::{Certificate, CertificateStore};
use rustls_pki_types::UnixTime;

use crate::output::Table;

const DAY: i64 = 24 * 60 * 60;

/// The certificates of the store as they are now.
pub(crate) fn describe(store: &CertificateStore) -> Vec<CertificateStatus> {
    let now = UnixTime::now();
    let current = store.current();
    current.iter().map(|pair| status(pair, now)).collect()
}

fn status(pair: &Certificate, now: UnixTime) -> CertificateStatus {
    CertificateStatus {
        name: pair.files().name.clone(),
        names: pair.names().to_vec(),
        key: pair.key().to_string(),
        not_after: pair.not_after().to_string(),
        days_left: days_until(pair.not_after().0, now),
        staple: pair.staple().map(|staple| StapleStatus {
            next_update: staple.next_update().to_string(),
            expired: staple.has_expired(now),
        }),
    }
}

fn days_until(end: UnixTime, now: UnixTime) -> i64 {
    let seconds = i128::from(end.as_secs()) - i128::from(now.as_secs());
    i64::try_from(seconds.div_euclid(i128::from(DAY))).unwrap_or(i64::MAX)
}

/// The certificates as a table.
pub(crate) fn table(certificates: &[CertificateStatus]) -> Table<6> {
    let mut table = Table::new(["CERTIFICATE", "KEY", "DAYS LEFT", "ENDS", "STAPLE", "FOR"]);
    for certificate in certificates {
        table.row([
            certificate.name.clone(),
            certificate.key.clone(),
            certificate.days_left.to_string(),
            certificate.not_after.clone(),
            staple(certificate),
            certificate.names.join(", "),
        ]);
    }
    table
}

/// Until when the OCSP response beside it holds.
fn staple(certificate: &CertificateStatus) -> String {
    match &certificate.staple {
        None => "-".to_owned(),
        Some(staple) if staple.expired => format!("EXPIRED {}", staple.next_update),
        Some(staple) => format!("until {}", staple.next_update),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(end: u64, now: u64, expected: i64) {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        assert_eq!(days_until(at(end), at(now)), expected);
    }

    #[test]
    fn only_whole_days_are_left() {
        check(200_000, 200_000, 0);
        check(200_000 + 86_399, 200_000, 0);
        check(200_000 + 86_400, 200_000, 1);
        check(199_999, 200_000, -1);
    }
}
