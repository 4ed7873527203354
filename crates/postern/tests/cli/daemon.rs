//! Starting and ending.

use std::{fs, os::unix::fs::PermissionsExt};

use rustix::process::Signal;

use crate::home::{Home, RELAY, Session};

#[test]
fn the_daemon_says_when_it_is_ready_and_ends_when_asked() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let expected = format!(
        "postern {} ready: listening on {} (relay)",
        env!("CARGO_PKG_VERSION"),
        serving.address()
    );
    assert_eq!(serving.ready, expected);
    assert_ne!(serving.address().port(), 0);
    let socket = home.path("control.sock");
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    serving.terminate();
}

#[test]
fn an_interrupt_ends_it_as_well() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    serving.signal(Signal::INT);
    let (status, _) = serving.end();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_status_tells_what_runs() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let json = home.run(&["status", "--json"]).json();
    assert_eq!(json["pid"], serving.pid());
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        json["listeners"][0]["address"],
        serving.address().to_string()
    );
    assert_eq!(json["listeners"][0]["role"], "relay");
    assert_eq!(json["queue"]["health"]["state"], "good");
    assert_eq!(json["panics"], 0);
    let text = home.run(&["status"]);
    assert_eq!(text.status, 0);
    assert!(
        text.out.contains("queue         takes mail\n"),
        "{}",
        text.out
    );
    serving.terminate();
    let gone = home.run(&["status"]);
    assert_eq!(gone.status, 3);
    let expected = "postern: the status: postern is not running or listens elsewhere: no answer \
                    on control.sock: No such file or directory (os error 2)\n";
    assert_eq!(gone.err, expected);
}

#[test]
fn a_second_daemon_on_one_queue_is_refused() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let second = home.run(&["serve"]);
    assert_eq!(second.status, 3);
    assert_eq!(second.out, "");
    let expected = format!(
        "postern: cannot start: the queue queue is in use by process {}\n",
        serving.pid()
    );
    assert!(second.err.ends_with(&expected), "{}", second.err);
    assert_eq!(home.run(&["status"]).status, 0);
    serving.terminate();
}

#[test]
fn a_daemon_that_cannot_listen_says_where() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let taken = serving.address().to_string();
    let other = Home::new(&RELAY.replace("127.0.0.1:0", &taken));
    let refused = other.run(&["serve"]);
    assert_eq!(refused.status, 3);
    assert_eq!(refused.out, "");
    let last = refused.err.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("postern: cannot listen on {taken}: ")),
        "{last}"
    );
    serving.terminate();
}

#[test]
fn a_control_socket_in_use_is_left_alone() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let socket = home.path("control.sock");
    let other = Home::new(&RELAY.replace("control.sock", socket.to_str().unwrap()));
    let refused = other.run(&["serve"]);
    assert_eq!(refused.status, 3);
    assert!(
        refused.err.contains("in use by another process"),
        "{}",
        refused.err
    );
    assert_eq!(home.run(&["status"]).status, 0);
    serving.terminate();
}

#[test]
fn a_second_signal_cuts_off_what_the_first_waits_for() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let mut session = Session::begin(serving.address());
    session.say("MAIL FROM:<a@client.example>", "250");
    session.say("RCPT TO:<b@example.org>", "250");
    session.say("DATA", "354");
    serving.signal(Signal::TERM);
    serving.logged("postern is stopping");
    // It waits for the rest of the message, which does not come.
    serving.signal(Signal::TERM);
    let (status, _) = serving.end();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_message_under_way_is_still_taken() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let mut session = Session::begin(serving.address());
    session.say("MAIL FROM:<a@client.example>", "250");
    session.say("RCPT TO:<b@example.org>", "250");
    session.say("DATA", "354");
    serving.signal(Signal::TERM);
    serving.logged("postern is stopping");
    session.say("Subject: x\r\n\r\nx\r\n.", "250");
    let (status, _) = serving.end();
    assert_eq!(status.code(), Some(0));
    let queue = home.run(&["queue", "list", "--json"]).json();
    assert_eq!(queue["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn nobody_needs_to_read_the_log() {
    let home = Home::new(&format!("{RELAY}\n[log]\nlevel = \"debug\"\n"));
    let mut serving = home.serve();
    serving.hang_up_on_log();
    for _ in 0..3 {
        serving.submit("b@example.org");
    }
    let json = home.run(&["status", "--json"]).json();
    assert_eq!(json["queue"]["accepted"], 3);
    assert_eq!(json["panics"], 0);
    serving.terminate();
}

#[test]
fn a_log_for_programs_has_an_object_on_each_line() {
    let home = Home::new(&format!("{RELAY}\n[log]\nformat = \"json\"\n"));
    let serving = home.serve();
    serving.signal(Signal::HUP);
    let line = serving.logged("the new configuration is in force");
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["level"], "INFO");
    serving.terminate();
}

#[test]
fn a_queue_that_cannot_be_written_ends_the_daemon() {
    let home = Home::new(RELAY);
    let serving = home.serve_within_limits();
    serving.submit("before@example.org");
    serving.break_disk();
    let mut session = Session::begin(serving.address());
    session.say("MAIL FROM:<a@client.example>", "250");
    session.say("RCPT TO:<b@example.org>", "250");
    session.say("DATA", "354");
    session.say("Subject: x\r\n\r\nx\r\n.", "451");
    serving.logged("the queue has stopped");
    let (status, _) = serving.end();
    // systemd starts it anew, and it reads back what is on disk.
    assert_eq!(status.code(), Some(1));
    let queue = home.run(&["queue", "list", "--json"]).json();
    assert_eq!(queue["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn a_configuration_may_be_named_without_its_directory() {
    let home = Home::new(RELAY);
    let serving = home.serve_here();
    assert_eq!(home.run(&["status"]).status, 0);
    serving.terminate();
}
