//! What programs that watch are told over HTTP.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
};

use crate::home::{Home, PATIENCE, RELAY, Serving};

fn watched() -> Home {
    let http = "socket = \"control.sock\"\nhttp = \"127.0.0.1:0\"";
    Home::new(&RELAY.replace("socket = \"control.sock\"", http))
}

fn place(serving: &Serving<'_>) -> SocketAddr {
    let line = serving.logged("metrics and health are told");
    line.rsplit_once("address=")
        .unwrap()
        .1
        .trim()
        .parse()
        .unwrap()
}

/// The whole answer to a request.
fn ask(place: SocketAddr, request: &str, host: &str) -> String {
    let mut connection = TcpStream::connect(place).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        connection,
        "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn metrics_follow_what_happens() {
    let home = watched();
    let serving = home.serve();
    let place = place(&serving);
    let metrics = || ask(place, "GET /metrics", "localhost");
    let before = metrics();
    assert!(before.starts_with("HTTP/1.1 200 OK\r\n"), "{before}");
    assert!(
        before.contains("\npostern_reception_accepted_total 0\n"),
        "{before}"
    );
    serving.submit("b@example.org");
    let after = metrics();
    for line in [
        "postern_reception_accepted_total 1",
        "postern_queue_accepted_total 1",
        "postern_queue_messages 1",
        "postern_queue_poisoned 0",
        "postern_stopping 0",
    ] {
        assert!(after.contains(&format!("\n{line}\n")), "{line}: {after}");
    }
    assert!(after.ends_with("# EOF\n"), "{after}");
    serving.terminate();
}

#[test]
fn health_is_told_and_nothing_can_be_changed_or_asked_from_elsewhere() {
    let home = watched();
    let serving = home.serve();
    let place = place(&serving);
    let status = |request: &str, host: &str| {
        let answer = ask(place, request, host);
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert!(ask(place, "GET /ready", &place.to_string()).ends_with("\r\n\r\nready\n"));
    assert_eq!(status("GET /health", "127.0.0.1"), "200");
    assert_eq!(status("POST /health", "127.0.0.1"), "405");
    assert_eq!(status("GET /v1/status", "127.0.0.1"), "404");
    assert_eq!(status("GET /metrics", "evil.example"), "421");
    serving.terminate();
}

/// Names in a text that begin with `postern_`.
fn names(text: &str) -> BTreeSet<String> {
    let is_in_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c| !is_in_name(c));
    let ours = words.filter(|word| word.starts_with("postern_"));
    ours.map(|word| word.trim_end_matches("_total").to_owned())
        .collect()
}

#[test]
fn every_metric_is_documented_and_no_alert_asks_for_another() {
    let home = watched();
    let serving = home.serve();
    let answer = ask(place(&serving), "GET /metrics", "localhost");
    let heads = answer
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let exported = names(&heads.collect::<Vec<_>>().join("\n"));
    assert!(exported.len() > 30, "{exported:?}");
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(tree.join(path)).unwrap();
    assert_eq!(names(&read("docs/metrics.md")), exported);
    let asked = names(&read("config/prometheus-alerts.yml"));
    assert!(asked.is_subset(&exported), "{asked:?}");
    serving.terminate();
}
