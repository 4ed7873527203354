//! Mail of our own hosts leaves signed, and others verify it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use postern_tests::fault::Fault;
use postern_tests::message::{Delivered, Message};
use postern_tests::postern::Installation;
use postern_tests::postfix::Setup;
use postern_tests::programs::Program;
use postern_tests::second_opinion::{self, Signature, Texts};
use postern_tests::sink::Sink;
use postern_tests::swaks::Swaks;
use serde::Deserialize;

use crate::Scenario;
use crate::gateway::{Plan, RECEIVER, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "dkimpy_verifies_both_signatures_behind_postfix",
        needs: &[Program::Swaks, Program::Postfix, Program::Dkimpy],
        run: behind_postfix,
    },
    Scenario {
        name: "keys_sign_while_it_is_their_time",
        needs: &[Program::Swaks, Program::Dkimpy, Program::Faketime],
        run: rotation,
    },
    Scenario {
        name: "a_key_that_others_can_read_is_refused",
        needs: &[],
        run: readable_key,
    },
];

/// A key of `sender.example`: its selector and type, and what else its table says.
type Key<'a> = (&'a str, &'a str, &'a str);

/// Makes the keys, and has them in the configuration.
pub(crate) fn with_keys(plan: Plan, domain: &str, keys: &[Key<'_>]) -> Result<Plan, Fault> {
    keys.iter().try_fold(plan, |plan, (selector, kind, lines)| {
        let file = key_file(&plan.installation, selector);
        make_key(&plan.installation, domain, selector, kind)?;
        let key = format!("selector = \"{selector}\"\nkey = \"{file}\"\n{lines}");
        Ok(plan.with(|it| it.table(&format!("[[domain.dkim]]\n{key}"))))
    })
}

fn key_file(installation: &Installation, selector: &str) -> String {
    let path = installation.path().join(format!("{selector}.key"));
    path.display().to_string()
}

fn make_key(
    installation: &Installation,
    domain: &str,
    selector: &str,
    kind: &str,
) -> Result<(), Fault> {
    let file = key_file(installation, selector);
    let made = installation.run(&[
        "key",
        "dkim",
        "--domain",
        domain,
        "--selector",
        selector,
        "--type",
        kind,
        "--out",
        &file,
    ])?;
    assert!(made.status.success(), "{made:?}");
    Ok(())
}

/// What the DNS should say, as far as `postern dns records` tells it as texts.
pub(crate) fn texts(installation: &Installation) -> Result<Texts, Fault> {
    #[derive(Deserialize)]
    struct Printed {
        domains: Vec<Domain>,
    }
    #[derive(Deserialize)]
    struct Domain {
        records: Vec<Record>,
    }
    #[derive(Deserialize)]
    struct Record {
        zone: String,
    }
    let printed: Printed = installation.json(&["dns", "records", "--json"])?;
    let records = printed.domains.into_iter().flat_map(|it| it.records);
    let texts = records.filter_map(|record| {
        let (name, rest) = record.zone.split_once(". ")?;
        let (_, strings) = rest.split_once(" TXT ")?;
        // Strings in quotation marks; what stands between them is a blank.
        let text = strings.split('"').skip(1).step_by(2).collect();
        Some((name.to_owned(), text))
    });
    Ok(texts.collect())
}

/// Who signed, of which all must hold.
fn signers(found: &[Signature]) -> Vec<(&str, &str)> {
    assert!(found.iter().all(|it| it.holds), "{found:#?}");
    let signer = found
        .iter()
        .map(|it| (it.selector.as_str(), it.algorithm.as_str()));
    let mut signers: Vec<_> = signer.collect();
    signers.sort_unstable();
    signers
}

fn behind_postfix() -> Result<(), Fault> {
    let postfix = Setup::named("mx.receiver.example")
        .serving("receiver.example")
        .start()?;
    let plan = Plan::ordinary()?.with(|it| it.domain("sender.example", postfix.address()));
    plan.installation.configure(&plan.configuration.text())?;
    let keys = [("r1", "rsa", ""), ("e1", "ed25519", "")];
    let gateway = with_keys(plan, "sender.example", &keys)?
        .with(|it| it.route("receiver.example", postfix.address()))
        .start()?;
    let records = texts(&gateway.installation)?;
    let messages = [
        Message::plain("plain"),
        Message::awkward("awkward"),
        Message::eight_bit("high"),
        Message::plain("long").longer(20_000),
    ];
    for (count, message) in messages.iter().enumerate() {
        gateway.host_of_ours().send(message)?.accepted()?;
        postfix.delivered(count + 1)?;
    }
    let delivered = postfix.delivered(messages.len())?;
    for message in &messages {
        let ends = |it: &&Delivered| it.with_crlf().ends_with(message.octets());
        let copy = delivered.iter().find(ends);
        let copy = copy.ok_or_else(|| Fault::Unexpected(format!("{delivered:?}")))?;
        let found = second_opinion::verify(&copy.with_crlf(), &records)?;
        assert_eq!(
            signers(&found),
            [("e1", "ed25519-sha256"), ("r1", "rsa-sha256")]
        );
        for signature in &found {
            assert_eq!(signature.domain, "sender.example");
            // Signed once more than it is there, so that nobody adds another.
            let fields = signature.fields.to_ascii_lowercase();
            let count = |name: &str| fields.split(':').filter(|it| it.trim() == name).count();
            assert_eq!(count("from"), 2, "{fields}");
        }
    }
    // Strangers' mail is not ours to sign.
    let stranger = Swaks::with(gateway.mx).from(RECEIVER).to(SENDER);
    stranger
        .send(&Message::plain("of a stranger"))?
        .accepted()?;
    let all = postfix.delivered(messages.len() + 1)?;
    let signed = |it: &&Delivered| it.text().contains("DKIM-Signature:");
    assert_eq!(all.iter().filter(signed).count(), messages.len());
    Ok(())
}

fn rotation() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let plan = Plan::ordinary()?.with(|it| it.domain("sender.example", sink.address()));
    plan.installation.configure(&plan.configuration.text())?;
    let (old, new, next) = (
        format!("until = \"{}\"", day(-5)),
        format!("from = \"{}\"\nuntil = \"{}\"", day(-10), day(30)),
        format!("from = \"{}\"", day(25)),
    );
    let keys = [
        ("old", "rsa", old.as_str()),
        ("new", "ed25519", &new),
        ("next", "rsa", &next),
    ];
    let plan = with_keys(plan, "sender.example", &keys)?
        .with(|it| it.route("receiver.example", sink.address()));
    plan.installation.configure(&plan.configuration.text())?;
    let records = texts(&plan.installation)?;
    for (day, expected) in [
        ("-20d", vec![("old", "rsa-sha256")]),
        (
            "-7d",
            vec![("new", "ed25519-sha256"), ("old", "rsa-sha256")],
        ),
        ("+0d", vec![("new", "ed25519-sha256")]),
    ] {
        let postern = plan.installation.serve_on_day(day)?;
        let before = sink.taken().len();
        let session = Swaks::with(plan.relay).from(SENDER).to(RECEIVER);
        session.send(&Message::plain("rotated"))?.accepted()?;
        let taken = sink.wait_for(before + 1)?;
        let message = taken.last().map(|it| it.content.as_slice());
        let found = second_opinion::verify(message.unwrap_or_default(), &records)?;
        assert_eq!(signers(&found), expected, "{day}");
        plan.installation.wait_for_empty_queue()?;
        postern.kill()?;
    }
    Ok(())
}

/// So many days from now, as the configuration has it.
fn day(days: i64) -> String {
    let then = time::OffsetDateTime::now_utc() + time::Duration::days(days);
    let (date, time) = (then.date(), "T00:00:00Z");
    format!("{date}{time}")
}

fn readable_key() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let plan = Plan::ordinary()?.with(|it| it.domain("sender.example", sink.address()));
    plan.installation.configure(&plan.configuration.text())?;
    let plan = with_keys(plan, "sender.example", &[("r1", "rsa", "")])?;
    plan.installation.configure(&plan.configuration.text())?;
    let file = key_file(&plan.installation, "r1");
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode));
    let doing = |error: std::io::Error| Fault::Unexpected(error.to_string());
    let good = plan.installation.run(&["check"])?;
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    for open in [0o644, 0o604] {
        mode(open).map_err(doing)?;
        let bad = plan.installation.run(&["check"])?;
        let said = String::from_utf8_lossy(&[bad.stdout, bad.stderr].concat()).into_owned();
        assert_eq!(bad.status.code(), Some(1), "{said}");
        assert!(said.contains("r1.key"), "{said}");
        assert!(plan.installation.serve().is_err(), "it serves");
    }
    Ok(())
}
