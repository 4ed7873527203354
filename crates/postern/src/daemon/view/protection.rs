//! What protects mail at present, and what does not.

use std::collections::BTreeMap;

use postern_admin::{
    BreakGlassStatus, DnsStatus, FailureCount, MtaStsStatus, PlaintextCause, PlaintextStatus,
    ProtectionStatus, RevocationListStatus, SessionCount, StsTroubleStatus, TlsSessionsStatus,
};
use postern_fetch::{CrlStatus, StsStatus};
use postern_policy::StsMode;
use postern_reports::ledger::{CountedPolicy, Day, DestinationTally, PlaintextReport};
use postern_tls::{CrlFacts, CrlSource};
use rustls_pki_types::UnixTime;

use super::{View, timestamp};
use crate::words;

/// The most destinations, and the most troubles, that a status names: enough to see what is
/// wrong on one screen.
const NAMED: usize = 10;

impl View<'_> {
    /// What protects mail at present, and what does not.
    pub(in super::super) fn protection(
        &self,
        dns: DnsStatus,
        own_policy: Vec<String>,
    ) -> ProtectionStatus {
        let today = Day::of(self.now);
        let ledger = &self.holdings.ledger;
        let lists = self.holdings.revocation();
        ProtectionStatus {
            dns,
            mta_sts: self.holdings.sts_list().map(|list| mta_sts(&list)),
            own_policy,
            revocation: lists
                .into_iter()
                .map(|list| revocation(list, self.unix_time()))
                .collect(),
            break_glass: self.exceptions(),
            denied: self.policy.denied(),
            plaintext: plaintext(today, &ledger.plaintext(today)),
            tls_sessions: sessions(today, &ledger.day(today)),
        }
    }

    fn exceptions(&self) -> Vec<BreakGlassStatus> {
        let now = self.unix_time();
        let entries = self.policy.exceptions().into_iter();
        entries.map(|it| words::break_glass(it, now)).collect()
    }

    /// How the list of a source is, as who looks after it knows.
    pub(super) fn revocation_list(&self, source: &CrlSource) -> RevocationListStatus {
        let lists = self.holdings.revocation();
        let known = lists.into_iter().find(|it| it.label == source.label());
        let status = known.unwrap_or_else(|| CrlStatus {
            label: source.label().to_owned(),
            facts: source.facts(),
            updated: None,
            trouble: None,
            next: self.unix_time(),
        });
        revocation(status, self.unix_time())
    }
}

fn revocation(status: CrlStatus, now: UnixTime) -> RevocationListStatus {
    let facts: Option<&CrlFacts> = status.facts.as_ref();
    RevocationListStatus {
        issuer: facts.map(|it| it.issuer.clone()),
        entries: facts.map(|it| it.entries as u64),
        next_update: facts.map(|it| it.next_update.to_string()),
        in_date: facts.is_some_and(|it| !it.is_expired(now)),
        trouble: status.trouble.map(|(_, text)| text),
        label: status.label,
    }
}

fn mta_sts(list: &[StsStatus]) -> MtaStsStatus {
    let count =
        |wanted: &dyn Fn(&StsStatus) -> bool| list.iter().filter(|it| wanted(it)).count() as u64;
    let is_enforced = |it: &StsStatus| {
        let known = it.known.as_deref();
        known.is_some_and(|known| known.policy.mode() == StsMode::Enforce)
    };
    let mut troubles: Vec<_> = list
        .iter()
        .filter_map(|it| Some((it, it.trouble.as_ref()?)))
        .collect();
    troubles.sort_by(|(_, (a, _)), (_, (b, _))| b.cmp(a));
    let named = troubles.iter().take(NAMED);
    MtaStsStatus {
        known: count(&|it| it.known.is_some()),
        enforced: count(&is_enforced),
        in_trouble: troubles.len() as u64,
        troubles: named
            .map(|(status, (at, trouble))| StsTroubleStatus {
                domain: status.domain.to_string(),
                at: timestamp(*at),
                text: trouble.to_string(),
                has_policy: status.known.is_some(),
            })
            .collect(),
    }
}

fn plaintext(day: Day, reports: &[PlaintextReport]) -> PlaintextStatus {
    let causes = reports.iter().flat_map(|report| {
        report.plaintext.iter().map(|tally| PlaintextCause {
            destination: report.destination.to_string(),
            messages: tally.messages,
            cause: tally.cause.to_string(),
        })
    });
    let mut most: Vec<_> = causes.collect();
    let messages = most.iter().map(|it| it.messages).sum();
    most.sort_by(|a, b| {
        let by_number = b.messages.cmp(&a.messages);
        by_number.then_with(|| a.destination.cmp(&b.destination))
    });
    most.truncate(NAMED);
    PlaintextStatus {
        day: day.to_string(),
        messages,
        destinations: reports.len() as u64,
        most,
    }
}

fn sessions(day: Day, tallies: &[DestinationTally]) -> TlsSessionsStatus {
    let mut policies: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut failures: BTreeMap<String, u64> = BTreeMap::new();
    for tally in tallies.iter().flat_map(|it| &it.policies) {
        let policy_type = match &tally.policy {
            CountedPolicy::Applied(applied) => applied.policy_type,
            CountedPolicy::Other(policy_type) => *policy_type,
        };
        let counted = policies.entry(policy_type.to_string()).or_default();
        counted.0 += tally.summary.total_successful_session_count;
        counted.1 += tally.summary.total_failure_session_count;
        for detail in &tally.failure_details {
            *failures.entry(detail.result_type.to_string()).or_default() +=
                detail.failed_session_count;
        }
    }
    TlsSessionsStatus {
        day: day.to_string(),
        policies: policies
            .into_iter()
            .map(|(policy_type, (successful, failed))| SessionCount {
                policy_type,
                successful,
                failed,
            })
            .collect(),
        failures: failures
            .into_iter()
            .map(|(result_type, sessions)| FailureCount {
                result_type,
                sessions,
            })
            .collect(),
    }
}
