//! Requests that make no sense, or that others than the operator had made.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::running::{Running, get, post};

#[tokio::test]
async fn what_is_no_id_is_looked_up_nowhere() {
    let running = Running::start().await;
    let long = "A".repeat(10_000);
    for id in [
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e",
        "%00",
        "%ff",
        "06gc8m3c00000007",
        "06GC8M3C0000000U",
        long.as_str(),
    ] {
        let path = format!("/v1/queue/{id}");
        running.check(&get(&path), "400").await;
        running
            .check(&post(&format!("{path}/remove"), "{}"), "400")
            .await;
    }
    running
        .check(&get("/v1/queue/../../etc/passwd"), "404")
        .await;
    running
        .check(&get("/v1/queue/06GC8M3C00000007"), "404")
        .await;
    running
        .check(&get("/v1/queue?after=../../etc/passwd"), "400")
        .await;
}

#[tokio::test]
async fn looking_changes_nothing_and_changing_takes_json() {
    let running = Running::start().await;
    let id = running
        .accept("<a@one.example>", ["<b@two.example>".to_owned()])
        .await;
    let remove = format!("/v1/queue/{id}/remove");
    running.check(&get(&remove), "405").await;
    running.check(&get("/v1/reload"), "405").await;
    let form = post(&remove, "{}").replace("application/json", "text/plain");
    running.check(&form, "415").await;
    let silent = post(&remove, "{}").replace("Content-Type: application/json\r\n", "");
    running.check(&silent, "415").await;
    let page = post(&remove, "{}").replace("Host: x", "Host: x\r\nOrigin: http://evil.example");
    running.check(&page, "403").await;
    running.check(&post(&remove, ""), "400").await;
    running
        .check(&post(&remove, r#"{"really": true}"#), "400")
        .await;
    running
        .check(&post(&format!("/v1/queue/{id}/hold"), "{}"), "400")
        .await;
    running
        .check(&post(&format!("/v1/queue/{id}/bounce"), "{}"), "404")
        .await;
    running
        .check(&get("/v1/queue?limit=5&colour=red"), "400")
        .await;
    running.check(&get("/v2"), "404").await;
    assert!(running.client.show(id, 0).await.is_ok());
}

#[tokio::test]
async fn what_is_read_is_bounded() {
    let running = Running::start().await;
    let long = format!(r#"{{"reason": "{}"}}"#, "x".repeat(5000));
    running
        .check(&post("/v1/queue/06GC8M3C00000007/hold", &long), "413")
        .await;
    let head = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(20_000));
    let mut stream = UnixStream::connect(running.socket()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The rest of the head is never read, so the connection may be reset before the answer.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"));
}
