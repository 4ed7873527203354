//! Clients that send as fast as they are answered, and remember what was acknowledged.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::house::{message, sender};
use crate::fault::Fault;
use crate::smtp_dialogue::Dialogue;
use crate::wait::{self, PATIENCE};

/// So many at once.
pub(super) const CLIENTS: u64 = 4;

/// What was answered by 250.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    acknowledged: Mutex<Vec<(u64, u64)>>,
    refused: Mutex<Vec<String>>,
    stopping: AtomicBool,
}

impl Ledger {
    fn names(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The messages that were acknowledged.
    pub(super) fn acknowledged(&self) -> Vec<(u64, u64)> {
        self.names().clone()
    }

    /// What clients were told instead of 250, and how sessions ended.
    pub(super) fn refused(&self) -> Vec<String> {
        let refused = self.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refuse(&self, why: String) {
        let refused = self.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner).push(why);
    }

    pub(super) fn wait_for_more(&self, count: u64) -> Result<(), Fault> {
        let wanted = self.names().len() as u64 + count;
        let look = || Ok((self.names().len() as u64 >= wanted).then_some(()));
        wait::until("more acknowledged messages", PATIENCE, look, String::new)
    }
}

/// Ends the clients also when something fails.
pub(super) struct StopsWhenDropped<'a>(pub(super) &'a Ledger);

impl Drop for StopsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }
}

/// Sends messages of its own, session after session, until it is told to stop.
pub(super) fn keep_sending(client: u64, relay: SocketAddr, ledger: &Ledger) {
    let mut number = 0;
    let going_on = || !ledger.stopping.load(Ordering::Relaxed);
    while going_on() {
        let Ok(mut dialogue) = Dialogue::open(relay) else {
            thread::yield_now();
            continue;
        };
        let mut alive = dialogue.command("EHLO client.sender.example").is_ok();
        while alive && going_on() {
            number += 1;
            let name = (client, number);
            let reply = dialogue.transact(&sender(), "bob@receiver.example", &message(name));
            alive = matches!(&reply, Ok(reply) if reply.code == 250);
            match alive {
                true => ledger.names().push(name),
                false => ledger.refuse(format!("{name:?}: {reply:?}")),
            }
        }
    }
}
