//! Reading the configuration anew.

use postern_testkit::{Authority, Leaf};
use rustix::process::Signal;

use crate::home::{Home, RELAY};

#[test]
fn a_bad_file_leaves_the_old_settings() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    home.write("postern.toml", &RELAY.replace("\"relay\"", "\"everybody\""));
    serving.signal(Signal::HUP);
    let line = serving.logged("postern.toml:7:8: listener.role");
    assert!(line.contains("ERROR"), "{line}");
    serving.logged("the old configuration stays in force");
    // With the file as it is the command line cannot know where the daemon listens.
    assert_eq!(home.run(&["reload"]).status, 1);
    serving.submit("b@example.org");
    home.write("postern.toml", RELAY);
    let status = home.run(&["status", "--json"]).json();
    assert_eq!(status["configuration"]["last-reload"]["outcome"], "refused");
    assert_eq!(status["queue"]["accepted"], 1);
    let applied = home.run(&["reload"]);
    assert_eq!(
        (applied.status, applied.out.as_str()),
        (0, "the new settings are in force\n")
    );
    serving.terminate();
}

#[test]
fn new_settings_hold_from_the_next_transaction_on() {
    let home = Home::new(&RELAY.replace("127.0.0.0/8", "10.0.0.0/8"));
    let serving = home.serve();
    let mut session = crate::home::Session::begin(serving.address());
    session.say("MAIL FROM:<a@client.example>", "250");
    session.say("RCPT TO:<b@elsewhere.example>", "550");
    session.say("RSET", "250");
    home.write("postern.toml", RELAY);
    assert_eq!(home.run(&["reload"]).status, 0);
    session.say("MAIL FROM:<a@client.example>", "250");
    session.say("RCPT TO:<b@elsewhere.example>", "250");
    session.say("QUIT", "221");
    serving.terminate();
}

#[test]
fn what_takes_a_restart_is_told() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let changed = RELAY
        .replace("path = \"queue\"", "path = \"other\"")
        .replace("127.0.0.1:0", "127.0.0.2:0");
    home.write("postern.toml", &changed);
    let reloaded = home.run(&["reload", "--json"]).json();
    let expected = [
        "listener 127.0.0.2:0 is new: it takes a restart",
        "listener 127.0.0.1:0 is gone: it takes a restart",
        "spool.path has changed: it takes a restart",
    ];
    assert_eq!(reloaded["notes"], serde_json::json!(expected));
    assert!(!home.path("other").exists());
    serving.terminate();
}

#[test]
fn the_status_tells_what_listeners_do_now() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let listener = || home.run(&["status", "--json"]).json()["listeners"][0].clone();
    assert_eq!(listener()["role"], "relay");
    let address = listener()["address"].clone();
    let relay = RELAY.replace("networks = [\"127.0.0.0/8\"]\n", "");
    home.write("postern.toml", &relay.replace("\"relay\"", "\"mx\""));
    assert_eq!(home.run(&["reload"]).status, 0);
    assert_eq!(
        (&listener()["role"], &listener()["address"]),
        (&"mx".into(), &address)
    );
    serving.terminate();
}

#[test]
fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let authority = Authority::new("Test CA");
    let configuration = format!(
        "{}\n[[tls.certificate]]\nname = \"default\"\nchain = \"mx.pem\"\nkey = \"mx.key\"\n",
        RELAY.replace("\"none\"", "\"starttls\"")
    );
    let home = Home::new(&configuration);
    let directory = home.path("");
    let renew = |name: &str| drop(authority.issue(&Leaf::named(name)).write(&directory, "mx"));
    let names = || home.run(&["status", "--json"]).json()["certificates"][0]["names"].clone();

    renew("mx1.example.org");
    let serving = home.serve();
    assert_eq!(names(), serde_json::json!(["mx1.example.org"]));
    let check = home.run(&["check"]);
    assert!(check.out.contains("\nCERTIFICATE  KEY"), "{}", check.out);

    renew("mx2.example.org");
    assert_eq!(home.run(&["reload"]).status, 0);
    assert_eq!(names(), serde_json::json!(["mx2.example.org"]));

    // The file is wrong in two places. The one certificate that can be used is.
    renew("mx3.example.org");
    home.write("postern.toml", &configuration.replace("1h", "never"));
    serving.signal(Signal::HUP);
    serving.logged("the old configuration stays in force");
    home.write("postern.toml", &configuration);
    assert_eq!(names(), serde_json::json!(["mx3.example.org"]));

    home.write("mx.key", "no key at all");
    serving.signal(Signal::HUP);
    let told = serving.logged_until("the old configuration stays in force");
    let about_key = told.iter().filter(|line| line.contains("mx.key"));
    assert_eq!(about_key.count(), 1, "{told:#?}");
    renew("mx3.example.org");
    assert_eq!(names(), serde_json::json!(["mx3.example.org"]));
    serving.terminate();
}
