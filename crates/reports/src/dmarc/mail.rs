//! The mail around an aggregate report (RFC 9990 §3.5.2).

use std::time::SystemTime;

use mail_builder::{MessageBuilder, headers::raw::Raw, mime::MimePart};
use postern_mail::{Mailbox, TlsWish};

use super::report::AggregateReport;
use crate::{ReportMail, Reporter, fields::date, reporter};

pub(super) fn mail(
    report: &AggregateReport,
    reporter: &Reporter,
    to: &[Mailbox],
    now: SystemTime,
) -> ReportMail {
    let id = &report.metadata.report_id;
    let domain = &report.policy_domain;
    let host = &reporter.hostname;
    let text = format!(
        "This is a DMARC aggregate report about mail that bore the name of\r\n\
         {domain}, from {host}.\r\n\
         \r\n\
         Report-ID: {id}\r\n"
    );
    let file =
        MimePart::new("application/gzip", report.to_gzip()).attachment(report.file_name(reporter));
    let kind = reporter::multipart("mixed", id);
    let message = MessageBuilder::new()
        .date(date(now))
        .header("From", Raw::new(reporter.from()))
        .header("To", Raw::new(reporter::addresses(to)))
        .header(
            "Subject",
            Raw::new(format!(
                "Report Domain: {domain}\r\n Submitter: {host}\r\n Report-ID: <{id}>"
            )),
        )
        .message_id(format!("{id}.{}@{host}", reporter::digest(to)))
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header("MIME-Version", Raw::new("1.0"))
        .body(MimePart::new(
            kind,
            vec![MimePart::new("text/plain", text), file],
        ));
    let mut content = Vec::new();
    message.serialize(&mut content);
    ReportMail {
        envelope: reporter.envelope(to, TlsWish::Unstated),
        content,
    }
}
