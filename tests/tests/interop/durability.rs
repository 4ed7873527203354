//! What was answered by 250 arrives, whatever happens to the daemon afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use postern_tests::fault::Fault;
use postern_tests::load::Load;
use postern_tests::mailbox;
use postern_tests::message::Message;
use postern_tests::ports;
use postern_tests::postfix::Setup;
use postern_tests::programs::Program;
use postern_tests::sink::{self, Manner, Sink};
use postern_tests::smtp_dialogue::Dialogue;
use postern_tests::wait::{self, PATIENCE};

use crate::Scenario;
use crate::gateway::{Gateway, Plan, RECEIVER, SENDER};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "killed_while_the_next_hop_is_down_it_delivers_once_afterwards",
        needs: &[Program::Swaks, Program::Postfix],
        run: killed_while_the_next_hop_is_down,
    },
    Scenario {
        name: "killed_before_the_next_hop_has_answered_it_delivers_once_afterwards",
        needs: &[Program::Swaks],
        run: killed_before_the_answer,
    },
    Scenario {
        name: "killed_again_and_again_under_load_it_loses_nothing",
        needs: &[Program::SmtpSource],
        run: || killed_under_load(&[1, 40, 17, 73, 29, 5, 97, 11, 2, 61], 0),
    },
    Scenario {
        name: "killed_again_and_again_it_loses_no_message_that_lies_in_a_file",
        needs: &[Program::SmtpSource],
        run: || killed_under_load(&[1, 7, 3, 5, 2], LINES_BEYOND_MEMORY),
    },
    Scenario {
        name: "terminated_it_finishes_what_is_under_way",
        needs: &[],
        run: terminated,
    },
];

fn killed_while_the_next_hop_is_down() -> Result<(), Fault> {
    let next_hop = ports::free()?;
    let gateway = routed_to(next_hop)?;
    let message = Message::awkward("waited");
    gateway.host_of_ours().send(&message)?.accepted()?;
    let gateway = gateway.killed_and_restarted(|| Ok(()))?;
    let postfix = Setup::named("mx.receiver.example")
        .serving("receiver.example")
        .start_at(next_hop)?;
    postfix.delivered(1)?;
    gateway.installation.wait_for_empty_queue()?;
    mailbox::only(&postfix.mailbox().messages()?, &message)?;
    // Nothing of it is left for another start.
    let gateway = gateway.killed_and_restarted(|| Ok(()))?;
    gateway.installation.wait_for_empty_queue()?;
    mailbox::only(&postfix.mailbox().messages()?, &message).map(drop)
}

fn killed_before_the_answer() -> Result<(), Fault> {
    let sink = Sink::start()?;
    sink.behave(Manner::Withholds);
    let gateway = routed_to(sink.address())?;
    let message = Message::awkward("withheld");
    gateway.host_of_ours().send(&message)?.accepted()?;
    sink.wait_for_withheld(1)?;
    let gateway = gateway.killed_and_restarted(|| {
        sink.behave(Manner::Takes);
        Ok(())
    })?;
    sink.wait_for(1)?;
    gateway.installation.wait_for_empty_queue()?;
    sink::only(&sink.taken(), &message).map(drop)
}

fn terminated() -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = routed_to(sink.address())?;
    // A transaction is open while the signal comes.
    let finished = Message::plain("finished during a shutdown");
    let mut dialogue = Dialogue::open(gateway.relay)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    dialogue.expect(&format!("MAIL FROM:<{SENDER}>"), 250)?;
    dialogue.expect(&format!("RCPT TO:<{RECEIVER}>"), 250)?;
    dialogue.expect("DATA", 354)?;
    let Gateway {
        postern,
        installation,
        relay,
        ..
    } = gateway;
    thread::scope(|scope| {
        let ended = scope.spawn(|| postern.terminate(PATIENCE * 2));
        let look = || Ok(std::net::TcpStream::connect(relay).is_err().then_some(()));
        wait::until("no listener any more", PATIENCE, look, String::new)?;
        dialogue.send(&finished.dot_stuffed())?;
        assert_eq!(dialogue.reply()?.code, 250);
        let status = ended.join().map_err(|_| panicked())??;
        assert!(status.success(), "{status}");
        Ok::<(), Fault>(())
    })?;
    let again = installation.serve()?;
    sink.wait_for(1)?;
    installation.wait_for_empty_queue()?;
    drop(again);
    sink::only(&sink.taken(), &finished).map(drop)
}

fn routed_to(next_hop: SocketAddr) -> Result<Gateway, Fault> {
    Plan::ordinary()?.with(|it| it.route("*", next_hop)).start()
}

/// Clients that send at the same time.
const CLIENTS: usize = 4;

/// With so many lines more, content is larger than 1 MiB and is kept in a file beside the store.
const LINES_BEYOND_MEMORY: usize = 20_000;

