//! Who is told, and of what (RFC 3461 §4.1, RFC 5321 §4.5.5).

use postern_mail::{ForwardPath, Notify};
use postern_reports::Action;

use crate::{
    fixture::{DELAYED, fact, message, refusal},
    structure::read,
};

#[test]
fn nobody_is_told_of_mail_from_nobody() {
    let message = message(&["<carol@ivory.example>"])
        .from("<>")
        .notify("SUCCESS,FAILURE,DELAY");
    for action in [Action::Failed, DELAYED(), Action::Relayed] {
        let notice = message.try_report(|r| fact(r, action, "5.1.1", refusal()));
        assert_eq!(notice, None);
    }
}

#[test]
fn the_sender_hears_of_what_was_asked_for() {
    for (notify, failure, delay, success) in [
        (None, true, true, false),
        (Some("NEVER"), false, false, false),
        (Some("FAILURE"), true, false, false),
        (Some("DELAY"), false, true, false),
        (Some("SUCCESS"), false, false, true),
        (Some("SUCCESS,FAILURE,DELAY"), true, true, true),
    ] {
        let mut message = message(&["<carol@ivory.example>"]);
        if let Some(notify) = notify {
            message = message.notify(notify);
        }
        for (action, is_told) in [
            (Action::Failed, failure),
            (DELAYED(), delay),
            (Action::Relayed, success),
            (Action::Delivered, success),
        ] {
            let notice = message.try_report(|r| fact(r, action, "5.1.1", refusal()));
            assert_eq!(notice.is_some(), is_told, "{notify:?} {action:?}");
        }
    }
}

#[test]
fn a_notice_goes_to_the_sender_and_wants_nothing() {
    let notice = message(&["<carol@ivory.example>"]).refused();
    let [recipient] = notice.envelope.recipients.as_slice() else {
        panic!("one recipient");
    };
    let (sender, _) = ForwardPath::parse_prefix("<alice@example.com>").unwrap();
    assert_eq!(recipient.forward_path, sender);
    assert_eq!(recipient.notify, Some(Notify::Never));
    assert_eq!(
        (notice.envelope.ret, notice.envelope.envelope_id),
        (None, None)
    );
}

#[test]
fn recipients_of_whom_nobody_wants_to_hear_are_left_out() {
    let mut message = message(&["<carol@ivory.example>", "<dave@ivory.example>"]);
    message.envelope.recipients[0].notify = Some(Notify::Never);
    let notice = message.refused();
    let read = read(&notice);
    for text in [&read.words, &read.fields] {
        assert!(text.contains("dave@ivory.example") && !text.contains("carol@"));
    }
    assert!(
        message
            .notify("NEVER")
            .try_report(|r| fact(r, Action::Failed, "5.1.1", refusal()))
            .is_none()
    );
}
