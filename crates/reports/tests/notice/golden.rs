//! Whole notices, as files to be read by people.
//!
//! The files have LF for CRLF. When a text is changed on purpose, the test prints the notice as
//! it is now.

use postern_mail::{Reply, ReplyCode, Return};
use postern_reports::{Action, Cause, Notice};

use crate::fixture::{DELAYED, fact, message};

#[track_caller]
fn check(notice: &Notice, golden: &str) {
    let shown = String::from_utf8(notice.content.clone())
        .unwrap()
        .replace("\r\n", "\n");
    assert!(shown == golden, "the notice reads now:\n{shown}");
}

#[test]
fn failure() {
    let message = message(&["<carol@ivory.example>", "<dave@ivory.example>"])
        .envelope_id("QQ314159")
        .original("rfc822;Carol@Ivory.example");
    check(&message.refused(), include_str!("golden/failure.eml"));
}

#[test]
fn refused_channel() {
    let mismatch = "mx1.ministry.example: the certificate names mx9.ministry.example, wanted is \
        mx1.ministry.example (certificate SHA-256 00:11:22); partner Ministry of Examples \
        demands an authenticated channel";
    let message = message(&["<carol@ministry.example>"]);
    let notice =
        message.report(|recipient| fact(recipient, DELAYED(), "4.7.5", Cause::Here(mismatch)));
    check(&notice, include_str!("golden/refused_channel.eml"));
}

#[test]
fn relayed_with_the_whole_message() {
    let message = message(&["<carol@ivory.example>"])
        .notify("SUCCESS")
        .ret(Return::Full);
    let reply = Reply::new(ReplyCode::OK, "queued as 4Xyz");
    let cause = Cause::Reply {
        host: "[192.0.2.1]",
        reply: &reply,
    };
    let notice = message.report(|recipient| fact(recipient, Action::Relayed, "2.0.0", cause));
    check(&notice, include_str!("golden/relayed.eml"));
}
