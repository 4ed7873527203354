//! The commands of a transaction, and what cannot be said to a peer.
//!
//! | the message asks for | the peer lacks | then |
//! |---|---|---|
//! | content above 127 | 8BITMIME | 5.6.3, RFC 6152 §3 |
//! | SMTPUTF8 | SMTPUTF8 or 8BITMIME | 5.6.7, RFC 6531 §3.5 |
//! | so many octets | room for them | 5.3.4, RFC 1870 §6.1 |
//! | so many recipients | patience | 4.5.3, RFC 9422 §4.2 |
//! | REQUIRETLS | TLS on this connection | 5.7.10, RFC 8689 §4.2.1 |
//! | REQUIRETLS | REQUIRETLS | 5.7.30, RFC 8689 §4.2.1 |
//! | REQUIRETLS, with the null reverse-path | REQUIRETLS | it is left out, RFC 8689 §5 |
//! | NOTIFY, ORCPT, RET, ENVID | DSN | they are left out, RFC 3461 §5.2.2 |
//!
//! RFC 6152 §3 would also let a relay encode the content anew. That breaks signatures, so
//! Postern returns the message. BINARYMIME content is taken in by nothing of ours and goes to
//! nobody: every message we send is made of lines. Content is judged by what was declared for
//! it: nothing here parses header fields, so a message received with SMTPUTF8 is sent with it or
//! not at all.
//!
//! A notification of a failure must reach the sender of what failed, and there is nobody to
//! tell where it does not: RFC 8689 §5 would not have it discarded for want of REQUIRETLS at the
//! next hop. The channel was judged with REQUIRETLS in mind nevertheless, and what such a
//! notification of ours returns is a header alone.

use postern_mail::{
    BodyType, EnhancedStatusCode, Envelope, Mailbox, Recipient, Reply, ReplyCode, ReversePath,
    TlsWish,
};

use super::{Capabilities, Extension, RecipientOutcome, Stage, delivery::Layer};

/// A command of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Rset,
    Mail,
    /// For the recipient at this place of the envelope.
    Rcpt(usize),
    Data,
    /// The one chunk that is the content. What stands on the wire for it comes with the content.
    Bdat,
}

impl Command {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Rset => Stage::Rset,
            Self::Mail => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Data => Stage::Data,
            Self::Bdat => Stage::EndOfContent,
        }
    }

    /// The command as `peer` understands it, CRLF included.
    pub(super) fn encode(self, envelope: &Envelope, size: u64, peer: &Capabilities) -> String {
        match self {
            Self::Rset => "RSET\r\n".to_owned(),
            Self::Mail => mail(envelope, size, peer),
            Self::Rcpt(at) => {
                let recipient = envelope.recipients.get(at);
                recipient.map_or_else(String::new, |to| rcpt(to, envelope, peer))
            }
            Self::Data => "DATA\r\n".to_owned(),
            Self::Bdat => String::new(),
        }
    }
}

/// `MAIL` with the parameters that the peer understands.
fn mail(envelope: &Envelope, size: u64, peer: &Capabilities) -> String {
    let mut command = format!("MAIL FROM:{}", envelope.reverse_path);
    let mut parameter = |text: &str| {
        command.push(' ');
        command.push_str(text);
    };
    if peer.offers(Extension::Size) {
        parameter(&format!("SIZE={size}"));
    }
    // Silence means 7BIT (RFC 6152 §2).
    if envelope.body == BodyType::EightBitMime {
        parameter("BODY=8BITMIME");
    }
    if is_in_utf8(envelope, peer) {
        parameter("SMTPUTF8");
    }
    // In clear `insecurity` was in the way; here it is never said without being offered.
    if envelope.tls_wish == TlsWish::Required && peer.offers(Extension::RequireTls) {
        parameter("REQUIRETLS");
    }
    if peer.offers(Extension::Dsn) {
        if let Some(ret) = envelope.ret {
            parameter(&format!("RET={}", ret.as_str()));
        }
        if let Some(id) = &envelope.envelope_id {
            parameter(&format!("ENVID={}", id.to_xtext()));
        }
    }
    command.push_str("\r\n");
    command
}

/// `RCPT` with the parameters that the peer understands.
fn rcpt(recipient: &Recipient, envelope: &Envelope, peer: &Capabilities) -> String {
    let mut command = format!("RCPT TO:{}", recipient.forward_path);
    if peer.offers(Extension::Dsn) {
        if let Some(notify) = recipient.notify {
            command.push_str(&format!(" NOTIFY={notify}"));
        }
        if let Some(original) = &recipient.original {
            let original = if original.is_utf8() && is_in_utf8(envelope, peer) {
                original.to_unitext()
            } else {
                original.to_xtext()
            };
            command.push_str(&format!(" ORCPT={original}"));
        }
    }
    command.push_str("\r\n");
    command
}

