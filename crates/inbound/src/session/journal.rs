//! Every line that a session writes into the log, with the names of its fields.
//!
//! | field | what it holds |
//! |---|---|
//! | `session` | the session; on every line, from the span |
//! | `queue_id` | the message, once it is ours |
//! | `reverse_path`, `forward_path` | the paths of the envelope |
//! | `forward_paths` | how many recipients were accepted |
//! | `tls_wish` | what the sender wants of TLS, where it says so (RFC 8689) |
//! | `octets` | the size of the content as it came |
//! | `helo` | what the client calls itself |
//! | `basis` | the channel's verdict: words that begin with `plain`, `encrypted`, `authenticated` |
//! | `peer_identity`, `tls_version`, `tls_suite` | of which the verdict is made |
//! | `author` | the domain of the `From` field that it is about; where it was looked for, the author domain |
//! | `spf` | what SPF says of the reverse-path, or of the client where that is null (RFC 7208 §2.6) |
//! | `dkim` | each signature that was looked at: its result, and whose it is |
//! | `dmarc`, `arc` | what they say, in the words of RFC 8601 §2.7 |
//! | `disposition` | what was done because of that: `taken`, `marked` (the listener only marks), `overridden` (somebody trusted had the message in hand), `proven` (the channel spoke for the author's domain), `put_off_enough` (what could not be found out was waited for), `quarantined`, `refused`, `put_off` |
//! | `partner` | the partner as whom the client was recognised, or whose rule or domain it is about |
//! | `reason`, `approved_by`, `until` | why the glass is broken, who answers for it, and the end of it |
//! | `reply_code`, `enhanced_status`, `refused_because` | what a refusal said |
//! | `because` | why a message is not signed or sealed, or a failure of it told to nobody |
//!
//! What others wrote is escaped and cut. Lines about mistakes of a peer are no warnings; that a
//! partner's rule was not met is one, and that a certificate was shown that we refuse.

use std::fmt;

use postern_authentication::{Unsealed, Unsigned, Verdict};
use postern_mail::{Domain, Envelope, Foreign, ForwardPath, QueueId, Reply, ReversePath, TlsWish};
use postern_policy::{Finding, InboundVerdict, Mismatch, Partner, Stage};
use postern_smtp::server::Abandoned;
use postern_tls::Date;

use super::{author::Author, judgement::Judged, transaction::Transaction};

/// Content that came in, and is ours now.
pub(super) fn accepted(
    transaction: &Transaction,
    envelope: &Envelope,
    octets: u64,
    queue_id: QueueId,
    judged: Option<&Judged>,
) {
    let basis = transaction.verdict.basis();
    let protection = basis.protection();
    let found = judged.map(|judged| &judged.verdict);
    tracing::info!(
        %queue_id,
        reverse_path = %shown(&transaction.mail.reverse_path),
        forward_paths = envelope.recipients.len(),
        forward_path = envelope.recipients.first().map(|it| display(shown(&it.forward_path))),
        tls_wish = (envelope.tls_wish != TlsWish::Unstated).then(|| display(envelope.tls_wish)),
        octets,
        helo = %transaction.helo,
        basis = %shown(basis),
        partner = transaction.partner().map(display),
        peer_identity = basis.peer_identity().map(display),
        tls_version = protection.map(|it| display(it.version)),
        tls_suite = protection.map(|it| display(it.suite)),
        author = found.and_then(|it| it.author.domain()).map(display),
        spf = found.map(|it| display(it.spf().result)),
        dkim = found.map(|it| display(signatures(it))),
        dmarc = found.map(|it| display(it.dmarc.result)),
        arc = found.map(|it| display(it.arc.result)),
        disposition = judged.map(|judged| judged.decision.word()),
        "accepted"
    );
}

