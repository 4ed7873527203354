//! How fast mail goes through Postern: smtp-source → relay → smtp-sink, in clear, on loopback; and
//! through Postfix as the relay in its place, for comparison.
//!
//! ```text
//! cargo run --release -p postern-tests --example relay_load -- [SESSIONS [MESSAGES [OCTETS]]]
//! ```
//! A run ends when smtp-sink has counted every message. The figures say how long smtp-source took to
//! hand everything over, how long it took until everything had left again, and how much processor time
//! all processes of the relay used; they mean something on a quiet machine only. Queues lie in the
//! directory that `TMPDIR` names: every message is synced to it before it is accepted.

use std::env;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use postern_tests::certificates::{Authority, Key, Leaf};
use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::load::{CountingSink, Load};
use postern_tests::ports;
use postern_tests::postern::Installation;
use postern_tests::postfix::Setup;

/// Longer than any run whose figures are of interest.
const LIMIT: Duration = Duration::from_secs(600);

const SENDER: &str = "alice@sender.example";
const RECEIVER: &str = "bob@receiver.example";

/// What a run came to.
struct Figures {
    accepted: Duration,
    relayed: Duration,
    cpu_seconds: f64,
}

fn main() -> ExitCode {
    match compare(load_from_arguments()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tell(&fault.to_string());
            ExitCode::FAILURE
        }
    }
}

fn load_from_arguments() -> Load {
    let mut numbers = env::args().skip(1).map(|it| it.parse().ok());
    let mut next = |default| numbers.next().flatten().unwrap_or(default);
    Load {
        sessions: next(20),
        messages: next(2000),
        octets: next(10 * 1024),
    }
}

fn compare(load: Load) -> Result<(), Fault> {
    tell(&format!(
        "{} messages of {} octets over {} sessions, queues in {}",
        load.messages,
        load.octets,
        load.sessions,
        env::temp_dir().display()
    ));
    report("none (smtp-sink itself)", load, &directly(load)?);
    report("Postern", load, &through_postern(load)?);
    report("Postfix", load, &through_postfix(load)?);
    Ok(())
}

fn directly(load: Load) -> Result<Figures, Fault> {
    let sink = CountingSink::start()?;
    run(load, sink.address(), &sink, || Ok(0.0))
}

fn through_postern(load: Load) -> Result<Figures, Fault> {
    let sink = CountingSink::start()?;
    let installation = Installation::new()?;
    let authority = Authority::new("Load CA", Key::Ecdsa)?;
    let credentials = authority.issue(&Leaf::named("gateway.postern.example"))?;
    let (chain, key) = installation.keep("default", &credentials)?;
    let relay = ports::free()?;
    let configuration = Configuration::of(&installation, "gateway.postern.example")
        .relay(relay, "127.0.0.0/8")
        .certificate("default", &chain, &key)
        .route("*", sink.address());
    installation.configure(&configuration.text())?;
    let postern = installation.serve()?;
    let figures = run(load, relay, &sink, || postern.cpu_seconds())?;
    installation.wait_for_empty_queue()?;
    Ok(figures)
}

fn through_postfix(load: Load) -> Result<Figures, Fault> {
    let sink = CountingSink::start()?;
    let postfix = Setup::named("gateway.postfix.example")
        .relaying("receiver.example", sink.address())
        // One client may open as many connections as it likes, and none is made to wait.
        .parameter("smtpd_client_connection_count_limit", "0")
        .parameter("in_flow_delay", "0")
        .start()?;
    run(load, postfix.address(), &sink, || postfix.cpu_seconds())
}

fn run(
    load: Load,
    relay: SocketAddr,
    sink: &CountingSink,
    cpu_seconds: impl Fn() -> Result<f64, Fault>,
) -> Result<Figures, Fault> {
    let cpu_before = cpu_seconds()?;
    let begun = Instant::now();
    load.put_on(relay, SENDER, RECEIVER)?.finished(LIMIT)?;
    let accepted = begun.elapsed();
    sink.wait_for(u64::from(load.messages), LIMIT)?;
    let relayed = begun.elapsed();
    let cpu_seconds = cpu_seconds()? - cpu_before;
    Ok(Figures {
        accepted,
        relayed,
        cpu_seconds,
    })
}

fn report(relay: &str, load: Load, figures: &Figures) {
    let messages = f64::from(load.messages);
    let rate = |time: Duration| messages / time.as_secs_f64();
    tell(&format!(
        "relay {relay:<24} accepted in {:6.2} s ({:6.0}/s), all relayed in {:6.2} s ({:6.0}/s), \
         processor {:6.2} s ({:.2} ms a message)",
        figures.accepted.as_secs_f64(),
        rate(figures.accepted),
        figures.relayed.as_secs_f64(),
        rate(figures.relayed),
        figures.cpu_seconds,
        figures.cpu_seconds * 1000.0 / messages,
    ));
}

fn tell(line: &str) {
    // Who does not read is not told.
    let _ = writeln!(io::stdout(), "{line}");
}
