//! Mail that goes round in circles comes to an end, with one notice to its sender.

use postern_tests::certificates::Leaf;
use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::message::Message;
use postern_tests::ports;
use postern_tests::postern::Installation;
use postern_tests::postfix::Postfix;
use postern_tests::programs::Program;

use crate::Scenario;
use crate::gateway::{self, Plan};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "two_gateways_that_point_at_each_other_end_with_one_notice",
    needs: &[Program::Swaks, Program::Postfix],
    run: two_gateways,
}];

fn two_gateways() -> Result<(), Fault> {
    let sender = gateway::mailboxes_of_the_sender()?;
    let other = Installation::new()?;
    let other_mx = ports::free()?;
    let gateway = Plan::ordinary()?
        .with(|it| it.domain("sender.example", sender.address()))
        .with(|it| it.domain("receiver.example", other_mx))
        .start()?;
    let authority = gateway::authority()?;
    let certificate = authority.issue(&Leaf::named("other.postern.example"))?;
    let (chain, key) = other.keep("default", &certificate)?;
    let configuration = Configuration::of(&other, "other.postern.example")
        .mx(other_mx)
        .certificate("default", &chain, &key)
        .domain("sender.example", sender.address())
        .domain("receiver.example", gateway.mx);
    other.configure(&configuration.text())?;
    let running = other.serve()?;

    gateway
        .stranger()
        .send(&Message::plain("round"))?
        .accepted()?;
    let notice = only_notice(&sender)?;
    for part in ["554 5.4.6", "Too many Received fields", "Action: failed"] {
        assert!(notice.contains(part), "{part}: {notice}");
    }
    gateway.installation.wait_for_empty_queue()?;
    other.wait_for_empty_queue()?;
    drop(running);
    assert_eq!(sender.mailbox().messages()?.len(), 1);
    Ok(())
}

fn only_notice(sender: &Postfix) -> Result<String, Fault> {
    let notices = sender.delivered(1)?;
    match notices.as_slice() {
        [notice] => Ok(notice.text()),
        _ => Err(Fault::Unexpected(format!("{notices:#?}"))),
    }
}
