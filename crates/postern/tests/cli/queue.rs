//! The queue from the command line, with a daemon and without.

use std::time::Instant;

use serde_json::Value;

use crate::{
    home::{Home, PATIENCE, RELAY, Ran, Serving},
    world::eventually,
};

/// A daemon with a message in its queue whose first delivery has failed, and the message's id.
fn with_message(home: &Home) -> (Serving<'_>, String) {
    let serving = home.serve();
    serving.submit("b@example.org");
    let end = Instant::now() + PATIENCE;
    let id = loop {
        let listed = home.run(&["queue", "list", "--json"]).json();
        let message = &listed["messages"][0];
        if message["recipients"][0]["attempts"] == 1 {
            break message["id"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < end, "no attempt: {message}");
    };
    (serving, id)
}

#[track_caller]
fn check(ran: &Ran, status: i32, out: &str, err: &str) {
    let said = (ran.status, ran.out.as_str(), ran.err.as_str());
    assert_eq!(said, (status, out, err));
}

#[test]
fn a_queue_that_never_was_is_not_made() {
    let home = Home::new(RELAY);
    let ran = home.run(&["queue", "list"]);
    let expected = "postern: postern is not running or listens elsewhere: no answer on \
                    control.sock: No such file or directory (os error 2)\n\
                    postern: there is no queue at queue: No such file or directory (os error 2)\n";
    check(&ran, 3, "", expected);
    assert!(!home.path("queue").exists());
}

#[test]
fn an_empty_queue_is_listed_with_and_without_a_daemon() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    finds_nothing(&home);
    serving.terminate();
    finds_nothing(&home);
}

#[track_caller]
fn finds_nothing(home: &Home) {
    check(&home.run(&["queue", "list"]), 0, "no messages\n", "");
    let none = "{\"messages\": []}\n";
    check(&home.run(&["queue", "list", "--json"]), 0, none, "");
    let none = "0 messages are due now\n";
    check(&home.run(&["queue", "retry", "all"]), 0, none, "");
    let unknown = "postern: the queue: there is no message 06GC8M3C00000007 in the queue\n";
    for action in ["show", "retry", "hold", "release", "remove"] {
        let ran = home.run(&["queue", action, "06GC8M3C00000007"]);
        check(&ran, 1, "", unknown);
    }
}

#[test]
fn a_message_is_worked_with_while_the_daemon_runs() {
    let home = Home::new(RELAY);
    let (serving, id) = with_message(&home);
    works_with_a_message(&home, &id);
    serving.terminate();
}

#[test]
fn a_message_is_worked_with_while_no_daemon_runs() {
    let home = Home::new(RELAY);
    let (serving, id) = with_message(&home);
    serving.terminate();
    works_with_a_message(&home, &id);
}

#[test]
fn the_queue_is_looked_after_whatever_is_wrong_elsewhere() {
    let home = Home::new(RELAY);
    let (serving, id) = with_message(&home);
    let wrong = RELAY.replace("\"relay\"", "\"everybody\"")
        + "[[tls.certificate]]\nname = \"away\"\nchain = \"away.pem\"\nkey = \"away.key\"\n";
    home.write("postern.toml", &wrong);
    assert_eq!(home.run(&["status"]).status, 0);
    let listed = home.run(&["queue", "list"]);
    assert!(listed.out.contains(&id), "{listed:?}");
    serving.terminate();
    works_with_a_message(&home, &id);
}

#[test]
fn a_queue_that_may_be_another_is_not_touched() {
    let home = Home::new(&RELAY.replace("[spool]", "[spol]"));
    let expected = "postern: postern.toml:3:2: spol: is not a known key; did you mean \"spool\"?\n";
    check(&home.run(&["queue", "list"]), 3, "", expected);
}

