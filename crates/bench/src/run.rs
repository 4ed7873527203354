//! One workload, one subject, once.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use postern_tests::certificates::{Authority, Credentials, Key, Leaf};
use postern_tests::fault::Fault;
use serde::{Deserialize, Serialize};

use crate::corpus::Corpus;
use crate::generator::{Generator, Handed};
use crate::ledger::{Ledger, Tally};
use crate::measure::{self, Meter};
use crate::sink::Sink;
use crate::subject::{Running, Site, Subject, SubjectName};
use crate::workload::{Activity, Channel, Workload, WorkloadName};

/// How long the last message may take to come when all are accepted.
const ARRIVAL: Duration = Duration::from_secs(300);

/// The domain of all recipients.
const DOMAIN: &str = "receiver.example";
const HOSTNAME: &str = "relay.example";
const SINK: &str = "sink.example";

/// What a run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Whose.
    pub subject: SubjectName,
    /// Its version.
    pub version: String,
    /// Of what.
    pub workload: WorkloadName,
    /// Messages that were counted.
    pub messages: usize,
    /// Messages accepted in a second.
    pub accepted_per_second: f64,
    /// Messages relayed in a second, from the first connection to the last arrival.
    pub relayed_per_second: f64,
    /// Processor time of the subject for a message, in milliseconds.
    pub cpu_ms: f64,
    /// The same of generator and sink together.
    pub own_cpu_ms: f64,
    /// Milliseconds from MAIL to the 250 at the end of content: the median, and what 95 and 99 of a
    /// hundred messages do not exceed.
    pub latency_ms: [f64; 3],
    /// The most memory that the subject had, in MiB.
    pub memory_mib: f64,
    /// Memory for each idle connection in KiB, where connections are idle.
    pub idle_kib: Option<f64>,
    /// Connections that the sink was given for the messages counted.
    pub connections_out: usize,
}

/// A figure of a workload that subjects are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Processor time for a message, ms.
    Cpu,
    /// Messages relayed in a second.
    Rate,
    /// The most memory, MiB.
    Memory,
    /// Memory of an idle connection, KiB.
    Idle,
    /// The median time until 250, ms.
    Latency,
}

impl Figures {
    /// The figures in a line.
    pub fn summary(&self) -> String {
        if let Some(idle) = self.idle_kib {
            return format!("{idle:.1} KiB for each idle connection");
        }
        let [median, _, most] = self.latency_ms;
        format!(
            "CPU {:.3} ms a message (load and sink {:.3} ms), {:.0} relayed/s, 250 after {median:.2} ms \
             (99 of 100: {most:.2} ms), {:.0} MiB",
            self.cpu_ms, self.own_cpu_ms, self.relayed_per_second, self.memory_mib
        )
    }

    /// The figure of this kind, where there is one.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        let [median, _, _] = self.latency_ms;
        match measure {
            Measure::Idle => self.idle_kib,
            _ if self.idle_kib.is_some() => None,
            Measure::Cpu => Some(self.cpu_ms),
            Measure::Rate => Some(self.relayed_per_second),
            Measure::Memory => Some(self.memory_mib),
            Measure::Latency => Some(median),
        }
    }
}

/// A workload ready to be done by a subject: the sink is up, the subject greets.
#[derive(Debug)]
pub struct Bench {
    workload: Workload,
    ledger: Arc<Ledger>,
    warming: usize,
    generator: Generator,
    meter: Meter,
    running: Box<dyn Running>,
    _sink: Sink,
    _authority: Authority,
}

/// Does `workload` with a fresh `subject`, and fails unless every message went through exactly once
/// and whole.
pub fn run(workload: Workload, subject: &dyn Subject) -> Result<Figures, Fault> {
    let version = subject.version()?;
    let bench = Bench::prepare(workload, subject, Vec::new())?;
    let log = |fault: Fault| {
        let name = subject.name();
        Fault::Unexpected(format!(
            "{name} at {}: {fault}\n{}",
            workload.name,
            bench.running.log()
        ))
    };
    let all = || {
        bench.warm_up()?;
        bench.figures(subject.name(), version)
    };
    all().map_err(log)
}

impl Bench {
    /// Starts the sink and the subject, the latter under `wrapper`, and warms them up: processes and
    /// connections that a subject keeps are there when the counting begins.
    pub fn prepare(
        workload: Workload,
        subject: &dyn Subject,
        wrapper: Vec<String>,
    ) -> Result<Self, Fault> {
        let authority = Authority::new("Bench CA", Key::Ecdsa)?;
        let own = authority.issue(&Leaf::named(HOSTNAME))?;
        // Where there is no subject, the load goes to the sink itself.
        let sinks = authority.issue(&Leaf::named(SINK).and(HOSTNAME))?;
        let warming = match workload.activity {
            Activity::Many | Activity::One => {
                workload.messages.div_ceil(20).max(workload.connections)
            }
            Activity::Idle => WARMING_OF_IDLE,
        };
        let ledger = ledger(workload, warming);
        let secured = |credentials: Credentials| match workload.channel {
            Channel::Tls => Some(credentials),
            Channel::Plain => None,
        };
        let sink = Sink::start(Arc::clone(&ledger), secured(sinks).as_ref())?;
        let running = subject.start(&Site {
            hostname: HOSTNAME,
            domain: DOMAIN,
            next_hop: sink.address(),
            next_hop_name: SINK,
            channel: workload.channel,
            credentials: own,
            authority: authority.root().to_owned(),
            connections: workload.connections,
            octets: workload.octets,
            wrapper,
        })?;
        let trusted = match workload.channel {
            Channel::Tls => Some(authority.root()),
            Channel::Plain => None,
        };
        let generator = Generator::new(running.address(), HOSTNAME, trusted, Arc::clone(&ledger))?;
        let meter = Meter::of(running.processes());
        Ok(Self {
            workload,
            ledger,
            warming,
            generator,
            meter,
            running,
            _sink: sink,
            _authority: authority,
        })
    }