/// A stranger's message was not taken because of who wrote it.
pub(super) fn judged_refused(transaction: &Transaction, judged: &Judged, reply: &Reply) {
    let found = &judged.verdict;
    tracing::info!(
        reverse_path = %shown(&transaction.mail.reverse_path),
        helo = %transaction.helo,
        basis = %shown(transaction.verdict.basis()),
        author = found.author.domain().map(display),
        spf = %found.spf().result,
        dkim = %signatures(found),
        dmarc = %found.dmarc.result,
        arc = %found.arc.result,
        disposition = judged.decision.word(),
        reply_code = %reply.code(),
        enhanced_status = reply.status().map(display),
        refused_because = %said(reply),
        "content refused because of who wrote it"
    );
}

/// The signatures that were looked at, each as its result and whose it is.
fn signatures(found: &Verdict) -> Shown {
    if found.dkim.is_empty() {
        return Shown("none".to_owned());
    }
    let each = found.dkim.iter().map(|one| match &one.domain {
        Some(domain) => format!("{} ({domain})", one.result),
        None => one.result.to_string(),
    });
    Shown(each.collect::<Vec<_>>().join(", "))
}

/// Nobody will hear of a failure of this message.
pub(super) fn not_bounced(queue_id: QueueId, why: &str) {
    tracing::info!(%queue_id, because = %shown(&why), "a failure will be told to nobody");
}

/// A message of our own hosts goes without our signature.
pub(super) fn not_signed(why: &Unsigned) {
    match why {
        Unsigned::Crypto(_) | Unsigned::Interrupted => {
            tracing::warn!(because = %shown(why), "a message is not signed");
        }
        Unsigned::NoKey(_)
        | Unsigned::Author(_)
        | Unsigned::BrokenHeader
        | Unsigned::HeaderTooLarge
        | Unsigned::TooManyFields
        | Unsigned::Disputed(_)
        | Unsigned::StrayLineEnd => {
            tracing::info!(because = %shown(why), "a message is not signed");
        }
    }
}

/// A stranger's message goes without our seal.
pub(super) fn not_sealed(why: &Unsealed) {
    match why {
        Unsealed::Unsigned(Unsigned::Crypto(_) | Unsigned::Interrupted) => {
            tracing::warn!(because = %shown(why), "a message is not sealed");
        }
        Unsealed::ChainFailed
        | Unsealed::ChainUnknown
        | Unsealed::ChainTooLong
        | Unsealed::Unsigned(_) => {
            tracing::debug!(because = %shown(why), "a message is not sealed");
        }
    }
}

/// A message was let in by a verdict that was made while the glass is broken: whoever reads the
/// log is to see each of them, with who answers for it.
pub(super) fn broken_glass(queue_id: QueueId, verdict: &InboundVerdict) {
    if let Some(broken) = verdict.broken_glass() {
        tracing::warn!(
            %queue_id,
            partner = %broken.partner,
            reason = %broken.reason,
            approved_by = %broken.approved_by,
            until = %Date(broken.until),
            "the partner's rule is out of force: the glass is broken"
        );
    }
}

/// MAIL was refused. Where the policy did so because of a partner or of a certificate that we
/// refuse, somebody should look.
pub(super) fn mail_refused(transaction: &Transaction, reply: &Reply) {
    let verdict = &transaction.verdict;
    let stopping = verdict.findings().iter().find(|it| it.stage.stops_mail());
    let Some((what, finding)) = stopping.and_then(|it| Some((worth_a_look(it)?, it))) else {
        transaction_refused("MAIL refused", transaction, None, reply);
        return;
    };
    let claimed = || verdict.partner().map(Partner::name);
    tracing::warn!(
        reverse_path = %shown(&transaction.mail.reverse_path),
        helo = %transaction.helo,
        basis = %shown(verdict.basis()),
        partner = finding.partner.as_ref().or_else(claimed).map(display),
        reply_code = %reply.code(),
        enhanced_status = reply.status().map(display),
        refused_because = %said(reply),
        "{what}"
    );
}

