//! `dns records` and `dns check`: what is printed is served, and found to be right.

use postern_testkit::{
    Authority, Leaf,
    signed_zone::{DnsTree, ServedTree, Signing},
};
use tokio::runtime::Runtime;

use crate::home::{Home, RELAY, Ran};

/// A relay whose zone is signed, and everything in it is set.
const PUBLISHING: &str = r#"
hostname = "mx1.example.org"
[spool]
path = "queue"
[[listener]]
address = "127.0.0.1:0"
role = "mx"
[tls]
trust = ["public"]
[[tls.certificate]]
name = "default"
chain = "mx.pem"
key = "mx.key"
next-key = "next.key"
[[domain]]
name = "example.org"
next-hop = ["127.0.0.1:1"]
[[domain.dkim]]
selector = "2026a"
key = "rsa.key"
[[domain.dkim]]
selector = "2026e"
key = "ed25519.key"
[[domain]]
name = "*.example.org"
next-hop = ["127.0.0.1:1"]
[mta-sts]
https = "127.0.0.1:0"
mode = "enforce"
[reports]
receive = ["reports@example.org"]
[publish]
addresses = ["192.0.2.1", "2001:db8::1"]
spf-others = "fail"
dmarc-policy = "reject"
caa = ["ca.example"]
[admin]
socket = "control.sock"
"#;

