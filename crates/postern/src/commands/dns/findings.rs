//! `postern dns check`: what is published, held against what should be.

use std::{fmt, path::Path, sync::Arc};

use postern_mail::{Domain, Foreign};
use postern_publish::{
    Facts, Finding, OurDomain, Outcome, RecordKind, Report, Severity, check_domain, check_hosts,
};
use postern_tls::Date;
use rustls_pki_types::UnixTime;
use serde::Serialize;
use tokio::task::JoinSet;

use super::{chosen, facts::facts};
use crate::{
    cli::Format,
    failure::{Exit, Failure},
    load::load_to_start,
    output,
    wiring::{Wiring, resolver},
};

/// How many domains are looked at side by side. Each takes some ten look-ups at a time.
const AT_A_TIME: usize = 8;

pub(super) fn run(config: &Path, only: Option<&Domain>, format: Format) -> Result<Exit, Failure> {
    let settings = load_to_start(config)?.settings;
    let facts = facts(&settings)?;
    let domains: Vec<_> = chosen(&facts, only)?.into_iter().cloned().collect();
    let wiring = Wiring::to_look(settings);
    let parts = super::super::wait_for(async {
        let dns = resolver(&wiring.dns)?;
        look(dns, facts, domains).await
    })?;
    if format.json {
        output::print_json(&Checked::of(&parts))?;
    } else {
        for part in &parts {
            output::print(part)?;
        }
        output::print(format_args!("{}\n", Numbers::of(&parts)))?;
    }
    Ok(exit(&parts))
}

/// What was found of one domain, or of our hosts.
struct Part {
    domain: Option<Domain>,
    report: Report,
}

async fn look(
    dns: Arc<postern_dns::Resolver>,
    facts: Facts,
    domains: Vec<OurDomain>,
) -> Result<Vec<Part>, Failure> {
    let (facts, now) = (Arc::new(facts), Date(UnixTime::now()));
    let mut parts = Vec::new();
    let mut waiting = domains.into_iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_A_TIME
            && let Some((at, domain)) = waiting.next()
        {
            let (dns, facts) = (Arc::clone(&dns), Arc::clone(&facts));
            running.spawn(async move {
                let findings = check_domain(&*dns, &facts, &domain, now).await;
                (at, domain.name, Report::of(findings))
            });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        parts.push(ended.map_err(|error| Failure::new("a look-up", &error))?);
    }
    parts.sort_by_key(|(at, _, _)| *at);
    let parts = parts.into_iter().map(|(_, domain, report)| Part {
        domain: Some(domain),
        report,
    });
    let mut parts: Vec<_> = parts.collect();
    parts.push(Part {
        domain: None,
        report: Report::of(check_hosts(&*dns, &facts, now).await),
    });
    Ok(parts)
}

/// A note is no negative finding. What is wrong is known, whatever else is not.
fn exit(parts: &[Part]) -> Exit {
    let worst = parts.iter().filter_map(|part| part.report.worst()).max();
    match worst {
        Some(Severity::Broken | Severity::Weak) => Exit::Negative,
        Some(Severity::Note) | None if parts.iter().any(|it| it.report.is_incomplete()) => {
            Exit::NotKnown
        }
        Some(Severity::Note) | None => Exit::Fine,
    }
}

/// How a finding is called, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Broken,
    Weak,
    Unknown,
    Note,
    Fine,
}

impl State {
    const ALL: [Self; 5] = [
        Self::Broken,
        Self::Weak,
        Self::Unknown,
        Self::Note,
        Self::Fine,
    ];

    fn of(finding: &Finding) -> Self {
        match &finding.outcome {
            Outcome::Fine(_) => Self::Fine,
            Outcome::Unknown(_) => Self::Unknown,
            Outcome::Found { severity, .. } => match severity {
                Severity::Broken => Self::Broken,
                Severity::Weak => Self::Weak,
                Severity::Note => Self::Note,
            },
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Broken => "BROKEN",
            Self::Weak => "WEAK",
            Self::Unknown => "UNKNOWN",
            Self::Note => "note",
            Self::Fine => "fine",
        })
    }
}

/// What to do about a finding.
fn right(finding: &Finding) -> Option<&str> {
    match &finding.outcome {
        Outcome::Found { right, .. } => Some(right),
        Outcome::Fine(_) | Outcome::Unknown(_) => None,
    }
}

/// The worst first; what to do stands below.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            Some(domain) => writeln!(f, "{domain}")?,
            None => writeln!(f, "our hosts and addresses")?,
        }
        let mut findings: Vec<_> = self.report.findings.iter().collect();
        findings.sort_by_key(|it| State::of(it));
        for finding in findings {
            let (state, text) = (State::of(finding), Foreign::new(finding.text()));
            writeln!(f, "  {state:<8} {} {}: {text}", finding.owner, finding.kind)?;
            if let Some(right) = right(finding) {
                // A record of ours may be longer than what is shown of foreign texts.
                writeln!(f, "           {}", right.replace(char::is_control, "?"))?;
            }
        }
        writeln!(f)
    }
}

/// How many there are of each.
struct Numbers([(State, usize); 5]);

impl Numbers {
    fn of(parts: &[Part]) -> Self {
        let all = || parts.iter().flat_map(|part| &part.report.findings);
        Self(State::ALL.map(|state| (state, all().filter(|it| State::of(it) == state).count())))
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (state, number)) in self.0.iter().enumerate() {
            let word = state.to_string().to_lowercase();
            write!(f, "{}{number} {word}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Checked<'a> {
    domains: Vec<OfDomain<'a>>,
    hosts: Vec<Found<'a>>,
}

#[derive(Debug, Serialize)]
struct OfDomain<'a> {
    domain: &'a Domain,
    findings: Vec<Found<'a>>,
}

#[derive(Debug, Serialize)]
struct Found<'a> {
    state: State,
    name: String,
    #[serde(rename = "type")]
    kind: RecordKind,
    found: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<&'a str>,
}

impl<'a> Checked<'a> {
    fn of(parts: &'a [Part]) -> Self {
        let mut checked = Self {
            domains: Vec::new(),
            hosts: Vec::new(),
        };
        for part in parts {
            let findings: Vec<_> = part.report.findings.iter().map(Found::of).collect();
            match &part.domain {
                Some(domain) => checked.domains.push(OfDomain { domain, findings }),
                None => checked.hosts.extend(findings),
            }
        }
        checked
    }
}

impl<'a> Found<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            state: State::of(finding),
            name: finding.owner.to_string(),
            kind: finding.kind,
            found: finding.text(),
            right: right(finding),
        }
    }
}
