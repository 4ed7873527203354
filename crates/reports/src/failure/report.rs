//! One failure report.

use std::{net::IpAddr, time::SystemTime};

use mail_builder::{
    MessageBuilder,
    headers::raw::Raw,
    mime::{BodyPart, MimePart},
};
use postern_mail::{Domain, Mailbox, ReversePath, TlsWish};
use xxhash_rust::xxh3::xxh3_128;

use super::redacted;
use crate::{ReportMail, Reporter, ascii::printable, fields::date, journal::word::words, reporter};

words! {
    /// What became of the message (RFC 6591 §3.2.2).
    DeliveryResult, not = "a delivery result" {
        /// It was delivered, or will be.
        Delivered = "delivered",
        /// It was treated as suspicious.
        Spam = "spam",
        /// It was not delivered because of a policy.
        Policy = "policy",
        /// It was refused.
        Reject = "reject",
        /// Something else.
        Other = "other",
    }
}

/// A message that failed DMARC, or of which a mechanism did.
#[derive(Debug, Clone)]
pub struct FailedMail<'a> {
    /// When it came.
    pub at: SystemTime,
    /// Where the DMARC record was found.
    pub policy_domain: &'a Domain,
    /// The Author Domain.
    pub author: &'a Domain,
    /// The `fo` of the record; without it, `0`.
    pub fo: Option<&'a str>,
    /// Whether the record says that its domain is a public suffix.
    pub psd: bool,
    /// Who sent the message.
    pub source_ip: IpAddr,
    /// Its reverse-path.
    pub reverse_path: &'a ReversePath,
    /// Whether SPF yielded an aligned identifier.
    pub spf_aligned: bool,
    /// Whether SPF failed, aligned or not.
    pub spf_failed: bool,
    /// The TXT record of SPF, if it is at hand.
    pub spf_record: Option<&'a str>,
    /// Whether DKIM yielded an aligned identifier.
    pub dkim_aligned: bool,
    /// A signature that failed: an aligned one, where there is one.
    pub failed_signature: Option<FailedSignature<'a>>,
    /// What became of the message.
    pub delivery_result: DeliveryResult,
    /// The value of our Authentication-Results field about it.
    pub authentication_results: &'a str,
    /// The message, or its start with the whole header.
    pub content: &'a [u8],
}

/// A signature that failed.
#[derive(Debug, Clone, Copy)]
pub struct FailedSignature<'a> {
    /// Its `d=`.
    pub domain: &'a str,
    /// Its `s=`.
    pub selector: &'a str,
    /// Its `i=`, where it has one.
    pub identity: Option<&'a str>,
}

impl FailedMail<'_> {
    /// Whether the record asks for a report about this (`fo`, RFC 9989 §4.7), and may.
    pub(super) fn is_asked_for(&self) -> bool {
        let asks = |option: &str| match option.trim() {
            "0" => !self.spf_aligned && !self.dkim_aligned,
            "1" => !self.spf_aligned || !self.dkim_aligned,
            "d" => self.failed_signature.is_some(),
            "s" => self.spf_failed,
            _ => false,
        };
        !self.psd && self.fo.unwrap_or("0").split(':').any(asks)
    }

    /// The mechanisms that yielded no aligned identifier (RFC 9991 §4).
    fn alignment(&self) -> &'static str {
        match (self.dkim_aligned, self.spf_aligned) {
            (false, false) => "dkim, spf",
            (false, true) => "dkim",
            (true, false) => "spf",
            (true, true) => "none",
        }
    }
}

/// The part that programs read.
fn fields(reporter: &Reporter, mail: &FailedMail<'_>) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        let value = printable(value);
        let value = value.trim();
        if !value.is_empty() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    };
    field("Feedback-Type", "auth-failure");
    field("User-Agent", concat!("Postern/", env!("CARGO_PKG_VERSION")));
    field("Version", "1");
    field("Auth-Failure", "dmarc");
    field("Authentication-Results", mail.authentication_results);
    field("Identity-Alignment", mail.alignment());
    field("Delivery-Result", mail.delivery_result.as_str());
    field("Arrival-Date", &date(mail.at).to_rfc822());
    field("Source-IP", &mail.source_ip.to_string());
    field("Reported-Domain", mail.author.as_str());
    field("Reporting-MTA", &format!("dns; {}", reporter.hostname));
    field("Original-Mail-From", &original_mail_from(mail));
    if let Some(signature) = mail.failed_signature {
        field("DKIM-Domain", signature.domain);
        field("DKIM-Identity", &identity(signature, mail));
        field("DKIM-Selector", signature.selector);
    }
    if let Some(record) = mail.spf_record {
        field(
            "SPF-DNS",
            &format!("txt : {} : \"{record}\"", spf_domain(mail)),
        );
    }
    text
}

/// The reverse-path, whose local-part is shown where it is the domain's own.
fn original_mail_from(mail: &FailedMail<'_>) -> String {
    match mail.reverse_path.mailbox() {
        None => "<>".to_owned(),
        Some(mailbox) => match mailbox.domain() {
            Some(it) if it == mail.policy_domain || it.is_below(mail.policy_domain) => {
                mailbox.to_string()
            }
            Some(_) | None => format!("redacted@{}", mailbox.host()),
        },
    }
}

fn spf_domain(mail: &FailedMail<'_>) -> String {
    let domain = mail.reverse_path.domain();
    domain.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

/// The signer, without a local-part that is somebody else's.
fn identity(signature: FailedSignature<'_>, mail: &FailedMail<'_>) -> String {
    let identity = signature.identity.unwrap_or_default();
    match identity.rsplit_once('@') {
        Some((_, domain)) if domain.eq_ignore_ascii_case(mail.author.as_str()) => {
            identity.to_owned()
        }
        Some((_, domain)) => format!("@{domain}"),
        None => format!("@{}", signature.domain),
    }
}

pub(super) fn mail(reporter: &Reporter, mail: &FailedMail<'_>, to: &[Mailbox]) -> ReportMail {
    let host = &reporter.hostname;
    let author = mail.author;
    let words = format!(
        "This is an authentication failure report about a message that bore the\r\n\
         name of {author}, and came to {host} from {}.\r\n",
        mail.source_ip
    );
    let fields = fields(reporter, mail);
    let returned = redacted::header(mail.content, mail.policy_domain);
    let id = format!(
        "{:032x}",
        xxh3_128([&*fields, &*returned].concat().as_bytes())
    );
    let kind = reporter::multipart("report", &id).attribute("report-type", "feedback-report");
    let part = |kind: &'static str, text: String| {
        MimePart::new(kind, BodyPart::Binary(text.into_bytes().into())).transfer_encoding("7bit")
    };
    let message = MessageBuilder::new()
        .date(date(mail.at))
        .header("From", Raw::new(reporter.from()))
        .header("To", Raw::new(reporter::addresses(to)))
        .header(
            "Subject",
            Raw::new(format!("DMARC failure report\r\n about {author}")),
        )
        .message_id(format!("{id}.{}@{host}", reporter::digest(to)))
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header("MIME-Version", Raw::new("1.0"))
        .body(MimePart::new(
            kind,
            vec![
                part("text/plain", words),
                part("message/feedback-report", fields),
                part("text/rfc822-headers", returned),
            ],
        ));
    let mut content = Vec::new();
    message.serialize(&mut content);
    ReportMail {
        envelope: reporter.envelope(to, TlsWish::Unstated),
        content,
    }
}
