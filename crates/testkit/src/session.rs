//! Moments of a session that a test would otherwise have to speak its way to.

use std::time::Instant;

use bytes::BytesMut;
use postern_smtp::client::{GoAhead, Opening, OpeningAction, StartTlsAnswer};

/// A server's agreement to STARTTLS, as the session core makes it from a dialogue.
#[expect(
    clippy::panic,
    reason = "a test that cannot be set up should stop at that line"
)]
pub fn go_ahead() -> GoAhead {
    let (now, mut input) = (Instant::now(), BytesMut::new());
    let name = "client.test".parse().expect("a domain");
    let mut opening = Opening::new(name, now);
    let mut hear = |reply: &[u8], input: &mut BytesMut| {
        input.extend_from_slice(reply);
        opening.advance(input, now).expect("a sound dialogue")
    };
    let _ehlo = hear(b"220 server.test\r\n", &mut input);
    let opened = hear(b"250-server.test\r\n250 STARTTLS\r\n", &mut input);
    let OpeningAction::Opened(opened) = opened else {
        panic!("the server has introduced itself");
    };
    let asked = opened.starttls(&input, now).expect("STARTTLS is offered");
    input.extend_from_slice(b"220 go ahead\r\n");
    match asked.advance(&mut input, now).expect("a sound answer") {
        StartTlsAnswer::GoAhead(agreed) => agreed,
        StartTlsAnswer::Read(_) | StartTlsAnswer::Declined(..) => panic!("the server has agreed"),
    }
}
