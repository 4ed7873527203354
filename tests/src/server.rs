//! What all mail servers under test have in common.

use std::net::SocketAddr;
use std::time::Duration;

use crate::fault::Fault;
use crate::smtp_dialogue::Dialogue;
use crate::wait::{self, PATIENCE};

/// How long one attempt to be greeted may take. A server that is starting refuses at once.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Waits until the server at `address` greets with 220, as long as it runs.
pub fn wait_for_greeting(
    address: SocketAddr,
    mut check_running: impl FnMut() -> Result<(), Fault>,
    log: impl Fn() -> String,
) -> Result<(), Fault> {
    let look = || {
        check_running()?;
        let greeted = Dialogue::connect(address, ATTEMPT)
            .ok()
            .filter(|(_, reply)| reply.code == 220);
        let Some((mut dialogue, _)) = greeted else {
            return Ok(None);
        };
        Ok(dialogue.command("QUIT").ok().map(drop))
    };
    wait::until("a greeting", PATIENCE, look, || wait::tail(&log()))
}
