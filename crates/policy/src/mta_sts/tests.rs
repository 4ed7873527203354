//! Records and policies as the grammar has them, and as it does not.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check_record(texts: &[&str], expected: &Result<Option<&str>, StsRecordError>) {
    let texts: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let found = StsRecord::among(&texts);
    let id = found
        .as_ref()
        .map(|it| it.as_ref().map(|it| it.id().as_str()));
    assert_eq!(id.map_err(|error| *error), *expected, "{texts:?}");
}

#[test]
fn one_record_counts() {
    for text in [
        "v=STSv1; id=20160831085700Z;",
        "v=STSv1;id=20160831085700Z",
        "v=STSv1 \t;\t id=20160831085700Z \t; ",
        "v=STSv1; ext=a:b!; id=20160831085700Z",
    ] {
        check_record(&[text], &Ok(Some("20160831085700Z")));
    }
    let other = ["v=spf1 -all", "v=STSv10; id=2", "v=stsv1; id=3", ""];
    check_record(&other, &Ok(None));
    check_record(&["v=spf1 -all", "v=STSv1; id=1"], &Ok(Some("1")));
    check_record(&[], &Ok(None));
}

#[test]
fn what_is_not_one_sound_record_is_none() {
    use StsRecordError as Error;
    let long = format!("v=STSv1; id={}", "1".repeat(33));
    let endless = format!("v=STSv1; id=1; x={}", "1".repeat(5000));
    for (texts, expected) in [
        (vec!["v=STSv1; id=1", "v=STSv1; id=1"], Error::Several),
        (vec!["v=STSv1; id=1", "v=STSv1;"], Error::Several),
        (vec!["v=STSv1;"], Error::NoId),
        (vec!["v=STSv1; ext=1"], Error::NoId),
        (vec!["v=STSv1; id=1; id=1"], Error::SeveralIds),
        (vec!["v=STSv1; id="], Error::Field),
        (vec!["v=STSv1; id=1;; ext=1"], Error::Field),
        (vec!["v=STSv1; id = 1"], Error::Field),
        (vec!["v=STSv1; id=1; x=a b"], Error::Field),
        (vec!["v=STSv1; id=1 x=y"], Error::Field),
        (vec!["v=STSv1; id=2016-08-31"], Error::Id(StsIdError)),
        (vec!["v=STSv1; id=é"], Error::Field),
        (vec![&*long], Error::Id(StsIdError)),
        (vec![&*endless], Error::TooLong),
    ] {
        check_record(&texts, &Err(expected));
    }
    let octets = [b"v=STSv1; id=1; x=\xff".to_vec()];
    assert_eq!(StsRecord::among(&octets), Err(Error::Octets));
}

const SOUND: &str = "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: *.example.net\n\
                     max_age: 604800\n";

fn parse(text: &str) -> Result<StsPolicy, StsPolicyError> {
    StsPolicy::parse(text.as_bytes())
}

#[track_caller]
fn check_same(text: &str) {
    assert_eq!(parse(text), parse(SOUND), "{text:?}");
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let error = parse(text).expect_err(text).to_string();
    assert_eq!(error, expected, "{text:?}");
}

#[test]
fn a_sound_policy_is_read() {
    let policy = parse(SOUND).unwrap();
    assert_eq!(policy.mode(), StsMode::Enforce);
    assert_eq!(policy.max_age().as_secs(), 604_800);
    let hosts: Vec<_> = policy.mx().iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["mx1.example.com", "*.example.net"]);
    let served = policy.to_text();
    assert_eq!(served, SOUND.replace('\n', "\r\n"));
}

#[test]
fn spellings_of_one_policy_are_equal() {
    check_same(&SOUND.replace('\n', "\r\n"));
    check_same(SOUND.trim_end());
    check_same(&SOUND.replace('\n', " \t\n"));
    check_same(&SOUND.replace(": ", ":"));
    check_same(&SOUND.replace(": ", ":\t "));
    check_same(&format!("{SOUND}\r\n \n"));
    check_same(&SOUND.replace("mx1.example.com", "MX1.Example.COM."));
    check_same(&format!("hint: é: anything\n{SOUND}"));
    check_same(&format!(
        "{SOUND}max_age: none\nmode: none\nversion: STSv2\n"
    ));
}

#[test]
fn max_age_is_bounded_from_above() {
    for (written, read) in [
        ("0", 0),
        ("31557600", 31_557_600),
        ("31557601", 31_557_600),
        ("1000000000000", 31_557_600),
        ("99999999999999999999999999", 31_557_600),
        ("0000000000000000000000000007", 7),
    ] {
        let policy = parse(&SOUND.replace("604800", written)).unwrap();
        assert_eq!(policy.max_age().as_secs(), read, "{written}");
    }
    for written in ["-1", "+1", "1.5", "1d", "0x10", "1 0", "٣"] {
        check_refused(
            &SOUND.replace("604800", written),
            "line 5 of the policy has a `max_age` that is none",
        );
    }
}

