//! Mail that goes on elsewhere: aliases, other names of a domain, and reverse-paths of ours for
//! mail of others (SRS).

use std::net::SocketAddr;

use postern_tests::fault::Fault;
use postern_tests::message::Message;
use postern_tests::programs::Program;
use postern_tests::sink::Sink;
use postern_tests::smtp_dialogue::{Dialogue, Reply};

use crate::Scenario;
use crate::gateway::{Gateway, Plan, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "an_alias_leads_outside_and_a_bounce_comes_back_to_the_sender",
        needs: &[],
        run: there_and_back,
    },
    Scenario {
        name: "reverse_paths_that_are_forged_or_too_old_are_refused",
        needs: &[Program::Faketime],
        run: forged_and_old,
    },
    Scenario {
        name: "a_domain_under_another_name_reaches_the_same_mailboxes",
        needs: &[],
        run: other_name,
    },
];

/// A gateway with an alias that leads outside, and everybody else in two sinks.
struct World {
    inside: Sink,
    outside: Sink,
    plan: Plan,
}

fn world() -> Result<World, Fault> {
    let (inside, outside) = (Sink::start()?, Sink::start()?);
    let plan = Plan::ordinary()?;
    let secret = plan.installation.path().join("srs.secret");
    let doing = |error: std::io::Error| Fault::Unexpected(error.to_string());
    std::fs::write(&secret, "sixteen octets and a few more").map_err(doing)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&secret, mode).map_err(doing)?;
    let plan = plan
        .with(|it| it.domain("receiver.example", inside.address()))
        .with(|it| it.domain("old.example", inside.address()))
        .with(|it| it.route("*", outside.address()))
        .with(|it| {
            let secret = secret.display();
            it.table(&format!(
                "[srs]\ndomain = \"receiver.example\"\nsecret = [\"{secret}\"]"
            ))
        })
        .with(|it| it.table(ALIASES));
    Ok(World {
        inside,
        outside,
        plan,
    })
}

const ALIASES: &str = r#"
[[alias]]
address = "sales@receiver.example"
to = ["jo@outside.example", "mo@receiver.example"]
[[rewrite]]
domain = "old.example"
to = "receiver.example"
"#;

/// One transaction of a stranger. Whom the reply is to: RCPT where that is refused, else content.
fn told(server: SocketAddr, from: &str, to: &str, message: &Message) -> Result<Reply, Fault> {
    let mut dialogue = Dialogue::open(server)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    dialogue.expect(&format!("MAIL FROM:<{from}>"), 250)?;
    let reply = dialogue.command(&format!("RCPT TO:<{to}>"))?;
    if reply.code != 250 {
        return Ok(reply);
    }
    dialogue.expect("DATA", 354)?;
    dialogue.send(&message.dot_stuffed())?;
    dialogue.reply()
}

fn taken(server: SocketAddr, from: &str, to: &str, message: &Message) -> Result<(), Fault> {
    let reply = told(server, from, to, message)?;
    assert_eq!(reply.code, 250, "{from} {to}: {reply:?}");
    Ok(())
}

/// Sends a message to the alias, and gives the reverse-path that it leaves with.
fn forwarded(gateway: &Gateway, outside: &Sink) -> Result<String, Fault> {
    let message = Message::awkward("forwarded");
    taken(gateway.mx, SENDER, "sales@receiver.example", &message)?;
    let all = outside.wait_for(1)?;
    let Some(copy) = all.last() else {
        return Err(Fault::Unexpected("nothing outside".to_owned()));
    };
    copy.added_before(&message)?;
    assert!(
        copy.rcpt
            .iter()
            .all(|it| it.starts_with("TO:<jo@outside.example>")),
        "{copy:?}"
    );
    let path = copy.mail.split(['<', '>']).nth(1).unwrap_or_default();
    assert!(
        path.starts_with("SRS0=") && path.ends_with("=sender.example=alice@receiver.example"),
        "{path}"
    );
    Ok(path.to_owned())
}

