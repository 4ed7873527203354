//! The rows, one function each.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use postern_tests::fault::Fault;
use postern_tests::home::Home;

use super::filling::{Due, Waiting, fill};
use super::prepared::Prepared;
use super::{Finding, Size};
use crate::measure::Meter;
use crate::run::{Bench, Figures, run};
use crate::workload::{Activity, Workload, WorkloadName};

/// The domain above those of the messages that wait.
const PARENT: &str = "waiting.example";

/// Over how many domains they are spread.
const DOMAINS: usize = 1000;

/// What cost may grow by: the noise of two runs and a little.
const EVEN: f64 = 1.3;

/// With a full queue: start, what is relayed meanwhile, memory, and what a message costs then.
pub(super) fn queue(size: &Size) -> Result<Vec<Finding>, Fault> {
    let waiting = Waiting {
        messages: size.messages,
        domains: DOMAINS,
        parent: PARENT,
        due: Due::Tomorrow,
    };
    let (_home, queue) = filled(waiting)?;
    let empty = Prepared::default();
    let full = Prepared {
        queue: Some(queue),
        ..Prepared::default()
    };
    let workload = Workload::named(WorkloadName::W1).scaled(size.share);
    let without = observe(workload, &empty)?;
    let with = observe(workload, &full)?;
    let count = size.messages;
    let each = (with.memory as f64 - without.memory as f64) / count as f64;
    let relayed = format!("{} messages relayed meanwhile", with.warming);
    let mut findings = vec![
        Finding::new(
            format!("start to greeting, {count} messages wait"),
            full.started().as_secs_f64(),
            "s",
        )
        .at_most(10.0),
        Finding::new(relayed, with.relayed.as_secs_f64(), "s"),
        Finding::new(
            "the same, nothing waits",
            without.relayed.as_secs_f64(),
            "s",
        ),
        Finding::new(
            "all of them read, behind the greeting",
            with.rested.as_secs_f64(),
            "s",
        ),
        Finding::new("memory of a waiting message", each, "octets").at_most(300.0),
    ];
    findings.extend(compared(
        &without.figures,
        &with.figures,
        &format!("{count} messages wait / none"),
    ));
    Ok(findings)
}

/// With many idle sessions: what each takes, and when one more is greeted.
pub(super) fn sessions(size: &Size) -> Result<Vec<Finding>, Fault> {
    let workload = Workload {
        // One more, and those that warm up.
        connections: size.sessions + 16,
        ..Workload::named(WorkloadName::W5)
    };
    let bench = Bench::prepare(workload, &Prepared::default(), Vec::new())?;
    bench.warm_up()?;
    let before = bench.meter().memory();
    let held = bench.generator().hold(size.sessions)?;
    bench.meter().settle();
    let after = bench.meter().memory();
    let mut greeted = Duration::ZERO;
    for _ in 0..10 {
        let begun = Instant::now();
        drop(bench.generator().hold(1)?);
        greeted = greeted.max(begun.elapsed());
    }
    drop(held);
    let each = after.saturating_sub(before) as f64 / size.sessions as f64 / 1024.0;
    let among = format!("among {} idle TLS sessions", size.sessions);
    Ok(vec![
        Finding::new(format!("memory of a session {among}"), each, "KiB").at_most(16.0),
        Finding::new(
            format!("a new session {among}, handshake and both EHLO included, slowest of ten"),
            greeted.as_secs_f64() * 1000.0,
            "ms",
        )
        .at_most(100.0),
    ])
}

/// With large messages: the most memory.
pub(super) fn octets(size: &Size) -> Result<Vec<Finding>, Fault> {
    const MIB: usize = 1024 * 1024;
    let of = |octets: usize| {
        run(
            Workload {
                connections: 4,
                messages: 12,
                octets,
                activity: Activity::Many,
                ..Workload::named(WorkloadName::W4)
            },
            &Prepared::default(),
        )
    };
    let (small, large) = (of(MIB)?, of(size.octets)?);
    let large_size = size.octets / MIB;
    Ok(vec![
        Finding::new(
            "most memory, messages of 1 MiB, 4 at a time",
            small.memory_mib,
            "MiB",
        ),
        Finding::new(
            format!("most memory, messages of {large_size} MiB, 4 at a time"),
            large.memory_mib,
            "MiB",
        ),
        Finding::new(
            format!("memory, messages of {large_size} MiB / of 1 MiB"),
            large.memory_mib / small.memory_mib,
            "×",
        )
        .at_most(EVEN),
    ])
}

