use std::{borrow::Cow, net::IpAddr};

use postern_mail::{Domain, ReversePath, header::fields};
use proptest::prelude::*;

use super::*;
use crate::{
    ArcResult, DkimAlgorithm, DkimResult, DmarcPolicy, DmarcResult, IprevResult, Letter, Override,
    SpfResult,
};

const US: &str = "mx1.example.org";

const ARC_RESULTS: &str = "ARC-Authentication-Results";

fn spf(result: SpfResult, domain: &str, reason: Option<&str>) -> SpfOutcome {
    SpfOutcome {
        result,
        domain: domain.to_owned(),
        reason: reason.map(str::to_owned),
    }
}

fn signature() -> DkimOutcome {
    DkimOutcome {
        result: DkimResult::Pass,
        reason: None,
        domain: Some("example.net".parse().unwrap()),
        identity: Some("jo@news.example.net".to_owned()),
        selector: Some("s1".to_owned()),
        algorithm: Some(DkimAlgorithm::RsaSha256),
        signature_start: "ab/cd+ef".to_owned(),
    }
}

/// What is found out about ordinary mail.
pub(crate) fn verdict() -> Verdict {
    Verdict {
        client: "192.0.2.1".parse().unwrap(),
        iprev: IprevOutcome {
            result: IprevResult::Pass,
            name: None,
            reason: None,
        },
        helo: spf(SpfResult::None, "mail.example.net", None),
        mail_from: Some(spf(SpfResult::Pass, "example.net", None)),
        dkim: vec![signature()],
        arc: ArcOutcome {
            result: ArcResult::None,
            sets: 0,
            sealer: None,
            sealers: Vec::new(),
            reason: None,
            claims_dmarc_pass: false,
        },
        dmarc: DmarcOutcome {
            result: DmarcResult::Pass,
            policy: DmarcPolicy::None,
            reason: None,
            record: None,
            spf_aligned: true,
            dkim_aligned: true,
        },
        author: Author::One("example.net".parse().unwrap()),
        overridden: None,
    }
}

#[track_caller]
fn check(verdict: &Verdict, expected: &[&str]) {
    let field = AuthenticationResults::new(US, verdict).field();
    let text = std::str::from_utf8(&field).unwrap();
    let lines: Vec<_> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    assert_eq!(lines, expected);
    assert_eq!(fields(&field).count(), 1);
}

#[test]
fn ordinary_mail() {
    check(
        &verdict(),
        &[
            "Authentication-Results: mx1.example.org;",
            "\tiprev=pass policy.iprev=192.0.2.1;",
            "\tspf=none smtp.helo=mail.example.net;",
            "\tspf=pass smtp.mailfrom=example.net;",
            "\tdkim=pass header.d=example.net header.i=jo@news.example.net header.s=s1",
            "\theader.a=rsa-sha256 header.b=\"ab/cd+ef\";",
            "\tarc=none smtp.remote-ip=192.0.2.1;",
            "\tdmarc=pass header.from=example.net",
        ],
    );
}

#[test]
fn a_bounce_of_somebody_unknown() {
    let verdict = Verdict {
        client: "2001:db8::1".parse().unwrap(),
        iprev: IprevOutcome {
            result: IprevResult::PermError,
            name: None,
            reason: Some("the address has no name".to_owned()),
        },
        helo: spf(SpfResult::None, "[192.0.2.1]", None),
        mail_from: None,
        dkim: Vec::new(),
        author: Author::None,
        dmarc: DmarcOutcome {
            result: DmarcResult::PermError,
            ..verdict().dmarc
        },
        overridden: Some(Override::TrustedForwarder("192.0.2.0/24".parse().unwrap())),
        ..verdict()
    };
    check(
        &verdict,
        &[
            "Authentication-Results: mx1.example.org;",
            "\tiprev=permerror reason=\"the address has no name\" policy.iprev=\"2001:db8::1\";",
            "\tspf=none smtp.helo=\"[192.0.2.1]\";",
            "\tdkim=none;",
            "\tarc=none smtp.remote-ip=\"2001:db8::1\";",
            "\tdmarc=permerror reason=\"no From field names an author, overridden: a",
            "\ttrusted forwarder in 192.0.2.0/24\"",
        ],
    );
}

#[test]
fn nothing_evaluated() {
    let none = |id| AuthenticationResults::none(id);
    assert_eq!(
        none(US),
        "Authentication-Results: mx1.example.org; none\r\n"
    );
    assert_eq!(none("a b"), "Authentication-Results: \"a b\"; none\r\n");
}