/// Kills the daemon under load and starts it again, `acknowledged` times, each after so many messages
/// were acknowledged. Any numbers will do: they make it come at different moments of a commit, of a
/// delivery and of a settlement.
fn killed_under_load(acknowledged: &[usize], lines: usize) -> Result<(), Fault> {
    let sink = Sink::start()?;
    let gateway = routed_to(sink.address())?;
    let relay = gateway.relay;
    let ledger = Ledger::default();
    let gateway = thread::scope(|scope| {
        let mut gateway = gateway;
        let _stopped_at_the_end = StopsWhenDropped(&ledger);
        for client in 0..CLIENTS {
            let ledger = &ledger;
            scope.spawn(move || keep_sending(client, lines, relay, ledger));
        }
        for &before in acknowledged {
            let load = Load {
                sessions: 4,
                messages: 400,
                octets: 4096,
            };
            // Its connections are lost in the end; only what it does to the daemon counts.
            let _source = load.put_on(relay, "source@sender.example", RECEIVER)?;
            ledger.wait_for_more(before)?;
            gateway = gateway.killed_and_restarted(|| Ok(()))?;
        }
        ledger.wait_for_more(10)?;
        Ok::<Gateway, Fault>(gateway)
    })?;
    gateway.installation.wait_for_empty_queue()?;
    check_ledger(&ledger.into_acknowledged(), &sink)?;
    wait_for_no_content(&gateway)
}

/// No file of content outlives its message, nor one that was being received when a kill came.
fn wait_for_no_content(gateway: &Gateway) -> Result<(), Fault> {
    let spool = gateway.installation.path().join("spool");
    let files = || -> io::Result<usize> {
        let directories = ["content", "incoming"].map(|name| fs::read_dir(spool.join(name)));
        let mut files = 0;
        for directory in directories {
            files += directory?.count();
        }
        Ok(files)
    };
    let look = || {
        let files = files().map_err(|error| Fault::Unexpected(error.to_string()))?;
        Ok((files == 0).then_some(()))
    };
    wait::until("no content left", PATIENCE, look, || {
        format!("{:?}", files())
    })
}

/// Every message acknowledged arrived, with its own content.
fn check_ledger(acknowledged: &[Message], sink: &Sink) -> Result<(), Fault> {
    let mut taken: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for message in sink.taken() {
        // Our own field in front is folded; the first field of what was sent is `From`.
        let place = message.content.windows(7).position(|it| it == b"\r\nFrom:");
        let content = place.map_or(&[][..], |place| message.content.split_at(place + 2).1);
        *taken.entry(content.to_vec()).or_default() += 1;
    }
    let lost: Vec<&Message> = acknowledged
        .iter()
        .filter(|it| !taken.contains_key(it.octets()))
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Fault::Unexpected(format!(
        "{} of {} acknowledged messages are lost: {lost:#?}",
        lost.len(),
        acknowledged.len()
    )))
}

/// What was answered by 250.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: Mutex<Vec<Message>>,
    stopping: AtomicBool,
}

impl Ledger {
    fn enter(&self, message: Message) {
        let mut entries = self
            .acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        entries.push(message);
    }

    fn len(&self) -> usize {
        let entries = self.acknowledged.lock();
        entries.unwrap_or_else(PoisonError::into_inner).len()
    }

    fn wait_for_more(&self, count: usize) -> Result<(), Fault> {
        let wanted = self.len() + count;
        let look = || Ok((self.len() >= wanted).then_some(()));
        let what = format!("{count} more acknowledged messages");
        wait::until(&what, PATIENCE, look, || {
            format!("{} of {wanted}", self.len())
        })
    }

    fn into_acknowledged(self) -> Vec<Message> {
        let entries = self.acknowledged.into_inner();
        entries.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the clients also when the scenario fails.
struct StopsWhenDropped<'a>(&'a Ledger);

impl Drop for StopsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }
}

/// Sends messages of its own, session after session, until it is told to stop. What is not
/// acknowledged is not entered, whatever became of it.
fn keep_sending(client: usize, lines: usize, relay: SocketAddr, ledger: &Ledger) {
    let mut number = 0;
    while !ledger.stopping.load(Ordering::Relaxed) {
        let Ok(mut dialogue) = Dialogue::open(relay) else {
            thread::yield_now();
            continue;
        };
        let _ = dialogue.command("EHLO client.sender.example");
        while !ledger.stopping.load(Ordering::Relaxed) {
            number += 1;
            let message = Message::awkward(&format!("{client} {number}")).longer(lines);
            match dialogue.transact(SENDER, RECEIVER, &message) {
                Ok(reply) if reply.code == 250 => ledger.enter(message),
                Ok(_) | Err(_) => break,
            }
        }
    }
}

fn panicked() -> Fault {
    Fault::Unexpected("the thread that ends the daemon panicked".to_owned())
}
