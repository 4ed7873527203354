//! Certificates that count no more (RFC 5280 §5): partners with lists of them, at both ends.

use std::path::Path;

use postern_tests::certificates::{Authority, Credentials, Key, Leaf, Validity};
use postern_tests::configuration::{Partner, Rule};
use postern_tests::fault::Fault;
use postern_tests::message::Message;
use postern_tests::postfix::{ServerTls, Setup};
use postern_tests::programs::Program;
use postern_tests::sink::Sink;
use postern_tests::swaks::Tls;

use crate::Scenario;
use crate::gateway::{self, GATEWAY, Plan, RECEIVER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a_revoked_server_is_given_nothing",
        needs: &[Program::Swaks, Program::Postfix],
        run: servers,
    },
    Scenario {
        name: "a_revoked_client_brings_nothing_from_now_on",
        needs: &[Program::Swaks],
        run: clients,
    },
];

const NAME: &str = "mx.receiver.example";

fn servers() -> Result<(), Fault> {
    let authority = Authority::new("Partner CA", Key::Ecdsa)?;
    let certificate = authority.issue(&Leaf::named(NAME))?;
    let other = authority.issue(&Leaf::named(NAME))?;
    let postfix = Setup::named(NAME)
        .serving("receiver.example")
        .tls(ServerTls::Offered, &certificate)
        .start()?;
    let to = |list: &Path, unknown: &str| {
        let rule = Rule::authenticated(NAME, authority.root())
            .host(postfix.address())
            .line(&format!("crl = [{:?}]", list.display().to_string()))
            .line(&format!("crl-unknown = {unknown:?}"));
        let partner = Partner::called("Receiver", "receiver.example").outbound(&rule);
        Plan::ordinary()?.with(|it| it.partner(&partner)).start()
    };
    let message = Message::plain("to whom it may concern");
    let revoked = authority.revoke(&[&certificate], Validity::Current)?;
    let late = authority.revoke(&[&other], Validity::Expired)?;
    for (list, unknown) in [
        (&revoked, "refuse"),
        (&revoked, "accept"),
        (&late, "refuse"),
    ] {
        let gateway = to(list, unknown)?;
        gateway.host_of_ours().send(&message)?.accepted()?;
        let line = gateway.postern.logged("not delivered")?;
        for part in ["deferred", RECEIVER, "revo"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert!(postfix.mailbox().messages()?.is_empty());
    let another = authority.revoke(&[&other], Validity::Current)?;
    for (count, (list, unknown)) in [(&another, "refuse"), (&late, "accept")]
        .into_iter()
        .enumerate()
    {
        let gateway = to(list, unknown)?;
        gateway.host_of_ours().send(&message)?.accepted()?;
        postfix.delivered(count + 1)?;
    }
    Ok(())
}

/// A list that changes acts when it is read again.
fn clients() -> Result<(), Fault> {
    let ours = gateway::authority()?;
    let partners = Authority::new("Partner CA", Key::Rsa)?;
    let client = partners.issue(&Leaf::named("out.sender.example").key(Key::Rsa))?;
    let sink = Sink::start()?;
    let plan = Plan::new(&ours.issue(&Leaf::named(GATEWAY))?)?;
    let list = plan.installation.path().join("partner.crl");
    put(&partners, &[], &list)?;
    let rule = Rule::authenticated("out.sender.example", partners.root())
        .line(&format!("crl = [{:?}]", list.display().to_string()));
    let gateway = plan
        .with(|it| it.domain("receiver.example", sink.address()))
        .with(|it| it.partner(&Partner::called("Sender", "sender.example").inbound(&rule)))
        .start()?;
    let message = Message::plain("from the partner");
    let session = || gateway.stranger().tls(Tls::StartTls).presenting(&client);
    session().send(&message)?.accepted()?;
    sink.wait_for(1)?;

    put(&partners, &[&client], &list)?;
    gateway.postern.reload()?;
    gateway
        .postern
        .logged("the new configuration is in force")?;
    let refused = session().send(&message)?;
    let refusal = refused.refusal().unwrap_or_default();
    assert!(
        refusal.starts_with("550-5.7.1 ") && refusal.contains(" was revoked on 2020-06-01"),
        "{}",
        refused.transcript
    );
    assert_eq!(sink.taken().len(), 1);
    Ok(())
}

fn put(authority: &Authority, revoked: &[&Credentials], place: &Path) -> Result<(), Fault> {
    let list = authority.revoke(revoked, Validity::Current)?;
    std::fs::copy(&list, place)
        .map(drop)
        .map_err(|error| Fault::Io {
            what: place.display().to_string(),
            error,
        })
}
