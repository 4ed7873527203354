//! Addresses there and back, and what is made of them on the way.

use proptest::prelude::*;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn at(day: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * day + Duration::from_secs(3600)
}

fn srs(domain: &str, secrets: &[u8]) -> Srs {
    let secrets = secrets.iter().map(|octet| [*octet; 32]);
    Srs::new(domain.parse().unwrap(), secrets).unwrap()
}

fn ours() -> Srs {
    srs("srs.example", &[1])
}

fn path(mailbox: &str) -> ReversePath {
    ReversePath::Mailbox(mailbox.parse().unwrap())
}

#[track_caller]
fn rewritten(srs: &Srs, mailbox: &str, day: u32) -> Mailbox {
    match srs.forward(&path(mailbox), at(day)) {
        Forwarded::Rewritten(mailbox) => mailbox,
        Forwarded::AsItWas(why) => panic!("{mailbox}: {why}"),
    }
}

#[test]
fn an_address_goes_there_and_comes_back() {
    for sender in [
        "jo@example.com",
        "Jo.Doe@example.com",
        "a=b=c@example.com",
        "\"jo doe\"@example.com",
        "jo@[192.0.2.1]",
        "jo@[IPv6:2001:db8::1]",
        "дж@example.com",
        "SRS0@example.com",
        "SRS0=short@example.com",
        "SRS1=short=x=y@example.com",
        "srs0-list@example.com",
    ] {
        let sent = rewritten(&ours(), sender, 20_000);
        assert!(sent.local_part().as_str().starts_with("SRS0="), "{sent}");
        assert_eq!(sent.domain().unwrap().as_str(), "srs.example");
        let printed: Mailbox = sent.to_string().parse().unwrap();
        let back = ours().back(&printed, at(20_003));
        assert_eq!(back, Some(Ok(sender.parse().unwrap())), "{sent}");
    }
}

/// The shape that others look at.
#[test]
fn the_form_is_the_one_of_the_field() {
    let sent = rewritten(&ours(), "jo@example.com", 33).to_string();
    let parts: Vec<_> = sent.split('=').collect();
    assert!(
        matches!(parts[..], ["SRS0", hash, "BB", "example.com", "jo@srs.example"] if hash.len() == HASH),
        "{sent}"
    );
}

#[test]
fn three_forwarders_in_a_row_send_failures_to_the_first_one() {
    let first = srs("one.example", &[1]);
    let second = srs("two.example", &[2]);
    let third = srs("three.example", &[3]);
    let one = rewritten(&first, "jo@example.com", 100);
    let two = rewritten(&second, &one.to_string(), 101);
    let three = rewritten(&third, &two.to_string(), 102);
    for sent in [&two, &three] {
        let local_part = sent.local_part().as_str();
        assert!(local_part.starts_with("SRS1="), "{sent}");
        assert!(local_part.contains("=one.example=="), "{sent}");
    }
    assert_eq!(third.back(&three, at(103)), Some(Ok(one.clone())));
    assert_eq!(second.back(&two, at(103)), Some(Ok(one.clone())));
    assert_eq!(
        first.back(&one, at(103)),
        Some(Ok("jo@example.com".parse().unwrap()))
    );
    assert_eq!(second.back(&three, at(103)), None);
}

#[test]
fn addresses_of_other_forwarders_are_read_with_any_separator() {
    for mark in ["=", "+", "-"] {
        let theirs = format!("SRS0{mark}Ab+/=QX=example.com=jo@fwd.example");
        let sent = rewritten(&ours(), &theirs, 100);
        assert!(
            sent.local_part()
                .as_str()
                .contains(&format!("=fwd.example={mark}Ab"))
        );
        assert_eq!(
            ours().back(&sent, at(100)),
            Some(Ok(theirs.parse().unwrap()))
        );
    }
}

#[test]
fn a_host_that_folds_case_breaks_nothing() {
    let sent = rewritten(&ours(), "Jo.Doe@example.com", 200);
    let fold: [fn(&str) -> String; 2] = [str::to_lowercase, str::to_uppercase];
    for fold in fold {
        let folded: Mailbox = fold(&sent.to_string()).parse().unwrap();
        let back = ours().back(&folded, at(201)).unwrap().unwrap();
        assert_eq!(back.to_string(), format!("{}@example.com", fold("Jo.Doe")));
    }
}

#[test]
fn an_address_is_good_for_three_weeks() {
    let sent = rewritten(&ours(), "jo@example.com", 1020);
    for day in [1019, 1020, 1023, 1024, 1041] {
        assert!(matches!(ours().back(&sent, at(day)), Some(Ok(_))), "{day}");
    }
    for (day, age) in [(1042, 22), (1018, 1022), (1500, 480)] {
        assert_eq!(
            ours().back(&sent, at(day)),
            Some(Err(SrsError::Expired(age)))
        );
    }
}

#[test]
fn an_older_secret_is_good_and_a_lost_one_is_not() {
    let sent = rewritten(&srs("srs.example", &[1]), "jo@example.com", 5);
    let back = |secrets: &[u8]| srs("srs.example", secrets).back(&sent, at(5)).unwrap();
    assert!(back(&[2, 1]).is_ok());
    assert_eq!(back(&[2, 3]), Err(SrsError::Forged));
    assert_eq!(
        rewritten(&srs("srs.example", &[1, 2]), "jo@example.com", 5),
        sent
    );
}

