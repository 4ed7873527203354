//! Who may send what to whom: the decisions at MAIL and RCPT, and what a peer is told of those at
//! the end of content and of trouble with the queue.
//!
//! Everything here is a function of values. The shell asks, and says what it is told.

use postern_authentication::SpfResult;
use postern_mail::{
    Domain, DomainMap, EnhancedStatusCode, Foreign, ForwardPath, Host, Mailbox, Reply, ReplyCode,
    ReversePath,
};
use postern_policy::{Consequence, Refusal};
use postern_rewriting::RewriteError;
use postern_spool::SpoolError;

use crate::{budget::Spent, header_watch::HeaderFault, settings::Reach};

/// Whether a transaction from this reverse-path may begin. The policy comes first: what it
/// refuses is not to be tried again, whatever the state of the queue.
pub(crate) fn mail(
    reverse_path: &ReversePath,
    reach: Reach,
    consequence: &Consequence,
    room: Result<(), SpoolError>,
) -> Result<(), Reply> {
    match consequence {
        Consequence::Accept => {}
        Consequence::Refuse(reply) => return Err(reply.clone()),
    }
    sender(reverse_path, reach)?;
    room.map_err(|error| queue_trouble(&error))
}

/// A stranger's domain must be one that a notification could go to: "only fully-qualified
/// domain names are permitted when domain names are used in SMTP" (RFC 5321 §2.3.5). Our own
/// hosts are let send as `root@printer`.
fn sender(reverse_path: &ReversePath, reach: Reach) -> Result<(), Reply> {
    match (reach, reverse_path.domain()) {
        (Reach::OwnDomains, Some(domain)) if !is_fully_qualified(domain) => Err(reply(
            ReplyCode::NAME_NOT_ALLOWED,
            EnhancedStatusCode::permanent(1, 8),
            "The sender's domain is not fully qualified",
        )),
        (Reach::OwnDomains | Reach::Anywhere, _) => Ok(()),
    }
}

fn is_fully_qualified(domain: &Domain) -> bool {
    domain.labels().nth(1).is_some()
}

/// Whether a message may go to this recipient.
///
/// What stands before the `@` does not count: `x%victim@own`, `"x@victim"@own` and
/// `victim!x@own` are local-parts of ours, for our next hop to know or not to know. A source
/// route has been dropped by the parser (RFC 5321 §4.1.1.3).
pub(crate) fn rcpt(
    forward_path: &ForwardPath,
    reach: Reach,
    own: &DomainMap<()>,
) -> Result<(), Reply> {
    let mailbox = match forward_path {
        // RFC 5321 §4.5.1: always deliverable, wherever there is a domain to deliver it to.
        ForwardPath::Postmaster if own.is_empty() => return Err(no_postmaster()),
        ForwardPath::Postmaster => return Ok(()),
        ForwardPath::Mailbox(mailbox) => mailbox,
    };
    match reach {
        Reach::Anywhere => Ok(()),
        Reach::OwnDomains if is_ours(mailbox, own) => Ok(()),
        Reach::OwnDomains => Err(relaying_denied()),
    }
}

/// An address literal is nobody's domain, our own address not excepted: mail for it would be
/// delivered to an address that the sender chose.
fn is_ours(mailbox: &Mailbox, own: &DomainMap<()>) -> bool {
    match mailbox.host() {
        Host::Domain(domain) => own.find(domain).is_some(),
        Host::Literal(_) => false,
    }
}

fn relaying_denied() -> Reply {
    reply(
        ReplyCode::UNAVAILABLE,
        EnhancedStatusCode::permanent(7, 1),
        "Relaying denied",
    )
}

fn no_postmaster() -> Reply {
    reply(
        ReplyCode::UNAVAILABLE,
        EnhancedStatusCode::permanent(1, 1),
        "No domain is served here",
    )
}

/// What comes back to an address that we made for mail that we sent on (SRS) may go to anybody, and
/// whoever has seen such an address knows it for weeks. Failures are what it is there for, and they
/// have the null reverse-path (RFC 5321 §4.5.5).
pub(crate) fn returned(reverse_path: &ReversePath, reach: Reach) -> Result<(), Reply> {
    match (reach, reverse_path) {
        (Reach::Anywhere, _) | (Reach::OwnDomains, ReversePath::Null) => Ok(()),
        (Reach::OwnDomains, ReversePath::Mailbox(_)) => Err(reply(
            ReplyCode::UNAVAILABLE,
            EnhancedStatusCode::permanent(7, 1),
            "This address takes notifications of failure only",
        )),
    }
}

/// What a client is told of a recipient behind which nobody can be found. Addresses of SRS are its
/// business, aliases ours.
pub(crate) fn nobody_behind(error: &RewriteError) -> Reply {
    match error {
        RewriteError::Srs(error) => reply(
            ReplyCode::UNAVAILABLE,
            EnhancedStatusCode::permanent(1, 1),
            &format!("No such address: {error}"),
        ),
        RewriteError::Loop(_)
        | RewriteError::TooDeep
        | RewriteError::TooMany
        | RewriteError::Nobody(_) => reply(
            ReplyCode::LOCAL_ERROR,
            EnhancedStatusCode::transient(3, 5),
            "The aliases of this address lead nowhere, try again later",
        ),
    }
}

