//! Whether the configured servers are fit for validation, found out before mail depends on it.
//!
//! Validation needs signatures, and many a forwarder strips them. With such a server every
//! answer is *not known*, and mail waits for a reason that no single failure tells. So each
//! server is asked for the SOA of the zones whose keys we trust, which must be signed, and what
//! it sent is looked at: no signatures, signatures outside their time, or keys that we do not
//! know (RFC 4035 §5.3.1).

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use hickory_resolver::{
    config::NameServerConfig,
    lookup::Lookup,
    net::NetError,
    proto::{
        dnssec::{
            self,
            rdata::{DNSKEY, DNSSECRData, RRSIG},
        },
        op::Message,
        rr::{LowerName, RData, Record, RecordType, SerialNumber},
    },
};
use tokio::task::JoinSet;

use crate::{
    Cause, Failure, Name,
    bounds::Work,
    settings::Anchors,
    trouble::{Trouble, failure, trouble},
    upstream::Upstream,
};

/// How long a server has for its whole test.
const DEADLINE: Duration = Duration::from_secs(10);

/// The most zones that a server is tested with. A file of trust anchors rarely holds two.
const MOST_ZONES: usize = 8;

/// What [`Resolver::self_test`](crate::Resolver::self_test) found. Shown, it is one sentence for
/// each server, with what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a failed test says why mail is going to wait"]
pub enum SelfTest {
    /// Validation is switched off: there was nothing to test.
    Off,
    /// There is nobody to ask, for this reason.
    NoServers(String),
    /// What was found about each server, in the order in which they are configured.
    Servers(Vec<ServerTest>),
}

/// What was found about one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTest {
    /// The server.
    pub server: SocketAddr,
    /// What was found.
    pub verdict: Verdict,
}

/// What one server is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It passes signatures on, and they hold.
    Passed,
    /// It answers, without the signatures that must be there.
    StripsSignatures,
    /// It passes signatures on, and they do not hold.
    Bogus(Suspicion),
    /// It does not answer, or not with an answer.
    NoAnswer(Failure),
}

/// Why signatures may not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// They are not valid yet: the clock here may be slow, by so much at least.
    ClockBehind(Duration),
    /// They are not valid any more: the clock here may be fast, by so much at least.
    ClockAhead(Duration),
    /// The zone's keys are not the trusted ones.
    OtherKeys,
    /// Nothing explains it: somebody may be forging answers.
    Unexplained,
}

impl SelfTest {
    /// Whether every server is fit, or validation is switched off.
    pub fn is_passed(&self) -> bool {
        match self {
            Self::Off => true,
            Self::NoServers(_) => false,
            Self::Servers(tests) => tests.iter().all(|test| test.verdict == Verdict::Passed),
        }
    }
}

pub(crate) async fn run(upstream: &Upstream) -> SelfTest {
    let Some(anchors) = upstream.anchors() else {
        return SelfTest::Off;
    };
    let servers = match upstream.servers(std::time::Instant::now()) {
        Ok(servers) => servers,
        Err(why) => return SelfTest::NoServers(why),
    };
    let mut running = JoinSet::new();
    for (at, server) in servers.into_iter().enumerate() {
        let Some(address) = address(&server) else {
            continue;
        };
        let hickory = upstream.probe(server);
        let anchors = anchors.clone();
        running.spawn(async move {
            let verdict = match hickory {
                Ok(hickory) => test(&hickory, &anchors).await,
                Err(why) => Verdict::NoAnswer(Failure {
                    cause: Cause::Network,
                    text: why,
                }),
            };
            let server = address;
            (at, ServerTest { server, verdict })
        });
    }
    let mut tests = running.join_all().await;
    tests.sort_by_key(|(at, _)| *at);
    SelfTest::Servers(tests.into_iter().map(|(_, test)| test).collect())
}

/// Where a server is. Each has one port for both protocols.
pub(crate) fn address(server: &NameServerConfig) -> Option<SocketAddr> {
    let connection = server.connections.first()?;
    Some(SocketAddr::new(server.ip, connection.port))
}

/// Tests one server with each zone whose keys are trusted, up to the first that fails.
async fn test(
    hickory: &hickory_resolver::Resolver<crate::bounds::Guarded>,
    anchors: &Anchors,
) -> Verdict {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    for zone in anchors.zones.iter().take(MOST_ZONES) {
        let work = Work::recording();
        let look_up = hickory.lookup(zone.as_wire().clone(), RecordType::SOA);
        let outcome = tokio::time::timeout_at(deadline, Box::pin(work.measure(look_up))).await;
        let outcome = outcome.ok().flatten().unwrap_or(Err(NetError::Timeout));
        let verdict = judge(zone, anchors, &outcome, &work.tape(), SystemTime::now());
        if verdict != Verdict::Passed {
            return verdict;
        }
    }
    Verdict::Passed
}

