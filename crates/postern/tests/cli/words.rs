//! Commands that need no daemon: version, check, explain, and wrong usage.

use crate::home::{Home, RELAY};

/// A relay with partners.
const PARTNERS: &str = r#"
hostname = "mx1.example.org"
[spool]
path = "queue"
[[listener]]
address = "0.0.0.0:25"
role = "mx"
tls = "none"
[[listener]]
address = "127.0.0.1:2525"
role = "relay"
tls = "none"
networks = ["127.0.0.0/8", "10.0.0.0/8"]
[tls]
trust = ["public"]
[[domain]]
name = "example.org"
next-hop = ["mail.internal:24"]
[[route]]
domains = ["*.slow.example"]
next-hop = ["smarthost.example:587"]
require = "encrypted"
[[partner]]
name = "Ministry of Examples"
domains = ["ministry.example", "*.ministry.example"]
stage = "enforce"
[partner.outbound]
require = "authenticated"
names = ["mx1.ministry.example"]
hosts = ["mx1.ministry.example:2525"]
[partner.inbound]
require = "encrypted"
[[partner]]
name = "Bank"
domains = ["bank.example"]
stage = "observe"
[partner.outbound]
require = "encrypted"
[partner.inbound]
require = "encrypted"
[admin]
socket = "control.sock"
"#;

