//! One document, from hosts that are sound and hosts that are not.

use std::time::{Duration, Instant};

use postern_testkit::{Authority, Leaf};

use super::*;
use crate::testing::{Script, Server, Zone, client};

const LONGEST: usize = 64 * 1024;

const PLAIN: &str = "Content-Type: text/plain";

fn terms() -> Terms {
    Terms {
        time: Duration::from_secs(20),
        octets: LONGEST,
        media: Media::PlainText,
        answer: Wanted::Document,
        targets: Targets::Any,
    }
}

/// What becomes of a script, over HTTP and over HTTPS.
async fn outcomes(script: &Script, terms: &Terms) -> Vec<Result<Bytes, FetchError>> {
    let authority = Authority::new("Web CA");
    let zone = Zone::new("web.example A 127.0.0.1");
    let client = client(&zone, &authority);
    let identity = authority.issue(&Leaf::named("web.example"));
    let mut outcomes = Vec::new();
    for (scheme, identity) in [("http", None), ("https", Some(identity))] {
        let server = Server::start(identity, script.clone()).await;
        let port = server.address.port();
        let url = format!("{scheme}://web.example:{port}/a").parse().unwrap();
        outcomes.push(client.get(&url, terms).await);
    }
    outcomes
}

async fn check_fine(script: Script, expected: &[u8]) {
    for outcome in outcomes(&script, &terms()).await {
        assert_eq!(outcome.as_deref(), Ok(expected), "{script:?}");
    }
}

async fn check(script: Script, expected: &str) {
    for outcome in outcomes(&script, &terms()).await {
        let error = outcome.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error} instead of {expected}");
    }
}

