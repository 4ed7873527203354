//! Who keeps account of what channels came to.

use std::{fmt, net::SocketAddr, time::SystemTime};

use postern_mail::Host;
use postern_policy::Basis;
use postern_reports::ledger::{
    Ledger, PartnerAttempt, PlaintextCause, PlaintextMessage, TlsSession,
};
use postern_tls::NotSecured;

use crate::{
    clock, partner_report,
    planning::Planned,
    prospect::Prospect,
    situation::Situation,
    tls_report::Session,
    trace::{Link, Trace},
};

/// Whoever keeps account of sessions, of partners and of mail in clear.
///
/// Told in the course of a delivery, so it must neither wait nor fail.
pub trait Accounts: fmt::Debug + Send + Sync {
    /// A session under TLS began, or could not: one for each connection (RFC 8460 §4.2).
    fn session(&self, session: &TlsSession);

    /// A partner's rule was held against a channel, or against a host that has none to offer.
    fn partner(&self, attempt: &PartnerAttempt);

    /// A message was handed over in clear.
    fn plaintext(&self, message: &PlaintextMessage);
}

impl Accounts for Ledger {
    fn session(&self, session: &TlsSession) {
        self.record_session(session);
    }

    fn partner(&self, attempt: &PartnerAttempt) {
        self.record_attempt(attempt);
    }

    fn plaintext(&self, message: &PlaintextMessage) {
        self.record_plaintext(message);
    }
}

/// Keeps no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoAccounts;

impl Accounts for NoAccounts {
    fn session(&self, _: &TlsSession) {}

    fn partner(&self, _: &PartnerAttempt) {}

    fn plaintext(&self, _: &PlaintextMessage) {}
}

/// Counts what dialling an address came to: every connection that came so far as to show how it
/// would be protected, and once how the partner's rule fared.
pub(crate) fn dialled(
    situation: &Situation,
    planned: &Planned,
    prospect: &Prospect,
    address: SocketAddr,
    trace: &Trace,
) {
    let (at, now) = (SystemTime::now(), clock::unix_time());
    let sessions = trace.connections.iter().filter(|link| link.is_session());
    for link in sessions {
        let session = Session {
            plan: &prospect.plan,
            sts: &planned.sts,
            security: Some(link.security()),
            from: link.from,
            to: Some(address.ip()),
        };
        if let Some(session) = session.counted(at, now) {
            situation.accounts.session(&session);
        }
    }
    let last = trace.last().map(Link::security);
    let attempt =
        last.and_then(|last| partner_report::attempt(&prospect.plan, Some(last), at, now));
    if let Some(attempt) = attempt {
        situation.accounts.partner(&attempt);
    }
}

/// Counts a host that was not dialled, where that was because of a policy.
pub(crate) fn not_dialled(situation: &Situation, planned: &Planned, prospect: &Prospect) {
    let (at, now) = (SystemTime::now(), clock::unix_time());
    let session = Session {
        plan: &prospect.plan,
        sts: &planned.sts,
        security: None,
        from: None,
        to: None,
    };
    if let Some(session) = session.counted(at, now) {
        situation.accounts.session(&session);
    }
    if let Some(attempt) = partner_report::attempt(&prospect.plan, None, at, now) {
        situation.accounts.partner(&attempt);
    }
}

/// Counts a message that was handed over in clear.
pub(crate) fn handed_over(situation: &Situation, destination: &Host, basis: &Basis) {
    let Basis::Plain(reason) = basis else {
        return;
    };
    let cause = match reason {
        NotSecured::HandshakeFailed(error) => PlaintextCause::HandshakeFailed {
            reason: error.to_string(),
        },
        NotSecured::NotOffered
        | NotSecured::NotRequired
        | NotSecured::NotUsed
        | NotSecured::Refused(_) => PlaintextCause::NotOffered,
    };
    situation.accounts.plaintext(&PlaintextMessage {
        destination: destination.clone(),
        at: SystemTime::now(),
        cause,
    });
}
