//! What is answered when a request is not carried out.

use axum::{
    Json,
    extract::rejection::{BytesRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use postern_spool::SpoolError;
use serde::{Deserialize, Serialize};

use crate::{FreezeTrouble, NoSuchPartner, ReportTrouble};

/// Why a request is not carried out, as the body of the answer has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// What a program can tell problems apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    /// The request makes no sense.
    BadRequest,
    /// It comes from a web page.
    Forbidden,
    /// There is nothing at this path.
    NotFound,
    /// There is no such message in the queue.
    NoSuchMessage,
    /// There is no such partner in the configuration.
    NoSuchPartner,
    /// There is no such report.
    NoSuchReport,
    /// The path takes another method.
    MethodNotAllowed,
    /// The body is too long.
    TooLarge,
    /// The body is not JSON.
    NotJson,
    /// The queue could not do it.
    QueueFailed,
    /// Reports could not be read or sent.
    ReportsFailed,
    /// Something could not be frozen or thawed.
    FreezerFailed,
    /// It took too long. It may yet happen.
    TimedOut,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoSuchMessage | Self::NoSuchPartner | Self::NoSuchReport => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::QueueFailed | Self::ReportsFailed | Self::FreezerFailed => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl Problem {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.code.status(), Json(self)).into_response()
    }
}

impl From<SpoolError> for Problem {
    fn from(error: SpoolError) -> Self {
        let code = match &error {
            SpoolError::Unknown(_) => Code::NoSuchMessage,
            SpoolError::Full { .. }
            | SpoolError::Poisoned(_)
            | SpoolError::File { .. }
            | SpoolError::Damaged(_)
            | SpoolError::NoRecipients
            | SpoolError::Closed => Code::QueueFailed,
        };
        Self::new(code, whole(&error))
    }
}

impl From<NoSuchPartner> for Problem {
    fn from(nobody: NoSuchPartner) -> Self {
        Self::new(Code::NoSuchPartner, nobody.to_string())
    }
}

impl From<ReportTrouble> for Problem {
    fn from(trouble: ReportTrouble) -> Self {
        let code = match &trouble {
            ReportTrouble::NoSuchReport(_) => Code::NoSuchReport,
            ReportTrouble::BadOrder(_) => Code::BadRequest,
            ReportTrouble::Failed(_) => Code::ReportsFailed,
        };
        Self::new(code, trouble.to_string())
    }
}

impl From<FreezeTrouble> for Problem {
    fn from(trouble: FreezeTrouble) -> Self {
        let code = match &trouble {
            FreezeTrouble::NoSuchPartner(_) => Code::NoSuchPartner,
            FreezeTrouble::BadOrder(_) => Code::BadRequest,
            FreezeTrouble::Failed(_) => Code::FreezerFailed,
        };
        Self::new(code, trouble.to_string())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
            _ => Code::BadRequest,
        };
        Self::new(code, rejection.body_text())
    }
}

/// An error with its causes, since the reader of an answer has no log at hand.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
