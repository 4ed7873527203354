//! The mail around a TLS report (RFC 8460 §5.3).

use std::time::SystemTime;

use mail_builder::{MessageBuilder, headers::raw::Raw, mime::MimePart};
use postern_mail::{Mailbox, TlsWish};

use super::{GZIP, TlsReportFile};
use crate::{ReportMail, Reporter, fields::date, reporter};

pub(super) fn mail(
    report: &TlsReportFile,
    reporter: &Reporter,
    domain: &str,
    to: &[Mailbox],
    now: SystemTime,
) -> ReportMail {
    let id = &report.report_id;
    let host = &reporter.hostname;
    let text = format!(
        "This is a report about TLS in SMTP sessions with the hosts of\r\n\
         {domain}, from {host}.\r\n\
         \r\n\
         Report-ID: {id}\r\n"
    );
    let file = MimePart::new(GZIP, report.to_gzip()).attachment(report.file_name(reporter, domain));
    let kind = reporter::multipart("report", id).attribute("report-type", "tlsrpt");
    let subject = format!("Report Domain: {domain}\r\n Submitter: {host}\r\n Report-ID: <{id}>");
    let message = MessageBuilder::new()
        .date(date(now))
        .header("From", Raw::new(reporter.from()))
        .header("To", Raw::new(reporter::addresses(to)))
        .header("Subject", Raw::new(subject))
        .header("TLS-Report-Domain", Raw::new(domain.to_owned()))
        .header("TLS-Report-Submitter", Raw::new(host.to_string()))
        .header("TLS-Required", Raw::new("No"))
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
        envelope: reporter.envelope(to, TlsWish::Waived),
        content,
    }
}