#[test]
fn what_is_no_policy_is_refused_with_the_line() {
    let without = |line: &str| SOUND.replace(line, "");
    check_refused("", "the policy has no `version`");
    check_refused(&without("version: STSv1\n"), "the policy has no `version`");
    check_refused(&without("mode: enforce\n"), "the policy has no `mode`");
    check_refused(&without("max_age: 604800\n"), "the policy has no `max_age`");
    let no_host = without("mx: mx1.example.com\n").replace("mx: *.example.net\n", "");
    check_refused(&no_host, "the policy has no `mx`");
    assert!(parse(&no_host.replace("enforce", "none")).is_ok());
    let lines = |text: &str| format!("{SOUND}{}", text.repeat(500));
    check_refused(
        &lines("mx: a.example\n"),
        "the policy has more than 200 `mx` lines",
    );
    check_refused(
        &lines(&"x: y\n".repeat(30)),
        "the policy is longer than 65536 octets",
    );
    check_refused(
        &format!("\u{feff}{SOUND}"),
        "the policy begins with a byte order mark",
    );
    for (from, to, expected) in [
        (
            "\n",
            "\r",
            "line 1 of the policy has a control character in it",
        ),
        (
            "mode",
            "\nmode",
            "line 3 of the policy stands behind an empty line",
        ),
        ("mode", " mode", "line 2 of the policy is not `name: value`"),
        (
            "mode:",
            "mode :",
            "line 2 of the policy is not `name: value`",
        ),
        (
            "mode: enforce",
            "mode: ",
            "line 2 of the policy is not `name: value`",
        ),
        (
            "mode: enforce",
            "mode=enforce",
            "line 2 of the policy is not `name: value`",
        ),
        (
            "mode: enforce",
            "<html>",
            "line 2 of the policy is not `name: value`",
        ),
        (
            "STSv1",
            "STSv2",
            "line 1 of the policy has a `version` that is none",
        ),
        (
            "STSv1",
            "stsv1",
            "line 1 of the policy has a `version` that is none",
        ),
        (
            "enforce",
            "Enforce",
            "line 2 of the policy has a `mode` that is none",
        ),
        (
            "enforce",
            "enforce\0",
            "line 2 of the policy has a control character in it",
        ),
        (
            "6048",
            "60\r48",
            "line 5 of the policy has a control character in it",
        ),
        (
            "mx1.",
            "*.*.",
            "line 3 of the policy has a `mx` that is none",
        ),
        (
            "mx1.example.com",
            "*",
            "line 3 of the policy has a `mx` that is none",
        ),
        (
            "mx1.",
            "m*.",
            "line 3 of the policy has a `mx` that is none",
        ),
        ("mx1.", ".", "line 3 of the policy has a `mx` that is none"),
        (
            "mx1.",
            "bücher.",
            "line 3 of the policy has a `mx` that is none",
        ),
        (
            "mx1.example.com",
            "[192.0.2.1]",
            "line 3 of the policy has a `mx` that is none",
        ),
        (
            "mx1.example.com",
            "a.example, b.example",
            "line 3 of the policy has a `mx` that is none",
        ),
    ] {
        check_refused(
            &SOUND.replacen(from, to, if from == "\n" { 9 } else { 1 }),
            expected,
        );
    }
    let octets = [SOUND.as_bytes(), b"x: \xff\n"].concat();
    let error = StsPolicy::parse(&octets).unwrap_err().to_string();
    assert_eq!(error, "line 6 of the policy is not UTF-8");
}

#[test]
fn a_policy_of_our_own_keeps_the_rules_of_others() {
    let week = std::time::Duration::from_secs(604_800);
    let literal = "[192.0.2.1]".parse().unwrap();
    let made = |mode, mx| StsPolicy::new(mode, mx, week);
    assert_eq!(
        made(StsMode::Enforce, vec![literal]),
        Err(StsPolicyError::Host)
    );
    assert_eq!(
        made(StsMode::Testing, vec![]),
        Err(StsPolicyError::Missing(StsField::Mx))
    );
    assert!(made(StsMode::None, vec![]).is_ok());
}

#[test]
fn a_policy_ends_with_its_max_age() {
    let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let known = KnownPolicy::fetched(
        "example.com".parse().unwrap(),
        "1".parse().unwrap(),
        parse(SOUND).unwrap(),
        at(1000),
    );
    assert_eq!(known.expires, at(605_800));
    assert!(!known.has_expired(at(605_799)));
    assert!(known.has_expired(at(605_800)));
}

fn policies() -> impl Strategy<Value = StsPolicy> {
    let mode = prop_oneof![
        Just(StsMode::Enforce),
        Just(StsMode::Testing),
        Just(StsMode::None)
    ];
    let host = "(\\*\\.)?[a-z0-9]{1,9}(\\.[a-z]{2,5}){0,3}".prop_map(|it| it.parse().unwrap());
    let hosts = prop::collection::vec(host, 1..20);
    (mode, hosts, any::<u64>()).prop_map(|(mode, hosts, age)| {
        StsPolicy::new(mode, hosts, std::time::Duration::from_secs(age)).unwrap()
    })
}

proptest! {
    #[test]
    fn parsing_what_was_printed_is_the_identity(policy in policies()) {
        prop_assert_eq!(StsPolicy::parse(policy.to_text().as_bytes()), Ok(policy));
    }

    /// Whatever comes is judged, and what is let through can be said again.
    #[test]
    fn no_octets_cause_a_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = StsPolicy::parse(&octets);
        let _ = StsRecord::among(&[octets.clone(), [b"v=STSv1;", &*octets].concat()]);
    }

    #[test]
    fn lines_in_any_order_and_number_are_judged(
        lines in prop::collection::vec(
            "(version|mode|mx|max_age|x|): ?(STSv1|enforce|none|\\*\\.a\\.example|[0-9]{0,30}|\\PC{0,9})[ \r]?\n",
            0..9,
        ),
    ) {
        if let Ok(policy) = StsPolicy::parse(lines.concat().as_bytes()) {
            prop_assert_eq!(StsPolicy::parse(policy.to_text().as_bytes()), Ok(policy));
        }
    }
}