#[test]
fn the_field_of_an_arc_set_says_the_same() {
    let verdict = verdict();
    let results = AuthenticationResults::new(US, &verdict);
    let bare = |field: Bytes, start: &str| {
        let text = String::from_utf8(field.to_vec()).unwrap();
        let words: Vec<_> = text
            .strip_prefix(start)
            .unwrap()
            .split_whitespace()
            .collect();
        words.join(" ")
    };
    assert_eq!(
        bare(results.arc_field(3), "ARC-Authentication-Results: i=3; "),
        bare(results.field(), "Authentication-Results: ")
    );
}

/// What those find who split a field at every semicolon, and those who search for results.
fn crude_results(field: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(field);
    let words = text.split([';', ' ', '\t', '"', '(', ')', ',']);
    words
        .filter_map(|word| word.trim().split_once('='))
        .filter(|(name, _)| !name.contains('.') && *name != "reason" && name.len() > 1)
        .map(|(method, result)| format!("{method}={result}"))
        .collect()
}

const OURS: [&str; 6] = [
    "iprev=pass",
    "spf=none",
    "spf=pass",
    "dkim=pass",
    "arc=none",
    "dmarc=pass",
];

#[test]
fn no_foreign_text_makes_a_result() {
    let attack = "x\"; dmarc=pass (\\\r\n\tspf=pass; dkim=pass header.d=victim.example";
    let mut verdict = verdict();
    verdict.helo.domain = attack.to_owned();
    verdict.iprev.reason = Some(attack.to_owned());
    verdict.dkim[0].reason = Some(attack.to_owned());
    verdict.dkim[0].identity = Some(format!("{attack}@example.net"));
    verdict.dkim[0].selector = Some(attack.to_owned());
    verdict.dkim[0].signature_start = attack.to_owned();
    verdict.dmarc.reason = Some(attack.to_owned());
    let field = AuthenticationResults::new(US, &verdict).field();
    assert_eq!(crude_results(&field), OURS);
    assert_eq!(field.iter().filter(|octet| **octet == b';').count(), 6);
    let text = String::from_utf8_lossy(&field).into_owned();
    assert!(text.contains("header.i=@example.net"), "{text}");
    assert!(!text.contains("header.s="), "{text}");
}

proptest! {
    #[test]
    fn whatever_is_said_the_field_is_one_field(text in "(\\PC|[;=\"\\\\() \r\n\t]|dmarc=pass){0,400}") {
        let mut verdict = verdict();
        verdict.dkim[0].reason = Some(text.clone());
        verdict.dkim[0].identity = Some(text.clone());
        verdict.dkim[0].selector = Some(text.clone());
        verdict.dmarc.reason = Some(text.clone());
        verdict.mail_from = Some(spf(SpfResult::Pass, &text, None));
        let field = AuthenticationResults::new(US, &verdict).field();
        prop_assert!(field.is_ascii());
        let text = std::str::from_utf8(&field).unwrap();
        prop_assert!(text.split("\r\n").all(|line| line.len() < 998 && !line.contains(['\r', '\n'])));
        prop_assert_eq!(fields(&field).count(), 1);
        prop_assert_eq!(fields(&field).next().unwrap().octets(), &field[..]);
        prop_assert_eq!(crude_results(&field), OURS);
    }
}

#[track_caller]
fn check_spf(reverse_path: &str, verdict: &Verdict, expected: &str) {
    let (reverse_path, _) = ReversePath::parse_prefix(reverse_path).unwrap();
    let client: IpAddr = "192.0.2.1".parse().unwrap();
    let hostname: Domain = US.parse().unwrap();
    let letter = Letter {
        client,
        helo: &"mail.example.net".parse().unwrap(),
        reverse_path: &reverse_path,
        hostname: &hostname,
        content: &[],
    };
    assert_eq!(received_spf_field(&letter, verdict), expected);
}

#[test]
fn received_spf() {
    check_spf(
        "<jo@example.net>",
        &verdict(),
        "Received-SPF: pass receiver=mx1.example.org; identity=mailfrom;\r\n\
         \tenvelope-from=\"jo@example.net\"; helo=mail.example.net; client-ip=192.0.2.1;\r\n",
    );
    let failed = Verdict {
        mail_from: None,
        helo: spf(
            SpfResult::PermError,
            "mail.example.net",
            Some("\"a\"; dmarc = pass, l= 1"),
        ),
        ..verdict()
    };
    check_spf(
        "<>",
        &failed,
        "Received-SPF: permerror receiver=mx1.example.org; identity=helo;\r\n\
         \thelo=mail.example.net; client-ip=192.0.2.1; problem=\"'a', dmarc : pass, l=\r\n\t1\"\r\n",
    );
    check_spf(
        "<\"a; b=c\"@example.net>",
        &verdict(),
        "Received-SPF: pass receiver=mx1.example.org; identity=mailfrom;\r\n\
         \tenvelope-from=\"@example.net\"; helo=mail.example.net; client-ip=192.0.2.1;\r\n",
    );
}