/// With many partners: start, and what a message costs then.
pub(super) fn partners(size: &Size) -> Result<Vec<Finding>, Fault> {
    let workload = Workload::named(WorkloadName::W1).scaled(size.share);
    let few = Prepared::default();
    let many = Prepared {
        partners: size.partners,
        ..Prepared::default()
    };
    let (without, with) = (run(workload, &few)?, run(workload, &many)?);
    let count = size.partners;
    let start = |prepared: &Prepared| prepared.started().as_secs_f64();
    let mut findings = vec![
        Finding::new("start to greeting, no partner", start(&few), "s"),
        Finding::new(
            format!("start to greeting, {count} partners"),
            start(&many),
            "s",
        )
        .at_most(10.0),
    ];
    findings.extend(compared(
        &without,
        &with,
        &format!("{count} partners / none"),
    ));
    Ok(findings)
}

/// With a host that hangs, and much for it: what a message for another costs then.
pub(super) fn dead(size: &Size) -> Result<Vec<Finding>, Fault> {
    let waiting = Waiting {
        messages: size.dead,
        domains: 1,
        parent: PARENT,
        due: Due::AtOnce,
    };
    let (_home, queue) = filled(waiting)?;
    // The kernel takes connections until its list is full, and then answers nothing; nobody greets.
    let hanging = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Fault::doing("listen"))?;
    let address = hanging.local_addr().map_err(Fault::doing("listen"))?;
    let stuck = Prepared {
        queue: Some(queue),
        elsewhere: Some((format!("*.{PARENT}"), address)),
        ..Prepared::default()
    };
    let workload = Workload::named(WorkloadName::W1).scaled(size.share);
    let without = run(workload, &Prepared::default())?;
    let with = run(workload, &stuck)?;
    let circumstance = format!("{} messages for a host that hangs / none", size.dead);
    Ok(compared(&without, &with, &circumstance).into())
}

/// A queue that is filled, and the directory that it goes with.
fn filled(waiting: Waiting<'_>) -> Result<(Home, PathBuf), Fault> {
    let home = Home::new("growth")?;
    let queue = home.path().join("spool");
    fill(&queue, waiting)?;
    Ok((home, queue))
}

/// What a workload came to, and what was seen before it.
struct Observed {
    figures: Figures,
    /// Messages that were put through at once behind the greeting.
    warming: usize,
    /// How long that took, to the last arrival.
    relayed: Duration,
    /// How long behind the greeting it had nothing to do any more.
    rested: Duration,
    /// Octets of memory when all was quiet, before the workload.
    memory: u64,
}

fn observe(workload: Workload, subject: &Prepared) -> Result<Observed, Fault> {
    let bench = Bench::prepare(workload, subject, Vec::new())?;
    let greeted = Instant::now();
    let relayed = bench.warm_up()?;
    let rested = rest(bench.meter()).duration_since(greeted);
    let memory = bench.meter().memory();
    Ok(Observed {
        figures: bench.measure(subject)?,
        warming: bench.warming(),
        relayed,
        rested,
        memory,
    })
}

/// Waits until the subject rests, and tells since when: it reads a large queue while it works, which
/// would count as the cost of messages. One that never rests is measured as it is.
fn rest(meter: &Meter) -> Instant {
    const LIMIT: Duration = Duration::from_secs(180);
    const LOOK: Duration = Duration::from_secs(1);
    let begun = Instant::now();
    loop {
        let (look, before) = (Instant::now(), meter.processor_time());
        thread::sleep(LOOK);
        let used = meter.processor_time().saturating_sub(before);
        if used < LOOK / 20 || begun.elapsed() > LIMIT {
            return look;
        }
    }
}

/// Accept rate and processor time as ratios that should be near one.
fn compared(without: &Figures, with: &Figures, circumstance: &str) -> [Finding; 2] {
    let accepted = without.accepted_per_second / with.accepted_per_second;
    let processor = with.cpu_ms / without.cpu_ms;
    [
        Finding::new(format!("slower acceptance, {circumstance}"), accepted, "×").at_most(EVEN),
        Finding::new(format!("CPU of a message, {circumstance}"), processor, "×").at_most(EVEN),
    ]
}
