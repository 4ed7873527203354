//! `explain` and `probe` with name servers and a mail host, and what the status tells of them.

use postern_testkit::Authority;

use crate::{
    home::{Home, RELAY},
    world::{World, eventually, mail_host},
};

/// A world that has been set up, a gateway whose partner must prove to be `name`, and the host.
fn with_gateway(name: &str, look: impl FnOnce(&Home)) {
    let authority = Authority::new("Test CA");
    let host = mail_host(&authority);
    let serving = host.serve();
    let world = World::new(authority, &serving);
    look(&world.gateway("enforce", name, ""));
    // Whoever probed has sent nothing.
    let status = host.run(&["status", "--json"]).json();
    assert_eq!(status["queue"]["accepted"], 0);
    serving.terminate();
}

#[test]
fn a_partner_is_probed() {
    with_gateway("mx.partner.example", |gateway| {
        let probed = gateway.run(&["probe", "partner.example", "--json"]);
        assert_eq!(probed.status, 0, "{probed:?}");
        let probed = probed.json();
        assert_eq!(
            probed["survey"]["hosts"][0]["address"]["answer"]["proof"],
            "secure"
        );
        let address = &probed["hosts"][0]["addresses"][0];
        assert_eq!(address["outcome"]["result"], "permitted");
        assert_eq!(address["channel"]["version"], "TLSv1.3");
        let names = &address["channel"]["certificates"][0]["contents"]["names"];
        assert_eq!(names[0], "mx.partner.example");
        let offered = address["offered"].as_array().unwrap();
        assert!(offered.iter().any(|it| it == "REQUIRETLS"), "{offered:?}");

        let told = gateway.run(&["probe", "partner.example", "--profile", "modern"]);
        assert_eq!((told.status, told.err.as_str()), (0, ""), "{}", told.out);
        for part in [
            "mail to partner.example\n",
            "HOST                ADDRESS",
            "  permitted",
            "  certificate",
            "profile modern: ",
            "CRITERION",
        ] {
            assert!(told.out.contains(part), "{part:?} is not in\n{}", told.out);
        }
        let other = gateway.run(&["probe", "partner.example", "--host", "mx.else.example"]);
        assert_eq!(other.status, 1, "{other:?}");
    });
}

#[test]
fn a_partner_who_is_somebody_else_is_a_negative_finding() {
    with_gateway("mx.other.example", |gateway| {
        let probed = gateway.run(&["probe", "partner.example", "--json"]);
        assert_eq!(probed.status, 1, "{probed:?}");
        let outcome = &probed.json()["hosts"][0]["addresses"][0]["outcome"];
        assert_eq!(outcome["result"], "refused");
        assert_eq!(outcome["status"], "4.7.5");
    });
}

#[test]
fn who_cannot_be_reached_is_not_known() {
    let home = Home::new(RELAY);
    let probed = home.run(&["probe", "example.org", "--timeout", "5"]);
    assert_eq!(probed.status, 3, "{probed:?}");
    assert!(probed.out.contains("FAILED"), "{}", probed.out);
    assert!(!home.path("queue").exists());
    let unknown = home.run(&["probe", "example.org", "--profile", "best"]);
    assert_eq!(unknown.status, 2, "{unknown:?}");
}

#[test]
fn explaining_asks_whom_a_delivery_asks() {
    with_gateway("mx.partner.example", |gateway| {
        let arguments = ["explain", "--to", "b@partner.example"];
        let told = gateway.run(&arguments);
        assert_eq!((told.status, told.err.as_str()), (0, ""));
        for line in [
            "goes      to the hosts of partner The Partner",
            "found by  configured",
            "dane      does not apply: the next hop is configured",
            "verdict   would be dialled",
        ] {
            let found = told.out.lines().any(|found| found.trim() == line);
            assert!(found, "{line:?} is not in\n{}", told.out);
        }
        assert!(!told.out.contains("nobody was asked"), "{}", told.out);

        let json = gateway.run(&["explain", "--to", "stranger.example", "--json"]);
        let json = json.json();
        assert_eq!(json["survey"]["mx"]["proof"], "secure");
        assert_eq!(json["survey"]["hosts"][0]["host"], "mx.stranger.example");
        assert_eq!(json["survey"]["hosts"][0]["dane"]["state"], "absent");
        assert_eq!(json["requirement"]["demanded"]["channel"]["demand"], "any");

        let arguments = [
            "explain",
            "--to",
            "stranger.example",
            "--wish",
            "requiretls",
            "--json",
        ];
        let json = gateway.run(&arguments).json();
        assert_eq!(json["wish"], "REQUIRETLS");
        let demanded = &json["survey"]["hosts"][0]["requirement"]["demanded"];
        assert_eq!(demanded["channel"]["demand"], "authenticated");

        // An MX record of a zone without signatures names a host that nothing vouches for.
        let json = gateway.run(&["explain", "--to", "plain", "--json"]).json();
        assert_eq!(json["survey"]["mx"]["proof"], "insecure");
        assert_eq!(
            json["survey"]["hosts"][0]["dane"]["state"],
            "not-applicable"
        );
    });
}

