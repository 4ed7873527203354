use postern_mail::Notify;
use proptest::prelude::*;

use super::*;

#[track_caller]
fn refused(line: &str, why: &CommandError) {
    assert_eq!(
        Command::parse(line.as_bytes()).as_ref(),
        Err(why),
        "{line:?}"
    );
}

#[track_caller]
fn parsed(line: &str) -> Command {
    Command::parse(line.as_bytes()).unwrap_or_else(|why| panic!("{line:?}: {why}"))
}

#[track_caller]
fn mail_of(line: &str) -> MailCommand {
    match parsed(line) {
        Command::Mail(mail) => mail,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn rcpt_of(line: &str) -> RcptCommand {
    match parsed(line) {
        Command::Rcpt(rcpt) => rcpt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn case_and_white_space_at_the_end_do_not_matter() {
    for line in ["DATA", "data", "DaTa", "DATA ", "DATA \t "] {
        assert_eq!(parsed(line), Command::Data);
    }
    assert_eq!(
        parsed("ehlo Mx.Example "),
        Command::Ehlo("mx.example".parse().unwrap())
    );
    assert_eq!(parsed("NOOP whatever"), Command::Noop);
    assert_eq!(parsed("starttls"), Command::StartTls);
    assert_eq!(parsed("HELP MAIL"), Command::Help);
    assert_eq!(
        mail_of("mail from:<A@B.example>   ")
            .reverse_path
            .to_string(),
        "<A@b.example>"
    );
}

#[test]
fn what_is_no_verb_is_not_recognised() {
    for line in [
        "",
        " ",
        " NOOP",
        "NOO",
        "NOOPS",
        "ETRN x",
        "AUTH PLAIN",
        "MAIL\u{a0}FROM:<>",
        "é",
        "DATA.",
        "XCLIENT ADDR=127.0.0.2",
        "PROXY TCP4 127.0.0.2 127.0.0.1 1 25",
    ] {
        refused(line, &CommandError::Unrecognised);
    }
}

#[test]
fn no_control_character_and_no_ill_formed_utf_8_stands_in_a_command() {
    for line in [
        &b"NOOP\rNOOP"[..],
        b"NOOP\0",
        b"MAIL FROM:<a\0@b.example>",
        b"NOOP \x1b[2J",
        b"NOOP\tx",
        b"MAIL FROM:<\xe9@b.example>",
        b"MAIL FROM:<\xc0\xafa@b.example> SMTPUTF8",
        b"MAIL FROM:<a@b.example> SMTPUTF8 ENVID=\xc2\x85",
        b"\x16\x03\x01\x02",
    ] {
        assert_eq!(
            Command::parse(line),
            Err(CommandError::Octets),
            "{}",
            line.escape_ascii()
        );
    }
}

#[test]
fn arguments_stand_where_they_must_and_nowhere_else() {
    for verb in [Verb::Data, Verb::Rset, Verb::Quit, Verb::StartTls] {
        refused(
            &format!("{} now", verb.as_str()),
            &CommandError::Argument(verb),
        );
    }
    refused("VRFY", &CommandError::NoArgument(Verb::Vrfy));
    refused("EXPN ", &CommandError::NoArgument(Verb::Expn));
    for line in ["EHLO", "EHLO a b", "HELO a@b", "EHLO [1.2.3]", "EHLO ::1"] {
        assert!(
            matches!(Command::parse(line.as_bytes()), Err(CommandError::Name(_))),
            "{line}"
        );
    }
    refused("EHLO bücher.example", &CommandError::Octets);
    assert!(matches!(parsed("HELO [192.0.2.1]"), Command::Helo(_)));
    assert!(matches!(parsed("EHLO my_laptop"), Command::Ehlo(_)));
}

#[test]
fn paths_follow_the_grammar() {
    for line in [
        "MAIL",
        "MAIL <a@b.example>",
        "MAIL TO:<a@b.example>",
        "MAIL  FROM:<>",
    ] {
        refused(line, &CommandError::Keyword(Verb::Mail));
    }
    for line in [
        "RCPT",
        "RCPT FROM:<a@b.example>",
        "RCPT T",
        "RCPT é:<a@b.example>",
    ] {
        refused(line, &CommandError::Keyword(Verb::Rcpt));
    }
    for line in [
        "MAIL FROM:",
        "MAIL FROM: <a@b.example>",
        "MAIL FROM:a@b.example",
        "MAIL FROM:<a@b.example",
        "MAIL FROM:<a>",
        "MAIL FROM:< a@b.example>",
        "RCPT TO:<>",
        "RCPT TO:<a@b.example,c@d.example>",
        "RCPT TO: <a@b.example>",
    ] {
        assert!(
            matches!(
                Command::parse(line.as_bytes()),
                Err(CommandError::Path(_, _))
            ),
            "{line}"
        );
    }
    assert_eq!(mail_of("MAIL FROM:<>").reverse_path, ReversePath::Null);
    assert_eq!(
        rcpt_of("RCPT TO:<postmaster>").recipient.forward_path,
        ForwardPath::Postmaster
    );
    let routed = rcpt_of("RCPT TO:<@own.example:x@v.example>").recipient;
    assert_eq!(routed.forward_path.to_string(), "<x@v.example>");
}

#[test]
fn parameters_of_mail() {
    let mail =
        mail_of("MAIL FROM:<a@b.example> size=1000 Body=8bitmime SMTPUTF8 RET=hdrs ENVID=QQ+2B314");
    assert_eq!(mail.size, Some(1000));
    assert_eq!(mail.body, BodyType::EightBitMime);
    assert!(mail.smtputf8);
    assert!(!mail.requiretls);
    assert!(mail_of("MAIL FROM:<a@b.example> RequireTLS").requiretls);
    assert_eq!(mail.ret, Some(Return::Headers));
    assert_eq!(mail.envelope_id.unwrap().as_str(), "QQ+314");
    assert_eq!(
        mail_of("MAIL FROM:<> SIZE=18446744073709551615").size,
        Some(u64::MAX)
    );
}

#[test]
fn parameters_of_rcpt() {
    let recipient =
        rcpt_of("RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;A+2Bx@b.example")
            .recipient;
    assert_eq!(recipient.notify.unwrap().to_string(), "SUCCESS,DELAY");
    assert_eq!(recipient.original.unwrap().address(), "A+x@b.example");
    assert_eq!(
        rcpt_of("RCPT TO:<a@b.example> notify=never")
            .recipient
            .notify,
        Some(Notify::Never)
    );
}

#[test]
fn ill_formed_parameters_are_refused() {
    let with = |parameters: &str| format!("MAIL FROM:<a@b.example>{parameters}");
    for bad in [
        "SIZE=1",
        "  SIZE=1",
        " SIZE=1  RET=FULL",
        " =1",
        " SIZE=",
        " -X",
        " S_X=1",
        " SIZE=1=2",
        " é",
        ",<c@d.example>",
        " ENVID=a=b",
    ] {
        refused(&with(bad), &CommandError::Parameter);
    }
    for bad in [
        " SIZE",
        " SIZE=-1",
        " SIZE=+1",
        " SIZE=abc",
        " SIZE=0x5",
        " SIZE=1.0",
        " SIZE=18446744073709551616",
        " SIZE=000000000000000000001",
        " SIZE=٣ SMTPUTF8",
    ] {
        refused(&with(bad), &CommandError::Value("SIZE"));
    }
    refused(&with(" BODY=9BIT"), &CommandError::Value("BODY"));
    refused(&with(" BODY=BINARYMIME"), &CommandError::BinaryMime);
    refused(&with(" SMTPUTF8=yes"), &CommandError::Value("SMTPUTF8"));
    refused(&with(" RET=SOME"), &CommandError::Value("RET"));
    refused(
        &with(" ENVID=a+0D+0Ab"),
        &CommandError::Dsn("ENVID", XtextError::Control),
    );
    refused(
        "RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY",
        &CommandError::Dsn("NOTIFY", XtextError::Notify),
    );
    refused(
        "RCPT TO:<a@b.example> ORCPT=a@b.example",
        &CommandError::Dsn("ORCPT", XtextError::Kind),
    );
}

#[test]
fn parameters_are_given_once_and_known() {
    refused(
        "MAIL FROM:<> SIZE=1 size=1",
        &CommandError::Duplicate("SIZE"),
    );
    refused(
        "RCPT TO:<a@b.example> NOTIFY=NEVER NOTIFY=DELAY",
        &CommandError::Duplicate("NOTIFY"),
    );
    for line in [
        "MAIL FROM:<> AUTH=<>",
        "MAIL FROM:<> REQUIRETLSX",
        "MAIL FROM:<> NOTIFY=NEVER",
        "RCPT TO:<a@b.example> SIZE=1",
        "RCPT TO:<a@b.example> REQUIRETLS",
    ] {
        refused(line, &CommandError::ParameterNotRecognised);
    }
}

#[test]
fn addresses_beyond_ascii_need_smtputf8() {
    refused("MAIL FROM:<é@b.example>", &CommandError::NeedsSmtputf8);
    refused("MAIL FROM:<a@bücher.example>", &CommandError::NeedsSmtputf8);
    assert_eq!(
        mail_of("MAIL FROM:<é@bücher.example> SMTPUTF8")
            .reverse_path
            .to_string(),
        "<é@xn--bcher-kva.example>"
    );
    assert!(rcpt_of("RCPT TO:<é@b.example>").needs_smtputf8);
    assert!(!rcpt_of("RCPT TO:<a@b.example>").needs_smtputf8);
}

#[test]
fn chunks() {
    let chunk = |size, last| Command::Bdat(BdatCommand { size, last });
    assert_eq!(parsed("BDAT 0"), chunk(0, false));
    assert_eq!(parsed("BDAT 86 last"), chunk(86, true));
    assert_eq!(parsed("BDAT 18446744073709551615"), chunk(u64::MAX, false));
    for bad in [
        "BDAT",
        "BDAT -1",
        "BDAT +3",
        "BDAT 0x5",
        "BDAT 18446744073709551617",
        "BDAT 0 LAST now",
        "BDAT 1 2",
        "BDAT LAST",
        "BDAT  1",
        "BDAT 1 LASTLY",
    ] {
        refused(bad, &CommandError::Chunk);
    }
}

#[test]
fn every_verb_is_spelled_as_it_is_parsed() {
    for (name, verb) in VERBS {
        assert_eq!(verb.as_str(), name);
        assert!(verb.usage().starts_with(name));
        assert_eq!(split(name.as_bytes()), Ok((verb, "")));
    }
}

proptest! {
    #[test]
    fn any_line_is_parsed_or_refused(line in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = Command::parse(&line);
    }

    #[test]
    fn any_argument_is_parsed_or_refused(
        verb in prop::sample::select(&["MAIL FROM:<", "RCPT TO:<", "BDAT ", "EHLO ", "MAIL FROM:<> "]),
        argument in "\\PC{0,60}",
    ) {
        if let Ok(Command::Rcpt(rcpt)) = Command::parse(format!("{verb}{argument}").as_bytes()) {
            prop_assert_eq!(rcpt.needs_smtputf8, !argument.is_ascii());
        }
    }
}
