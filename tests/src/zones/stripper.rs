//! A box in the way that knows nothing of EDNS, as some home routers do not: a question loses its
//! OPT record (RFC 6891 §6.1.1) and with it the wish for signatures, so that none come.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::fault::Fault;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Length of a message's header (RFC 1035 §4.1.1), which ends with the numbers of records.
const HEADER: usize = 12;

/// A running stripper; stopped when dropped.
#[derive(Debug)]
pub(super) struct Stripper {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stripper {
    /// Passes questions from `address` on to `resolver`.
    pub(super) fn start(address: SocketAddr, resolver: SocketAddr) -> Result<Self, Fault> {
        let socket = UdpSocket::bind(address).map_err(Fault::doing("bind the stripper"))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stopping = Arc::clone(&stopping);
            move || serve(&socket, resolver, &stopping)
        });
        Ok(Self {
            address,
            stopping,
            thread: Some(thread),
        })
    }
}

impl Drop for Stripper {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes the thread.
        let woken = UdpSocket::bind((self.address.ip(), 0))
            .and_then(|socket| socket.send_to(&[], self.address));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, resolver: SocketAddr, stopping: &AtomicBool) {
    let mut question = [0; 1500];
    loop {
        let received = socket.recv_from(&mut question);
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok((length, from)) = received else {
            continue;
        };
        let answer = question
            .get(..length)
            .and_then(without_additional)
            .and_then(|question| ask(&question, socket, resolver));
        if let Some(answer) = answer {
            // Who has gone away is no longer waiting.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// The question alone: header without the count of additional records, one name, type and class.
fn without_additional(message: &[u8]) -> Option<Vec<u8>> {
    let mut kept = message.get(..HEADER - 2)?.to_vec();
    kept.extend([0, 0]);
    let mut place = HEADER;
    loop {
        let label = usize::from(*message.get(place)?);
        place += 1 + label;
        if label == 0 {
            break;
        }
    }
    kept.extend(message.get(HEADER..place + 4)?);
    Some(kept)
}

fn ask(question: &[u8], near: &UdpSocket, resolver: SocketAddr) -> Option<Vec<u8>> {
    let far = UdpSocket::bind((near.local_addr().ok()?.ip(), 0)).ok()?;
    far.set_read_timeout(Some(LIMIT)).ok()?;
    far.send_to(question, resolver).ok()?;
    let mut answer = vec![0; 65_535];
    let (length, _) = far.recv_from(&mut answer).ok()?;
    answer.truncate(length);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_alone_is_left() {
        let head = [7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0];
        let question = [&[1, b'a', 0][..], &[0, 15, 0, 1]].concat();
        let opt = [0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0];
        let asked = [&head[..], &[1], &question, &opt].concat();
        let left = [&head[..], &[0], &question].concat();
        assert_eq!(without_additional(&asked), Some(left));
        assert_eq!(without_additional(&asked[..14]), None);
    }
}
