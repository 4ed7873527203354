//! Every reply that the core says of its own accord.

use postern_mail::{EnhancedStatusCode, PathError, Reply, ReplyCode, Severity};

use super::{Abandoned, Layer, RequireTls, ServerSettings, StartTls};
use crate::{
    command::{CommandError, Verb},
    framing::Impurity,
};

const fn ok(subject: u16, detail: u16) -> EnhancedStatusCode {
    EnhancedStatusCode::success(subject, detail)
}

const fn permanent(subject: u16, detail: u16) -> EnhancedStatusCode {
    EnhancedStatusCode::permanent(subject, detail)
}

const fn transient(subject: u16, detail: u16) -> EnhancedStatusCode {
    EnhancedStatusCode::transient(subject, detail)
}

fn reply(code: ReplyCode, status: EnhancedStatusCode, text: impl AsRef<str>) -> Reply {
    Reply::new(code, text).with_status(status)
}

/// The greeting, which carries no enhanced status code (RFC 2034 §4).
pub(super) fn greeting(settings: &ServerSettings) -> Reply {
    Reply::new(ReplyCode::READY, format!("{} ESMTP", settings.hostname))
}

/// The reply to HELO, without enhanced status code (RFC 2034 §4).
pub(super) fn helo(settings: &ServerSettings) -> Reply {
    Reply::new(ReplyCode::OK, settings.hostname.as_str())
}

/// The reply to EHLO (RFC 5321 §4.1.1.1), without enhanced status code (RFC 2034 §4).
///
/// STARTTLS is never listed once TLS is there (RFC 3207 §4.2), REQUIRETLS never before
/// (RFC 8689 §2). BINARYMIME is not listed: who takes such content must be able to deliver it,
/// and most next hops do not offer it.
pub(super) fn ehlo(settings: &ServerSettings, layer: Layer) -> Reply {
    let greeting = helo(settings)
        .with_line("PIPELINING")
        .with_line(format!("LIMITS RCPTMAX={}", settings.limits.recipients))
        .with_line(format!("SIZE {}", settings.limits.content));
    let offered = match (layer, settings.starttls, settings.requiretls) {
        (Layer::Plain, StartTls::Offered | StartTls::Required, _) => greeting.with_line("STARTTLS"),
        (Layer::Tls, _, RequireTls::Offered) => greeting.with_line("REQUIRETLS"),
        (Layer::Plain, StartTls::NotOffered, _) | (Layer::Tls, _, RequireTls::NotOffered) => {
            greeting
        }
    };
    [
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "ENHANCEDSTATUSCODES",
        "DSN",
        "HELP",
    ]
    .into_iter()
    .fold(offered, Reply::with_line)
}

pub(super) fn ready_for_tls() -> Reply {
    reply(ReplyCode::READY, ok(0, 0), "Ready to start TLS")
}

/// What HELP says (RFC 5321 §4.1.1.8).
pub(super) fn help() -> Reply {
    [
        Verb::Helo,
        Verb::StartTls,
        Verb::Mail,
        Verb::Rcpt,
        Verb::Data,
        Verb::Bdat,
        Verb::Rset,
        Verb::Noop,
        Verb::Vrfy,
        Verb::Help,
        Verb::Quit,
    ]
    .into_iter()
    .map(Verb::usage)
    .fold(
        reply(ReplyCode::HELP, ok(0, 0), Verb::Ehlo.usage()),
        Reply::with_line,
    )
}

pub(super) fn done() -> Reply {
    reply(ReplyCode::OK, ok(0, 0), "Ok")
}

pub(super) fn goodbye() -> Reply {
    reply(ReplyCode::CLOSING, ok(0, 0), "Bye")
}

/// VRFY tells nothing (RFC 5321 §3.5.3, §7.3).
pub(super) fn cannot_verify() -> Reply {
    reply(
        ReplyCode::CANNOT_VERIFY,
        ok(0, 0),
        "Send some mail, it will be tried",
    )
}

pub(super) fn not_expanded() -> Reply {
    reply(
        ReplyCode::NOT_IMPLEMENTED,
        permanent(5, 1),
        "EXPN is not offered",
    )
}

pub(super) fn sender_accepted(text: &str) -> Reply {
    reply(ReplyCode::OK, ok(1, 0), or(text, "Sender ok"))
}

pub(super) fn recipient_accepted(text: &str) -> Reply {
    reply(ReplyCode::OK, ok(1, 5), or(text, "Recipient ok"))
}

/// 354 is intermediate and carries no enhanced status code (RFC 2034 §4).
pub(super) fn send_content() -> Reply {
    Reply::new(ReplyCode::START_CONTENT, "End with <CRLF>.<CRLF>")
}

pub(super) fn chunk_received(size: u64) -> Reply {
    reply(ReplyCode::OK, ok(0, 0), format!("{size} octets received"))
}

