//! What mail-auth does by itself where this crate does otherwise. Each of these shows a gap in
//! the library as it is; when one fails, the library has changed, and what this crate does about
//! it may be simpler. Of SPF and DMARC these say as well what the crate does; of signatures and keys,
//! its own tests show it.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod both;
mod dmarc;
mod spf;

use mail_auth::{
    AuthenticatedMessage,
    common::{parse::TxtRecordParser, verify::DomainKey},
    dkim::Signature,
};

#[test]
fn signatures_are_read_that_must_not_count() {
    let signature = |tags: &str| {
        let value = format!("v=1; a=rsa-sha256; s=s; h=from; bh=AAAA; b=AAAA; {tags}");
        Signature::parse(value.as_bytes())
    };
    let twice = signature("d=good.example; d=evil.example").unwrap();
    assert_eq!(twice.d, "evil.example");
    let odd = signature("d=good.example(.evil.example").unwrap();
    assert_eq!(odd.d, "good.example(.evil.example");
    let nul = signature("d=good.example\0.evil.example").unwrap();
    assert_eq!(nul.d, "good.example\0.evil.example");
    assert!(
        signature("d=good.example; h=subject").is_ok(),
        "From is not signed"
    );
    assert!(signature("d=good.example; a=rsa-sha1").is_ok(), "SHA-1");
}

#[test]
fn keys_are_read_that_must_not_count() {
    // t=y and s=tlsrpt are flags that nobody asks for.
    let key = "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    for record in [
        format!("{key}; t=y"),
        format!("{key}; s=tlsrpt"),
        format!("{key}; h=sha1"),
    ] {
        assert!(DomainKey::parse(record.as_bytes()).is_ok(), "{record}");
    }
}

#[tokio::test]
async fn any_number_of_signatures_is_looked_at() {
    let field = "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AAAA; b=AAAA\r\n";
    let message = format!("{}From: jo@a.example\r\n\r\n", field.repeat(500));
    let message = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    assert_eq!(message.dkim_headers.len(), 500);
}

#[test]
fn lines_of_white_space_at_the_end_of_a_body_count() {
    let hash = |body: &str| {
        let message = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from; bh=AAAA; b=AAAA\r\nFrom: jo@a.example\r\n\r\n{body}"
        );
        AuthenticatedMessage::parse(message.as_bytes())
            .unwrap()
            .body_hashes[0]
            .3
            .clone()
    };
    // RFC 6376 §3.4.4: white space goes first, and then the empty lines at the end.
    assert_ne!(hash("Hello\r\n"), hash("Hello\r\n \r\n"));
}
