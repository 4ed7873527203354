//! Everything that is counted, by the names under which Prometheus keeps it.
//!
//! Labels are words of ours and names of the configuration, never what a peer says, so there are no
//! more series than the configuration has partners and certificates. `docs/metrics.md` has every
//! name; a test holds it against this.

use std::fmt;

use postern_spool::Figures;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::{
    Daemon, DirectionLine, DnsStatus, PartnerLine, QueueHealth, ReadinessVerdict, ReceptionFigures,
    Reloaded, Status, VerdictCount,
};

/// All metrics at this moment.
pub(super) fn text(daemon: &dyn Daemon, queue: &Figures) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("postern");
    registry.register_collector(Box::new(Page(metrics(daemon, queue))));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

/// A metric with its series.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    series: Vec<Series>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only grows, from the start of the daemon on.
    Counter,
    Gauge,
}

#[derive(Debug)]
struct Series {
    labels: Vec<(&'static str, String)>,
    value: i64,
}

#[derive(Debug)]
struct Page(Vec<Metric>);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|metric| metric.encode(&mut encoder))
    }
}

impl Metric {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        for series in &self.series {
            let one = family.encode_family(&series.labels)?;
            match self.kind {
                Kind::Counter => ConstCounter::new(series.value.unsigned_abs()).encode(one)?,
                Kind::Gauge => ConstGauge::new(series.value).encode(one)?,
            }
        }
        Ok(())
    }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Metric {
    one(name, help, Kind::Counter, whole(value))
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Metric {
    one(name, help, Kind::Gauge, whole(value))
}

fn one(name: &'static str, help: &'static str, kind: Kind, value: i64) -> Metric {
    let labels = Vec::new();
    Metric {
        name,
        help,
        kind,
        series: vec![Series { labels, value }],
    }
}

/// No count comes near the end of this.
fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn metrics(daemon: &dyn Daemon, queue: &Figures) -> Vec<Metric> {
    let status = daemon.status();
    let mut all = process(&status, daemon.is_stopping());
    all.extend(of_queue(&status, queue));
    all.extend(reception(&daemon.reception()));
    all.extend(delivery(&status));
    all.extend(authentication(&status));
    all.extend(certificates(&status));
    all.extend(partners(daemon));
    all
}

fn process(status: &Status, is_stopping: bool) -> Vec<Metric> {
    let refused = matches!(
        status.configuration.last_reload,
        Some(Reloaded::Refused { .. })
    );
    vec![
        Metric {
            name: "build_info",
            help: "The running version; the value is always 1",
            kind: Kind::Gauge,
            series: vec![Series {
                labels: vec![("version", status.version.clone())],
                value: 1,
            }],
        },
        gauge(
            "uptime_seconds",
            "Since the start of the daemon",
            status.uptime_seconds,
        ),
        gauge(
            "stopping",
            "1 once the daemon was asked to end",
            is_stopping.into(),
        ),
        gauge(
            "last_reload_refused",
            "1 while the configuration on disk was refused and an older one is in force",
            refused.into(),
        ),
        counter(
            "panics",
            "Tasks that ended in a panic, each a mistake in the program",
            status.panics,
        ),
    ]
}

fn of_queue(status: &Status, figures: &Figures) -> Vec<Metric> {
    let (is_full, is_poisoned) = match status.queue.health {
        QueueHealth::Good => (false, false),
        QueueHealth::Full { .. } => (true, false),
        QueueHealth::Poisoned { .. } => (false, true),
    };
    vec![
        gauge("queue_messages", "Messages in the queue", figures.messages),
        gauge(
            "queue_held_messages",
            "Of these, held by an operator or a rule",
            figures.held,
        ),
        gauge(
            "queue_claimed_messages",
            "Of these, being delivered",
            figures.claimed,
        ),
        gauge(
            "queue_fresh_octets",
            "Content in memory for a first delivery",
            figures.fresh_octets,
        ),
        counter(
            "queue_accepted",
            "Messages taken responsibility for",
            figures.accepted,
        ),
        counter("queue_syncs", "Group commits to the disk", figures.commits),
        counter(
            "queue_damaged",
            "Messages found damaged and set aside",
            figures.damaged,
        ),
        gauge(
            "queue_full",
            "1 while mail is answered 452 since the disk is too full",
            is_full.into(),
        ),
        gauge(
            "queue_poisoned",
            "1 after a failed write, until the restart that follows",
            is_poisoned.into(),
        ),
    ]
}

fn reception(figures: &ReceptionFigures) -> Vec<Metric> {
    vec![
        gauge(
            "reception_open_connections",
            "Clients that are connected",
            figures.open,
        ),
        counter(
            "reception_connections",
            "Clients that were let in",
            figures.connections,
        ),
        counter(
            "reception_turned_away",
            "Clients answered 421 since too many were connected",
            figures.turned_away,
        ),
        counter(
            "reception_failed_handshakes",
            "TLS handshakes of clients that failed",
            figures.failed_handshakes,
        ),
        counter(
            "reception_accepted",
            "Messages answered 250",
            figures.accepted,
        ),
        counter(
            "reception_refused",
            "Commands and messages refused",
            figures.refused,
        ),
        counter(
            "reception_cut",
            "Sessions cut off by a shutdown",
            figures.cut,
        ),
    ]
}

fn delivery(status: &Status) -> Vec<Metric> {
    let protection = &status.protection;
    let dns_good = !matches!(protection.dns, DnsStatus::Trouble { .. });
    let sessions = protection.tls_sessions.policies.iter().flat_map(|policy| {
        let series = |result: &str, value| Series {
            labels: vec![
                ("policy", policy.policy_type.clone()),
                ("result", result.to_owned()),
            ],
            value: whole(value),
        };
        [
            series("successful", policy.successful),
            series("failed", policy.failed),
        ]
    });
    let failures = protection
        .tls_sessions
        .failures
        .iter()
        .map(|failure| Series {
            labels: vec![("reason", failure.result_type.clone())],
            value: whole(failure.sessions),
        });
    let active = protection.break_glass.iter().filter(|it| it.active).count();
    vec![
        gauge(
            "destinations",
            "Destinations that are being served",
            status.destinations as u64,
        ),
        gauge(
            "destinations_down",
            "Destinations that cannot be reached, whose mail waits",
            status.destinations_down as u64,
        ),
        gauge(
            "frozen",
            "Freezes in force",
            status.freezer.frozen.len() as u64,
        ),
        gauge(
            "plaintext_messages_today",
            "Messages that left in clear since midnight UTC",
            protection.plaintext.messages,
        ),
        Metric {
            name: "tls_sessions_today",
            help: "Outbound TLS sessions since midnight UTC by kind of policy (RFC 8460)",
            kind: Kind::Gauge,
            series: sessions.collect(),
        },
        Metric {
            name: "tls_failures_today",
            help: "Outbound TLS sessions that failed since midnight UTC by reason (RFC 8460)",
            kind: Kind::Gauge,
            series: failures.collect(),
        },
        gauge(
            "dns_good",
            "0 when a test showed that a name server's answers cannot be validated",
            dns_good.into(),
        ),
        gauge(
            "break_glass_active",
            "Exceptions to partners' rules in force",
            active as u64,
        ),
        gauge(
            "revocation_lists_out_of_date",
            "Revocation lists that are missing or past their date",
            protection
                .revocation
                .iter()
                .filter(|it| !it.in_date)
                .count() as u64,
        ),
    ]
}

fn authentication(status: &Status) -> Vec<Metric> {
    let judged = &status.authentication;
    let methods = [
        ("spf", &judged.spf),
        ("dkim", &judged.dkim),
        ("dmarc", &judged.dmarc),
        ("arc", &judged.arc),
    ];
    let results = methods.into_iter().flat_map(|(method, counts)| {
        counts.iter().map(move |count: &VerdictCount| Series {
            labels: vec![
                ("method", method.to_owned()),
                ("result", count.verdict.clone()),
            ],
            value: whole(count.messages),
        })
    });
    let dispositions = judged.dispositions.iter().map(|count| Series {
        labels: vec![("disposition", count.verdict.clone())],
        value: whole(count.messages),
    });
    vec![
        counter(
            "authentication_judged",
            "Messages of strangers that were judged",
            judged.judged,
        ),
        Metric {
            name: "authentication_results",
            help: "Results by method (RFC 8601)",
            kind: Kind::Counter,
            series: results.collect(),
        },
        Metric {
            name: "authentication_dispositions",
            help: "What became of messages that were judged",
            kind: Kind::Counter,
            series: dispositions.collect(),
        },
    ]
}

fn certificates(status: &Status) -> Vec<Metric> {
    let days = status.certificates.iter().map(|certificate| Series {
        labels: vec![
            ("certificate", certificate.name.clone()),
            ("key", certificate.key.clone()),
        ],
        value: certificate.days_left,
    });
    vec![Metric {
        name: "certificate_days_left",
        help: "Whole days until a certificate of ours ends",
        kind: Kind::Gauge,
        series: days.collect(),
    }]
}

fn partners(daemon: &dyn Daemon) -> Vec<Metric> {
    let (mut attempts, mut readiness) = (Vec::new(), Vec::new());
    let mut from = Some(0);
    while let Some(place) = from {
        let page = daemon.partners(place);
        for partner in &page.partners {
            for (direction, line) in [
                ("outbound", &partner.outbound),
                ("inbound", &partner.inbound),
            ] {
                attempts.extend(attempts_of(partner, direction, line));
                readiness.push(readiness_of(partner, direction, line));
            }
        }
        from = page.next;
    }
    vec![
        Metric {
            name: "partner_attempts",
            help: "How often a partner's rule was held against a channel since it was first measured",
            kind: Kind::Counter,
            series: attempts,
        },
        Metric {
            name: "partner_ready",
            help: "1 when a partner's rule can be enforced without loss, 0 when it fails, -1 when too little was seen",
            kind: Kind::Gauge,
            series: readiness,
        },
    ]
}

fn attempts_of(partner: &PartnerLine, direction: &str, line: &DirectionLine) -> [Series; 2] {
    [("met", line.met), ("not_met", line.not_met)].map(|(result, value)| Series {
        labels: vec![
            ("partner", partner.name.clone()),
            ("direction", direction.to_owned()),
            ("result", result.to_owned()),
        ],
        value: whole(value),
    })
}

fn readiness_of(partner: &PartnerLine, direction: &str, line: &DirectionLine) -> Series {
    Series {
        labels: vec![
            ("partner", partner.name.clone()),
            ("direction", direction.to_owned()),
            ("stage", partner.stage.clone()),
        ],
        value: match line.readiness.verdict {
            ReadinessVerdict::Safe => 1,
            ReadinessVerdict::Failing => 0,
            ReadinessVerdict::NotMeasured | ReadinessVerdict::TooFew => -1,
        },
    }
}
