//! What is measured of partners, and what takes their rules out of force or puts more into it.

use postern_testkit::{Authority, RevocationList, crl_pem};
use serde_json::Value;

use crate::{
    home::{Home, RELAY},
    world::{SERIAL, World, certified, eventually, mail_host, mail_host_as, tomorrow},
};

/// What `partner show` says of mail to the partner, once it tells of so many attempts.
#[track_caller]
fn outbound_after(gateway: &Home, attempts: u64) -> Value {
    let arguments = ["partner", "show", "The Partner", "--json"];
    let shown = eventually(gateway, &arguments, |ran| {
        ran.status == 0 && ran.json()["outbound"]["measured"]["attempts"] == attempts
    });
    shown.json()["outbound"].clone()
}

#[test]
fn a_rule_that_is_met_is_measured_and_remembered() {
    let authority = Authority::new("Test CA");
    let host = mail_host(&authority);
    let host = host.serve();
    let world = World::new(authority, &host);
    let gateway = world.gateway("enforce", "mx.partner.example", "");
    let serving = gateway.serve();

    let listed = gateway.run(&["partner", "list"]);
    let expected = "\
PARTNER      STAGE    OUTBOUND                     MET  INBOUND            MET
The Partner  enforce  authenticated: not measured  -    any: not measured  -
";
    assert_eq!((listed.status, listed.out.as_str()), (0, expected));
    let unmeasured = gateway.run(&["partner", "show", "The Partner"]);
    let found = unmeasured.out.contains("nothing yet: no attempt was made");
    assert!(found, "{}", unmeasured.out);

    serving.submit("b@partner.example");
    let outbound = outbound_after(&gateway, 1);
    let measured = &outbound["measured"];
    assert_eq!(
        (&measured["met"], &measured["failed"]),
        (&1.into(), &0.into())
    );
    assert_eq!(measured["last-peer"], "mx.partner.example");
    let identity = measured["last-identity"].as_str().unwrap();
    assert!(identity.contains("mx.partner.example"), "{identity}");
    assert_eq!(outbound["readiness"]["verdict"], "too-few");
    let days = measured["certificate-expiry"]["days-left"].as_i64();
    assert!(days.is_some_and(|days| days >= 0), "{measured}");

    // What was counted a moment ago is on disk when the daemon has ended in good order.
    serving.terminate();
    let gone = gateway.run(&["partner", "list"]);
    assert_eq!(gone.status, 3);
    assert!(gone.err.contains("postern is not running"), "{gone:?}");
    let serving = gateway.serve();
    assert_eq!(outbound_after(&gateway, 1)["measured"], *measured);
    let listed = gateway.run(&["partner", "list"]);
    assert!(listed.out.contains("##########  1 of 1"), "{}", listed.out);
    serving.terminate();
}

#[test]
fn a_rule_that_would_fail_says_why_in_the_words_of_the_log() {
    let authority = Authority::new("Test CA");
    let host = mail_host(&authority);
    let host = host.serve();
    let world = World::new(authority, &host);
    let gateway = world.gateway("observe", "mx.other.example", "");
    let serving = gateway.serve();
    serving.submit("b@partner.example");
    let outbound = outbound_after(&gateway, 1);
    assert_eq!(outbound["measured"]["would-have-failed"], 1);
    assert_eq!(outbound["readiness"]["verdict"], "failing");
    let reason = &outbound["measured"]["reasons"][0];
    assert_eq!(reason["count"], 1);
    let reason = reason["reason"].as_str().unwrap();
    assert!(reason.contains("mx.other.example"), "{reason}");
    let escaped = reason.replace('"', "\\\"");
    serving.logged(&escaped);
    let shown = gateway.run(&["partner", "show", "The Partner"]);
    assert!(shown.out.contains(reason), "{}", shown.out);
    serving.terminate();
}

