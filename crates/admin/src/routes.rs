//! Which request does what.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /v1/status` | | [`Status`](crate::Status) |
//! | `POST /v1/reload` | `{}` | [`Reloaded`](crate::Reloaded) |
//! | `GET /v1/partners?from=N` | | [`PartnerPage`](crate::PartnerPage) |
//! | `GET /v1/partner?name=NAME` | | [`Partner`](crate::Partner) |
//! | `GET /v1/reports?from=N` | | [`ReportPage`](crate::ReportPage) |
//! | `GET /v1/report?name=ID` | | [`Report`](crate::Report) |
//! | `POST /v1/reports/send` | [`ReportOrder`] | [`ReportsSent`](crate::ReportsSent) |
//! | `GET /v1/queue?…` | | [`Page`](crate::Page) of a [`Listing`] |
//! | `GET /v1/queue/ID?from=N` | | [`Message`](crate::Message) |
//! | `POST /v1/queue/ID/retry`, `release`, `remove` | `{}` | `{}` |
//! | `POST /v1/queue/ID/hold` | `{"reason": "…"}` | `{}` |
//!
//! A `GET` changes nothing. A `POST` must be JSON and say so, which no form of a web page can,
//! and what carries an `Origin` came from a web page in any case: the socket may have been
//! forwarded to a place where browsers are.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, Path, Query, Request, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use postern_mail::{Foreign, QueueId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tracing::info;

use crate::{
    Change, Daemon, Listing, Queue, ReportOrder,
    problem::{Code, Problem},
};

/// The longest body. A reason for a hold takes some hundred octets.
const LONGEST_BODY: usize = 4096;

/// How long carrying out a request may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What requests are about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) queue: Queue,
    pub(crate) daemon: Arc<dyn Daemon>,
}

/// The body of requests that have nothing to say, and of answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The body of a request to hold a message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhyHold {
    pub(crate) reason: String,
}

/// Which part of a message's recipients, of the partners, or of the reports is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default)]
    from: usize,
}

/// Which partner or report is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

pub(crate) fn router(subject: Subject) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/reload", post(reload))
        .route("/v1/partners", get(partners))
        .route("/v1/partner", get(partner))
        .route("/v1/reports", get(reports))
        .route("/v1/report", get(report))
        .route("/v1/reports/send", post(send_reports))
        .route("/v1/queue", get(list))
        .route("/v1/queue/{id}", get(show))
        .route("/v1/queue/{id}/{change}", post(change))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn(guard))
        .with_state(subject)
}

/// What holds for every request, before anything else looks at it.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) {
        let why = "requests of web pages are not carried out";
        return Problem::new(Code::Forbidden, why).into_response();
    }
    let kind = headers.get(header::CONTENT_TYPE);
    if request.method() == Method::POST && kind.is_none_or(|kind| kind != "application/json") {
        let why = "Content-Type must be application/json";
        return Problem::new(Code::NotJson, why).into_response();
    }
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let why = "it took too long, and may yet happen";
            Problem::new(Code::TimedOut, why).into_response()
        }
    }
}

async fn no_such_path() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this path")
}

async fn wrong_method() -> Problem {
    let why = "GET looks and POST changes: this path takes the other";
    Problem::new(Code::MethodNotAllowed, why)
}

async fn status(State(subject): State<Subject>) -> impl IntoResponse {
    Json(subject.daemon.status())
}

async fn reload(
    State(subject): State<Subject>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Nothing {} = parse(&body?)?;
    Ok(Json(subject.daemon.reload().await))
}

async fn partners(
    State(subject): State<Subject>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(Part { from }) = part?;
    Ok(Json(subject.daemon.partners(from)))
}

async fn partner(
    State(subject): State<Subject>,
    named: Result<Query<Named>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(Named { name }) = named?;
    Ok(Json(subject.daemon.partner(&name)?))
}

async fn reports(
    State(subject): State<Subject>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(Part { from }) = part?;
    Ok(Json(subject.daemon.reports(from).await?))
}

async fn report(
    State(subject): State<Subject>,
    named: Result<Query<Named>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(Named { name }) = named?;
    Ok(Json(subject.daemon.report(&name).await?))
}

async fn send_reports(
    State(subject): State<Subject>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let order: ReportOrder = parse(&body?)?;
    Ok(Json(subject.daemon.send_reports(&order).await?))
}

async fn list(
    State(subject): State<Subject>,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(listing) = listing?;
    Ok(Json(subject.queue.list(&listing).await?))
}

async fn show(
    State(subject): State<Subject>,
    path: Result<Path<String>, PathRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Path(id) = path.map_err(|_| Problem::bad_request("the path is not UTF-8"))?;
    let (id, Query(Part { from })) = (queue_id(&id)?, part?);
    Ok(Json(subject.queue.show(id, from).await?))
}

async fn change(
    State(subject): State<Subject>,
    path: Result<Path<(String, String)>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Path((id, verb)) = path.map_err(|_| Problem::bad_request("the path is not UTF-8"))?;
    let id = queue_id(&id)?;
    let change = requested(&verb, &body?)?;
    subject.queue.change(id, &change).await?;
    info!(queue_id = %id, change = change.as_str(), "the operator changed a message");
    Ok(Json(Nothing {}))
}

/// Nothing is looked up by what is not an id (CWE-22).
fn queue_id(text: &str) -> Result<QueueId, Problem> {
    text.parse()
        .map_err(|error| Problem::bad_request(format!("{}: {error}", Foreign::new(text))))
}

fn requested(verb: &str, body: &[u8]) -> Result<Change, Problem> {
    let nothing = |change| parse(body).map(|Nothing {}| change);
    match verb {
        "retry" => nothing(Change::Retry),
        "release" => nothing(Change::Release),
        "remove" => nothing(Change::Remove),
        "hold" => parse(body).map(|WhyHold { reason }| Change::Hold { reason }),
        _ => Err(Problem::new(Code::NotFound, "there is no such change")),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(format!("the body: {error}")))
}
