//! What is answered: a function of the site and the request.

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Response, StatusCode, Uri,
    body::Bytes,
    header::{
        ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION,
        STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    },
    http::uri::Authority,
};
use postern_mail::Domain;

use crate::Site;

/// Where senders look for a policy (RFC 8461 §3.3).
const POLICY: &str = "/.well-known/mta-sts.txt";

/// How the request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// Without TLS.
    Http,
    /// With TLS; the client asked for the certificate of this name.
    Https { server_name: Option<String> },
}

/// The answer to a request.
pub(crate) fn answer(
    site: &Site,
    way: &Way,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Response<Full<Bytes>> {
    let mut response = match host(uri, headers) {
        None => plain(StatusCode::BAD_REQUEST, "Which host?\n"),
        Some(host) if !site.has(&host) || !is_meant(way, &host) => {
            plain(StatusCode::MISDIRECTED_REQUEST, "This host is not here.\n")
        }
        Some(host) => match way {
            Way::Http => elsewhere(&host, uri),
            Way::Https { .. } => here(site, method, uri),
        },
    };
    protect(response.headers_mut(), way);
    response
}

/// Whether the connection was made for this host. Who connects for one host and asks for another
/// was given the certificate of the first, which proves nothing about the second.
fn is_meant(way: &Way, host: &Domain) -> bool {
    match way {
        Way::Http | Way::Https { server_name: None } => true,
        Way::Https {
            server_name: Some(name),
        } => name.parse::<Domain>().as_ref() == Ok(host),
    }
}

/// The one host that is asked (RFC 9112 §3.2). The port is of no interest: that we hear the
/// request shows that it is the right one, or is mapped to it.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<Domain> {
    let mut fields = headers.get_all(HOST).iter();
    let field = fields.next()?.to_str().ok()?;
    if fields.next().is_some() {
        return None;
    }
    let field: Authority = field.parse().ok()?;
    let asked = uri.authority().unwrap_or(&field);
    asked.host().parse().ok()
}

fn here(site: &Site, method: &Method, uri: &Uri) -> Response<Full<Bytes>> {
    if uri.path() != POLICY {
        return plain(StatusCode::NOT_FOUND, "There is nothing here.\n");
    }
    if method != Method::GET && method != Method::HEAD {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "It can be read only.\n");
        let reading = HeaderValue::from_static("GET, HEAD");
        refusal.headers_mut().insert(ALLOW, reading);
        return refusal;
    }
    plain(StatusCode::OK, site.policy())
}

fn elsewhere(host: &Domain, uri: &Uri) -> Response<Full<Bytes>> {
    let path = uri.path_and_query().map_or("/", |it| it.as_str());
    // What is no path, as in `OPTIONS *`, has no other place either.
    let path = if path.starts_with('/') { path } else { "/" };
    let Ok(location) = HeaderValue::try_from(format!("https://{host}{path}")) else {
        return plain(StatusCode::BAD_REQUEST, "Which page?\n");
    };
    let mut redirect = plain(StatusCode::MOVED_PERMANENTLY, "It is served over HTTPS.\n");
    redirect.headers_mut().insert(LOCATION, location);
    redirect
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Nothing that is served here runs, is framed, or is anything but text. HSTS means nothing
/// without TLS (RFC 6797 §8.1), and is not sent then (§7.2).
fn protect(headers: &mut HeaderMap, way: &Way) {
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    match way {
        Way::Http => {}
        Way::Https { .. } => drop(set(STRICT_TRANSPORT_SECURITY, "max-age=31536000")),
    }
}
