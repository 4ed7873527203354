//! Reports on authentication and TLS: ours, as others read them, and those of others, as we do.
//!
//! A day must be over before its reports are sent. So mail goes through on the day before, by the
//! clock that the daemon is shown, and the reports are sent on the day of the test.

use postern_tests::certificates::Leaf;
use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::loopback::Loopback;
use postern_tests::message::Message;
use postern_tests::ports;
use postern_tests::postern::{Installation, Postern};
use postern_tests::postfix::{ServerTls, Setup};
use postern_tests::programs::{self, Program};
use postern_tests::second_opinion;
use postern_tests::sink::{Sink, Taken};
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::wait::{self, PATIENCE};
use postern_tests::zones::{Dns, Zone};
use serde::Deserialize;

use crate::Scenario;
use crate::gateway::{Plan, RECEIVER, SENDER, authority};
use crate::signing;

const NEEDS: &[Program] = &[
    Program::Nsd,
    Program::Unbound,
    Program::LdnsSignzone,
    Program::Dkimpy,
    Program::Faketime,
    Program::Xmllint,
    Program::Postfix,
];

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "domains_are_told_what_mail_came_in_their_name",
        needs: NEEDS,
        run: aggregate,
    },
    Scenario {
        name: "domains_are_told_how_connections_to_them_went",
        needs: NEEDS,
        run: tls,
    },
    Scenario {
        name: "a_report_that_unpacks_without_end_does_no_harm",
        needs: &[Program::Dkimpy],
        run: bomb,
    },
];

const REPORTS: &str = "reports@receiver.example";

/// A line of `postern report list --json`.
#[derive(Clone, Debug, Deserialize)]
struct Line {
    id: String,
    kind: String,
    way: String,
    domain: String,
    passed: u64,
    failed: u64,
}

fn list(installation: &Installation) -> Result<Vec<Line>, Fault> {
    #[derive(Deserialize)]
    struct Page {
        reports: Vec<Line>,
    }
    let page: Page = installation.json(&["report", "list", "--json"])?;
    Ok(page.reports)
}

/// Waits until a report of others is there.
fn received(installation: &Installation, kind: &str) -> Result<Line, Fault> {
    let look = || {
        let wanted = |it: &Line| it.way == "received" && it.kind == kind;
        Ok(list(installation)?.into_iter().find(wanted))
    };
    let seen = || format!("{:#?}", list(installation));
    wait::until("a report of others", PATIENCE, look, seen)
}

/// A gateway that signs, reports, and reads reports.
fn plan(sink: &Sink) -> Result<Plan, Fault> {
    let plan = Plan::ordinary()?.with(|it| it.domain("receiver.example", sink.address()));
    plan.installation.configure(&plan.configuration.text())?;
    let reports =
        format!("[reports]\ncontact = \"postmaster@receiver.example\"\nreceive = [\"{REPORTS}\"]");
    let plan = signing::with_keys(plan, "receiver.example", &[("r1", "rsa", "")])?;
    Ok(plan.with(|it| it.table(&reports)))
}

/// Yesterday's mail goes through a daemon of yesterday, and one of today is left running.
fn yesterday(
    installation: &Installation,
    work: impl FnOnce(&Postern) -> Result<(), Fault>,
) -> Result<Postern, Fault> {
    let daemon = installation.serve_on_day("-1d")?;
    work(&daemon)?;
    installation.wait_for_empty_queue()?;
    daemon.terminate(PATIENCE)?;
    installation.serve()
}

/// `postern report send` of yesterday's reports.
fn send(installation: &Installation) -> Result<(), Fault> {
    let day = time::OffsetDateTime::now_utc().date() - time::Duration::days(1);
    let sent = installation.run(&["report", "send", "--day", &day.to_string(), "--json"])?;
    let said = String::from_utf8_lossy(&[sent.stdout, sent.stderr].concat()).into_owned();
    assert_eq!(sent.status.code(), Some(0), "{said}");
    Ok(())
}

