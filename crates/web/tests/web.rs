//! The site as clients meet it, over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect should stop at that line"
)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use postern_policy::{StsMode, StsPolicy};
use postern_testkit::{Authority, Leaf, client_config};
use postern_tls::{CertificateFiles, CertificateStore, Profile, ProfileName, WebServer, WebStream};
use postern_web::{Site, Website};
use rustls_pki_types::{ServerName, UnixTime};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

const PATH: &str = "/.well-known/mta-sts.txt";

const HOST: &str = "mta-sts.example.org";

struct World {
    authority: Authority,
    website: Arc<Website>,
    https: SocketAddr,
    http: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

fn site(mode: StsMode) -> Site {
    let mx = vec!["*.example.org".parse().unwrap()];
    let policy = StsPolicy::new(mode, mx, Duration::from_secs(604_800)).unwrap();
    let domains = ["example.org", "example.net"].map(|domain| domain.parse().unwrap());
    Site::new(domains, &policy)
}

impl World {
    async fn new() -> Self {
        let authority = Authority::new("Web CA");
        let directory = tempfile::tempdir().unwrap();
        let leaf = Leaf::named(HOST).and_named("mta-sts.example.net");
        let written = authority.issue(&leaf).write(directory.path(), "web");
        let files = CertificateFiles {
            name: "web".into(),
            chain: written.chain,
            key: written.key,
            ocsp: None,
        };
        let store = CertificateStore::load(&[files], UnixTime::now()).unwrap();
        let bounds = Profile::named(ProfileName::Intermediate).bounds().clone();
        let tls = WebServer::new(Arc::new(store), &bounds).unwrap();
        let website = Arc::new(Website::new(site(StsMode::Testing)));
        let https = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = (https.local_addr().unwrap(), http.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let (one, other) = (Arc::clone(&website), Arc::clone(&website));
        let served = tokio::spawn(async move {
            tokio::select! {
                () = one.serve_https(https, tls, async { drop(stopped.await) }) => {}
                () = other.serve_http(http, std::future::pending()) => {}
            }
        });
        Self {
            authority,
            website,
            https: addresses.0,
            http: addresses.1,
            stop,
            served,
            _directory: directory,
        }
    }

    /// A connection to the site over HTTPS, made for `name`.
    async fn secured(&self, name: &str) -> Box<dyn WebStream> {
        let tcp = TcpStream::connect(self.https).await.unwrap();
        let connector = TlsConnector::from(Arc::new(client_config(&self.authority, None)));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Box::new(connector.connect(name, tcp).await.unwrap())
    }

    async fn plain(&self) -> Box<dyn WebStream> {
        Box::new(TcpStream::connect(self.http).await.unwrap())
    }

    /// Head and body of the answer to a request over HTTPS.
    async fn ask(&self, request: &str) -> (String, String) {
        exchange(self.secured(HOST).await, request).await
    }
}

async fn exchange(mut stream: Box<dyn WebStream>, request: &str) -> (String, String) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that refuses to read on may reset the connection behind its answer.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_ascii_lowercase(), body.to_owned())
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[track_caller]
fn check_status((head, body): (String, String), status: &str) {
    assert_eq!(head.split(' ').nth(1), Some(status), "{head}\n\n{body}");
}

const SERVED: &str = "version: STSv1\r\nmode: testing\r\nmx: *.example.org\r\nmax_age: 604800\r\n";

#[tokio::test]
async fn the_policy_is_served_over_https() {
    let world = World::new().await;
    let (head, body) = world.ask(&get(HOST, PATH)).await;
    assert_eq!(body, SERVED);
    let mut lines: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with("date: "))
        .collect();
    lines[1..].sort_unstable();
    let expected = [
        "http/1.1 200 ok",
        "connection: close",
        "content-length: 67",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "content-type: text/plain; charset=utf-8",
        "strict-transport-security: max-age=31536000",
        "x-content-type-options: nosniff",
    ];
    assert_eq!(lines, expected);
    for request in [
        get("MTA-STS.Example.ORG.", PATH),
        get("mta-sts.example.org:443", PATH),
        get(HOST, &format!("{PATH}?any")),
        format!("GET https://{HOST}{PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
    ] {
        assert_eq!(world.ask(&request).await.1, SERVED, "{request}");
    }
    let other = world.secured("mta-sts.example.net").await;
    let (_, body) = exchange(other, &get("mta-sts.example.net", PATH)).await;
    assert_eq!(body, SERVED);
}

#[tokio::test]
async fn a_head_has_no_body() {
    let world = World::new().await;
    let request = get(HOST, PATH).replace("GET", "HEAD");
    let (head, body) = world.ask(&request).await;
    assert!(head.contains("content-length: 67"), "{head}");
    assert_eq!(body, "");
    check_status((head, body), "200");
}

#[tokio::test]
async fn nothing_else_is_served() {
    let world = World::new().await;
    let upper = PATH.to_ascii_uppercase();
    let slash = format!("{PATH}/");
    let dotted = format!("/x/..{PATH}");
    for path in [
        "/",
        "/.well-known/",
        &upper,
        &slash,
        &dotted,
        "//",
        "/%2e%2e/etc/passwd",
    ] {
        check_status(world.ask(&get(HOST, path)).await, "404");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let (head, body) = world.ask(&get(HOST, PATH).replace("GET", method)).await;
        assert!(head.contains("allow: get, head"), "{head}");
        check_status((head, body), "405");
    }
}

#[tokio::test]
async fn other_hosts_are_not_here() {
    let world = World::new().await;
    for host in [
        "example.org",
        "mta-sts.example.com",
        "127.0.0.1",
        "x.mta-sts.example.org",
    ] {
        check_status(world.ask(&get(host, PATH)).await, "421");
        check_status(exchange(world.plain().await, &get(host, PATH)).await, "421");
    }
    // The connection was made for one host, the request for another that is ours as well.
    check_status(world.ask(&get("mta-sts.example.net", PATH)).await, "421");
    let absolute = format!("GET http://evil.example{PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    check_status(world.ask(&absolute).await, "421");
    for request in [
        format!("GET {PATH} HTTP/1.1\r\n\r\n"),
        format!("GET {PATH} HTTP/1.0\r\n\r\n"),
        format!("GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n\r\n"),
        format!("GET {PATH} HTTP/1.1\r\nHost: a b\r\n\r\n"),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        check_status(world.ask(&request).await, "400");
    }
}

#[tokio::test]
async fn http_leads_to_https() {
    let world = World::new().await;
    for path in [PATH, "/", "/a?b=c"] {
        for method in ["GET", "HEAD", "POST"] {
            let request = get(HOST, path).replace("GET", method);
            let (head, body) = exchange(world.plain().await, &request).await;
            let location = format!("location: https://{HOST}{path}\r\n");
            assert!(format!("{head}\r\n").contains(&location), "{head}");
            assert!(!head.contains("strict-transport-security"), "{head}");
            assert!(
                head.contains("content-security-policy: default-src 'none'"),
                "{head}"
            );
            check_status((head, body), "301");
        }
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    let world = World::new().await;
    let many = "X: y\r\n".repeat(100);
    let long = format!("X: {}\r\n", "y".repeat(20_000));
    for fields in [many, long] {
        let request = get(HOST, PATH).replace("\r\n\r\n", &format!("\r\n{fields}\r\n"));
        check_status(world.ask(&request).await, "431");
    }
}

#[tokio::test]
async fn another_site_acts_with_the_next_request() {
    let world = World::new().await;
    world.website.replace(site(StsMode::Enforce));
    let (_, body) = world.ask(&get(HOST, PATH)).await;
    assert_eq!(body, SERVED.replace("testing", "enforce"));
}

#[tokio::test]
async fn a_stop_lets_requests_under_way_come_to_their_end() {
    let world = World::new().await;
    let mut under_way = world.secured(HOST).await;
    under_way.write_all(b"GET ").await.unwrap();
    under_way.flush().await.unwrap();
    world.stop.send(()).unwrap();
    let rest = get(HOST, PATH).replacen("GET ", "", 1);
    assert_eq!(exchange(under_way, &rest).await.1, SERVED);
    world.served.await.unwrap();
    assert!(TcpStream::connect(world.https).await.is_err());
}
