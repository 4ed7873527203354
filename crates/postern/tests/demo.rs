//! `postern demo --once`, as anybody would run it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that meets what it does not expect should stop at that line"
)]

use std::{
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

/// Far more than the demonstration takes; each of its own waits ends after twenty seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs it to its end with these arguments, without anything of the environment.
fn demo(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
    command.arg("demo").args(arguments).env_clear();
    command.stdin(Stdio::null());
    let (done, when_done) = mpsc::channel();
    thread::spawn(move || done.send(command.output()));
    let output = when_done.recv_timeout(PATIENCE);
    output.expect("the demonstration ends").unwrap()
}

#[test]
fn every_outcome_is_as_it_must_be_and_is_shown() {
    let output = demo(&["--once"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{shown}\n{log}");
    for expected in [
        "delivered, authenticated",
        "received  1 message",
        "authenticated as gateway.example.org by example-ca.pem",
        "deferred 4.7.5",
        "impostor-ca",
        "received  nothing",
        "deferred 4.7.10",
        "the peer does not offer STARTTLS",
        "under enforce it would wait",
        "refused 530 5.7.10",
        "refused 550 5.7.1",
        "Relaying denied",
        "│ Subject: Your message is delayed",
        "All 13 outcomes are as they must be.",
    ] {
        assert!(
            shown.contains(expected),
            "{expected:?} is missing:\n{shown}"
        );
    }
    assert!(!shown.contains("WRONG"), "{shown}");
    for line in shown.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }
}

#[test]
fn programs_are_told_the_outcomes() {
    let output = demo(&["--once", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["as-it-must-be"], true);
    let scenes = report["scenes"].as_array().unwrap();
    assert_eq!(scenes.len(), 13);
    for scene in scenes {
        assert_eq!(scene["as-it-must-be"], true, "{scene}");
        assert_eq!(scene["expected"], scene["happened"], "{scene}");
    }
    let [
        mutual,
        impostor,
        stripped,
        plain,
        selfsigned,
        observed,
        inbound,
        in_clear,
        ..,
    ] = scenes.as_slice()
    else {
        panic!("{scenes:?}");
    };
    assert_eq!(mutual["happened"]["towards-us"], "authenticated");
    assert_eq!(mutual["received"]["messages"], 1);
    assert_eq!(impostor["happened"]["status"], "4.7.5");
    assert_eq!(stripped["happened"]["status"], "4.7.10");
    for refused in [impostor, stripped, in_clear] {
        assert_eq!(refused["received"]["messages"], 0);
        assert_eq!(refused["received"]["octets"], 0);
    }
    assert_eq!(plain["happened"]["channel"], "plain");
    assert_eq!(selfsigned["happened"]["channel"], "encrypted");
    assert_eq!(observed["happened"]["enforcing"], "would-stop-it");
    assert_eq!(inbound["happened"]["channel"], "authenticated");
    assert_eq!(in_clear["happened"]["code"], 530);
    assert_eq!(in_clear["happened"]["status"], "5.7.10");
    assert!(!report["notice"].as_array().unwrap().is_empty());
}

#[test]
fn nothing_is_left_behind() {
    let output = demo(&["--once", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let configuration = report["configuration"].as_str().unwrap();
    let directory = std::path::Path::new(configuration).parent().unwrap();
    assert!(!directory.exists(), "{}", directory.display());
}
