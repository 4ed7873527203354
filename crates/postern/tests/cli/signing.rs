//! Keys that sign: told by `check` and `status`, exchanged by a reload.

use std::{fs, os::unix::fs::PermissionsExt as _};

use rustix::process::Signal;

use crate::home::{Home, RELAY};

/// The relay, with a key for its domain.
fn configuration() -> String {
    let domain = "next-hop = [\"127.0.0.1:1\"]\n";
    let key = "[[domain.dkim]]\nselector = \"2026a\"\nkey = \"dkim.key\"\n";
    RELAY.replace(domain, &format!("{domain}{key}"))
}

/// Makes a key of this kind in place of the one that is there.
fn make_key(home: &Home, kind: &str) {
    let file = home.path("dkim.key");
    let _ = fs::remove_file(&file);
    let file = file.to_str().unwrap();
    let made = home.run(&[
        "key",
        "dkim",
        "--domain",
        "example.org",
        "--selector",
        "2026a",
        "--type",
        kind,
        "--out",
        file,
    ]);
    assert_eq!(made.status, 0, "{made:?}");
}

/// How the keys of the running daemon sign.
fn algorithms(home: &Home) -> Vec<String> {
    let status = home.run(&["status", "--json"]).json();
    let keys = status["authentication"]["keys"].as_array().unwrap();
    let algorithm = |key: &serde_json::Value| key["algorithm"].as_str().unwrap().to_owned();
    keys.iter().map(algorithm).collect()
}

#[test]
fn a_reload_exchanges_keys_and_a_broken_one_leaves_the_old() {
    let home = Home::new(&configuration());
    make_key(&home, "ed25519");
    let serving = home.serve();
    assert_eq!(algorithms(&home), ["ed25519-sha256"]);

    make_key(&home, "rsa");
    assert_eq!(home.run(&["reload"]).status, 0);
    assert_eq!(algorithms(&home), ["rsa-sha256"]);

    home.write("dkim.key", "no key at all");
    serving.signal(Signal::HUP);
    let told = serving.logged_until("the old configuration stays in force");
    let about_key = told.iter().filter(|line| line.contains("dkim.key"));
    assert_eq!(about_key.count(), 1, "{told:#?}");
    assert_eq!(algorithms(&home), ["rsa-sha256"]);
    serving.terminate();
}

#[test]
fn all_that_is_wrong_with_keys_is_told_at_once() {
    let more = "[[domain.dkim]]\nselector = \"2026b\"\nkey = \"other.key\"\n[queue]\n";
    let home = Home::new(&configuration().replace("[queue]\n", more));
    for name in ["dkim.key", "other.key"] {
        home.write(name, "no key at all");
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(home.path(name), mode).unwrap();
    }
    let check = home.run(&["check"]);
    assert_eq!(check.status, 1, "{check:?}");
    for name in ["dkim.key", "other.key"] {
        let expected = format!("domain.dkim.key: the key file {name} holds no private key; ");
        assert!(check.out.contains(&expected), "{expected}: {}", check.out);
    }
    assert!(
        check.out.contains("postern.toml: 2 errors, "),
        "{}",
        check.out
    );
    let json = home.run(&["check", "--json"]).json();
    assert_eq!(json["errors"].as_array().unwrap().len(), 2);
    let serve = home.run(&["serve"]);
    assert_eq!(serve.status, 3);
    assert_eq!(
        serve.err.matches("holds no private key").count(),
        2,
        "{serve:?}"
    );
}

#[test]
fn a_key_that_is_about_to_end_is_told() {
    let until = "key = \"dkim.key\"\nuntil = \"2020-01-01T00:00:00Z\"\n";
    let home = Home::new(&configuration().replace("key = \"dkim.key\"\n", until));
    make_key(&home, "ed25519");
    let check = home.run(&["check"]);
    assert_eq!(check.status, 0, "{check:?}");
    let expected = "warning: domain.dkim: mail of example.org is not signed now";
    assert!(check.out.contains(expected), "{}", check.out);
    assert!(check.out.contains("\nSIGNS  FOR"), "{}", check.out);
    let serving = home.serve();
    serving.logged("mail of example.org is not signed now");
    serving.terminate();
}
