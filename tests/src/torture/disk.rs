//! A disk that fills up for real: a file system in memory, small enough to be full after some messages.
//!
//! It is mounted where nobody else sees it, in a mount namespace of the daemon's own, as root or with
//! the help of a user namespace. Where neither is allowed the daemon does not start, and this fails.

use std::process::Command;

use super::house::{House, ONE_LARGE_IN, message, sender};
use super::outcome::hold_against;
use crate::fault::Fault;
use crate::ports;
use crate::smtp_dialogue::{Dialogue, Reply};
use crate::wait::{self, PATIENCE};

/// The file system.
const OCTETS: &str = "72m";
/// What is to stay free of it.
const RESERVE: &str = "32MiB";
/// More than there is beside the reserve, but not more than a message may have.
const TOO_LARGE: u64 = 45_000_000;
/// More messages, of more than a MiB each, than it has room for.
const MANY: u64 = 60;

/// Fills it until mail is refused, lets the queue drain, and sends again. Gives how many messages were
/// acknowledged.
pub fn run() -> Result<u64, Fault> {
    let house = House::new()?;
    try_run(&house).map_err(|fault| {
        let kept = house.installation.abandon();
        Fault::Unexpected(format!("{fault}\nkept in {}", kept.display()))
    })
}

fn try_run(house: &House) -> Result<u64, Fault> {
    let open = house.installation.configuration()?;
    let open = open.replacen("[spool]", &format!("[spool]\nreserve = {RESERVE:?}"), 1);
    let dead_end = ports::free()?.to_string();
    let blocked = open.replace(&house.sink.address().to_string(), &dead_end);
    house.installation.configure(&blocked)?;
    let mut postern = house
        .installation
        .begin(|command| on_a_small_disk(house, command))?;
    if let Some(status) = postern.ready_or_ended()? {
        let log = wait::tail(&postern.stderr());
        return Err(Fault::Unexpected(format!(
            "a daemon on a file system of its own ends with {status}; is it allowed to mount?\n{log}"
        )));
    }

    let mut dialogue = Dialogue::open(house.relay)?;
    dialogue.expect("EHLO client.sender.example", 250)?;
    let announced = dialogue.command(&format!("MAIL FROM:<{}> SIZE={TOO_LARGE}", sender()))?;
    refused(&announced)?;
    let mut acknowledged = Vec::new();
    let mut full = None;
    for number in 1..=MANY {
        let name = (1, number * ONE_LARGE_IN);
        match give(&mut dialogue, name)? {
            reply if reply.code == 250 => acknowledged.push(name),
            reply => {
                full = Some(reply);
                break;
            }
        }
    }
    let full = full.ok_or_else(|| Fault::Unexpected("it never refused".to_owned()))?;
    refused(&full)?;
    if acknowledged.len() < 5 {
        return Err(Fault::Unexpected(format!(
            "only {acknowledged:?} were taken"
        )));
    }

    // What waits is still delivered, and makes room.
    house.installation.configure(&open)?;
    postern.reload()?;
    house.drain()?;
    let name = (2, ONE_LARGE_IN);
    let look = || {
        let reply = give(&mut dialogue, name)?;
        Ok((reply.code == 250).then_some(()))
    };
    wait::until("mail to be taken again", PATIENCE, look, String::new)?;
    acknowledged.push(name);
    house.drain()?;
    let log = postern.stderr();
    if log.contains("the queue stops") {
        return Err(Fault::Unexpected(format!(
            "the queue stopped:\n{}",
            wait::tail(&log)
        )));
    }
    let status = postern.terminate(PATIENCE)?;
    let outcome = hold_against(&acknowledged, &house.sink, &[]);
    match (outcome.wrong.is_empty(), status.success()) {
        (true, true) => Ok(acknowledged.len() as u64),
        _ => Err(Fault::Unexpected(format!("{status}, {outcome}"))),
    }
}

/// Gives a message over, or as much as is wanted of it.
fn give(dialogue: &mut Dialogue, name: (u64, u64)) -> Result<Reply, Fault> {
    let message = message(name);
    for line in [
        &format!("MAIL FROM:<{}>", sender()),
        "RCPT TO:<bob@receiver.example>",
        "DATA",
    ] {
        let reply = dialogue.command(line)?;
        if reply.code >= 400 {
            dialogue.expect("RSET", 250)?;
            return Ok(reply);
        }
    }
    dialogue.send(&message.dot_stuffed())?;
    dialogue.reply()
}

/// The refusal of a disk without room (RFC 5321 §4.2.3, RFC 3463 §3.4).
fn refused(reply: &Reply) -> Result<(), Fault> {
    match reply.code == 452 && reply.has_status("4.3.1") {
        true => Ok(()),
        false => Err(Fault::Unexpected(format!("{reply:?}, not 452 4.3.1"))),
    }
}

/// Puts the daemon into a mount namespace in which its queue is on a small file system.
fn on_a_small_disk(house: &House, command: &mut Command) -> Result<(), Fault> {
    let queue = house.queue();
    std::fs::create_dir_all(&queue).map_err(Fault::at(&queue))?;
    let mut wrapped = Command::new("unshare");
    wrapped.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        wrapped.args(["--user", "--map-root-user"]);
    }
    let script = "mount -t tmpfs -o \"size=$1\" none \"$2\" && shift 2 && exec \"$@\"";
    wrapped.args(["sh", "-c", script, "sh", OCTETS]).arg(queue);
    wrapped.arg(command.get_program()).args(command.get_args());
    wrapped.current_dir(house.installation.path());
    *command = wrapped;
    Ok(())
}