#[test]
fn the_version_tells_the_tls_libraries() {
    let home = Home::new("");
    let ran = home.run(&["version"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let first = format!("postern {}\nrustls 0.23.", env!("CARGO_PKG_VERSION"));
    assert!(ran.out.starts_with(&first), "{ran:?}");
    assert!(
        ran.out.contains("aws-lc-rs 1.") && ran.out.contains("AWS-LC "),
        "{ran:?}"
    );
    let json = home.run(&["version", "--json"]).json();
    assert_eq!(json["postern"], env!("CARGO_PKG_VERSION"));
    assert!(json["rustls"].as_str().unwrap().starts_with("0.23."));
}

#[test]
fn wrong_usage_is_status_2() {
    let home = Home::new(RELAY);
    for arguments in [
        &["bounce"] as &[&str],
        &["explain"],
        &["explain", "--to", "not a domain"],
        &["explain", "--to", "<>"],
        &[
            "explain",
            "--from",
            "a@x.example",
            "--direction",
            "outbound",
        ],
        &["explain", "--to", "x.example", "--direction", "sideways"],
        &["queue"],
        &["queue", "show"],
        &["queue", "show", "../../etc/passwd"],
        &["queue", "remove", "06gc8m3c00000007"],
        &["queue", "retry", "everything"],
        &["queue", "list", "--held", "--free"],
        &["serve", "--json"],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.status, 2, "{arguments:?}: {ran:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
    }
    assert!(!home.path("queue").exists());
}

#[test]
fn a_good_configuration_is_summed_up() {
    let ran = Home::new(PARTNERS).run(&["check"]);
    let expected = "\
warning: postern.toml:8:7: listener.tls: strangers are offered no TLS, and partners that must use \
it cannot deliver; write \"starttls\"
warning: postern.toml:12:7: listener.tls: the mail of your own hosts comes in clear; write \
\"starttls\" or \"required\"
postern.toml: no errors, 2 warnings

LISTENER        ROLE   TLS   PROFILE  STRANGERS  MAY SEND ANYWHERE
0.0.0.0:25      mx     none  general  enforce    nobody
127.0.0.1:2525  relay  none  general  enforce    127.0.0.0/8, 10.0.0.0/8

MAIL FOR        IS      GOES TO
example.org     ours    mail.internal:24
*.slow.example  routed  smarthost.example:587

PARTNER               STAGE    DOMAINS                               OUTBOUND                               INBOUND
Ministry of Examples  enforce  ministry.example, *.ministry.example  authenticated as mx1.ministry.example  encrypted
Bank                  observe  bank.example                          encrypted                              encrypted

AUTHENTICATION  IS
results         told as mx1.example.org
reports         dmarc, tls sent by postmaster@example.org
";
    assert_eq!(ran.out, expected);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
}

#[test]
fn a_bad_configuration_is_told_in_full() {
    let home = Home::new(
        &RELAY
            .replace("\"none\"", "\"maybe\"")
            .replace("1h", "never"),
    );
    let ran = home.run(&["check"]);
    assert_eq!(ran.status, 1);
    let starts: Vec<_> = ran
        .out
        .lines()
        .map(|line| line.split(": ").take(2).collect::<Vec<_>>())
        .collect();
    let expected = [
        vec!["postern.toml:8:7", "listener.tls"],
        vec!["postern.toml:16:10", "queue.retry"],
    ];
    assert_eq!(starts, expected, "{}", ran.out);
    let json = home.run(&["check", "--json"]).json();
    assert_eq!(json["errors"][0]["key"], "listener.tls");
    assert_eq!(json["errors"][1]["line"], 16);

    // The daemon and other commands cannot do without it.
    let serve = home.run(&["serve"]);
    assert_eq!((serve.status, serve.out.as_str()), (3, ""));
    let told: String = ran
        .out
        .lines()
        .map(|line| format!("postern: {line}\n"))
        .collect();
    assert_eq!(serve.err, told);
    assert_eq!(home.run(&["queue", "list"]).status, 3);
}

#[test]
fn a_spool_that_cannot_be_one_is_noticed() {
    let home = Home::new(&RELAY.replace("\"queue\"", "\"file/queue\""));
    home.write("file", "in the way");
    let ran = home.run(&["check"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    let wrong = "spool.path: file is not a folder\n";
    assert!(ran.out.contains(wrong), "{}", ran.out);
    let json = home.run(&["check", "--json"]).json();
    assert_eq!(json["errors"][0]["key"], "spool.path");
}

#[test]
fn a_configuration_that_cannot_be_read_is_not_a_bad_one() {
    let home = Home::new(RELAY);
    std::fs::remove_file(home.path("postern.toml")).unwrap();
    let ran = home.run(&["check"]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(
        ran.out.starts_with("postern.toml: cannot be read"),
        "{ran:?}"
    );
}

#[track_caller]
fn check_explanation(arguments: &[&str], expected: &[&str]) {
    let ran = Home::new(PARTNERS).run(&[&["explain", "--offline"], arguments].concat());
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    for line in expected {
        let found = ran.out.lines().any(|found| found.trim() == *line);
        assert!(found, "{line:?} is not in\n{}", ran.out);
    }
}

#[test]
fn mail_to_a_partner_is_explained() {
    check_explanation(
        &["--to", "b@mail.ministry.example"],
        &[
            "mail to <b@mail.ministry.example>",
            "goes      to the hosts of partner Ministry of Examples",
            "next hop  mx1.ministry.example:2525",
            "to mail.ministry.example: partner Ministry of Examples, stage enforce",
            "channel   authenticated  (partner Ministry of Examples)",
            "identity  mx1.ministry.example by public  (partner Ministry of Examples)",
        ],
    );
    check_explanation(
        &["--to", "bank.example", "--from", "a@example.org"],
        &[
            "from      <a@example.org>, which no rule for mail that leaves is about",
            "goes      where the MX records of bank.example say",
            "of which is in force:",
            "partner Bank: channel encrypted; its outbound rule, at stage observe ([partner.outbound]), \
             measured only: stage observe",
        ],
    );
}

#[test]
fn a_wish_that_joins_with_the_hosts_is_told_where_none_is_known() {
    check_explanation(
        &["--to", "bank.example", "--wish", "requiretls"],
        &[
            "wish      REQUIRETLS",
            "REQUIRETLS will demand of each host:",
        ],
    );
}

#[test]
fn mail_to_others_is_explained() {
    check_explanation(
        &["--to", "a@example.org"],
        &[
            "goes      to the next hop configured for example.org",
            "next hop  mail.internal:24",
        ],
    );
    check_explanation(
        &["--to", "a@very.slow.example"],
        &[
            "goes      to the next hop configured for *.slow.example",
            "channel   encrypted  (route *.slow.example)",
        ],
    );
    check_explanation(
        &["--to", "a@[192.0.2.1]"],
        &[
            "goes      to the address [192.0.2.1]",
            "channel   any  (the default)",
        ],
    );
}

#[test]
fn mail_that_comes_in_is_explained() {
    check_explanation(
        &["--from", "c@ministry.example"],
        &[
            "at 0.0.0.0:25 (mx), 127.0.0.1:2525 (relay)",
            "from ministry.example: partner Ministry of Examples, stage enforce",
            "channel   encrypted  (partner Ministry of Examples)",
        ],
    );
    check_explanation(&["--from", "<>"], &["from <>: no partner"]);
    check_explanation(
        &["--to", "x@elsewhere.example", "--direction", "inbound"],
        &[
            "at 0.0.0.0:25 (mx)",
            "mail to <x@elsewhere.example> is accepted from nobody",
            "at 127.0.0.1:2525 (relay)",
            "mail to <x@elsewhere.example> is accepted from 127.0.0.0/8, 10.0.0.0/8",
        ],
    );
    check_explanation(
        &["--to", "example.org", "--direction", "inbound"],
        &["mail to example.org is accepted from anybody"],
    );
}

#[test]
fn an_explanation_for_programs_has_every_rule() {
    let ran =
        Home::new(PARTNERS).run(&["explain", "--offline", "--to", "ministry.example", "--json"]);
    let json = ran.json();
    assert_eq!(json["direction"], "outbound");
    assert_eq!(json["route"]["by"], "partner");
    assert_eq!(json["next-hops"][0], "mx1.ministry.example:2525");
    let requirement = &json["requirement"];
    assert_eq!(requirement["stage"], "enforce");
    assert_eq!(
        requirement["demanded"]["channel"]["demand"],
        "authenticated"
    );
    assert_eq!(requirement["rules"].as_array().unwrap().len(), 2);
    let ran = Home::new(PARTNERS).run(&["explain", "--from", "bank.example", "--json"]);
    let json = ran.json();
    assert_eq!(json["direction"], "inbound");
    assert_eq!(json["listeners"].as_array().unwrap().len(), 2);
}
