//! `postern demo --once`, as anybody would run it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that meets what it does not expect should stop at that line"
)]

use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize as _;
use serde_json::Value;

/// Far more than the demonstration takes; each of its own waits ends after twenty seconds.
const PATIENCE: Duration = Duration::from_secs(120);

fn postern(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
    // Nothing of the environment has a say.
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// What comes of `work`, which must come in time.
fn bounded<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, when_done) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    when_done.recv_timeout(PATIENCE).expect(what)
}

/// Runs the demonstration to its end.
fn demo(arguments: &[&str]) -> Output {
    let mut command = postern(&[&["demo", "--once"], arguments].concat());
    bounded("the demonstration ends", move || command.output()).unwrap()
}

/// A demonstration that stays up; it ends with this value at the latest.
struct Staying(Child);

impl Staying {
    fn start() -> (Self, BufReader<ChildStdout>) {
        let mut child = postern(&["demo", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        (Self(child), stdout)
    }

    /// Presses Ctrl-C, and waits for the end.
    fn interrupt(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        bounded("it ends when it is asked to", move || self.0.wait()).unwrap()
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_outcome_is_as_it_must_be_and_is_shown() {
    let output = demo(&[]);
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
    let output = demo(&["--json"]);
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
fn it_stays_up_for_more_mail_and_leaves_nothing_behind() {
    let (staying, stdout) = Staying::start();
    let report = bounded("the report comes", move || {
        Value::deserialize(&mut serde_json::Deserializer::from_reader(stdout))
    });
    let report = report.unwrap();
    let configuration = report["configuration"].as_str().unwrap();

    for listener in ["mx-listener", "relay-listener"] {
        let stream = TcpStream::connect(report[listener].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut greeting = String::new();
        BufReader::new(stream).read_line(&mut greeting).unwrap();
        assert!(greeting.starts_with("220 mx1.example.org "), "{greeting}");
    }
    let listed = postern(&["queue", "list", "--config", configuration]).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    assert!(listed.contains("<bob@bank.example>"), "{listed}");
    assert!(listed.contains("<dora@clinic.example>"), "{listed}");

    assert_eq!(staying.interrupt().code(), Some(0));
    let directory = Path::new(configuration).parent().unwrap();
    assert!(!directory.exists(), "{}", directory.display());
}

#[test]
fn one_that_cannot_start_says_why_and_leaves_nothing_behind() {
    // A Unix socket's path has at most 107 octets, and this directory's is longer.
    let root = tempfile::tempdir().unwrap();
    let long = root.path().join("x".repeat(100));
    std::fs::create_dir(&long).unwrap();
    let mut command = postern(&["demo", "--once"]);
    command.env("TMPDIR", &long);
    let output = bounded("it gives up", move || command.output()).unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("admin.socket"), "{said}");
    assert_eq!(std::fs::read_dir(&long).unwrap().count(), 0);
}
