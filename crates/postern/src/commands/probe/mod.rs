//! `postern probe`: the mail hosts of a domain, dialled as a delivery would, without mail.
//!
//! Hosts are dialled side by side, so that one that is silent keeps nobody waiting longer than
//! itself. The code that dials and judges is that of deliveries.

mod report;

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use postern_mail::{Foreign, Host, TlsWish};
use postern_outbound::survey::{
    HostProbe, Judged, Outcome, Probe, ProbeOptions, Survey, probe, survey,
};
use tokio::{sync::Semaphore, task::JoinSet};

use self::report::Report;
use super::{explain::forward_path, live::Live};
use crate::{
    cli::{self, Wish},
    failure::{Exit, Failure},
    load::load_to_start,
    output,
};

/// The most hosts that are dialled at a time.
const AT_A_TIME: usize = 8;

/// The verdict of a conformance report that is a negative finding.
const NOT_MET: &str = "not-met";

pub(crate) fn run(config: &Path, asked: &cli::Probe) -> Result<Exit, Failure> {
    let settings = load_to_start(config)?.settings;
    let path = forward_path(&asked.to)?;
    let wish = asked.wish.map_or(TlsWish::Unstated, Wish::wish);
    let probed = super::wait_for(async {
        let live = Live::new(settings, &path, wish)?;
        let found = survey(&live.situation, &live.question).await;
        live.fetch_lists().await;
        let hosts = dial(&live, &found, asked).await?;
        Ok(Probe {
            survey: found,
            hosts,
        })
    })?;
    if asked.format.json {
        output::print_json(&probed)?;
    } else {
        output::print(Report(&probed))?;
    }
    Ok(exit(&probed))
}

/// Dials the hosts of the survey, side by side.
async fn dial(live: &Live, found: &Survey, asked: &cli::Probe) -> Result<Vec<HostProbe>, Failure> {
    let hosts = chosen(found, &asked.hosts)?;
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let mut running = JoinSet::new();
    for (at, host) in hosts.into_iter().enumerate() {
        let options = ProbeOptions {
            profile: asked.profile,
            all_addresses: asked.all_addresses,
            hosts: vec![host],
            limit: Duration::from_secs(asked.timeout),
        };
        let (situation, question) = (Arc::clone(&live.situation), live.question.clone());
        let places = Arc::clone(&places);
        running.spawn(async move {
            // It is never closed.
            let _place = places.acquire().await;
            (at, probe(&situation, &question, &options).await.hosts)
        });
    }
    let mut done = BTreeMap::new();
    while let Some(ended) = running.join_next().await {
        let (at, hosts) = ended.map_err(|error| Failure::new("a probe", &error))?;
        hosts.iter().for_each(tell_progress);
        done.insert(at, hosts);
    }
    Ok(done.into_values().flatten().collect())
}

/// The hosts to dial, each once.
fn chosen(found: &Survey, only: &[Host]) -> Result<Vec<Host>, Failure> {
    let mut hosts: Vec<Host> = Vec::new();
    for host in found.hosts.iter().filter_map(|it| it.host.parse().ok()) {
        if !hosts.contains(&host) && (only.is_empty() || only.contains(&host)) {
            hosts.push(host);
        }
    }
    match only.iter().find(|host| !hosts.contains(host)) {
        Some(other) => Err(Failure::plain(format_args!(
            "{other} is no mail host of {}",
            found.destination
        ))
        .negative()),
        None => Ok(hosts),
    }
}

/// For whoever watches: a line when a host is done.
fn tell_progress(host: &HostProbe) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let outcomes = host
            .addresses
            .iter()
            .map(|it| report::in_a_word(&it.outcome));
        let outcome = output::list(outcomes, "not dialled");
        // It is for decoration.
        let _ = writeln!(err, "{}: {outcome}", Foreign::new(&host.host));
    }
}

/// What was refused is a negative finding, by a rule in force or one that is measured; what could
/// not be reached was not found out.
fn exit(probed: &Probe) -> Exit {
    let survey = &probed.survey;
    let mut exit = if survey.trouble.is_some() || probed.hosts.is_empty() {
        Exit::NotKnown
    } else {
        Exit::Fine
    };
    for host in &probed.hosts {
        let found = survey.hosts.iter().find(|it| it.host == host.host);
        if found.is_some_and(|it| it.if_enforced != Judged::Allowed) {
            return Exit::Negative;
        }
        if host.addresses.is_empty() {
            exit = Exit::NotKnown;
        }
        for address in &host.addresses {
            let profile = address.conformance.as_ref();
            match &address.outcome {
                _ if profile.is_some_and(|it| it.verdict == NOT_MET) => return Exit::Negative,
                Outcome::Refused { .. } => return Exit::Negative,
                Outcome::Permitted { if_enforced, .. } => {
                    if *if_enforced != Judged::Allowed {
                        return Exit::Negative;
                    }
                }
                Outcome::Failed { .. } => exit = Exit::NotKnown,
            }
        }
    }
    exit
}