#[track_caller]
fn works_with_a_message(home: &Home, id: &str) {
    let list = home.run(&["queue", "list"]);
    let lines: Vec<_> = list.out.lines().collect();
    assert!(lines[0].starts_with("ID  "), "{list:?}");
    assert!(lines[1].starts_with(id), "{list:?}");
    assert!(lines[1].contains("B  "), "{list:?}");
    for word in ["in ", "<a@client.example>", "<b@example.org>", "refused"] {
        assert!(lines[1].contains(word), "{word}: {list:?}");
    }
    assert_eq!(lines[2], "1 message");

    check(
        &home.run(&["queue", "hold", id, "--reason", "look"]),
        0,
        &format!("{id} held\n"),
        "",
    );
    let listed = |arguments: &[&str]| {
        let ran = home.run(&[&["queue", "list", "--json"], arguments].concat());
        ran.json()["messages"].as_array().unwrap().len()
    };
    assert_eq!((listed(&["--held"]), listed(&["--free"])), (1, 0));
    assert_eq!(listed(&["--to-domain", "example.org"]), 1);
    assert_eq!(listed(&["--to", "client.example"]), 0);
    assert_eq!(listed(&["--to", "*.org"]), 1);
    assert_eq!(listed(&["--to", "B@example.org"]), 1);
    assert_eq!(listed(&["--to", "bb@example.org"]), 0);
    assert_eq!(listed(&["--from", "client.example"]), 1);
    assert_eq!(listed(&["--from", "a@client.example"]), 1);
    assert_eq!(listed(&["--from", "<>"]), 0);
    assert_eq!(listed(&["--older", "1h"]), 0);
    assert_eq!(listed(&["--newer", "1h"]), 1);
    assert_eq!(listed(&["--reason", "LOOK"]), 1);
    assert_eq!(listed(&["--reason", "else"]), 0);
    assert_eq!(listed(&["--limit", "0"]), 0);
    check(
        &home.run(&["queue", "retry", "all"]),
        0,
        "0 messages are due now\n",
        "",
    );
    let shown = home.run(&["queue", "show", id]);
    assert!(shown.out.contains("\nheld      look\n"), "{shown:?}");
    assert!(shown.out.contains("<b@example.org>  held "), "{shown:?}");
    assert!(
        shown.out.contains("\nwaiting   1 of 1 recipients\n"),
        "{shown:?}"
    );
    check(
        &home.run(&["queue", "release", id]),
        0,
        &format!("{id} released\n"),
        "",
    );

    let json = home.run(&["queue", "show", id, "--json"]).json();
    assert_eq!(json["hold"], Value::Null);
    assert_eq!(json["origin"]["kind"], "peer");
    assert_eq!(json["origin"]["helo"], "client.example");
    let failure = &json["recipients"][0]["last-failure"];
    assert_eq!(
        failure["status"].as_str().unwrap().split('.').next(),
        Some("4")
    );

    check(
        &home.run(&["queue", "retry", id]),
        0,
        &format!("{id} due now\n"),
        "",
    );
    check(
        &home.run(&["queue", "remove", id]),
        0,
        &format!("{id} removed\n"),
        "",
    );
    check(&home.run(&["queue", "list"]), 0, "no messages\n", "");
}

/// Nobody listens where the mail goes. The second message waits without an attempt, until somebody
/// asks for one; which of the two then looks is not said.
#[test]
fn a_retry_has_a_destination_looked_at_that_is_known_to_be_down() {
    for by in ["id", "filter"] {
        let home = Home::new(RELAY);
        let (serving, first) = with_message(&home);
        serving.submit("second@example.org");
        let listed = home.run(&["queue", "list", "--json"]).json();
        let messages = listed["messages"].as_array().unwrap();
        let waits = |message: &&Value| message["id"] != first.as_str();
        let second = messages.iter().find(waits).unwrap();
        assert_eq!(attempts(second), 0, "{listed}");
        let arguments: &[&str] = match by {
            "id" => &["queue", "retry", second["id"].as_str().unwrap()],
            _ => &["queue", "retry", "--to", "example.org"],
        };
        assert_eq!(home.run(arguments).status, 0);
        eventually(&home, &["queue", "list", "--json"], |ran| {
            let listed = ran.json();
            let messages = listed["messages"].as_array().unwrap();
            messages.iter().map(attempts).sum::<u64>() > 1
        });
        serving.terminate();
    }
}

fn attempts(message: &Value) -> u64 {
    message["recipients"][0]["attempts"].as_u64().unwrap()
}

#[test]
fn messages_are_changed_by_filter_while_the_daemon_runs() {
    let home = Home::new(RELAY);
    let (serving, id) = with_message(&home);
    changes_by_filter(&home, &id);
    serving.terminate();
}

#[test]
fn messages_are_changed_by_filter_while_no_daemon_runs() {
    let home = Home::new(RELAY);
    let (serving, id) = with_message(&home);
    serving.terminate();
    changes_by_filter(&home, &id);
}