pub(super) fn message_accepted(text: &str) -> Reply {
    reply(ReplyCode::OK, ok(0, 0), or(text, "Message accepted"))
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// A command that is not due (RFC 5321 §4.1.4).
pub(super) fn bad_sequence(text: &str) -> Reply {
    reply(ReplyCode::BAD_SEQUENCE, permanent(5, 1), text)
}

pub(super) fn no_valid_recipients() -> Reply {
    reply(ReplyCode::FAILED, permanent(5, 1), "No valid recipients")
}

pub(super) fn starttls_first() -> Reply {
    reply(
        ReplyCode::STARTTLS_FIRST,
        permanent(7, 0),
        "Must issue a STARTTLS command first",
    )
}

/// 5.7.10 is "Encryption needed" (RFC 8689 §4.2.1 names it for the other direction).
pub(super) fn requiretls_in_clear() -> Reply {
    reply(
        ReplyCode::STARTTLS_FIRST,
        permanent(7, 10),
        "REQUIRETLS needs TLS on this connection too",
    )
}

pub(super) fn starttls_not_offered() -> Reply {
    reply(
        ReplyCode::NOT_IMPLEMENTED,
        permanent(5, 1),
        "STARTTLS is not offered",
    )
}

/// RFC 5321 §4.5.3.1.10.
pub(super) fn too_many_recipients() -> Reply {
    reply(
        ReplyCode::INSUFFICIENT_STORAGE,
        transient(5, 3),
        "Too many recipients for one message, send the rest in another",
    )
}

/// RFC 1870 §6.1, §6.3.
pub(super) fn too_large() -> Reply {
    reply(
        ReplyCode::TOO_LARGE,
        permanent(3, 4),
        "Message is larger than SIZE allows",
    )
}

pub(super) fn line_too_long() -> Reply {
    reply(ReplyCode::UNRECOGNISED, permanent(5, 2), "Line too long")
}

pub(super) fn bare_line_feed() -> Reply {
    reply(
        ReplyCode::UNRECOGNISED,
        permanent(5, 2),
        "Lines end with CRLF, not with LF alone",
    )
}

pub(super) fn not_a_web_server() -> Reply {
    reply(ReplyCode::FAILED, permanent(5, 1), "This is SMTP, not HTTP")
}

pub(super) fn early_talker() -> Reply {
    reply(
        ReplyCode::FAILED,
        permanent(5, 1),
        "Wait for the greeting before you speak",
    )
}

pub(super) fn pipelined_behind_starttls() -> Reply {
    reply(
        ReplyCode::FAILED,
        permanent(5, 0),
        "Nothing may follow STARTTLS",
    )
}

pub(super) fn too_slow() -> Reply {
    reply(ReplyCode::NOT_AVAILABLE, transient(4, 2), "Waited too long")
}

pub(super) fn too_much(text: &str) -> Reply {
    reply(ReplyCode::NOT_AVAILABLE, transient(7, 0), text)
}

pub(super) fn shutting_down() -> Reply {
    reply(
        ReplyCode::NOT_AVAILABLE,
        transient(3, 2),
        "Shutting down, try again later",
    )
}

pub(super) fn local_error() -> Reply {
    reply(
        ReplyCode::LOCAL_ERROR,
        transient(3, 0),
        "Local error, try again later",
    )
}

/// The reply as a refusal: what is no refusal becomes 451.
pub(super) fn refusing(reply: Reply) -> Reply {
    match reply.severity() {
        Severity::TransientNegative | Severity::PermanentNegative => reply,
        Severity::PositiveCompletion | Severity::PositiveIntermediate => local_error(),
    }
}

impl From<Impurity> for Abandoned {
    fn from(impurity: Impurity) -> Self {
        match impurity {
            Impurity::BareCarriageReturn => Self::BareCarriageReturn,
            Impurity::BareLineFeed => Self::BareLineFeed,
            Impurity::Nul => Self::Nul,
        }
    }
}

/// The reply to content that cannot be accepted.
pub(super) fn abandoned(why: Abandoned) -> Reply {
    match why {
        Abandoned::BareCarriageReturn | Abandoned::BareLineFeed | Abandoned::Nul => reply(
            ReplyCode::UNAVAILABLE,
            permanent(6, 0),
            sentence(&why.to_string()),
        ),
        Abandoned::TooLarge => too_large(),
        Abandoned::Reset => bad_sequence("The transaction was reset"),
    }
}

/// The reply to a line that is not a command that can be carried out.
pub(super) fn command_error(why: &CommandError) -> Reply {
    let (code, status) = match why {
        CommandError::Octets | CommandError::Keyword(_) => {
            (ReplyCode::BAD_PARAMETERS, permanent(5, 2))
        }
        CommandError::Path(_, PathError::OpeningBracket | PathError::ClosingBracket) => {
            (ReplyCode::BAD_PARAMETERS, permanent(5, 2))
        }
        CommandError::Path(Verb::Mail, PathError::Mailbox(_) | PathError::SourceRoute) => {
            (ReplyCode::BAD_PARAMETERS, permanent(1, 7))
        }
        CommandError::Path(_, PathError::Mailbox(_) | PathError::SourceRoute) => {
            (ReplyCode::BAD_PARAMETERS, permanent(1, 3))
        }
        CommandError::Unrecognised => (ReplyCode::UNRECOGNISED, permanent(5, 1)),
        CommandError::Argument(_)
        | CommandError::NoArgument(_)
        | CommandError::Name(_)
        | CommandError::Parameter
        | CommandError::Duplicate(_)
        | CommandError::Value(_)
        | CommandError::Dsn(_, _)
        | CommandError::Chunk => (ReplyCode::BAD_PARAMETERS, permanent(5, 4)),
        CommandError::ParameterNotRecognised | CommandError::BinaryMime => {
            (ReplyCode::PARAMETERS_NOT_RECOGNISED, permanent(5, 4))
        }
        // RFC 6531 §3.4, §3.5.
        CommandError::NeedsSmtputf8 => (ReplyCode::NAME_NOT_ALLOWED, permanent(6, 7)),
    };
    reply(code, status, sentence(&why.to_string()))
}

/// Error texts begin in lower case, so that they can be joined; a reply stands alone.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