/// Forms in which somebody may claim to be us, with what stands behind.
const CLAIMS: [&str; 35] = [
    "Authentication-Results: mx1.example.org; spf=pass",
    "authentication-results:MX1.EXAMPLE.ORG;spf=pass",
    "AUTHENTICATION-RESULTS : mx1.example.org ; spf=pass",
    "Authentication-Results\t: mx1.example.org; spf=pass",
    "Authentication-Results\r\n : mx1.example.org; spf=pass",
    "Authentication-Results:\r\n\tmx1.example.org;\r\n\tspf=pass",
    "Authentication-Results: \r\n \r\n mx1.example.org; spf=pass",
    "Authentication-Results: mx1.example.org 1; spf=pass",
    "Authentication-Results: mx1.example.org/1; spf=pass",
    "Authentication-Results: mx1.example.org / 1; spf=pass",
    "Authentication-Results: mx1.example.org\r\n 1; spf=pass",
    "Authentication-Results: (a) mx1.example.org (b) 1 (c); spf=pass",
    "Authentication-Results: (a (b;) \\) \"c\") mx1.example.org; spf=pass",
    "Authentication-Results: (a)mx1.example.org(b); spf=pass",
    "Authentication-Results: mx1 . example . org; spf=pass",
    "Authentication-Results: mx1(a).example.(b)org; spf=pass",
    "Authentication-Results: \"mx1.example.org\"; spf=pass",
    "Authentication-Results: \"mx\\1.example.org\" 1; spf=pass",
    "Authentication-Results: \"mx1\".example.\"org\"; spf=pass",
    "Authentication-Results: mx\\1.example.org; spf=pass",
    "Authentication-Results: \"mx1.example.org; spf=pass",
    "Authentication-Results: \"mx1.example.org; spf=pass\"",
    "Authentication-Results: (mx1.example.org; spf=pass",
    "Authentication-Results: mx1.example.org (; spf=pass",
    "Authentication-Results: mx1.example.org. ; spf=pass",
    "Authentication-Results: mx1.example.org",
    "Authentication-Results: ; mx1.example.org; spf=pass",
    "Authentication-Results: \u{ff4d}x1.ex\u{ad}ample\u{3002}org; spf=pass",
    "Authentication-Results: mx1.example\u{0}.org; spf=pass",
    "ARC-Authentication-Results: i=1; mx1.example.org; spf=pass",
    "arc-authentication-results:i=1;MX1.example.org;spf=pass",
    "ARC-Authentication-Results: i = 12 ;\r\n mx1.example.org; spf=pass",
    "ARC-Authentication-Results: (a) I=1 (b); \"mx1.example.org\"; spf=pass",
    "ARC-Authentication-Results: i=1; mx1.example.org/1; spf=pass",
    "ARC-Authentication-Results: mx1.example.org; i=1; spf=pass",
];

/// Fields that are none of ours.
const OTHERS: [&str; 15] = [
    "From: mx1.example.org; dmarc=pass",
    "X-Authentication-Results: mx1.example.org; spf=pass",
    "Authentication-Results-Old: mx1.example.org; spf=pass",
    "Authentication-Results: mx2.example.org; spf=pass",
    "Authentication-Results: mx1.example.org.evil.example; spf=pass",
    "Authentication-Results: evil.mx1.example.org; spf=pass",
    "Authentication-Results: example.org; spf=pass smtp.helo=mx1.example.org",
    "Authentication-Results: (mx1.example.org) example.org; spf=pass",
    "Authentication-Results: spf=pass smtp.helo=mx1.example.org;",
    "Authentication-Results:",
    "ARC-Authentication-Results: i=1; mx2.example.org; spf=pass",
    "ARC-Seal: i=1; mx1.example.org",
    "Received: (Authentication-Results: mx1.example.org; spf=pass)",
    "a line that is no field",
    "\u{c}",
];

fn without(header: &[u8], id: &str) -> Vec<u8> {
    without_forged(header, id, ArcChain::Invalid).into_owned()
}

