//! Reports, asked for on the command line.

use crate::home::{Home, RELAY, Session};

/// The relay with an address for reports.
fn configuration() -> String {
    format!("{RELAY}\n[reports]\nreceive = [\"tls-reports@example.org\"]\n")
}

/// A report on TLS as others send it.
const REPORT: &str = r#"{"organization-name": "Example Net", "report-id": "1",
 "contact-info": "tls@example.net",
 "date-range": {"start-datetime": "2026-11-22T00:00:00Z", "end-datetime": "2026-11-22T23:59:59Z"},
 "policies": [{"policy": {"policy-type": "sts", "policy-domain": "example.org"},
  "summary": {"total-successful-session-count": 7, "total-failure-session-count": 2},
  "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 2,
   "receiving-mx-hostname": "mx1.example.org"}]}]}"#;

fn send(serving: &crate::home::Serving<'_>, content: &str) {
    let mut session = Session::begin(serving.address());
    session.say("MAIL FROM:<tls@example.net>", "250");
    session.say("RCPT TO:<tls-reports@example.org>", "250");
    session.say("DATA", "354");
    session.say(&format!("{}\r\n.", content.replace('\n', "\r\n")), "250");
    session.say("QUIT", "221");
}

#[test]
fn a_report_that_comes_is_kept_and_shown() {
    let home = Home::new(&configuration());
    let serving = home.serve();
    let none = home.run(&["report", "list"]);
    assert_eq!((none.status, none.out.as_str()), (0, "no reports\n"));

    let head = "From: tls@example.net\nContent-Type: application/json\n";
    send(&serving, &format!("{head}\n{REPORT}"));
    serving.logged("a report of somebody is kept");
    send(&serving, "Subject: something else\n\nHello.");
    serving.logged("a message to an address for reports is none");

    let list = home.run(&["report", "list", "--json"]).json();
    let report = &list["reports"][0];
    assert_eq!(report["way"], "received");
    assert_eq!(report["kind"], "tls");
    assert_eq!(
        (&report["passed"], &report["failed"]),
        (&7.into(), &2.into())
    );
    let id = report["id"].as_str().unwrap();
    let shown = home.run(&["report", "show", id]);
    assert_eq!(shown.status, 0, "{shown:?}");
    for expected in [
        "about      tls of example.org\n",
        "covers     2026-11-22T00:00:00Z to 2026-11-22T23:59:59Z\n",
        "from       Example Net\n",
        "anybody may have sent it\n",
        "sts     certificate-expired  2         mx1.example.org",
    ] {
        assert!(shown.out.contains(expected), "{expected:?}: {}", shown.out);
    }
    let status = home.run(&["status", "--json"]).json();
    let reports = &status["authentication"]["reports"];
    assert_eq!(
        (&reports["received"], &reports["unrecognised"]),
        (&1.into(), &1.into())
    );
    // Nothing of it waits to be delivered anywhere.
    let queue = home.run(&["queue", "list"]);
    assert_eq!(queue.out, "no messages\n");

    let missing = home.run(&["report", "show", "../../etc/passwd"]);
    assert_eq!(missing.status, 1);
    assert_eq!(
        missing.err,
        "postern: reports: there is no report \"../../etc/passwd\"\n"
    );
    serving.terminate();
}

#[test]
fn an_order_that_makes_no_sense_is_refused() {
    let home = Home::new(&configuration());
    let serving = home.serve();
    let nothing = home.run(&["report", "send", "--dry-run"]);
    assert_eq!(nothing.status, 0, "{nothing:?}");
    assert!(nothing.out.starts_with("no reports\n"), "{}", nothing.out);
    for (day, why) in [("soon", "the day: "), ("9999-01-01", "the day is not over")] {
        let refused = home.run(&["report", "send", "--day", day]);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.err.contains(why), "{refused:?}");
    }
    serving.terminate();

    let silent = "\n[reports]\ndmarc = false\ntls = false\n";
    let home = Home::new(&format!("{RELAY}{silent}"));
    let serving = home.serve();
    let refused = home.run(&["report", "send"]);
    assert_eq!(refused.status, 3);
    assert!(refused.err.contains("sends no reports"), "{refused:?}");
    serving.terminate();
    let gone = home.run(&["report", "list"]);
    assert_eq!(gone.status, 3);
}