fn bring(
    server: std::net::SocketAddr,
    from: &str,
    to: &str,
    message: &Message,
) -> Result<u16, Fault> {
    let mut dialogue = Dialogue::open(server)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    Ok(dialogue.transact(from, to, message)?.code)
}

fn aggregate() -> Result<(), Fault> {
    let rua = "rua=mailto:dmarc@sender.example,mailto:a@willing.example,mailto:b@unasked.example";
    let zones = [
        Zone::unsigned("sender.example")
            .text("sender.example", "v=spf1 ip4:127.0.0.1 -all")
            .text("_dmarc.sender.example", &format!("v=DMARC1; p=none; {rua}")),
        Zone::unsigned("willing.example")
            .text("sender.example._report._dmarc.willing.example", "v=DMARC1"),
        Zone::unsigned("unasked.example").record("unasked.example", "MX", "10 ns."),
    ];
    let dns = Dns::start(&zones, Loopback::claim()?)?;
    let (inside, outside) = (Sink::start()?, Sink::start()?);
    let judging = ports::free()?;
    let plan = plan(&inside)?
        .with(|it| it.judging_mx(judging, &[]))
        .with(|it| it.route("*", outside.address()))
        .with(|it| it.dns_unproven(dns.relaying()));
    let installation = &plan.installation;
    installation.configure(&plan.configuration.text())?;
    let _daemon = yesterday(installation, |_| {
        for _ in 0..3 {
            assert_eq!(
                bring(judging, SENDER, RECEIVER, &Message::plain("counted"))?,
                250
            );
        }
        Ok(())
    })?;
    let ours = list(installation)?;
    assert!(
        ours.iter()
            .any(|it| it.way == "ours" && it.kind == "dmarc" && it.domain == "sender.example"),
        "{ours:#?}"
    );
    send(installation)?;
    installation.wait_for_empty_queue()?;
    let taken = outside.wait_for(1)?;
    for to in ["dmarc@sender.example", "a@willing.example"] {
        assert!(
            taken.iter().any(|it| is_to(it, to)),
            "nothing to {to}: {taken:#?}"
        );
    }
    assert!(
        !taken.iter().any(|it| is_to(it, "b@unasked.example")),
        "{taken:#?}"
    );
    let report = first(&taken)?;
    let xml = second_opinion::unpack(report)?;
    let text = String::from_utf8_lossy(&xml);
    for part in [
        "sender.example",
        "<count>3</count>",
        "<p>none</p>",
        "127.0.0.1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let schema = programs::project().join("tests/schemas/dmarc-2.0.xsd");
    second_opinion::validate(&xml, &schema)?;
    check_signed(installation, report)?;

    // What we send, we can read.
    let report = Message::new(report)?;
    assert_eq!(
        bring(plan.relay, "dmarc@other.example", REPORTS, &report)?,
        250
    );
    let line = received(installation, "dmarc")?;
    assert_eq!(
        (line.domain.as_str(), line.passed, line.failed),
        ("sender.example", 3, 0)
    );
    let shown: serde_json::Value = installation.json(&["report", "show", &line.id, "--json"])?;
    let source = |name: &str| shown.pointer(&format!("/sources/0/{name}")).cloned();
    assert_eq!(source("messages"), Some(3.into()), "{shown:#}");
    assert_eq!(source("address"), Some("127.0.0.1".into()), "{shown:#}");
    Ok(())
}

fn tls() -> Result<(), Fault> {
    let loopback = Loopback::claim()?;
    let host = loopback.port(10, 25);
    let zone = Zone::unsigned("dest.example")
        .record("dest.example", "MX", "10 mx.dest.example.")
        .record("mx.dest.example", "A", &host.ip().to_string())
        .text(
            "_smtp._tls.dest.example",
            "v=TLSRPTv1; rua=mailto:tls@dest.example",
        );
    let postfix = Setup::named("mx.dest.example")
        .serving("dest.example")
        .tls(
            ServerTls::Offered,
            &authority()?.issue(&Leaf::named("mx.dest.example"))?,
        )
        .start_at(host)?;
    let dns = Dns::start(&[zone], loopback)?;
    let inside = Sink::start()?;
    let plan =
        plan(&inside)?.with(|it: Configuration| it.dns_unproven(dns.relaying()).private_targets());
    let installation = &plan.installation;
    installation.configure(&plan.configuration.text())?;
    let message = Message::plain("over TLS");
    let _daemon = yesterday(installation, |_| {
        let code = bring(plan.relay, SENDER, "bob@dest.example", &message)?;
        assert_eq!(code, 250);
        postfix.delivered(1).map(drop)
    })?;
    send(installation)?;
    let delivered = postfix.delivered(2)?;
    let report = delivered
        .iter()
        .find(|it| it.text().contains("TLS-Report-Domain:"));
    let report = report.ok_or_else(|| Fault::Unexpected(format!("{delivered:#?}")))?;
    let report = report.with_crlf();
    let json = second_opinion::unpack(&report)?;
    let json: serde_json::Value = serde_json::from_slice(&json)
        .map_err(|error| Fault::Unexpected(format!("{error}: {}", json.escape_ascii())))?;
    let told = |path: &str| json.pointer(path).cloned();
    let policy = told("/policies/0/policy/policy-domain");
    assert_eq!(policy, Some("dest.example".into()), "{json:#}");
    let sessions = told("/policies/0/summary/total-successful-session-count");
    assert_eq!(sessions, Some(1.into()), "{json:#}");
    check_signed(installation, &report)?;

    let report = Message::new(report)?;
    assert_eq!(
        bring(plan.relay, "tls@dest.example", REPORTS, &report)?,
        250
    );
    let line = received(installation, "tls")?;
    assert_eq!(
        (line.domain.as_str(), line.passed, line.failed),
        ("dest.example", 1, 0)
    );
    Ok(())
}

fn bomb() -> Result<(), Fault> {
    let inside = Sink::start()?;
    let plan = plan(&inside)?;
    let installation = &plan.installation;
    installation.configure(&plan.configuration.text())?;
    let daemon = installation.serve()?;
    let bomb = Message::new(second_opinion::gzip_bomb(REPORTS)?)?;
    assert_eq!(
        bring(plan.relay, "dmarc@other.example", REPORTS, &bomb)?,
        250
    );
    installation.wait_for_empty_queue()?;
    daemon.logged("unpacks to too much")?;
    assert!(list(installation)?.iter().all(|it| it.kind != "dmarc"));
    // 300 MB would have taken several seconds to look at.
    let seconds = daemon.cpu_seconds()?;
    assert!(seconds < 10.0, "{seconds} s of processor time");
    // Other mail goes on.
    assert_eq!(
        bring(plan.relay, SENDER, RECEIVER, &Message::plain("after it"))?,
        250
    );
    inside.wait_for(1).map(drop)
}

fn is_to(taken: &Taken, mailbox: &str) -> bool {
    taken
        .rcpt
        .iter()
        .any(|it| it.contains(&format!("<{mailbox}>")))
}

fn first(taken: &[Taken]) -> Result<&[u8], Fault> {
    let first = taken.first().map(|it| it.content.as_slice());
    first.ok_or_else(|| Fault::Unexpected("no report".to_owned()))
}

/// A report is signed by our key, whoever reads it on its way.
fn check_signed(installation: &Installation, report: &[u8]) -> Result<(), Fault> {
    let found = second_opinion::verify(report, &signing::texts(installation)?)?;
    let good = |it: &second_opinion::Signature| it.holds && it.domain == "receiver.example";
    assert!(found.iter().any(good), "{found:#?}");
    Ok(())
}