#[test]
fn explaining_ends_with_what_would_become_of_the_mail() {
    #[track_caller]
    fn check(home: &Home, arguments: &[&str], status: i32, last: &str) {
        let told = home.run(&[&["explain", "--to"], arguments].concat());
        assert_eq!(told.status, status, "{told:?}");
        let line = told.out.lines().last().unwrap_or_default();
        assert!(line.starts_with(last), "{}", told.out);
    }
    with_gateway("mx.partner.example", |gateway| {
        check(
            gateway,
            &["stranger.example"],
            0,
            "this mail goes to mx.stranger.example, if ",
        );
        check(
            gateway,
            &["nowhere.example"],
            1,
            "this mail comes back because ",
        );
        // Nobody proves who its host is.
        let arguments = ["plain", "--wish", "requiretls"];
        check(gateway, &arguments, 1, "this mail comes back because ");
    });
    let home = Home::new(RELAY);
    check(
        &home,
        &["stranger.example"],
        3,
        "this mail waits because the MX records of stranger.example could not be found out",
    );
    check(
        &home,
        &["stranger.example", "--offline"],
        0,
        "nobody was asked",
    );
}

#[test]
fn a_greeting_speaks_where_the_reverse_path_says_nothing() {
    let partner = "[[partner]]\nname = \"Ministry\"\ndomains = [\"ministry.example\"]\n\
                   stage = \"enforce\"\n[partner.inbound]\nrequire = \"encrypted\"\n";
    let home = Home::new(&format!(
        "{}{partner}",
        RELAY.replace("\"none\"", "\"starttls\"")
    ));
    let certificate = "[[tls.certificate]]\nname = \"default\"\nchain = \"mx.pem\"\n\
                       key = \"mx.key\"\n";
    let leaf = postern_testkit::Leaf::named("mx1.example.org");
    Authority::new("Test CA")
        .issue(&leaf)
        .write(&home.path(""), "mx");
    let text = std::fs::read_to_string(home.path("postern.toml")).unwrap();
    let text = text.replace("\"starttls\"", "\"starttls\"\nprofile = \"modern\"");
    home.write("postern.toml", &format!("{text}{certificate}"));
    let told = home.run(&["explain", "--from", "a@ministry.example"]).out;
    let profiles = "TLS is of what both modern, the profile of the listener, and ";
    assert!(told.contains(profiles), "{told}");
    for (from, helo, partner) in [
        ("<>", "ministry.example", "Ministry"),
        ("<>", "stranger.example", ""),
        ("a@stranger.example", "ministry.example", ""),
    ] {
        let arguments = ["explain", "--from", from, "--helo", helo, "--json"];
        let json = home.run(&arguments).json();
        let found = &json["listeners"][0]["requirement"]["partner"];
        assert_eq!(found.as_str().unwrap_or_default(), partner, "{from} {helo}");
    }
    let meaningless = [
        ["explain", "--to", "b@x.example", "--helo", "x.example"].as_slice(),
        &["explain", "--from", "b@x.example", "--wish", "requiretls"],
    ];
    for arguments in meaningless {
        let ran = home.run(arguments);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{ran:?}");
    }
}

#[test]
fn the_status_tells_what_protects_and_what_does_not() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let trouble = serving.logged("name server 127.0.0.1:1 does not answer");
    assert!(trouble.contains("ERROR"), "{trouble}");
    let status = eventually(&home, &["status", "--json"], |ran| {
        ran.json()["protection"]["dns"]["verdict"] == "trouble"
    });
    let protection = &status.json()["protection"];
    assert_eq!(protection["mta-sts"]["known"], 0);
    assert_eq!(protection["plaintext"]["messages"], 0);
    let told = home.run(&["status"]);
    for part in [
        "dns           TROUBLE: ",
        "mta-sts       0 policies known, 0 enforced, trouble with 0\n",
        "clear today   no message\n",
    ] {
        assert!(told.out.contains(part), "{part:?} is not in\n{}", told.out);
    }
    serving.terminate();
}

#[test]
fn mail_in_clear_is_counted_with_the_reason() {
    let host = Home::new(
        &RELAY
            .replace("\"relay\"", "\"mx\"\nauthentication = \"off\"")
            .replace("networks = [\"127.0.0.0/8\"]\n", ""),
    );
    let host = host.serve();
    let home = Home::new(&RELAY.replace(
        "127.0.0.1:1\"]\n[queue]",
        &format!("{}\"]\n[queue]", host.address()),
    ));
    let serving = home.serve();
    serving.submit("b@example.org");
    let status = eventually(&home, &["status", "--json"], |ran| {
        ran.json()["protection"]["plaintext"]["messages"] == 1
    });
    let plaintext = &status.json()["protection"]["plaintext"];
    assert_eq!(plaintext["most"][0]["destination"], "example.org");
    assert_eq!(plaintext["most"][0]["cause"], "STARTTLS was not offered");
    serving.terminate();
    host.terminate();
}
