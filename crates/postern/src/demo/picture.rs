//! What is set up, drawn.

use super::{configuration::Ports, neighbourhood::Neighbourhood, neighbours::Who};

/// Who is where, and what flows which way.
pub(super) fn picture(ports: &Ports, neighbourhood: &Neighbourhood) -> String {
    let Ports { mx, relay, .. } = ports;
    let (mx, relay) = (mx.port(), relay.port());
    let port = |who| neighbourhood.address(who).port();
    let [home, ministry, bank, clinic] =
        [Who::OurMailSystem, Who::Ministry, Who::Bank, Who::Clinic].map(port);
    let [supplier, selfsigned, plain] = [Who::Supplier, Who::SelfSigned, Who::Plain].map(port);
    format!(
        "
  who brings mail                the relay                who takes mail

                           ┌──────────────────┐    ┌─► :{ministry:<5} ministry.example: both authenticated
  the ministry, and those  │ mx1.example.org  │    ├─► :{bank:<5} bank.example: an impostor answers
  who speak in its name ──►│                  │    ├─► :{clinic:<5} clinic.example: STARTTLS is stripped
  strangers ──────────────►│ :{mx:<5} mx        ├────┼─► :{supplier:<5} supplier.example: expired, observed
                           │                  │    ├─► :{selfsigned:<5} selfsigned.example: a stranger
  alice@example.org, one ─►│ :{relay:<5} relay     │    ├─► :{plain:<5} plain.example: without TLS, and
  of our own               │                  │    │          everybody else
                           └──────────────────┘    └─► :{home:<5} our mail system with alice's mailbox

"
    )
}
