//! SPF by pyspf: the same result for records drawn at random, and for every limit at its edge.
//!
//! pyspf refuses two records that RFC 7208 does not: one that includes itself behind a term that
//! matches, and so never (§5.2), and one where a modifier that is not known stands there twice
//! (§6). And among the look-ups that find nothing (§4.6.4) it counts those for the addresses of the
//! client's names, where a name that cannot be validated is no match and no more (§5.5).

use std::net::IpAddr;

use fastrand::Rng;
use postern_authentication::{Verifier, VerifierSettings};
use postern_mail::ReversePath;
use serde_json::json;

use crate::{
    Comparison,
    opinion::Opinion,
    zone::{Record, Zone},
};

pub(crate) const ALL: &[Comparison] = &[
    Comparison {
        name: "spf::records_drawn_at_random_have_the_same_result",
        run: records_at_random,
    },
    Comparison {
        name: "spf::limits_are_met_at_the_same_term",
        run: limits,
    },
];

/// How many zones are drawn.
const ZONES: u64 = 1500;

/// Who sends, and from where.
struct Case {
    zone: Zone,
    client: &'static str,
    sender: String,
}

const CLIENTS: [&str; 4] = ["192.0.2.1", "192.0.2.77", "2001:db8::1", "203.0.113.9"];
const HELO: &str = "mail.client.example";
const NAMES: [&str; 5] = [
    "example.org",
    "a.example.org",
    "b.example.org",
    "spf.example.net",
    "missing.example.net",
];

fn records_at_random(opinion: &mut Opinion) -> Result<(), String> {
    let differences: Vec<_> = (0..ZONES)
        .filter_map(|number| {
            let case = at_random(&mut Rng::with_seed(number));
            let difference = compare(&case, opinion)?;
            Some(format!("zone {number}: {difference}\n{:#?}", case.zone))
        })
        .collect();
    report(&differences)
}

fn limits(opinion: &mut Opinion) -> Result<(), String> {
    let includes = |count: usize| {
        let terms: Vec<_> = (0..count)
            .map(|at| format!("include:i{at}.example.org"))
            .collect();
        let mut zone = spf(&format!("v=spf1 {} -all", terms.join(" ")));
        for at in 0..count {
            let record = Record::Txt("v=spf1 ?ip4:198.51.100.1".to_owned());
            zone.add(format!("i{at}.example.org"), record);
        }
        zone
    };
    let voids = |count: usize| {
        let terms: Vec<_> = (0..count)
            .map(|at| format!("a:void{at}.example.org"))
            .collect();
        spf(&format!("v=spf1 {} +all", terms.join(" ")))
    };
    let hosts = |count: usize| {
        let mut zone = spf("v=spf1 mx -all");
        for at in 0..count {
            zone.add("example.org", Record::Mx(10, format!("mx{at}.example.org")));
            zone.add(
                format!("mx{at}.example.org"),
                Record::A("198.51.100.9".to_owned()),
            );
        }
        zone
    };
    let circle = spf("v=spf1 include:a.example.org -all").with(
        "a.example.org",
        Record::Txt("v=spf1 include:example.org -all".to_owned()),
    );
    let zones = (8..=12)
        .map(includes)
        .chain((1..=4).map(voids))
        .chain((9..=12).map(hosts))
        .chain([circle]);
    let differences: Vec<_> = zones
        .filter_map(|zone| {
            let case = Case {
                zone,
                client: CLIENTS[0],
                sender: "jo@example.org".to_owned(),
            };
            let difference = compare(&case, opinion)?;
            Some(format!("{difference}\n{:#?}", case.zone))
        })
        .collect();
    report(&differences)
}

fn spf(record: &str) -> Zone {
    Zone::default().with("example.org", Record::Txt(record.to_owned()))
}

fn report(differences: &[String]) -> Result<(), String> {
    let Some(first) = differences.first() else {
        return Ok(());
    };
    let lines: Vec<_> = differences
        .iter()
        .filter_map(|it| it.lines().next())
        .collect();
    let number = differences.len();
    Err(format!(
        "{number} differences:\n{}\n{first}",
        lines.join("\n")
    ))
}

/// What the two sides say, where they differ.
fn compare(case: &Case, opinion: &mut Opinion) -> Option<String> {
    let theirs = opinion.ask(
        "spf",
        json!({
            "zone": case.zone.json(),
            "client": case.client,
            "sender": case.sender,
            "helo": HELO,
        }),
    );
    let ours = ours(case);
    let why = theirs["why"].as_str().unwrap_or_default();
    let mistaken = [
        "trivial recursion",
        "unknown-modifier= MUST appear at most once",
    ];
    let counts_names = why.contains("Void lookup limit") && case.zone.asks_for_names();
    if counts_names || mistaken.iter().any(|it| why.contains(it)) {
        return None;
    }
    (theirs["result"] != ours.as_str()).then(|| {
        let (client, sender) = (case.client, &case.sender);
        format!("{sender} from {client}: we say {ours}, pyspf {theirs}")
    })
}

