//! P26: a notice about a message is protected as the message was (RFC 8689 §5, §6).

use postern_mail::{Return, TlsWish};
use postern_reports::{Action, Notice};

use crate::{
    fixture::{DELAYED, fact, message, refusal},
    structure::read,
};

/// The notices of failure, of delay and of success to a sender who wished this.
fn notices(tls_wish: TlsWish, ret: Option<Return>) -> [Notice; 3] {
    [
        (Action::Failed, "5.7.30"),
        (DELAYED(), "4.4.1"),
        (Action::Relayed, "2.0.0"),
    ]
    .map(|(action, status)| {
        let mut message = message(&["<carol@ivory.example>"])
            .notify("SUCCESS,FAILURE,DELAY")
            .wish(tls_wish);
        message.envelope.ret = ret;
        message.report(|recipient| fact(recipient, action, status, refusal()))
    })
}

#[track_caller]
fn check(tls_wish: TlsWish, ret: Option<Return>, kind: &str, field: Option<&str>) {
    for notice in notices(tls_wish, ret) {
        assert_eq!(notice.envelope.tls_wish, tls_wish);
        let read = read(&notice);
        let (returned, octets) = read.returned.unwrap();
        assert_eq!(returned, kind, "{tls_wish}, {ret:?}");
        let told = String::from_utf8_lossy(&notice.content).contains("confidential");
        assert_eq!(told, kind == "message/rfc822");
        assert!(!octets.is_empty());
        let said = read.message.header_raw("TLS-Required").map(str::trim);
        assert_eq!(said, field, "{tls_wish}");
    }
}

#[test]
fn of_a_message_with_requiretls_only_the_header_returns() {
    for ret in [None, Some(Return::Headers), Some(Return::Full)] {
        check(TlsWish::Required, ret, "text/rfc822-headers", None);
    }
}

#[test]
fn who_lets_tls_fail_for_a_message_does_so_for_the_notice() {
    check(TlsWish::Waived, None, "text/rfc822-headers", Some("No"));
    let full = Some(Return::Full);
    check(TlsWish::Waived, full, "message/rfc822", Some("No"));
}

#[test]
fn who_says_nothing_of_tls_gets_an_ordinary_notice() {
    check(TlsWish::Unstated, None, "text/rfc822-headers", None);
    let full = Some(Return::Full);
    check(TlsWish::Unstated, full, "message/rfc822", None);
}
