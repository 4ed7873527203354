//! Counting sessions and messages of one destination.

use postern_mail::Host;

use super::{
    room::{Entry, OVERHEAD, Room, at_position, entry},
    session::{AppliedPolicy, PlaintextCause, SessionFailure, TlsSession},
    tally::{
        CountedPolicy, Destination, DestinationTally, FailureDetail, PlaintextTally, PolicyTally,
        Summary,
    },
    text::{OTHER, shown},
};

/// The most octets of a policy that are kept, of its lines and of its patterns each.
const POLICY_OCTETS: usize = 4 << 10;

impl DestinationTally {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            policies: Vec::new(),
            plaintext: Vec::new(),
        }
    }

    /// Roughly what it takes in memory.
    pub(super) fn octets(&self) -> usize {
        let policies = self.policies.iter().map(PolicyTally::octets).sum::<usize>();
        let plaintext = self.plaintext.iter().map(PlaintextTally::octets);
        let name = match &self.destination {
            Destination::Host(Host::Domain(domain)) => domain.as_str().len(),
            Destination::Host(Host::Literal(_)) | Destination::Other => 0,
        };
        OVERHEAD + name + policies + plaintext.sum::<usize>()
    }

    /// Counts a session, and returns how much of the day's room it took.
    pub(super) fn count_session(&mut self, session: &TlsSession, of_day: usize) -> usize {
        let mut taken = 0;
        for outcome in &session.policies {
            match &outcome.failure {
                None => taken += self.count_success(&outcome.policy, of_day - taken),
                Some(failure) => {
                    let mut room = Room::new(self, of_day - taken);
                    let policy = self.policy(&outcome.policy, &mut room);
                    policy.summary.total_failure_session_count += 1;
                    policy
                        .detail(session, failure, &mut room)
                        .failed_session_count += 1;
                    taken += room.taken;
                }
            }
        }
        taken
    }

    fn count_success(&mut self, applied: &AppliedPolicy, of_day: usize) -> usize {
        // As a rule the policy is known, and no room has to be measured.
        if let Some(known) = self.policies.iter_mut().find(|it| it.is_for(applied)) {
            known.summary.total_successful_session_count += 1;
            return 0;
        }
        let mut room = Room::new(self, of_day);
        let policy = self.policy(applied, &mut room);
        policy.summary.total_successful_session_count += 1;
        room.taken
    }

    /// Counts a message in clear, and returns how much of the day's room it took.
    pub(super) fn count_plaintext(&mut self, cause: &PlaintextCause, room: usize) -> usize {
        let mut room = Room::new(self, room);
        let with = |reason: &dyn Fn(&str) -> String| {
            PlaintextTally::new(match cause {
                PlaintextCause::NotOffered => PlaintextCause::NotOffered,
                PlaintextCause::HandshakeFailed { reason: why } => {
                    let reason = reason(why);
                    PlaintextCause::HandshakeFailed { reason }
                }
            })
        };
        let (new, other) = (with(&shown), with(&|_| OTHER.to_owned()));
        entry(&mut self.plaintext, new, other, &mut room).messages += 1;
        room.taken
    }

    fn policy(&mut self, applied: &AppliedPolicy, room: &mut Room) -> &mut PolicyTally {
        if let Some(at) = self.policies.iter().position(|it| it.is_for(applied)) {
            return at_position(&mut self.policies, at);
        }
        let new = PolicyTally::new(CountedPolicy::Applied(cut(applied)));
        let other = PolicyTally::new(CountedPolicy::Other(applied.policy_type));
        entry(&mut self.policies, new, other, room)
    }
}

impl PolicyTally {
    fn new(policy: CountedPolicy) -> Self {
        Self {
            policy,
            summary: Summary::default(),
            failure_details: Vec::new(),
        }
    }

    fn is_for(&self, applied: &AppliedPolicy) -> bool {
        matches!(&self.policy, CountedPolicy::Applied(it) if it == applied)
    }

    fn detail(
        &mut self,
        session: &TlsSession,
        failure: &SessionFailure,
        room: &mut Room,
    ) -> &mut FailureDetail {
        let new = FailureDetail {
            result_type: failure.result_type,
            sending_mta_ip: session.sending_mta_ip,
            receiving_mx_hostname: session.receiving_mx_hostname.as_ref().map(Host::to_string),
            receiving_mx_helo: session.receiving_mx_helo.as_deref().map(shown),
            receiving_ip: session.receiving_ip,
            failed_session_count: 0,
            failure_reason_code: failure.reason.as_deref().map(shown),
        };
        let other = FailureDetail {
            result_type: failure.result_type,
            sending_mta_ip: None,
            receiving_mx_hostname: None,
            receiving_mx_helo: None,
            receiving_ip: None,
            failed_session_count: 0,
            failure_reason_code: Some(OTHER.to_owned()),
        };
        entry(&mut self.failure_details, new, other, room)
    }
}

impl PlaintextTally {
    fn new(cause: PlaintextCause) -> Self {
        Self { cause, messages: 0 }
    }
}

/// The policy as it is kept.
fn cut(policy: &AppliedPolicy) -> AppliedPolicy {
    let cut = |lines: &[String]| {
        let mut left = POLICY_OCTETS;
        let fits = |line: &String| {
            left = left.saturating_sub(line.len() + 1);
            left > 0
        };
        lines.iter().map(|it| shown(it)).take_while(fits).collect()
    };
    AppliedPolicy {
        policy_type: policy.policy_type,
        policy_domain: policy.policy_domain.clone(),
        policy_string: cut(&policy.policy_string),
        mx_host: cut(&policy.mx_host),
    }
}