/// The outcomes that are known before a word is said.
pub(super) fn first_outcomes(
    envelope: &Envelope,
    size: u64,
    peer: &Capabilities,
    layer: Layer,
) -> Vec<Option<RecipientOutcome>> {
    let limit = peer.recipient_limit().map(|limit| limit as usize);
    let recipients = envelope.recipients.iter().enumerate();
    recipients
        .map(|(at, recipient)| {
            let too_many = limit.filter(|limit| at >= *limit).map(|limit| {
                let text = format!("the next hop takes {limit} recipients at a time");
                Reply::new(ReplyCode::INSUFFICIENT_STORAGE, text)
                    .with_status(EnhancedStatusCode::transient(5, 3))
            });
            insecurity(envelope, peer, layer)
                .or_else(|| obstacle(envelope, recipient, size, peer))
                .or(too_many)
                .map(RecipientOutcome::refused_by_us)
        })
        .collect()
}

/// Why a message that was received with REQUIRETLS must not leave over this connection. Both are
/// permanent: the sender asked to have it back (RFC 8689 §4.2.1). Whoever knows of further hosts
/// asks them first.
fn insecurity(envelope: &Envelope, peer: &Capabilities, layer: Layer) -> Option<Reply> {
    let (detail, text) = match (envelope.tls_wish, layer) {
        (TlsWish::Unstated | TlsWish::Waived, _) => return None,
        (TlsWish::Required, Layer::Clear) => (10, "REQUIRETLS: encryption needed"),
        (TlsWish::Required, Layer::Tls) => {
            if peer.offers(Extension::RequireTls) || envelope.reverse_path == ReversePath::Null {
                return None;
            }
            (30, "REQUIRETLS support required")
        }
    };
    let status = EnhancedStatusCode::permanent(7, detail);
    Some(Reply::new(ReplyCode::UNAVAILABLE, text).with_status(status))
}

/// Why the message cannot even be offered to the peer for `recipient`.
fn obstacle(
    envelope: &Envelope,
    recipient: &Recipient,
    size: u64,
    peer: &Capabilities,
) -> Option<Reply> {
    let says = |code, subject, detail, text: &str| {
        let status = EnhancedStatusCode::permanent(subject, detail);
        Some(Reply::new(code, text).with_status(status))
    };
    if needs_smtputf8(envelope, recipient) && !offers_all(peer, &UTF8) {
        return says(
            ReplyCode::UNAVAILABLE,
            6,
            7,
            "the next hop does not take internationalized mail (SMTPUTF8)",
        );
    }
    let text = match envelope.body {
        BodyType::EightBitMime if !peer.offers(Extension::EightBitMime) => {
            Some("the next hop does not take 8-bit content (8BITMIME)")
        }
        BodyType::BinaryMime => Some("content that is not made of lines is not relayed"),
        BodyType::SevenBit | BodyType::EightBitMime => None,
    };
    if let Some(text) = text {
        return says(ReplyCode::FAILED, 6, 3, text);
    }
    match peer.size_limit() {
        Some(limit) if size > limit => {
            let text = format!("{size} octets are more than the {limit} the next hop takes");
            says(ReplyCode::TOO_LARGE, 3, 4, &text)
        }
        Some(_) | None => None,
    }
}

/// Whether the transaction is one with SMTPUTF8.
fn is_in_utf8(envelope: &Envelope, peer: &Capabilities) -> bool {
    let mut recipients = envelope.recipients.iter();
    offers_all(peer, &UTF8) && recipients.any(|to| needs_smtputf8(envelope, to))
}

/// What SMTPUTF8 takes: RFC 6531 §3.1 has every server that offers it offer 8BITMIME too.
const UTF8: [Extension; 2] = [Extension::SmtpUtf8, Extension::EightBitMime];

fn offers_all(peer: &Capabilities, extensions: &[Extension]) -> bool {
    extensions.iter().all(|extension| peer.offers(*extension))
}

fn needs_smtputf8(envelope: &Envelope, recipient: &Recipient) -> bool {
    let needs = |mailbox: Option<&Mailbox>| mailbox.is_some_and(Mailbox::needs_smtputf8);
    envelope.smtputf8
        || needs(envelope.reverse_path.mailbox())
        || needs(recipient.forward_path.mailbox())
}
