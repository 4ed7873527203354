//! MX records that should not be followed: to nowhere, to ourselves, and behind our firewall.

use postern_tests::fault::Fault;
use postern_tests::message::Delivered;

use crate::Scenario;
use crate::dane::{self, NEEDS, NULL_MX, OURSELVES, OURSELVES_AT};
use crate::gateway::{self, Plan};
use crate::handover;

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "mail_for_a_domain_that_takes_none_is_returned_at_once",
        needs: NEEDS,
        run: null_mx,
    },
    Scenario {
        name: "mail_that_would_come_back_to_us_is_returned_at_once",
        needs: NEEDS,
        run: ourselves,
    },
    Scenario {
        name: "strangers_do_not_send_us_to_inner_hosts",
        needs: NEEDS,
        run: private_targets,
    },
];

fn null_mx() -> Result<(), Fault> {
    returned(NULL_MX, "5.1.10")
}

/// The MX record leads to the address that we listen on.
fn ourselves() -> Result<(), Fault> {
    returned(OURSELVES, "5.4.6")
}

/// Mail for `domain` comes back with this status after the first attempt.
fn returned(domain: &'static str, status: &str) -> Result<(), Fault> {
    let world = dane::shared()?;
    let sender = gateway::mailboxes_of_the_sender()?;
    let mut plan = Plan::ordinary()?;
    if domain == OURSELVES {
        let here = world.dns.loopback().port(OURSELVES_AT, 25);
        plan = plan.with(|it| it.mx(here));
    }
    let gateway = plan
        .with(|it| it.domain("sender.example", sender.address()))
        .with(|it| it.dns(world.dns.relaying(), world.dns.anchor()))
        .with(|it| it.private_targets())
        .start()?;
    handover::send(&gateway, "nobody", [domain])?;
    let notices = sender.delivered(1)?;
    let notice = notices.first().map(Delivered::text).unwrap_or_default();
    for part in ["Action: failed\n", &format!("Status: {status}\n")] {
        assert!(notice.contains(part), "{part}: {notice}");
    }
    gateway.installation.wait_for_empty_queue()
}

/// Without leave, no address of loopback is good that comes from the DNS.
fn private_targets() -> Result<(), Fault> {
    let world = dane::shared()?;
    let domain = "inner.insecure.example";
    let gateway = Plan::ordinary()?
        .with(|it| it.dns(world.dns.relaying(), world.dns.anchor()))
        .start()?;
    handover::send(&gateway, "nobody", [domain])?;
    let line = gateway.postern.logged("not delivered")?;
    for part in [domain, "127."] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let copies = world.hosts.mailbox().messages()?;
    let to = format!("Delivered-To: nobody@{domain}\n");
    assert!(copies.iter().all(|it| !it.text().contains(&to)));
    Ok(())
}