#[track_caller]
fn changes_by_filter(home: &Home, id: &str) {
    let run = |arguments: &[&str]| home.run(&[&["queue"], arguments].concat());
    let hold = ["hold", "--to", "example.org", "--reason", "audit"];
    check(
        &run(&[&hold[..], &["--dry-run"]].concat()),
        0,
        "1 message would be held\n",
        "",
    );
    check(&run(&hold), 0, "1 message held\n", "");
    check(&run(&hold), 0, "0 messages held\n", "");
    check(
        &run(&["retry", "--to", "example.org"]),
        0,
        "0 messages are due now\n",
        "",
    );
    let shown = run(&["show", "--reason", "audit"]);
    assert!(
        shown.out.starts_with(&format!("message   {id}\n")),
        "{shown:?}"
    );
    check(&run(&["show", "--free"]), 0, "no messages\n", "");
    let released = run(&["release", "--reason", "audit", "--json"]).json();
    let expected = serde_json::json!({
        "change": "release", "dry-run": false, "matched": 1, "changed": 1, "complete": true,
    });
    assert_eq!(released, expected);
    check(
        &run(&["retry", "--from", "client.example"]),
        0,
        "1 message is due now\n",
        "",
    );

    let summary = run(&["summary"]);
    let lines: Vec<_> = summary.out.lines().collect();
    assert!(
        lines[0].starts_with("DOMAIN       WAITING  HELD  <5m "),
        "{summary:?}"
    );
    assert!(
        lines[1].starts_with("TOTAL        1        .     1 "),
        "{summary:?}"
    );
    assert!(
        lines[2].starts_with("example.org  1        .     1 "),
        "{summary:?}"
    );

    let usage = |arguments: &[&str], why: &str| {
        let ran = run(arguments);
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.err.contains(why), "{ran:?}");
    };
    usage(&["remove"], "give ids, a filter such as --to, or all");
    usage(&["remove", id, "--to", "example.org"], "not both");
    usage(
        &["remove", "--older", "2"],
        "a whole number and s, m, h, d or w",
    );
    usage(
        &["remove", "all"],
        "1 message would be removed: nobody is notified; say --yes",
    );
    usage(
        &["list", "--partner", "Bank", "--to", "example.org"],
        "cannot be used with",
    );
    let nobody = run(&["hold", "--partner", "Bank"]);
    assert_eq!(nobody.status, 1, "{nobody:?}");
    assert!(
        nobody.err.contains("there is no partner \"Bank\""),
        "{nobody:?}"
    );
    check(
        &run(&["remove", "all", "--yes"]),
        0,
        "1 message removed\n",
        "",
    );
    check(&run(&["list"]), 0, "no messages\n", "");
}

#[test]
fn what_is_frozen_stays_frozen() {
    let home = Home::new(RELAY);
    let run = |arguments: &[&str]| home.run(&[&["queue"], arguments].concat());
    let serving = home.serve();
    check(&run(&["frozen"]), 0, "nothing is frozen\n", "");
    let freeze = run(&["freeze", "*.org", "--reason", "audit"]);
    check(&freeze, 0, "*.org frozen\n", "");
    serving.submit("b@example.org");
    let id = run(&["list", "--json"]).json()["messages"][0]["id"].clone();
    let shown = run(&["show", id.as_str().unwrap()]);
    let delayed = "delayed   mail for example.org is frozen by *.org since ";
    assert!(shown.out.contains(delayed), "{shown:?}");
    let status = home.run(&["status"]);
    assert!(
        status.out.contains("\nfrozen        *.org since "),
        "{status:?}"
    );
    serving.terminate();
    let message = run(&["list", "--json"]).json()["messages"][0].clone();
    assert_eq!(message["recipients"][0]["attempts"], 0, "{message}");

    check(
        &run(&["freeze", "other.example", "--reason", "x"]),
        0,
        "other.example frozen\n",
        "",
    );
    let serving = home.serve();
    let frozen = run(&["frozen", "--json"]).json();
    let domains: Vec<_> = frozen["frozen"].as_array().unwrap().iter().collect();
    assert_eq!(domains.len(), 2, "{frozen}");
    assert_eq!(domains[0]["domain"], "*.org");
    check(&run(&["thaw", "*.org"]), 0, "*.org thawed\n", "");
    let again = run(&["thaw", "*.org"]);
    assert_eq!(again.status, 1, "{again:?}");
    check(&run(&["thaw", "--all"]), 0, "other.example thawed\n", "");
    let all = run(&["freeze", "*", "--reason", "x"]);
    assert_eq!(all.status, 2, "{all:?}");
    check(
        &run(&["flush"]),
        0,
        "due now, unless it is held or frozen\n",
        "",
    );
    assert_eq!(run(&["destinations"]).status, 0);
    serving.terminate();
    assert_eq!(run(&["flush"]).status, 3);
    assert_eq!(run(&["destinations"]).status, 3);
}

#[test]
fn what_was_frozen_and_cannot_be_read_is_told() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    serving.terminate();
    home.write("queue/frozen.json", "{\"frozen\": [");
    let serving = home.serve();
    let status = home.run(&["status"]);
    assert!(
        status.out.contains("\nfrozen        TROUBLE: "),
        "{status:?}"
    );
    let frozen = home.run(&["queue", "frozen"]);
    assert_eq!(
        (frozen.status, frozen.out.as_str()),
        (1, "nothing is frozen\n")
    );
    assert!(frozen.err.contains("frozen.json.damaged"), "{frozen:?}");
    serving.terminate();
}