fn ours(case: &Case) -> String {
    let client: IpAddr = case.client.parse().unwrap();
    let (path, _) = ReversePath::parse_prefix(&format!("<{}>", case.sender)).unwrap();
    let verifier = Verifier::new(case.zone.fixed(), VerifierSettings::default());
    let (helo, hostname) = (
        HELO.parse().unwrap(),
        "mx.receiver.example".parse().unwrap(),
    );
    let verified = verifier.verify_sender(client, &helo, &path, &hostname);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_, mail_from) = runtime.block_on(verified);
    mail_from.unwrap().result.to_string()
}

fn at_random(rng: &mut Rng) -> Case {
    let mut zone = Zone::default();
    for name in NAMES.iter().take(4) {
        if rng.u8(..10) < 9 {
            zone.add(*name, Record::Txt(record(rng)));
        }
        if rng.u8(..40) == 0 {
            zone.add(*name, Record::Txt(record(rng)));
        }
        if rng.bool() {
            zone.add(
                *name,
                Record::Txt("some-verification=of-a-service".to_owned()),
            );
        }
        addresses(name, rng, &mut zone);
        for _ in 0..rng.u8(..3) {
            let host = format!("mx{}.example.org", rng.u8(..3));
            addresses(&host, rng, &mut zone);
            zone.add(*name, Record::Mx(10, host));
        }
    }
    for (address, name) in [("1", NAMES[1]), ("77", "elsewhere.example")] {
        if rng.bool() {
            let name = Record::Ptr(name.to_owned());
            zone.add(format!("{address}.2.0.192.in-addr.arpa"), name);
        }
    }
    let client = CLIENTS[rng.usize(..CLIENTS.len())];
    let local = ["jo", "jo-mo", "Jo.Doe+x"][rng.usize(..3)];
    Case {
        zone,
        client,
        sender: format!("{local}@{}", NAMES[rng.usize(..NAMES.len())]),
    }
}

fn addresses(name: &str, rng: &mut Rng, zone: &mut Zone) {
    if rng.bool() {
        zone.add(
            name,
            Record::A(format!("192.0.2.{}", [1, 77, 200][rng.usize(..3)])),
        );
    }
    if rng.u8(..3) == 0 {
        zone.add(name, Record::Aaaa(format!("2001:db8::{}", rng.u8(1..4))));
    }
}

fn record(rng: &mut Rng) -> String {
    let terms: Vec<_> = (0..rng.u8(..5)).map(|_| term(rng)).collect();
    let version = if rng.u8(..30) == 0 {
        "V=spf1"
    } else {
        "v=spf1"
    };
    let end = [
        "",
        "-all",
        "~all",
        "?all",
        "all",
        "redirect=spf.example.net",
    ][rng.usize(..6)];
    let mut words = vec![version.to_owned()];
    words.extend(terms);
    words.extend((!end.is_empty()).then(|| end.to_owned()));
    words.join(" ")
}

fn term(rng: &mut Rng) -> String {
    let qualifier = ["", "", "+", "-", "~", "?"][rng.usize(..6)];
    let name = NAMES[rng.usize(..NAMES.len())];
    let length = ["", "/24", "/32", "/0", "/24//64", "//128"][rng.usize(..6)];
    let mechanism = match rng.u8(..15) {
        0 => format!("a{length}"),
        1 => format!("a:{name}{length}"),
        2 => format!("mx{length}"),
        3 => format!("mx:{name}{length}"),
        4 => format!(
            "ip4:192.0.2.{}",
            ["1", "0/24", "77/31", "64/26"][rng.usize(..4)]
        ),
        5 => format!("ip6:2001:db8::{}", ["1", "/32", "0/127"][rng.usize(..3)]),
        6 | 7 => format!("include:{name}"),
        8 => format!("exists:{name}"),
        9 => format!("exists:{}", macros(rng)),
        10 => format!("a:{}", macros(rng)),
        11 => return format!("unknown-modifier={name}"),
        12 => mistake(rng).to_owned(),
        13 => ["ptr".to_owned(), format!("ptr:{name}")][rng.usize(..2)].clone(),
        _ => "ip4:203.0.113.9".to_owned(),
    };
    format!("{qualifier}{mechanism}")
}

fn macros(rng: &mut Rng) -> &'static str {
    const TARGETS: [&str; 8] = [
        "%{d}",
        "%{o}",
        "%{d2}",
        "%{l}.example.org",
        "%{l1r-}.example.org",
        "%{ir}.%{v}.example.org",
        "%{h}",
        "%{l+}.%{d1r}.example.org",
    ];
    TARGETS[rng.usize(..TARGETS.len())]
}

/// What is no term (RFC 7208 §4.6.1), or looks so.
fn mistake(rng: &mut Rng) -> &'static str {
    const MISTAKES: [&str; 10] = [
        "ip4:192.0.2",
        "ip4:192.0.2.0/33",
        "ip6:2001:db8::1/129",
        "a/33",
        "include:",
        "include",
        "all:example.org",
        "foo",
        "exists:%{q}",
        "a:%{d",
    ];
    MISTAKES[rng.usize(..MISTAKES.len())]
}
