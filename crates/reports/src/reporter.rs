//! Who reports, and the mail in which it is done.

use mail_builder::headers::content_type::ContentType;
use postern_mail::{
    BodyType, Domain, Envelope, ForwardPath, Mailbox, Notify, Recipient, ReversePath, TlsWish,
};
use xxhash_rust::xxh3::xxh3_64;

/// Who reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// The host, which is the *submitter* or *receiver* of the reports.
    pub hostname: Domain,
    /// What the organisation is called.
    pub organisation: String,
    /// Who answers for reports, in ASCII. They come from there, so its domain should be one that we sign
    /// for: a report must pass DMARC (RFC 9990 §3.5).
    pub contact: Mailbox,
}

/// A report as a message, ready to be signed and queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMail {
    /// From the contact. Nobody is told if it cannot be delivered: reports are many, and a
    /// broken `rua` is its owner's affair.
    pub envelope: Envelope,
    /// Header and parts: ASCII, in lines that end with CRLF.
    pub content: Vec<u8>,
}

impl Reporter {
    /// The `From` field. The organisation's name stands there only where it needs no encoding.
    pub(crate) fn from(&self) -> String {
        let name = self.organisation.trim();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c);
        match !name.is_empty() && name.len() <= 100 && name.chars().all(is_plain) {
            true => format!("{name} <{}>", self.contact),
            false => format!("<{}>", self.contact),
        }
    }

    /// The envelope of a report.
    pub(crate) fn envelope(&self, to: &[Mailbox], tls_wish: TlsWish) -> Envelope {
        let recipient = |mailbox: &Mailbox| Recipient {
            notify: Some(Notify::Never),
            ..Recipient::from(ForwardPath::from(mailbox.clone()))
        };
        Envelope {
            reverse_path: ReversePath::Mailbox(self.contact.clone()),
            recipients: to.iter().map(recipient).collect(),
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish,
        }
    }
}

/// A `To` field.
pub(crate) fn addresses(to: &[Mailbox]) -> String {
    let each: Vec<String> = to.iter().map(|mailbox| format!("<{mailbox}>")).collect();
    each.join(",\r\n ")
}

/// A multipart type whose boundary no part of ours contains: all of them are text of ours, or
/// encoded as base64, which has no underscore.
pub(crate) fn multipart(subtype: &str, id: &str) -> ContentType<'static> {
    ContentType::new(format!("multipart/{subtype}")).attribute("boundary", format!("=_{id}_"))
}

/// Tells messages apart that bring one report to several destinations.
pub(crate) fn digest(to: &[Mailbox]) -> String {
    format!("{:016x}", xxh3_64(addresses(to).as_bytes()))
}
