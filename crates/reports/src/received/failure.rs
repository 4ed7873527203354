//! Failure reports of others (RFC 5965 §3, RFC 6591 §3, RFC 9991).

use mail_auth::report::{AuthFailureType, DeliveryResult, Feedback, FeedbackType};
use serde::{Deserialize, Serialize};

use crate::journal::text::shown;

/// What a failure report says in its fields. The message that it returns is not kept: it is
/// somebody's letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailureFacts {
    /// What is complained of; `auth-failure` of DMARC.
    pub feedback_type: String,
    /// What failed.
    pub auth_failure: String,
    /// In whose name the message was.
    pub reported_domain: Vec<String>,
    /// Who sent it.
    pub source_ip: Option<String>,
    /// When it came, in seconds since 1970.
    pub arrival: Option<i64>,
    /// What became of it.
    pub delivery_result: String,
    /// Its reverse-path.
    pub original_mail_from: Option<String>,
    /// What the reporter's verifiers say.
    pub authentication_results: Vec<String>,
    /// The signature that failed.
    pub dkim_domain: Option<String>,
    /// The signature's selector.
    pub dkim_selector: Option<String>,
    /// Who reports.
    pub reporting_mta: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// How often it happened.
    pub incidents: u32,
}

/// The most values of a field that may be repeated.
const MOST_VALUES: usize = 10;

/// Reads the part `message/feedback-report`.
pub(super) fn parse(fields: &[u8]) -> Option<FailureFacts> {
    // The library sees no field that does not end, and the last one of a part does not.
    let fields = [fields, b"\r\n\r\n"].concat();
    let report = Feedback::parse_arf(&fields)?;
    let optional = |text: Option<&str>| text.map(shown);
    let several = |texts: &[std::borrow::Cow<'_, str>]| {
        let texts = texts.iter().take(MOST_VALUES);
        texts.map(|text| shown(text)).collect()
    };
    Some(FailureFacts {
        feedback_type: feedback_type(report.feedback_type).to_owned(),
        auth_failure: auth_failure(report.auth_failure).to_owned(),
        reported_domain: several(&report.reported_domain),
        source_ip: report.source_ip.map(|it| it.to_string()),
        arrival: report.arrival_date,
        delivery_result: delivery_result(report.delivery_result).to_owned(),
        original_mail_from: optional(report.original_mail_from.as_deref()),
        authentication_results: several(&report.authentication_results),
        dkim_domain: optional(report.dkim_domain.as_deref()),
        dkim_selector: optional(report.dkim_selector.as_deref()),
        reporting_mta: optional(report.reporting_mta.as_deref()),
        user_agent: optional(report.user_agent.as_deref()),
        incidents: report.incidents,
    })
}

fn feedback_type(kind: FeedbackType) -> &'static str {
    match kind {
        FeedbackType::Abuse => "abuse",
        FeedbackType::AuthFailure => "auth-failure",
        FeedbackType::Fraud => "fraud",
        FeedbackType::NotSpam => "not-spam",
        FeedbackType::Virus => "virus",
        FeedbackType::Other => "other",
    }
}

fn auth_failure(kind: AuthFailureType) -> &'static str {
    match kind {
        AuthFailureType::Adsp => "adsp",
        AuthFailureType::BodyHash => "bodyhash",
        AuthFailureType::Revoked => "revoked",
        AuthFailureType::Signature => "signature",
        AuthFailureType::Spf => "spf",
        AuthFailureType::Dmarc => "dmarc",
        AuthFailureType::Unspecified => "",
    }
}

fn delivery_result(result: DeliveryResult) -> &'static str {
    match result {
        DeliveryResult::Delivered => "delivered",
        DeliveryResult::Spam => "spam",
        DeliveryResult::Policy => "policy",
        DeliveryResult::Reject => "reject",
        DeliveryResult::Other => "other",
        DeliveryResult::Unspecified => "",
    }
}