/// What to say of a finding that is more than a mistake of a peer.
fn worth_a_look(finding: &Finding) -> Option<&'static str> {
    match finding.refusal.mismatch() {
        Mismatch::Denied { .. } | Mismatch::DeniedAuthority { .. } => {
            Some("MAIL refused over a certificate that is denied")
        }
        _ => finding
            .partner
            .is_some()
            .then_some("MAIL refused by a partner's rule"),
    }
}

/// Content was refused because of an author at a partner's domain.
pub(super) fn author_refused(
    transaction: &Transaction,
    author: &Author,
    finding: &Finding,
    reply: &Reply,
) {
    tracing::warn!(
        reverse_path = %shown(&transaction.mail.reverse_path),
        author = %author.domain,
        helo = %transaction.helo,
        basis = %shown(author.verdict.basis()),
        partner = finding.partner.as_ref().map(display),
        reply_code = %reply.code(),
        enhanced_status = reply.status().map(display),
        refused_because = %said(reply),
        "content refused by a partner's rule about authors"
    );
}

/// RCPT was refused.
pub(super) fn rcpt_refused(transaction: &Transaction, path: &ForwardPath, reply: &Reply) {
    transaction_refused("RCPT refused", transaction, Some(path), reply);
}

/// Content was refused, before or while it came in, or when it was to be kept.
pub(super) fn content_refused(transaction: &Transaction, reply: &Reply) {
    transaction_refused("content refused", transaction, None, reply);
}

fn transaction_refused(
    what: &str,
    transaction: &Transaction,
    path: Option<&ForwardPath>,
    reply: &Reply,
) {
    tracing::info!(
        reverse_path = %shown(&transaction.mail.reverse_path),
        forward_path = path.map(|path| display(shown(path))),
        helo = %transaction.helo,
        basis = %shown(transaction.verdict.basis()),
        reply_code = %reply.code(),
        enhanced_status = reply.status().map(display),
        refused_because = %said(reply),
        "{what}"
    );
}

/// The session could not use the content.
pub(super) fn abandoned(transaction: &Transaction, why: Abandoned) {
    tracing::info!(
        reverse_path = %shown(&transaction.mail.reverse_path),
        helo = %transaction.helo,
        refused_because = %why,
        "content refused"
    );
}

/// The client left a transaction without finishing it.
pub(super) fn given_up(transaction: &Transaction) {
    tracing::info!(
        reverse_path = %shown(&transaction.mail.reverse_path),
        helo = %transaction.helo,
        "the client gave the transaction up"
    );
}

/// The session refused a command by itself.
pub(super) fn command_refused(reply: &Reply) {
    tracing::info!(
        reply_code = %reply.code(),
        enhanced_status = reply.status().map(display),
        refused_because = %said(reply),
        "command refused"
    );
}

/// What was found against a transaction that is not refused for it, because the partner is not
/// at the stage for that.
pub(super) fn findings(path: &ReversePath, author: Option<&Domain>, verdict: &InboundVerdict) {
    for finding in verdict.findings() {
        match finding.stage {
            // The refusal that follows says it.
            Stage::Enforce => {}
            Stage::Warn => {
                tracing::warn!(
                    reverse_path = %shown(path),
                    author = author.map(display),
                    partner = finding.partner.as_ref().map(display),
                    basis = %shown(verdict.basis()),
                    refused_because = %shown(&finding.refusal),
                    "stage enforce would refuse this"
                );
            }
            Stage::Observe => {
                tracing::info!(
                    reverse_path = %shown(path),
                    author = author.map(display),
                    partner = finding.partner.as_ref().map(display),
                    basis = %shown(verdict.basis()),
                    refused_because = %shown(&finding.refusal),
                    "stage enforce would refuse this"
                );
            }
        }
    }
}

/// The words of a reply without its codes.
fn said(reply: &Reply) -> Shown {
    Shown(reply.lines().join(" / "))
}

fn shown(value: &impl fmt::Display) -> Shown {
    Shown(value.to_string())
}

/// Text that others had a part in.
struct Shown(String);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Foreign::new(&self.0).fmt(f)
    }
}