/// A relay with its keys.
fn relay() -> Home {
    let home = Home::new("");
    for kind in ["rsa", "ed25519"] {
        let out = home.path(&format!("{kind}.key"));
        let dkim = [
            "key",
            "dkim",
            "--domain",
            "example.org",
            "--selector",
            "2026a",
        ];
        let file = ["--type", kind, "--out", out.to_str().unwrap()];
        let ran = home.run(&[&dkim[..], &file].concat());
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    let out = home.path("next.key");
    let ran = home.run(&["key", "tls", "--out", out.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let leaf = Leaf::named("mx1.example.org").and_named("mta-sts.example.org");
    Authority::new("CA")
        .issue(&leaf)
        .write(&home.path(""), "mx");
    home.write("postern.toml", PUBLISHING);
    home
}

/// What is printed for zone files, for the domain and elsewhere.
fn printed(home: &Home) -> Vec<String> {
    let ran = home.run(&["dns", "records", "--json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let json = ran.json();
    let domain = json["domains"][0]["records"].as_array().unwrap();
    let elsewhere = json["elsewhere"].as_array().unwrap();
    let lines = domain.iter().chain(elsewhere);
    let line = |it: &serde_json::Value| it["zone"].as_str().unwrap().replace(" 3600 IN ", " ");
    lines.map(line).collect()
}

/// Serves the lines, and has the relay ask there.
fn serve(home: &Home, runtime: &Runtime, lines: &[String]) -> ServedTree {
    let within = |zone: &str| {
        let is_inside = |line: &&str| {
            let owner = line.split(' ').next().unwrap();
            owner.ends_with(zone)
        };
        let lines = lines.iter().map(String::as_str);
        lines.filter(is_inside).collect::<Vec<_>>()
    };
    let tree = DnsTree::new()
        .zone(Signing::Good, "example.org.", &within("example.org."))
        .zone(
            Signing::None,
            "2.0.192.in-addr.arpa.",
            &within("in-addr.arpa."),
        )
        .zone(
            Signing::None,
            "8.b.d.0.1.0.0.2.ip6.arpa.",
            &within("ip6.arpa."),
        );
    let names = runtime.block_on(tree.start());
    home.write("anchor", names.anchor());
    let dns = format!(
        "[dns]\nservers = [\"{}\"]\ndnssec = \"validate\"\ntrust-anchors = \"anchor\"\n",
        names.address()
    );
    home.write("postern.toml", &format!("{PUBLISHING}{dns}"));
    names
}

#[track_caller]
fn check_numbers(ran: &Ran, status: i32, numbers: &str) {
    assert_eq!((ran.status, ran.err.as_str()), (status, ""), "{}", ran.out);
    assert_eq!(ran.out.lines().last(), Some(numbers), "{}", ran.out);
}

#[test]
fn what_is_printed_is_found_to_be_right() {
    let (home, runtime) = (relay(), Runtime::new().unwrap());
    let lines = printed(&home);
    let _names = serve(&home, &runtime, &lines);
    let ran = home.run(&["dns", "check"]);
    check_numbers(&ran, 0, "0 broken, 0 weak, 0 unknown, 0 note, 17 fine");

    // Without the key that signs, and with a key that no host of ours shows.
    let changed: Vec<_> = lines
        .iter()
        .filter(|line| !line.starts_with("2026a._domainkey") && !line.contains(" TLSA "))
        .cloned()
        .chain([format!(
            "_25._tcp.mx1.example.org. TLSA 3 1 1 {}",
            "00".repeat(32)
        )])
        .collect();
    let _names = serve(&home, &runtime, &changed);
    let ran = home.run(&["dns", "check", "example.org"]);
    check_numbers(&ran, 1, "2 broken, 1 weak, 0 unknown, 1 note, 14 fine");
    let json = home.run(&["dns", "check", "--json"]).json();
    let finding = &json["domains"][0]["findings"];
    let mut findings = finding.as_array().unwrap().iter();
    let key = findings.find(|it| it["state"] == "broken").unwrap();
    assert_eq!(key["name"], "2026a._domainkey.example.org");
    assert_eq!(key["type"], "TXT");
    assert!(
        key["right"]
            .as_str()
            .unwrap()
            .starts_with("publish \"v=DKIM1; k=rsa; p=")
    );
}

#[test]
fn what_cannot_be_asked_is_not_known() {
    let home = relay();
    let nobody = "[dns]\nservers = [\"127.0.0.1:1\"]\n";
    home.write("postern.toml", &format!("{PUBLISHING}{nobody}"));
    let ran = home.run(&["dns", "check"]);
    assert_eq!((ran.status, ran.err.as_str()), (3, ""), "{ran:?}");
    assert!(
        ran.out.contains("  UNKNOWN  example.org MX: "),
        "{}",
        ran.out
    );
}

#[test]
fn other_domains_are_a_negative_finding() {
    let home = Home::new(RELAY);
    for action in ["records", "check"] {
        let ran = home.run(&["dns", action, "example.net"]);
        assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{ran:?}");
        assert_eq!(
            ran.err,
            "postern: example.net is no [[domain]] of the configuration\n"
        );
    }
    let below = RELAY.replace("\"example.org\"\nnext", "\"*.example.org\"\nnext");
    let ran = Home::new(&below).run(&["dns", "records"]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{ran:?}");
}

#[test]
fn a_zone_file_holds_what_belongs_to_the_zone() {
    let home = relay();
    let ran = home.run(&["dns", "records", "example.org", "--zone"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let (here, elsewhere) = ran.out.split_once("; for other zones\n").unwrap();
    assert!(
        here.starts_with("; for the zone of example.org\n"),
        "{here}"
    );
    for line in [
        "example.org. 3600 IN MX 10 mx1.example.org.",
        "example.org. 3600 IN TXT \"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all\"",
        "_dmarc.example.org. 3600 IN TXT \"v=DMARC1; p=reject; rua=mailto:reports@example.org\"",
        "mta-sts.example.org. 3600 IN CNAME mx1.example.org.",
        "_smtp._tls.example.org. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:reports@example.org\"",
        "mx1.example.org. 3600 IN A 192.0.2.1",
        "mx1.example.org. 3600 IN CAA 0 issue \"ca.example\"",
    ] {
        assert!(
            here.lines().any(|it| it == line),
            "{line} is not in\n{here}"
        );
    }
    let keys = here
        .lines()
        .filter(|it| it.starts_with("_25._tcp.mx1.example.org. 3600 IN TLSA 3 1 1 "));
    assert_eq!(keys.count(), 2);
    let rsa = here
        .lines()
        .find(|it| it.starts_with("2026a._domainkey."))
        .unwrap();
    assert_eq!(
        rsa.matches('"').count(),
        4,
        "long texts are two strings: {rsa}"
    );
    assert!(
        elsewhere
            .lines()
            .all(|it| it.is_empty() || it.starts_with(';')),
        "{elsewhere}"
    );
    let reverse = "; 1.2.0.192.in-addr.arpa. 3600 IN PTR mx1.example.org.";
    assert!(elsewhere.lines().any(|it| it == reverse), "{elsewhere}");
    let table = home.run(&["dns", "records"]);
    assert!(table.out.starts_with("NAME "), "{}", table.out);
}
