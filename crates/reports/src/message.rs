//! The notice as a message: its envelope, its header, and its parts.

use mail_builder::{
    MessageBuilder,
    headers::{address::Address, content_type::ContentType, raw::Raw},
    mime::{BodyPart, MimePart},
};
use postern_mail::{
    BodyType, Envelope, ForwardPath, Mailbox, Notify, Recipient, ReversePath, TlsWish, header,
};

use crate::{
    Content, Facts, RecipientFact,
    ascii::Script,
    fields::{date, delivery_status},
    returned::Returned,
    words,
};

/// A notice, ready for the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// From nobody, to the sender of the message, without wishes of its own (RFC 3461 §6.1).
    pub envelope: Envelope,
    /// Header and parts: lines of at most 998 octets that end with CRLF; in ASCII, unless only
    /// SMTPUTF8 leads to the sender anyway.
    pub content: Vec<u8>,
}

/// Writes the notice to the sender about `recipients`, unless nobody is to be told: because the
/// reverse-path is null (RFC 5321 §4.5.5), or because the sender asked to hear of none of this
/// (RFC 3461 §4.1). A sender who asked for nothing hears of failures and delays.
///
/// Recipients whose news the sender does not want are left out; the others are all told of in
/// the one notice.
pub fn notice(facts: &Facts<'_>, recipients: &[RecipientFact<'_>]) -> Option<Notice> {
    let sender = facts.envelope.reverse_path.mailbox()?;
    let told: Vec<_> = recipients
        .iter()
        .filter(|fact| fact.is_asked_for())
        .copied()
        .collect();
    if told.is_empty() {
        return None;
    }
    let content = content_for(sender, facts, &told);
    let body = if content.is_ascii() {
        BodyType::SevenBit
    } else {
        BodyType::EightBitMime
    };
    Some(Notice {
        envelope: envelope_to(sender, body, facts.envelope.tls_wish),
        content,
    })
}

/// What the way back to the sender takes. Whoever has a mailbox that is not ASCII has hosts that
/// take SMTPUTF8, and no others lead to it. Of the hosts of all others nothing is known, even
/// where the message came with SMTPUTF8: a notice that needs it might not arrive, and there is
/// nobody to be told of that.
fn script_for(sender: &Mailbox) -> Script {
    if sender.needs_smtputf8() {
        Script::Unicode
    } else {
        Script::Ascii
    }
}

/// A notice holds the header of its message and what is known of its way, so it wants of TLS what
/// the message wanted: REQUIRETLS is obeyed (RFC 8689 §5), and a sender who lets TLS fail for the
/// message does so for what is said of it (RFC 8689 §6).
fn envelope_to(sender: &Mailbox, body: BodyType, tls_wish: TlsWish) -> Envelope {
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: vec![Recipient {
            notify: Some(Notify::Never),
            ..Recipient::from(ForwardPath::from(sender.clone()))
        }],
        body,
        smtputf8: sender.needs_smtputf8(),
        ret: None,
        envelope_id: None,
        tls_wish,
    }
}

fn content_for(sender: &Mailbox, facts: &Facts<'_>, told: &[RecipientFact<'_>]) -> Vec<u8> {
    let words = words::text(facts, told);
    let script = script_for(sender);
    let fields = delivery_status(facts, told, script);
    let returned = Returned::choose(facts, script);
    let name = unique_name(facts, told);
    let boundary = boundary(
        &name,
        &[words.as_bytes(), fields.as_bytes(), returned.octets()],
    );

    // RFC 6522 §3: the type of the report is the subtype of its second part.
    let (report, encoding) = if fields.is_ascii() {
        ("delivery-status", "7bit")
    } else {
        ("global-delivery-status", "8bit")
    };
    let kind = ContentType::new("multipart/report")
        .attribute("report-type", report)
        .attribute("boundary", boundary);
    let mut parts = vec![
        MimePart::new("text/plain", words).header("Content-Description", Raw::new("Report")),
        MimePart::new(
            format!("message/{report}"),
            BodyPart::Binary(fields.into_bytes().into()),
        )
        .header("Content-Description", Raw::new("Report for programs"))
        .transfer_encoding(encoding),
    ];
    parts.extend(returned.into_part());

    let mut message = MessageBuilder::new()
        .date(date(facts.now))
        .from(Address::new_address(
            Some("Mail Delivery System"),
            format!("postmaster@{}", facts.reporter),
        ))
        .header("To", Raw::new(format!("<{sender}>")))
        .subject(words::subject(told))
        .message_id(format!("{name}@{}", facts.reporter));
    if let Some(original) = message_id(facts.content) {
        message = message.in_reply_to(original).references(original);
    }
    match facts.envelope.tls_wish {
        TlsWish::Unstated | TlsWish::Required => {}
        // The envelope says it to our queue, the field to the hosts behind it (RFC 8689 §3).
        TlsWish::Waived => message = message.header("TLS-Required", Raw::new("No")),
    }
    let message = message
        .header("Auto-Submitted", Raw::new("auto-replied"))
        .header("MIME-Version", Raw::new("1.0"))
        .body(MimePart::new(kind, parts));
    let mut content = Vec::new();
    message.serialize(&mut content);
    content
}

/// A name that no other notice has: two notices about one message, made in one millisecond, are
/// about different recipients.
fn unique_name(facts: &Facts<'_>, told: &[RecipientFact<'_>]) -> String {
    let since = facts.now.duration_since(std::time::SystemTime::UNIX_EPOCH);
    let milliseconds = since.map_or(0, |elapsed| elapsed.as_millis());
    let first = told.first().and_then(|fact| {
        let mut recipients = facts.envelope.recipients.iter();
        recipients.position(|recipient| recipient == fact.recipient)
    });
    format!("{}.{milliseconds}.{}", facts.id, first.unwrap_or_default())
}

/// A boundary that occurs in no part. Whoever wrote the message may have guessed the name, and
/// put in a boundary of his own to make a part of the notice end early.
fn boundary(name: &str, parts: &[&[u8]]) -> String {
    let occurs = |boundary: &str| {
        let wanted = boundary.as_bytes();
        parts
            .iter()
            .any(|part| part.windows(wanted.len()).any(|window| window == wanted))
    };
    let mut number = 0;
    loop {
        let boundary = format!("=_{name}_{number}");
        if !occurs(&boundary) {
            return boundary;
        }
        number += 1;
    }
}

/// The message's own id, where it has one that can be repeated as it stands.
fn message_id(content: Content<'_>) -> Option<&str> {
    /// Longer ones do not fit a line together with the field's name.
    const LONGEST: usize = 250;
    let (Content::Whole(octets) | Content::Start(octets)) = content;
    let field = header::fields(octets).find(|field| field.is("Message-ID"))?;
    let id = std::str::from_utf8(field.value()).ok()?;
    let id = id.strip_prefix('<')?.strip_suffix('>')?;
    let stands = |c: char| c.is_ascii_graphic() && !"<>()\\\"".contains(c);
    (id.contains('@') && id.len() <= LONGEST && id.chars().all(stands)).then_some(id)
}
