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
//! | `POST /v1/change` | [`ChangeOrder`] | [`Changed`](crate::Changed), of about a second's work |
//! | `GET /v1/summary` | | [`Summary`](crate::Summary) |
//! | `GET /v1/destinations` | | [`Destinations`](crate::Destinations) |
//! | `GET /v1/delay?domain=DOMAIN` | | [`Delay`](crate::Delay) |
//! | `GET /v1/frozen` | | [`Freezer`](crate::Freezer) |
//! | `POST /v1/freeze` | [`FreezeOrder`] | [`Freezer`](crate::Freezer) |
//! | `POST /v1/thaw` | [`WhoseOrder`] | [`Freezer`](crate::Freezer): what thawed |
//! | `POST /v1/flush` | [`WhoseOrder`] | `{}` |
//!
//! A `GET` changes nothing. A `POST` must be JSON and say so, which no form of a web page can,
//! and what carries an `Origin` came from a web page in any case: the socket may have been
//! forwarded to a place where browsers are.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

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
use postern_mail::{Domain, Foreign, QueueId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tracing::info;

use crate::{
    Change, ChangeOrder, Daemon, FreezeOrder, Listing, NoSuchPartner, PartnerDomains, Queue,
    RecipientState, ReportOrder, WhoseOrder,
    problem::{Code, Problem},
};

/// The longest body. A reason for a hold takes some hundred octets.
const LONGEST_BODY: usize = 4096;

/// How long carrying out a request may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long one request may go on changing messages: short enough that whoever waits sees it
/// move, and that a daemon that stops is not held up.
const CHANGING: Duration = Duration::from_secs(1);

/// The most domains of a message whose delays are looked into for one answer.
const DELAYS: usize = 50;

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

/// Which domain is asked about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    domain: Domain,
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
        .route("/v1/change", post(change_all))
        .route("/v1/summary", get(summary))
        .route("/v1/destinations", get(destinations))
        .route("/v1/delay", get(delay))
        .route("/v1/frozen", get(frozen))
        .route("/v1/freeze", post(freeze))
        .route("/v1/thaw", post(thaw))
        .route("/v1/flush", post(flush))
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
    let partner = subject.partner_of(&listing)?;
    Ok(Json(subject.queue.list(&listing, partner).await?))
}

async fn change_all(
    State(subject): State<Subject>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let order: ChangeOrder = parse(&body?)?;
    let partner = subject.partner_of(&order.which)?;
    let until = Instant::now() + CHANGING;
    let changed = subject.queue.change_all(&order, partner, until).await?;
    subject.daemon.look_again(&changed.wanted);
    if changed.changed > 0 {
        let (change, messages) = (order.change.as_str(), changed.changed);
        info!(change, messages, "the operator changed messages");
    }
    Ok(Json(changed))
}

async fn summary(State(subject): State<Subject>) -> Result<impl IntoResponse, Problem> {
    // It goes through all that waits, which takes a while where that is a million messages.
    let summed = tokio::task::spawn_blocking(move || subject.queue.summary()).await;
    let failed = |error| Problem::new(Code::QueueFailed, format!("the summary: {error}"));
    Ok(Json(summed.map_err(failed)?))
}

async fn destinations(State(subject): State<Subject>) -> impl IntoResponse {
    Json(subject.daemon.destinations())
}

async fn delay(
    State(subject): State<Subject>,
    about: Result<Query<About>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(About { domain }) = about?;
    Ok(Json(subject.daemon.delay(&domain)))
}

async fn frozen(State(subject): State<Subject>) -> impl IntoResponse {
    Json(subject.daemon.frozen())
}

async fn freeze(
    State(subject): State<Subject>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let order: FreezeOrder = parse(&body?)?;
    Ok(Json(subject.daemon.freeze(&order).await?))
}

async fn thaw(
    State(subject): State<Subject>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let order: WhoseOrder = parse(&body?)?;
    Ok(Json(subject.daemon.thaw(&order.whose).await?))
}

async fn flush(
    State(subject): State<Subject>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let order: WhoseOrder = parse(&body?)?;
    subject.daemon.flush(&order.whose).await?;
    Ok(Json(Nothing {}))
}

impl Subject {
    /// The domains of the partner that a listing names, if it names one.
    fn partner_of(&self, listing: &Listing) -> Result<Option<PartnerDomains>, NoSuchPartner> {
        let name = listing.partner.as_deref();
        name.map(|name| self.daemon.partner_domains(name))
            .transpose()
    }
}

async fn show(
    State(subject): State<Subject>,
    path: Result<Path<String>, PathRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Path(id) = path.map_err(|_| Problem::bad_request("the path is not UTF-8"))?;
    let (id, Query(Part { from })) = (queue_id(&id)?, part?);
    let mut message = subject.queue.show(id, from).await?;
    let recipients = message.recipients.iter();
    let waiting = recipients.filter(|it| it.state == RecipientState::Waiting);
    let domains: BTreeSet<_> = waiting.filter_map(|it| it.domain()).take(DELAYS).collect();
    let delays = domains.iter().map(|domain| subject.daemon.delay(domain));
    message.delays = delays.filter(|it| it.is_one()).collect();
    Ok(Json(message))
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
    if change == Change::Retry {
        let wanted = subject.queue.domains(id).await?;
        subject.daemon.look_again(&wanted);
    }
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
