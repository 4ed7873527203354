//! Finding the report in a mail, and reading it.

use std::fmt;

use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};
use postern_mail::Foreign;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    ReceivedMail, ReceivedReport, Report, aggregate, bounds, failure,
    unpack::{Unpacked, unpack},
};
use crate::{
    journal::{day::whole_second, text::shown},
    tlsrpt::{self, TlsReportFile},
};

/// The most parts of a mail that are looked at.
const MOST_PARTS: usize = 20;

/// Why a mail is not a report that is kept. What others wrote is escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAReport {
    /// There is none in it.
    #[error("there is no report in it")]
    None,
    /// It is larger than any report should be.
    #[error("it is too large")]
    TooLarge,
    /// It is made to be a burden.
    #[error("{0}")]
    Trap(&'static str),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Broken(String),
}

impl NotAReport {
    pub(super) fn broken(error: &impl fmt::Display) -> Self {
        Self::Broken(Foreign::new(&error.to_string()).to_string())
    }
}

/// Reads the report in a mail: the first one that can be read.
///
/// # Errors
/// Says why there is none: of the part that came nearest to one.
pub fn read(mail: &ReceivedMail<'_>) -> Result<ReceivedReport, NotAReport> {
    bounds::check_mail(mail.content)?;
    let message = MessageParser::new()
        .parse(mail.content)
        .ok_or(NotAReport::None)?;
    let mut nearest = NotAReport::None;
    for part in message.parts.iter().take(MOST_PARTS) {
        match read_part(part) {
            Ok((report, rows_left_out)) => return Ok(received(mail, report, rows_left_out)),
            Err(NotAReport::None) => {}
            Err(error) => nearest = error,
        }
    }
    Err(nearest)
}

fn read_part(part: &MessagePart<'_>) -> Result<(Report, usize), NotAReport> {
    let octets = match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.as_bytes(),
        PartType::Binary(octets) | PartType::InlineBinary(octets) => octets,
        PartType::Message(_) | PartType::Multipart(_) => return Err(NotAReport::None),
    };
    if part.is_content_type("message", "feedback-report") {
        let facts = failure::parse(octets).ok_or(NotAReport::None)?;
        return Ok((Report::Failure(facts), 0));
    }
    match unpack(octets)? {
        Unpacked::Xml(xml) => read_xml(&xml),
        Unpacked::Json(json) => Ok((Report::Tls(read_json(&json)?), 0)),
        Unpacked::Neither => Err(NotAReport::None),
    }
}

pub(super) fn read_xml(xml: &[u8]) -> Result<(Report, usize), NotAReport> {
    bounds::check_xml(xml)?;
    let theirs = mail_auth::report::Report::parse_xml(xml);
    let theirs = theirs.map_err(|error| NotAReport::broken(&error))?;
    let (report, rows_left_out) = aggregate::report(&theirs);
    Ok((Report::Dmarc(report), rows_left_out))
}

fn read_json(json: &[u8]) -> Result<TlsReportFile, NotAReport> {
    bounds::check_json(json)?;
    let mut report = tlsrpt::parse(json).map_err(|error| NotAReport::broken(&error))?;
    cut(&mut report);
    Ok(report)
}

/// Escapes and cuts all texts.
fn cut(report: &mut TlsReportFile) {
    let one = |text: &mut String| *text = shown(text);
    one(&mut report.organization_name);
    one(&mut report.contact_info);
    one(&mut report.report_id);
    for policy in &mut report.policies {
        one(&mut policy.policy.policy_type);
        one(&mut policy.policy.policy_domain);
        policy.policy.policy_string.iter_mut().for_each(one);
        policy.policy.mx_host.iter_mut().for_each(one);
        for details in &mut policy.failure_details {
            one(&mut details.result_type);
            let optional = [
                &mut details.sending_mta_ip,
                &mut details.receiving_mx_hostname,
                &mut details.receiving_mx_helo,
                &mut details.receiving_ip,
                &mut details.additional_information,
                &mut details.failure_reason_code,
            ];
            optional.into_iter().flatten().for_each(one);
        }
    }
}

fn received(mail: &ReceivedMail<'_>, report: Report, rows_left_out: usize) -> ReceivedReport {
    ReceivedReport {
        id: id(mail, &report),
        received_at: whole_second(mail.received_at),
        author: mail.author.clone(),
        proof: mail.proof,
        rows_left_out,
        report,
    }
}

/// The same for the same report of the same sender. Who sent it counts: otherwise a stranger
/// could keep a report out by sending another one with its name first.
fn id(mail: &ReceivedMail<'_>, report: &Report) -> String {
    let author = mail.author.as_ref().map_or("", |it| it.as_str());
    let name = match report {
        Report::Dmarc(it) => {
            let metadata = &it.metadata;
            format!("dmarc {} {}", metadata.org_name, metadata.report_id)
        }
        Report::Tls(it) => format!("tls {} {}", it.organization_name, it.report_id),
        // A failure report has no name; what it says makes it.
        Report::Failure(it) => format!("failure {it:?}"),
    };
    let digest = xxh3_64(format!("{} {author} {name}", mail.proof).as_bytes());
    format!("{digest:016x}")
}