#[tokio::test]
async fn sound_answers() {
    check_fine(Script::text("hello"), b"hello").await;
    check_fine(Script::text(""), b"").await;
    let utf8 = "content-type:TEXT/PLAIN ; charset=utf-8";
    check_fine(Script::answer("200 Fine", &[utf8], b"x"), b"x").await;
    let identity = [PLAIN, "Content-Encoding: identity"];
    check_fine(Script::answer("200 OK", &identity, b"x"), b"x").await;
    let longest = vec![b'x'; LONGEST];
    check_fine(Script::answer("200 OK", &[PLAIN], &longest), &longest).await;
    let chunked = format!(
        "HTTP/1.1 200 OK\r\n{PLAIN}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    );
    check_fine(Script::Say(chunked.into()), b"ab").await;
    let to_the_end = format!("HTTP/1.0 200 OK\r\n{PLAIN}\r\n\r\nabc");
    check_fine(Script::Say(to_the_end.into()), b"abc").await;
}

#[tokio::test]
async fn answers_that_are_none() {
    for status in [
        "301 Moved",
        "302 Found",
        "303 See",
        "307 Temporary",
        "308 For ever",
    ] {
        let script = Script::answer(status, &[PLAIN, "Location: /elsewhere"], b"x");
        check(script, "is a redirect").await;
    }
    for status in ["404 No", "500 Oh", "204 Empty", "206 Part", "203 Other"] {
        let expected = format!("the answer is {}", &status[..3]);
        check(Script::answer(status, &[PLAIN], b""), &expected).await;
    }
    for kind in ["text/html", "text/plainer", "application/octet-stream", ""] {
        let header = format!("Content-Type: {kind}");
        check(
            Script::answer("200 OK", &[&header], b"x"),
            "not text/plain but",
        )
        .await;
    }
    check(Script::answer("200 OK", &[], b"x"), "but not stated").await;
    for encoding in ["gzip", "br", "identity, gzip"] {
        let header = format!("Content-Encoding: {encoding}");
        let script = Script::answer("200 OK", &[PLAIN, &header], b"x");
        check(script, &format!("content encoding {encoding}")).await;
    }
    let twice = [
        PLAIN,
        "Content-Encoding: identity",
        "Content-Encoding: gzip",
    ];
    check(
        Script::answer("200 OK", &twice, b"x"),
        "content encoding gzip",
    )
    .await;
    for broken in [
        "",
        "hello",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/2 200\r\n\r\n",
    ] {
        check(Script::Say(broken.into()), "the answer is broken").await;
    }
}

#[tokio::test]
async fn what_is_too_long_is_not_read() {
    let long = vec![b'x'; LONGEST + 1];
    let too_long = "longer than 65536 octets";
    check(Script::answer("200 OK", &[PLAIN], &long), too_long).await;
    let head = format!("HTTP/1.1 200 OK\r\n{PLAIN}\r\n");
    let announced = format!("{head}Content-Length: 99999999999\r\n\r\n");
    check(Script::SayAndStall(announced.into()), too_long).await;
    let endless = [format!("{head}\r\n").into_bytes(), long].concat();
    check(Script::Drip(endless), too_long).await;
    let fields = "X: y\r\n".repeat(100);
    check(Script::Say(format!("{head}{fields}\r\n").into()), "broken").await;
    let field = format!("X: {}\r\n", "y".repeat(20_000));
    check(Script::Say(format!("{head}{field}\r\n").into()), "broken").await;
}

#[tokio::test]
async fn what_is_too_slow_is_not_waited_for() {
    let head = format!("HTTP/1.1 200 OK\r\n{PLAIN}\r\n");
    for script in [
        Script::SayAndStall(Vec::new()),
        Script::SayAndStall(head.clone().into()),
        Script::SayAndStall(format!("{head}Content-Length: 9\r\n\r\nabc").into()),
        Script::Drip(format!("{head}Content-Length: 9999\r\n\r\n").into()),
        Script::Drip(head.into()),
    ] {
        let time = Duration::from_millis(150);
        let hurried = Terms { time, ..terms() };
        let began = Instant::now();
        for outcome in outcomes(&script, &hurried).await {
            assert_eq!(outcome, Err(FetchError::TimedOut(time)), "{script:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{script:?}");
    }
}

#[tokio::test]
async fn the_request_says_little() {
    let authority = Authority::new("Web CA");
    let zone = Zone::new("web.example A 127.0.0.1");
    let server = Server::start(None, Script::text("x")).await;
    let port = server.address.port();
    let url = format!("http://web.example:{port}/a?b").parse().unwrap();
    client(&zone, &authority).get(&url, &terms()).await.unwrap();
    let expected = format!(
        "GET /a?b HTTP/1.1\r\nhost: web.example:{port}\r\nuser-agent: postern\r\n\
         accept-encoding: identity\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(server.head(), expected);
}

/// What a zone makes of a fetch that may go to the public internet alone.
async fn refusal(zone: &str) -> FetchError {
    let authority = Authority::new("Web CA");
    let server = Server::start(None, Script::text("x")).await;
    let port = server.address.port();
    let url = format!("http://web.example:{port}/").parse().unwrap();
    let public = Terms {
        targets: Targets::Public,
        ..terms()
    };
    let zone = Zone::new(zone);
    let outcome = client(&zone, &authority).get(&url, &public).await;
    assert_eq!(server.asked(), 0);
    outcome.unwrap_err()
}

#[tokio::test]
async fn names_do_not_lead_into_our_own_network() {
    for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0"] {
        let error = refusal(&format!("web.example A {address}")).await;
        assert_eq!(error, FetchError::PrivateTarget(address.parse().unwrap()));
    }
    for address in [
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "fc00::1",
        "64:ff9b::7f00:1",
    ] {
        let error = refusal(&format!("web.example AAAA {address}")).await;
        assert_eq!(error, FetchError::PrivateTarget(address.parse().unwrap()));
    }
    let by_alias = "web.example CNAME in.example\nin.example A 127.0.0.1";
    let error = refusal(by_alias).await;
    assert!(matches!(error, FetchError::PrivateTarget(_)), "{error}");
    for unknown in ["web.example FAIL servfail", "other.example A 192.0.2.1"] {
        let error = refusal(unknown).await;
        assert!(matches!(error, FetchError::Lookup(_)), "{error}");
    }
}

#[tokio::test]
async fn a_dead_address_leaves_the_others() {
    let authority = Authority::new("Web CA");
    let zone = Zone::new("web.example AAAA ::1\nweb.example A 127.0.0.1");
    let server = Server::start(None, Script::text("x")).await;
    let port = server.address.port();
    let url = format!("http://web.example:{port}/").parse().unwrap();
    let client = client(&zone, &authority);
    assert!(client.get(&url, &terms()).await.is_ok());
    drop(server);
    zone.becomes("web.example A 127.0.0.1");
    // The port is nobody's as soon as the listener is gone.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let url = format!("http://web.example:{port}/").parse().unwrap();
    let error = client.get(&url, &terms()).await.unwrap_err().to_string();
    assert!(
        error.starts_with("no connection to 127.0.0.1 port"),
        "{error}"
    );
}

/// What becomes of a POST that is answered like this.
async fn posted(script: Script) -> (Result<(), FetchError>, String) {
    let authority = Authority::new("Web CA");
    let zone = Zone::new("web.example A 127.0.0.1");
    let identity = authority.issue(&Leaf::named("web.example"));
    let server = Server::start(Some(identity), script).await;
    let port = server.address.port();
    let url = format!("https://web.example:{port}/a").parse().unwrap();
    let client = client(&zone, &authority);
    let body = b"report".to_vec();
    let outcome = client.post(&url, "application/x", body, Targets::Any).await;
    let head = server.head().replace(&format!(":{port}"), "");
    (outcome, head)
}

#[tokio::test]
async fn a_post_is_taken_or_not() {
    let large = vec![b'x'; 100_000];
    for (script, expected) in [
        (Script::text("thanks"), Ok(())),
        (Script::answer("201 Created", &[], b""), Ok(())),
        (Script::answer("204 No Content", &[], b""), Ok(())),
        (
            Script::answer("200 OK", &["Content-Encoding: gzip"], &large),
            Ok(()),
        ),
        (
            Script::SayAndStall("HTTP/1.1 202 Yes\r\nContent-Length: 9\r\n\r\n".into()),
            Ok(()),
        ),
        (
            Script::answer("307 Elsewhere", &["Location: https://other.example/"], b""),
            Err(FetchError::Redirect(307)),
        ),
        (
            Script::answer("404 No", &[], b""),
            Err(FetchError::Status(404)),
        ),
        (
            Script::answer("503 Later", &[], b""),
            Err(FetchError::Status(503)),
        ),
    ] {
        let (outcome, head) = posted(script.clone()).await;
        assert_eq!(outcome, expected, "{script:?}");
        let sent = "POST /a HTTP/1.1\r\nhost: web.example\r\nuser-agent: postern\r\n\
                    accept-encoding: identity\r\nconnection: close\r\n\
                    content-type: application/x\r\ncontent-length: 6\r\n\r\nreport";
        assert_eq!(head, sent);
    }
    let (outcome, _) = posted(Script::Say("hello".into())).await;
    assert!(matches!(outcome, Err(FetchError::Broken(_))), "{outcome:?}");
}

#[tokio::test]
async fn nothing_is_posted_in_clear_or_into_our_own_network() {
    let authority = Authority::new("Web CA");
    let zone = Zone::new("web.example A 127.0.0.1");
    let identity = authority.issue(&Leaf::named("web.example"));
    let server = Server::start(Some(identity), Script::text("x")).await;
    let port = server.address.port();
    let client = client(&zone, &authority);
    for (scheme, targets) in [("http", Targets::Any), ("https", Targets::Public)] {
        let url = format!("{scheme}://web.example:{port}/").parse().unwrap();
        let error = client
            .post(&url, "application/x", Vec::new(), targets)
            .await;
        let expected = match targets {
            Targets::Any => FetchError::NotSecure,
            Targets::Public => FetchError::PrivateTarget("127.0.0.1".parse().unwrap()),
        };
        assert_eq!(error, Err(expected));
    }
    assert_eq!(server.asked(), 0);
}