/// What the old rule met says nothing of the one that is in the configuration now, and a stage
/// is no other rule.
#[test]
fn another_rule_is_measured_anew() {
    let authority = Authority::new("Test CA");
    let host = mail_host(&authority);
    let host = host.serve();
    let world = World::new(authority, &host);
    let gateway = world.gateway("observe", "mx.partner.example", "");
    let serving = gateway.serve();
    let reload = |stage, name| {
        gateway.write("postern.toml", &world.configuration(stage, name, ""));
        assert_eq!(gateway.run(&["reload"]).status, 0);
    };
    serving.submit("b@partner.example");
    let met = outbound_after(&gateway, 1);
    assert_eq!(met["measured"]["present"], true);
    reload("warn", "mx.partner.example");
    assert_eq!(outbound_after(&gateway, 1)["readiness"], met["readiness"]);

    reload("warn", "mx.other.example");
    let changed = outbound_after(&gateway, 1);
    assert_eq!(changed["measured"]["present"], false);
    assert_eq!(changed["measured"]["rule"], met["measured"]["rule"]);
    assert_eq!(changed["readiness"]["verdict"], "not-measured");
    let shown = gateway.run(&["partner", "show", "The Partner"]).out;
    for expected in [
        "not measured yet under the present rule\n",
        "  rule        ANOTHER than the present one: authenticated, hosts mx.partner.example:",
        ", name mx.partner.example, trust ca.pem (",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
    let listed = gateway.run(&["partner", "list"]).out;
    assert!(
        listed.contains("authenticated: not measured  -"),
        "{listed}"
    );

    serving.submit("b@partner.example");
    let anew = eventually(
        &gateway,
        &["partner", "show", "The Partner", "--json"],
        |ran| ran.json()["outbound"]["measured"]["present"] == true,
    );
    let measured = &anew.json()["outbound"]["measured"];
    assert_eq!(
        (&measured["attempts"], &measured["met"]),
        (&1.into(), &0.into())
    );
    let shown = gateway.run(&["partner", "show", "The Partner"]).out;
    assert!(
        shown.contains(", last with mx.partner.example: "),
        "{shown}"
    );
    serving.terminate();
}

#[test]
fn who_is_no_partner_is_told_with_who_may_be_meant() {
    let partner = "[[partner]]\nname = \"Ministry\"\ndomains = [\"ministry.example\"]\n\
                   stage = \"observe\"\n[partner.outbound]\nrequire = \"encrypted\"\n";
    let home = Home::new(&format!("{RELAY}{partner}"));
    let serving = home.serve();
    let unknown = home.run(&["partner", "show", "ministy"]);
    let expected =
        "postern: partners: there is no partner \"ministy\"; did you mean \"Ministry\"?\n";
    assert_eq!((unknown.status, unknown.err.as_str()), (1, expected));
    serving.terminate();
}

#[test]
fn a_denied_certificate_stops_mail_from_the_next_message_on() {
    let authority = Authority::new("Test CA");
    let host = mail_host(&authority);
    let host = host.serve();
    let world = World::new(authority, &host);
    let gateway = world.gateway("enforce", "mx.partner.example", "");
    let serving = gateway.serve();
    serving.submit("b@partner.example");
    // The connection is kept for the next message.
    let _ = outbound_after(&gateway, 1);
    eventually(&gateway, &["queue", "list"], |ran| {
        ran.out == "no messages\n"
    });

    let deny = format!("[[deny]]\nserial = \"{SERIAL}\"\nreason = \"stolen with a laptop\"\n");
    let denying = world.configuration("enforce", "mx.partner.example", &deny);
    gateway.write("postern.toml", &denying);
    assert_eq!(gateway.run(&["reload"]).status, 0);
    serving.submit("b@partner.example");
    serving.submit("c@partner.example");
    let waiting = eventually(&gateway, &["queue", "list", "--json"], |ran| {
        let messages = &ran.json()["messages"];
        (0..2).all(|at| messages[at]["recipients"][0]["attempts"] == 1)
    });
    let messages = &waiting.json()["messages"];
    for at in 0..2 {
        let why = &messages[at]["recipients"][0]["last-failure"]["text"];
        assert!(
            why.as_str().unwrap().contains("stolen with a laptop"),
            "{why}"
        );
    }
    let status = gateway.run(&["status", "--json"]).json();
    assert_eq!(status["protection"]["denied"], 1);

    let allowing = world.configuration("enforce", "mx.partner.example", "");
    gateway.write("postern.toml", &allowing);
    assert_eq!(gateway.run(&["reload"]).status, 0);
    // A reload makes due what a host was refused for: nobody has to ask for another attempt.
    eventually(&gateway, &["queue", "list"], |ran| {
        ran.out == "no messages\n"
    });
    serving.terminate();
}

#[test]
fn revocation_lists_are_told_and_a_new_one_acts_without_a_reload() {
    let authority = Authority::new("Test CA");
    let identity = certified(&authority);
    let host = mail_host_as(&identity);
    let host = host.serve();
    let good = RevocationList::numbered(1);
    let bad = RevocationList::numbered(2).revoking(identity.leaf());
    let [good, bad] = [good, bad].map(|list| crl_pem(&authority.crl(&list)));
    let world = World::new(authority, &host);
    let gateway = world.gateway("enforce", "mx.partner.example", "crl = [\"ca.crl\"]\n");
    gateway.write("ca.crl", &good);
    let serving = gateway.serve();
    serving.submit("b@partner.example");
    let outbound = outbound_after(&gateway, 1);
    assert_eq!(outbound["measured"]["met"], 1);
    let list = &outbound["revocation"][0];
    assert_eq!(
        (&list["in-date"], &list["entries"]),
        (&true.into(), &0.into())
    );
    let status = gateway.run(&["status"]);
    assert!(
        status.out.contains("0 entries, next due "),
        "{}",
        status.out
    );
    eventually(&gateway, &["queue", "list"], |ran| {
        ran.out == "no messages\n"
    });

    gateway.write("ca.crl", &bad);
    eventually(&gateway, &["status", "--json"], |ran| {
        ran.json()["protection"]["revocation"][0]["entries"] == 1
    });
    serving.submit("b@partner.example");
    let waiting = eventually(&gateway, &["queue", "list", "--json"], |ran| {
        ran.json()["messages"][0]["recipients"][0]["attempts"] == 1
    });
    let why = &waiting.json()["messages"][0]["recipients"][0]["last-failure"]["text"];
    assert!(why.as_str().unwrap().contains("revoked"), "{why}");
    serving.terminate();
}

#[test]
fn a_broken_glass_is_loud() {
    let authority = Authority::new("Test CA");
    let host = mail_host(&authority);
    let host = host.serve();
    let world = World::new(authority, &host);
    let glass = format!(
        "[[break-glass]]\npartner = \"The Partner\"\ndirection = \"outbound\"\n\
         allow = \"encrypted\"\nreason = \"they have another name\"\n\
         approved-by = \"J. Doe\"\nuntil = \"{}\"\n",
        tomorrow()
    );
    let gateway = world.gateway("enforce", "mx.other.example", &glass);
    let serving = gateway.serve();
    let told = serving.logged("the glass is broken");
    for part in ["ERROR", "partner=\"The Partner\"", "approved_by=\"J. Doe\""] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    serving.submit("b@partner.example");
    let outbound = outbound_after(&gateway, 1);
    assert_eq!(outbound["break-glass"][0]["active"], true);
    assert_eq!(outbound["measured"]["under-break-glass"], 1);
    eventually(&gateway, &["queue", "list"], |ran| {
        ran.out == "no messages\n"
    });
    let status = gateway.run(&["status"]);
    let shown = "The Partner: BROKEN: outbound may be encrypted until ";
    assert!(status.out.contains(shown), "{}", status.out);
    let listed = gateway.run(&["partner", "list"]);
    assert!(listed.out.contains("GLASS BROKEN"), "{}", listed.out);

    let whole = world.configuration("enforce", "mx.other.example", "");
    gateway.write("postern.toml", &whole);
    assert_eq!(gateway.run(&["reload"]).status, 0);
    let told = serving.logged("a break-glass entry was taken back");
    assert!(told.contains("WARN"), "{told}");
    serving.submit("b@partner.example");
    let outbound = outbound_after(&gateway, 2);
    assert_eq!(outbound["measured"]["failed"], 1);
    serving.terminate();
}