fn there_and_back() -> Result<(), Fault> {
    let World {
        inside,
        outside,
        plan,
    } = world()?;
    let gateway = plan.start()?;
    let path = forwarded(&gateway, &outside)?;
    // Within our own domain the reverse-path stays.
    let own = inside.wait_for(1)?;
    assert!(
        own.iter()
            .all(|it| it.mail.starts_with("FROM:<alice@sender.example>")),
        "{own:?}"
    );
    assert!(
        own.iter()
            .all(|it| it.rcpt.iter().all(|it| it.contains("mo@receiver.example")))
    );
    let bounce = Message::plain("Undeliverable");
    // What passes through other systems may come back in another case.
    for path in [path.clone(), path.to_ascii_lowercase()] {
        let before = outside.taken().len();
        taken(gateway.mx, "", &path, &bounce)?;
        let all = outside.wait_for(before + 1)?;
        let back = all.last().map(|it| (it.mail.clone(), it.rcpt.clone()));
        let (mail, rcpt) = back.unwrap_or_default();
        assert!(mail.starts_with("FROM:<>"), "{mail}");
        let [rcpt] = rcpt.as_slice() else {
            return Err(Fault::Unexpected(format!("{rcpt:?}")));
        };
        assert!(
            rcpt.to_ascii_lowercase()
                .starts_with("to:<alice@sender.example>"),
            "{rcpt}"
        );
    }
    gateway.installation.wait_for_empty_queue()
}

fn forged_and_old() -> Result<(), Fault> {
    let World {
        inside: _inside,
        outside,
        plan,
    } = world()?;
    let gateway = plan.start()?;
    let path = forwarded(&gateway, &outside)?;
    let bounce = Message::plain("Undeliverable");
    for forged in [
        path.replace("=alice@", "=eve@"),
        path.replace("=sender.example=", "=victim.example="),
        path.replace("SRS0=", "SRS0=AAAA"),
        "SRS0=AAAA=AA=victim.example=eve@receiver.example".to_owned(),
        "SRS1=AAAA=elsewhere.example==AAAA=AA=victim.example=eve@receiver.example".to_owned(),
    ] {
        let reply = told(gateway.mx, "", &forged, &bounce)?;
        assert!(
            reply.code == 550 && reply.has_status("5.1.1"),
            "{forged}: {reply:?}"
        );
    }
    let Gateway {
        postern,
        installation,
        mx,
        ..
    } = gateway;
    postern.kill()?;
    let _soon = installation.serve_on_day("+10d")?;
    taken(mx, "", &path, &bounce)?;
    drop(_soon);
    let _late = installation.serve_on_day("+30d")?;
    let reply = told(mx, "", &path, &bounce)?;
    assert!(reply.code == 550 && reply.has_status("5.1.1"), "{reply:?}");
    Ok(())
}

fn other_name() -> Result<(), Fault> {
    let World {
        inside,
        outside,
        plan,
    } = world()?;
    let gateway = plan.start()?;
    let message = Message::awkward("under another name");
    taken(gateway.mx, SENDER, "bob@OLD.example", &message)?;
    let all = inside.wait_for(1)?;
    for copy in &all {
        copy.added_before(&message)?;
        let [rcpt] = copy.rcpt.as_slice() else {
            return Err(Fault::Unexpected(format!("{copy:?}")));
        };
        assert!(rcpt.starts_with("TO:<bob@receiver.example>"), "{rcpt}");
    }
    // An alias counts behind the other name as well.
    taken(gateway.mx, SENDER, "sales@old.example", &message)?;
    outside.wait_for(1)?;
    inside.wait_for(2)?;
    gateway.installation.wait_for_empty_queue()?;
    assert_eq!((inside.taken().len(), outside.taken().len()), (2, 1));
    Ok(())
}