/// What the outcome of the look-up, and all that came during it, say about the server.
fn judge(
    zone: &Name,
    anchors: &Anchors,
    outcome: &Result<Lookup, NetError>,
    tape: &[Message],
    now: SystemTime,
) -> Verdict {
    let records = || {
        let all = tape.iter().flat_map(|message| &message.answers);
        all.filter(|record| record.name == *zone.as_wire())
    };
    let is_soa = |record: &&Record| record.record_type() == RecordType::SOA;
    if let Ok(lookup) = outcome {
        let mut found = lookup.answers().iter().filter(is_soa);
        if found.any(|record| record.proof == dnssec::Proof::Secure) {
            return Verdict::Passed;
        }
    }
    if !records().any(|record| is_soa(&record)) {
        return Verdict::NoAnswer(no_answer(zone, outcome));
    }
    let signatures: Vec<_> = records().filter_map(signature).collect();
    if signatures.is_empty() {
        return Verdict::StripsSignatures;
    }
    let keys: Vec<_> = records().filter_map(key).collect();
    let owner = LowerName::from(zone.as_wire());
    let is_trusted = |key: &&DNSKEY| anchors.keys.contains_with_name(key.public_key(), &owner);
    Verdict::Bogus(if let Some(clock) = clock(&signatures, now) {
        clock
    } else if !keys.is_empty() && !keys.iter().any(is_trusted) {
        Suspicion::OtherKeys
    } else {
        Suspicion::Unexplained
    })
}

fn no_answer(zone: &Name, outcome: &Result<Lookup, NetError>) -> Failure {
    let (cause, detail) = match outcome {
        Ok(_) => (Cause::Malformed, String::new()),
        Err(error) => match trouble(error) {
            Trouble::Unknown { cause, detail } => (cause, detail),
            Trouble::Denied(error) => (Cause::Malformed, error.to_string()),
        },
    };
    failure(zone, RecordType::SOA, cause, &detail)
}

fn signature(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature),
        _ => None,
    }
}

fn key(record: &Record) -> Option<&DNSKEY> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
        _ => None,
    }
}

/// What the clock has to do with it, if all signatures agree that it is wrong.
fn clock(signatures: &[&RRSIG], now: SystemTime) -> Option<Suspicion> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    // Times of signatures wrap around every 136 years (RFC 4034 §3.1.5).
    let now = SerialNumber::new(u32::try_from(now % (1 << 32)).ok()?);
    let apart = |late: SerialNumber, early: SerialNumber| {
        Duration::from_secs(late.get().wrapping_sub(early.get()).into())
    };
    let inputs = || signatures.iter().map(|signature| signature.input());
    if inputs().all(|input| now < input.sig_inception) {
        let behind = inputs().map(|input| apart(input.sig_inception, now)).min();
        return behind.map(Suspicion::ClockBehind);
    }
    if inputs().all(|input| now > input.sig_expiration) {
        let ahead = inputs().map(|input| apart(now, input.sig_expiration)).min();
        return ahead.map(Suspicion::ClockAhead);
    }
    None
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("DNSSEC validation is switched off, so there is no DANE"),
            Self::NoServers(why) => write!(
                f,
                "{why}: every look-up fails, and mail that needs one waits, until a name server \
                 is named there or in the configuration"
            ),
            Self::Servers(tests) => {
                for (at, test) in tests.iter().enumerate() {
                    let separator = if at == 0 { "" } else { "; " };
                    write!(f, "{separator}{test}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for ServerTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "name server {} {}", self.server, self.verdict)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passes DNSSEC signatures on, and they hold"),
            Self::StripsSignatures => f.write_str(
                "strips DNSSEC signatures: its answers cannot be validated, and mail that needs \
                 them waits; ask a server that passes signatures on, or switch validation off \
                 and do without DANE",
            ),
            Self::Bogus(suspicion) => write!(
                f,
                "gives answers that fail validation, and mail that needs them waits: {suspicion}"
            ),
            Self::NoAnswer(failure) => write!(
                f,
                "{} ({failure}): look-ups depend on other servers, if there are \
                 any; see whether it runs and may be reached from here",
                match failure.cause {
                    Cause::Timeout | Cause::Network => "does not answer",
                    Cause::ServerFailure
                    | Cause::Refused
                    | Cause::Bogus
                    | Cause::Malformed
                    | Cause::Aliases
                    | Cause::Excessive => "gives no answer of use",
                }
            ),
        }
    }
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockBehind(by) => write!(
                f,
                "the signatures begin {} from now, so the clock here is slow; set it right",
                Rough(*by)
            ),
            Self::ClockAhead(by) => write!(
                f,
                "the signatures ended {} ago, so the clock here is fast, or the server's memory \
                 is stale; see to the clock first",
                Rough(*by)
            ),
            Self::OtherKeys => f.write_str(
                "the zone's keys are not the trust anchors; see whether those are the right ones \
                 and up to date",
            ),
            Self::Unexplained => {
                f.write_str("nothing explains it, so ask another server, and see who sits between")
            }
        }
    }
}

/// A duration in its largest unit, as one says it.
struct Rough(Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (number, unit) = match seconds {
            0..120 => (seconds, "seconds"),
            120..7200 => (seconds / 60, "minutes"),
            7200..172_800 => (seconds / 3600, "hours"),
            _ => (seconds / 86_400, "days"),
        };
        write!(f, "{number} {unit}")
    }
}
