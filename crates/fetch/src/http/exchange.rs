//! One request and its answer (RFC 9110, RFC 9112).

use std::{error::Error, pin::pin};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Request, Response,
    body::{Body as _, Bytes, Incoming},
    client::conn::http1,
    header::{
        ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT,
    },
    http::request::Builder,
};
use hyper_util::rt::TokioIo;
use postern_mail::Foreign;
use postern_tls::WebStream;

use super::{FetchError, Media, Terms, Wanted, WebUrl};

/// How much of an answer's head is read. The head of a static file has some twenty lines.
const HEAD_OCTETS: usize = 16 * 1024;

/// The most header fields of an answer.
const HEAD_FIELDS: usize = 64;

/// What is asked of the host.
pub(super) enum Ask<'a> {
    /// The document.
    Get,
    /// To take this.
    Post { media_type: &'a str, body: Bytes },
}

impl Ask<'_> {
    fn request(self, url: &WebUrl) -> Result<Request<Full<Bytes>>, FetchError> {
        let common = |request: Builder| {
            request
                .uri(url.path())
                .header(HOST, url.host_field())
                .header(USER_AGENT, "postern")
                .header(ACCEPT_ENCODING, "identity")
                .header(CONNECTION, "close")
        };
        let request = match self {
            Self::Get => common(Request::get("/")).body(Full::default()),
            Self::Post { media_type, body } => common(Request::post("/"))
                .header(CONTENT_TYPE, media_type)
                .body(Full::new(body)),
        };
        request.map_err(|error| broken(&error))
    }
}

/// Asks, and reads the answer.
pub(super) async fn exchange(
    stream: Box<dyn WebStream>,
    url: &WebUrl,
    ask: Ask<'_>,
    terms: &Terms,
) -> Result<Bytes, FetchError> {
    let request = ask.request(url)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_OCTETS)
        .max_headers(HEAD_FIELDS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let mut answer = pin!(async move {
        let response = sender.send_request(request).await;
        read(response.map_err(|error| broken(&error))?, terms).await
    });
    // The connection must be driven until the answer is whole. When it ends first, what came is
    // in the answer's hands, or the answer hears of the end.
    tokio::select! {
        answered = &mut answer => answered,
        _ended = connection => answer.await,
    }
}

async fn read(response: Response<Incoming>, terms: &Terms) -> Result<Bytes, FetchError> {
    match (terms.answer, response.status().as_u16()) {
        (_, status @ 300..400) => return Err(FetchError::Redirect(status)),
        (Wanted::Document, 200) => {}
        // What is said with it is of no interest, and not read.
        (Wanted::Success, 200..300) => return Ok(Bytes::new()),
        (_, status) => return Err(FetchError::Status(status)),
    }
    check_head(&response, terms)?;
    let body = Limited::new(response.into_body(), terms.octets);
    match body.collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLong(terms.octets)),
        Err(error) => Err(broken(&*error)),
    }
}

fn check_head(response: &Response<Incoming>, terms: &Terms) -> Result<(), FetchError> {
    let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers();
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter().map(shown);
    if let Some(encoding) = encodings.find(|it| !it.eq_ignore_ascii_case("identity")) {
        return Err(FetchError::Encoding(Foreign::new(&encoding).to_string()));
    }
    if terms.media == Media::PlainText {
        check_media(headers.get(CONTENT_TYPE).map(shown).as_deref())?;
    }
    if response.body().size_hint().lower() > terms.octets as u64 {
        return Err(FetchError::TooLong(terms.octets));
    }
    Ok(())
}

/// Senders are to look at the media type (RFC 8461 §3.3): on hosts where anybody may upload, it
/// is what tells a policy from a picture.
fn check_media(found: Option<&str>) -> Result<(), FetchError> {
    let kind = found.map(|it| it.split(';').next().unwrap_or_default().trim());
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("text/plain")) {
        return Ok(());
    }
    let shown = found.map_or_else(
        || "not stated".to_owned(),
        |it| Foreign::new(it).to_string(),
    );
    Err(FetchError::ContentType(shown))
}

fn broken(error: &(dyn Error + 'static)) -> FetchError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    FetchError::Broken(Foreign::new(&text).to_string())
}