    /// Puts the messages through that are.
    pub(crate) fn put_through_all(&self) -> Result<Handed, Fault> {
        self.put_through(self.warming..self.warming + self.workload.messages)
    }

    /// Ends the subject and waits until it has.
    pub(crate) fn end(self) {
        // Its files are read while the sink is still there.
        let Self { running, .. } = self;
        drop(running);
    }

    /// Puts the messages with these numbers through, and waits until the last has come and the
    /// subject has nothing to do any more.
    fn put_through(&self, numbers: std::ops::Range<usize>) -> Result<Handed, Fault> {
        let (end, connections) = (numbers.end, self.workload.connections.min(numbers.len()));
        let handed = match self.workload.activity {
            Activity::One => self.generator.send_singly(numbers, connections)?,
            Activity::Many | Activity::Idle => self.generator.send_many(numbers, connections)?,
        };
        self.wait_for(end)?;
        self.meter.settle();
        Ok(handed)
    }

    /// Puts messages through that are not counted, and tells how long that took to the last arrival.
    pub fn warm_up(&self) -> Result<Duration, Fault> {
        let handed = self.put_through(0..self.warming)?;
        Ok(self.ledger.last_arrival().duration_since(handed.begun))
    }

    /// How many messages warm up.
    pub fn warming(&self) -> usize {
        self.warming
    }

    /// What the subject uses of the machine.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What puts the load on it.
    pub fn generator(&self) -> &Generator {
        &self.generator
    }

    /// Does the workload, once the subject is warm.
    pub fn measure(&self, subject: &dyn Subject) -> Result<Figures, Fault> {
        self.figures(subject.name(), subject.version()?)
    }

    fn figures(&self, subject: SubjectName, version: String) -> Result<Figures, Fault> {
        let mut figures = match self.workload.activity {
            Activity::Idle => self.idle(subject, version)?,
            Activity::Many | Activity::One => self.busy(subject, version)?,
        };
        let tally = self.ledger.tally();
        figures.connections_out = tally.connections;
        clean(tally).map(|()| figures)
    }

    fn busy(&self, subject: SubjectName, version: String) -> Result<Figures, Fault> {
        let Workload { messages, name, .. } = self.workload;
        let (before, own_before) = (self.meter.processor_time(), measure::own_processor_time());
        let watch = self.meter.watch_memory();
        let handed = self.put_through_all()?;
        let used = self.meter.processor_time().saturating_sub(before);
        let own = measure::own_processor_time().saturating_sub(own_before);
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / messages as f64;
        let rate = |end: Instant| messages as f64 / end.duration_since(handed.begun).as_secs_f64();
        Ok(Figures {
            subject,
            version,
            workload: name,
            messages,
            accepted_per_second: rate(handed.ended),
            relayed_per_second: rate(self.ledger.last_arrival()),
            cpu_ms: each(used),
            own_cpu_ms: each(own),
            latency_ms: [50, 95, 99].map(|part| percentile(&handed.latencies, part)),
            memory_mib: watch.peak() as f64 / MIB,
            idle_kib: None,
            connections_out: 0,
        })
    }

    fn idle(&self, subject: SubjectName, version: String) -> Result<Figures, Fault> {
        let before = self.meter.memory();
        let held = self.generator.hold(self.workload.connections)?;
        self.meter.settle();
        let after = self.meter.memory();
        drop(held);
        let each = after.saturating_sub(before) as f64 / self.workload.connections as f64;
        Ok(Figures {
            subject,
            version,
            workload: self.workload.name,
            messages: 0,
            accepted_per_second: 0.0,
            relayed_per_second: 0.0,
            cpu_ms: 0.0,
            own_cpu_ms: 0.0,
            latency_ms: [0.0; 3],
            memory_mib: after as f64 / MIB,
            idle_kib: Some(each / 1024.0),
            connections_out: 0,
        })
    }

    fn wait_for(&self, count: usize) -> Result<(), Fault> {
        const LOOK: Duration = Duration::from_millis(5);
        let limit = Instant::now() + ARRIVAL;
        while self.ledger.arrived() < count {
            if Instant::now() >= limit {
                return clean(self.ledger.tally());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

const MIB: f64 = 1024.0 * 1024.0;

/// Messages before connections are left idle: whatever a subject sets up once is there.
const WARMING_OF_IDLE: usize = 20;

fn ledger(workload: Workload, warming: usize) -> Arc<Ledger> {
    let run = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |it| it.as_nanos() as u64);
    let corpus = Corpus::new(run, DOMAIN, workload.octets);
    Arc::new(Ledger::new(corpus, warming + workload.messages))
}

fn clean(tally: Tally) -> Result<(), Fault> {
    if tally.is_clean() {
        return Ok(());
    }
    Err(Fault::Unexpected(format!(
        "not everything went through once: {tally:?}"
    )))
}

/// The time in milliseconds that `part` of a hundred do not exceed.
fn percentile(sorted: &[Duration], part: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = sorted.get((last * part).div_ceil(100));
    at.map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
