//! Failure reports (RFC 9991): single messages, told to the domains whose names they bore, where
//! the operator wants that.
//!
//! Reception does not wait for it. What it takes is copied, and a task asks the DNS where the
//! report may go; at most [`AT_ONCE`] do so, and what comes meanwhile is not reported.

use std::sync::Arc;

use bytes::Bytes;
use postern_authentication::{
    AuthenticationResults, DkimResult, DmarcRecordFacts, DmarcResult, SpfResult, Verdict,
};
use postern_dns::Dns;
use postern_inbound::{Done, JudgedMail};
use postern_mail::{Domain, ReversePath, header};
use postern_reports::{
    destination::{ReportTag, dmarc_destinations},
    failure::{DeliveryResult, FailedMail, FailedSignature, FailureReports},
    sending::Courier as _,
};
use tokio::sync::Semaphore;

use super::courier::Courier;

/// How many reports are made at a time.
const AT_ONCE: usize = 8;

/// The most octets of a header that is copied. What a report shows of it takes less.
const MOST_HEADER: usize = 64 * 1024;

/// Makes failure reports, under one configuration.
#[derive(Debug)]
pub(super) struct Failures {
    pub(super) reports: FailureReports,
    pub(super) authserv_id: String,
    pub(super) dns: Arc<dyn Dns>,
    pub(super) courier: Arc<Courier>,
    slots: Arc<Semaphore>,
}

/// All that a report is made of.
#[derive(Debug)]
struct Case {
    verdict: Verdict,
    record: DmarcRecordFacts,
    author: Domain,
    fo: Option<String>,
    reverse_path: ReversePath,
    delivery_result: DeliveryResult,
    at: std::time::SystemTime,
    results: String,
    header: Bytes,
}

impl Failures {
    pub(super) fn new(
        reports: FailureReports,
        authserv_id: String,
        dns: Arc<dyn Dns>,
        courier: Arc<Courier>,
    ) -> Self {
        Self {
            reports,
            authserv_id,
            dns,
            courier,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The work of reporting this message, if it is to be reported.
    pub(super) fn report(
        self: &Arc<Self>,
        mail: &JudgedMail<'_>,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let case = self.case(mail)?;
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        if !self.reports.admits(&case.mail()) {
            return None;
        }
        let this = Arc::clone(self);
        Some(async move {
            this.send(&case).await;
            drop(slot);
        })
    }

    /// Nothing where nobody wants to know, and where nothing is known. Nothing of what is a failure
    /// report itself: two who report each other's reports would never end (RFC 5965 §2 has them
    /// sent so that no other follows).
    fn case(&self, mail: &JudgedMail<'_>) -> Option<Case> {
        let verdict = mail.verdict;
        let record = verdict.dmarc.record.as_ref()?;
        let known = matches!(verdict.dmarc.result, DmarcResult::Pass | DmarcResult::Fail);
        let is_of_interest = known && mail.done != Done::PutOff && !is_report(mail.header);
        if record.ruf.is_empty() || !is_of_interest {
            return None;
        }
        let fo: Vec<_> = record.fo.iter().map(|it| it.letter().to_string()).collect();
        let field = AuthenticationResults::new(&self.authserv_id, verdict).field();
        let header = mail.header.get(..MOST_HEADER).unwrap_or(mail.header);
        Some(Case {
            author: verdict.author.domain()?.clone(),
            fo: (!fo.is_empty()).then(|| fo.join(":")),
            reverse_path: mail.reverse_path.clone(),
            delivery_result: match mail.done {
                Done::Taken | Done::LetBe(_) => DeliveryResult::Delivered,
                Done::Quarantined => DeliveryResult::Spam,
                Done::Refused => DeliveryResult::Reject,
                Done::PutOff => DeliveryResult::Other,
            },
            at: mail.at,
            results: value_of(&field),
            header: Bytes::copy_from_slice(header),
            record: record.clone(),
            verdict: verdict.clone(),
        })
    }

    async fn send(&self, case: &Case) {
        let (dns, domain) = (&*self.dns, &case.record.domain);
        let found = dmarc_destinations(dns, domain, &case.record.ruf, ReportTag::Ruf).await;
        for to in &found.mailboxes {
            let report = self.reports.mail(&case.mail(), std::slice::from_ref(to));
            match self.courier.submit(report).await {
                Ok(()) => tracing::info!(%domain, "a failure report was sent"),
                Err(error) => tracing::warn!(%domain, %error, "a failure report cannot be sent"),
            }
        }
    }
}

impl Case {
    fn mail(&self) -> FailedMail<'_> {
        let verdict = &self.verdict;
        let failed = |it: &&postern_authentication::DkimOutcome| it.result != DkimResult::Pass;
        let signature = verdict.dkim.iter().find(failed);
        FailedMail {
            at: self.at,
            policy_domain: &self.record.domain,
            author: &self.author,
            fo: self.fo.as_deref(),
            psd: self.record.public_suffix,
            source_ip: verdict.client,
            reverse_path: &self.reverse_path,
            spf_aligned: verdict.dmarc.spf_aligned,
            spf_failed: verdict.spf().result == SpfResult::Fail,
            spf_record: None,
            dkim_aligned: verdict.dmarc.dkim_aligned,
            failed_signature: signature.and_then(|it| {
                Some(FailedSignature {
                    domain: it.domain.as_ref()?.as_str(),
                    selector: it.selector.as_deref()?,
                    identity: it.identity.as_deref(),
                })
            }),
            delivery_result: self.delivery_result,
            authentication_results: &self.results,
            content: &self.header,
        }
    }
}

/// Whether this is the header of a failure report (RFC 5965 §2).
fn is_report(octets: &[u8]) -> bool {
    header::fields(octets).any(|field| {
        let value = String::from_utf8_lossy(field.value()).to_ascii_lowercase();
        let mut words = value.split([';', ' ', '\t', '\r', '\n', '=', '"']);
        field.is("Content-Type") && words.any(|word| word == "feedback-report")
    })
}

/// The value of a field that we wrote, unfolded.
fn value_of(field: &[u8]) -> String {
    let value = header::fields(field).next();
    let value = value.map(|field| String::from_utf8_lossy(field.value()).into_owned());
    value.unwrap_or_default().replace("\r\n", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, expected: bool) {
        assert_eq!(is_report(header.as_bytes()), expected, "{header}");
    }

    #[test]
    fn reports_are_told_from_other_mail() {
        let report = "From: a@b.example\r\nContent-Type: multipart/report;\r\n\t\
                      report-type=\"Feedback-Report\"; boundary=x\r\n\r\n";
        check(report, true);
        check(
            "content-type: multipart/report; report-type=feedback-report\r\n\r\n",
            true,
        );
        check(
            "Content-Type: multipart/report; report-type=delivery-status\r\n\r\n",
            false,
        );
        check("Subject: feedback-report\r\n\r\n", false);
        check(
            "\r\nContent-Type: x; report-type=feedback-report\r\n",
            false,
        );
    }
}