#[test]
fn what_is_not_ours_is_left_alone_or_refused() {
    let back = |recipient: &str| ours().back(&recipient.parse().unwrap(), at(1));
    for recipient in [
        "jo@srs.example",
        "srs@srs.example",
        "SRS0@srs.example",
        "SRS0x=a@srs.example",
        "SRS0=AAAAAA=AA=example.com=jo@other.example",
        "SRS0=AAAAAA=AA=example.com=jo@sub.srs.example",
    ] {
        assert_eq!(back(recipient), None, "{recipient}");
    }
    for (recipient, error) in [
        (
            "SRS0=AAAAAA=AA=example.com=jo@srs.example",
            SrsError::Forged,
        ),
        ("SRS0=A=AA=example.com=jo@srs.example", SrsError::Forged),
        (
            "SRS1=AAAAAA=a.example==H=AA=b.example=jo@srs.example",
            SrsError::Forged,
        ),
        ("SRS0=@srs.example", SrsError::Malformed),
        ("SRS0==AA=example.com=jo@srs.example", SrsError::Malformed),
        (
            "SRS0=AAAAAA=AA=example.com@srs.example",
            SrsError::Malformed,
        ),
        ("SRS1=AAAAAA=a.example@srs.example", SrsError::Malformed),
        ("SRS1=AAAAAA=a.example=x@srs.example", SrsError::Malformed),
    ] {
        assert_eq!(back(recipient), Some(Err(error)), "{recipient}");
    }
}

/// The part before the `@` has 5 octets of prefix, 6 of hash, 2 of the day and 3 separators.
#[test]
fn what_does_not_fit_stays_as_it_was() {
    let fits = format!("{}@example.com", "x".repeat(64 - 16 - "example.com".len()));
    let sent = rewritten(&ours(), &fits, 1);
    assert_eq!(sent.local_part().as_str().len(), 64);
    assert_eq!(ours().back(&sent, at(1)), Some(Ok(fits.parse().unwrap())));

    let check = |srs: &Srs, path: &ReversePath, why| {
        assert_eq!(srs.forward(path, at(1)), Forwarded::AsItWas(why), "{path}");
    };
    check(&ours(), &path(&format!("x{fits}")), Unforwarded::TooLong);
    check(&ours(), &ReversePath::Null, Unforwarded::Null);
    check(&ours(), &path("jo@srs.example"), Unforwarded::Ours);
    let long = format!("{}.example", ["abcdefghij"; 21].join("."));
    check(
        &srs(&long, &[1]),
        &path("jo@example.com"),
        Unforwarded::TooLong,
    );
}

#[test]
fn secrets_are_secrets_and_do_not_print() {
    let make = |secrets: &[&str]| Srs::new("srs.example".parse().unwrap(), secrets).map(drop);
    assert_eq!(make(&[]), Err(SrsSecretError::None));
    assert_eq!(make(&["short"]), Err(SrsSecretError::Short(5)));
    assert_eq!(
        make(&["a secret of enough octets", ""]),
        Err(SrsSecretError::Short(0))
    );
    assert!(!format!("{:?}", ours()).contains("Key"));
}

proptest! {
    #[test]
    fn whatever_fits_comes_back(local in "\\PC{1,40}", day in 0_u32..40_000, later in 0_u32..=21) {
        let Ok(local_part) = LocalPart::try_from(local) else { return Ok(()) };
        let mailbox = Mailbox::new(local_part, "example.com".parse().unwrap());
        if let Forwarded::Rewritten(sent) = ours().forward(&ReversePath::Mailbox(mailbox.clone()), at(day)) {
            let printed: Mailbox = sent.to_string().parse().unwrap();
            prop_assert_eq!(ours().back(&printed, at(day + later)), Some(Ok(mailbox)));
        }
    }

    /// Another character anywhere, save in its case, is a forgery; so is one less or one more.
    #[test]
    fn what_was_changed_does_not_come_back(at_octet in 5_usize..33, with in "[A-Z2-7=]", cut in any::<bool>()) {
        let sent = rewritten(&ours(), "jo.doe@example.com", 50);
        let mut local = sent.local_part().as_str().to_owned();
        let end = if cut { at_octet } else { at_octet + 1 };
        prop_assume!(end <= local.len());
        local.replace_range(at_octet..end, &with);
        prop_assume!(!local.eq_ignore_ascii_case(sent.local_part().as_str()));
        if let Ok(local_part) = LocalPart::try_from(local) {
            let changed = Mailbox::new(local_part, sent.host().clone());
            prop_assert!(matches!(ours().back(&changed, at(50)), Some(Err(_))), "{}", changed);
        }
    }

    #[test]
    fn no_local_part_breaks_anything(local in "(SRS[01][=+-])?\\PC{0,60}", day in 0_u32..40_000) {
        if let Ok(local_part) = LocalPart::try_from(local) {
            for domain in ["srs.example", "fwd.example"] {
                let mailbox = Mailbox::new(local_part.clone(), domain.parse().unwrap());
                prop_assert!(!matches!(ours().back(&mailbox, at(day)), Some(Ok(_))));
                let _ = ours().forward(&ReversePath::Mailbox(mailbox), at(day));
            }
        }
    }
}