/// Too many addresses stand behind the recipients so far.
pub(crate) fn too_many_behind() -> Reply {
    reply(
        ReplyCode::INSUFFICIENT_STORAGE,
        EnhancedStatusCode::transient(5, 3),
        "Too many addresses stand behind the recipients, send this one another message",
    )
}

/// The sender's domain says that it takes no mail, so nobody could answer (RFC 7505 §4.2).
pub(crate) fn null_mx(domain: &Domain) -> Reply {
    reply(
        ReplyCode::UNAVAILABLE,
        EnhancedStatusCode::permanent(7, 27),
        &format!("The sender's domain {domain} takes no mail (null MX)"),
    )
}

/// The author domain asks for mail like this to be refused. RFC 7372 §3.4 has the status for
/// several checks that fail together.
pub(crate) fn unauthenticated(reason: &str) -> Reply {
    reply(
        ReplyCode::UNAVAILABLE,
        EnhancedStatusCode::permanent(7, 26),
        &ascii(reason),
    )
}

/// There is no author domain to ask.
pub(crate) fn no_author(reason: &str) -> Reply {
    reply(
        ReplyCode::UNAVAILABLE,
        EnhancedStatusCode::permanent(7, 1),
        &ascii(reason),
    )
}

/// Something could not be found out: a key, for which RFC 6376 §6.3 has the status, or what SPF
/// says (RFC 7372 §3.2).
pub(crate) fn put_off(spf: SpfResult, reason: &str) -> Reply {
    let detail = match spf {
        SpfResult::TempError => 24,
        SpfResult::Pass
        | SpfResult::Fail
        | SpfResult::SoftFail
        | SpfResult::Neutral
        | SpfResult::None
        | SpfResult::PermError => 5,
    };
    reply(
        ReplyCode::LOCAL_ERROR,
        EnhancedStatusCode::transient(7, detail),
        &format!("{}, try again later", ascii(reason)),
    )
}

/// Reasons name what others wrote, and a reply is ASCII (RFC 5321 §4.2).
fn ascii(reason: &str) -> String {
    let shown = Foreign::new(reason).to_string();
    shown
        .chars()
        .map(|c| if c.is_ascii() { c } else { '?' })
        .collect()
}

/// What a peer is told when the queue does not take its message. None of it is final, and none
/// of it is the peer's fault.
pub(crate) fn queue_trouble(error: &SpoolError) -> Reply {
    match error {
        SpoolError::Full { .. } => reply(
            ReplyCode::INSUFFICIENT_STORAGE,
            EnhancedStatusCode::transient(3, 1),
            "Insufficient storage, try again later",
        ),
        SpoolError::Poisoned(_)
        | SpoolError::File { .. }
        | SpoolError::Damaged(_)
        | SpoolError::Unknown(_)
        | SpoolError::NoRecipients
        | SpoolError::Closed => reply(
            ReplyCode::LOCAL_ERROR,
            EnhancedStatusCode::transient(3, 0),
            "Local error, try again later",
        ),
    }
}

/// What a peer is told about a header that is not taken on.
pub(crate) fn header_trouble(fault: HeaderFault) -> Reply {
    match fault {
        HeaderFault::Loop => reply(
            ReplyCode::FAILED,
            EnhancedStatusCode::permanent(4, 6),
            "Too many Received fields, the message seems to be in a loop",
        ),
        HeaderFault::TooLarge => reply(
            ReplyCode::TOO_LARGE,
            EnhancedStatusCode::permanent(3, 4),
            "The header is too large",
        ),
        HeaderFault::TooManyAuthors => reply(
            ReplyCode::TOO_LARGE,
            EnhancedStatusCode::permanent(3, 4),
            "The From field is too large",
        ),
    }
}

/// What a client is told that brings mail whose author is at a partner's domain, over a channel
/// that does not speak for it. It is too late for 530: the content is here.
pub(crate) fn author(domain: &Domain, refusal: &Refusal) -> Reply {
    reply(
        ReplyCode::UNAVAILABLE,
        EnhancedStatusCode::permanent(7, 1),
        &format!("The From field names {domain}: {refusal}"),
    )
}

/// Octets arrived behind STARTTLS before it was answered (CVE-2011-0411).
pub(crate) fn behind_starttls() -> Reply {
    reply(
        ReplyCode::FAILED,
        EnhancedStatusCode::permanent(5, 0),
        "Nothing may follow STARTTLS",
    )
}

/// There is no place for a further connection.
pub(crate) fn crowded(hostname: &Domain) -> Reply {
    let text = format!("{hostname} Too many connections, try again later");
    reply(
        ReplyCode::NOT_AVAILABLE,
        EnhancedStatusCode::transient(7, 0),
        &text,
    )
}

/// The client has come too often.
pub(crate) fn too_often(hostname: &Domain, spent: &Spent) -> Reply {
    reply(
        ReplyCode::NOT_AVAILABLE,
        EnhancedStatusCode::transient(7, 0),
        &format!("{hostname} {spent}, try again later"),
    )
}

/// The client asks for too much at MAIL or RCPT. The session goes on.
pub(crate) fn too_much(spent: &Spent) -> Reply {
    reply(
        ReplyCode::MAILBOX_BUSY,
        EnhancedStatusCode::transient(7, 0),
        &format!("{spent}, try again later"),
    )
}

fn reply(code: ReplyCode, status: EnhancedStatusCode, text: &str) -> Reply {
    Reply::new(code, text).with_status(status)
}

#[cfg(test)]
mod tests;