#[test]
fn claims_are_taken_out() {
    for claim in CLAIMS {
        let header = format!("A: b\r\n{claim}\r\nC: d\r\n\r\n");
        let left = without(header.as_bytes(), US);
        assert_eq!(left, b"A: b\r\nC: d\r\n\r\n", "{claim:?}");
        if let Some(field) = fields(format!("{claim}\r\n").as_bytes()).next() {
            assert_eq!(is_ours(&field, US), !field.is(ARC_RESULTS), "{claim:?}");
        }
    }
}

#[test]
fn what_others_say_stays() {
    for other in OTHERS {
        let header = format!("{other}\r\n\r\n");
        let left = without_forged(header.as_bytes(), US, ArcChain::Invalid);
        assert!(matches!(left, Cow::Borrowed(_)), "{other:?}");
        assert_eq!(left, header.as_bytes(), "{other:?}");
        if let Some(field) = fields(header.as_bytes()).next() {
            assert!(!is_ours(&field, US), "{other:?}");
        }
    }
}

#[test]
fn every_spelling_of_an_internationalised_name_is_one_name() {
    let spellings = [
        "mx.bücher.example",
        "mx.BÜCHER.example",
        "MX.XN--BCHER-KVA.example",
    ];
    for id in spellings {
        for claim in spellings {
            let header = format!("Authentication-Results: {claim}; spf=pass\r\n\r\n");
            assert_eq!(without(header.as_bytes(), id), b"\r\n", "{claim} of {id}");
        }
    }
}

#[test]
fn our_own_seals_stay_in_a_chain_that_holds() {
    let header = b"ARC-Authentication-Results: i=1; mx1.example.org; spf=pass\r\n\
        Authentication-Results: mx1.example.org; spf=pass\r\n\r\n";
    let left = without_forged(header, US, ArcChain::Valid);
    let seal = b"ARC-Authentication-Results: i=1; mx1.example.org; spf=pass\r\n\r\n";
    assert_eq!(left, seal.as_slice());
    assert_eq!(without(header, US), b"\r\n");
}

#[test]
fn a_body_is_not_looked_at() {
    for end in ["\r\n", "\n"] {
        let message = format!("A: b\r\n{end}Authentication-Results: mx1.example.org; spf=pass\r\n");
        assert_eq!(without(message.as_bytes(), US), message.as_bytes());
    }
}

#[test]
fn a_long_header_takes_its_length_in_time() {
    let header = format!("Authentication-Results: {}\r\n\r\n", "(".repeat(1_000_000));
    assert_eq!(without(header.as_bytes(), US), header.as_bytes());
    let header = "Authentication-Results: mx1.example.org\r\n".repeat(20_000);
    assert_eq!(without(header.as_bytes(), US), b"");
}

/// White space and comments, which may stand nearly everywhere.
fn cfws() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        " ",
        "\t",
        "\r\n ",
        " (c) ",
        "\r\n\t(a (b;) \\))\r\n ",
    ])
}

prop_compose! {
    fn claim()(
        cases in prop::collection::vec(any::<bool>(), 15),
        gaps in prop::collection::vec(cfws(), 3),
        quotes in prop::sample::select(vec!["", "\""]),
        version in prop::sample::select(vec!["", " 1", "\r\n 1", "/1", "(x)1"]),
        arc in any::<bool>(),
    ) -> String {
        let id: String = US.chars().zip(cases).map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c }).collect();
        let name = if arc { "ARC-Authentication-Results: i=1;" } else { "Authentication-Results:" };
        format!("{name}{}{quotes}{id}{quotes}{}{version}{}; spf=pass\r\n", gaps[0], gaps[1], gaps[2])
    }
}

proptest! {
    #[test]
    fn nothing_that_claims_to_be_ours_remains(
        lines in prop::collection::vec(
            prop_oneof![
                claim().prop_map(|claim| (claim, true)),
                prop::sample::select(OTHERS.to_vec()).prop_map(|other| (format!("{other}\r\n"), false)),
                "[A-Za-z]{1,9}: [ -~]{0,30}(\r\n [!-~]{1,9}){0,2}\r\n".prop_map(|other| (other, false)),
            ],
            0..8,
        ),
        body in "\\PC{0,20}",
    ) {
        let whole: String = lines.iter().map(|(line, _)| line.as_str()).collect();
        let others: String = lines.iter().filter(|(_, ours)| !ours).map(|(line, _)| line.as_str()).collect();
        let left = without(format!("{whole}\r\n{body}").as_bytes(), US);
        prop_assert_eq!(String::from_utf8_lossy(&left), format!("{others}\r\n{body}"));
    }

    #[test]
    fn what_is_left_is_left_alone(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let left = without(&octets, US);
        prop_assert_eq!(without(&left, US), left.clone());
    }
}
