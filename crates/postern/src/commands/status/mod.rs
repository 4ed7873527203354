//! `postern status`.

mod authentication;
mod protection;

use std::{fmt::Write as _, path::Path};

use postern_admin::{Client, QueueHealth, Reloaded, Status};
use postern_mail::Foreign;

use crate::{
    certificates,
    cli::Format,
    failure::{Exit, Failure},
    load::whereabouts,
    output::{self, Table},
    signing_keys,
    words::{self, octets},
};

pub(crate) fn run(config: &Path, format: Format) -> Result<Exit, Failure> {
    let socket = whereabouts(config)?.admin.socket;
    let status = super::wait_for(async {
        let status = Client::new(socket).status().await;
        status.map_err(|error| Failure::new("the status", &error))
    })?;
    if format.json {
        output::print_json(&status)?;
    } else {
        output::print(text(&status))?;
    }
    Ok(match status.queue.health {
        QueueHealth::Good => Exit::Fine,
        QueueHealth::Full { .. } | QueueHealth::Poisoned { .. } => Exit::Negative,
    })
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<13} {}", Foreign::new(value));
    };
    let up = status.uptime_seconds;
    line("version", &status.version);
    line("process", &status.pid.to_string());
    line("running", &format!("since {} ({up} s)", status.started_at));
    line(
        "configuration",
        &format!(
            "{}, read at {}",
            status.configuration.file, status.configuration.loaded_at
        ),
    );
    match &status.configuration.last_reload {
        None => {}
        Some(Reloaded::Applied { .. }) => line("last reload", "applied"),
        Some(Reloaded::Refused { .. }) => line("last reload", "refused: the old settings hold"),
    }
    let queue = &status.queue;
    line(
        "queue",
        &match &queue.health {
            QueueHealth::Good => "takes mail".to_owned(),
            QueueHealth::Full { available, reserve } => {
                let (available, reserve) = (octets(*available), octets(*reserve));
                format!("takes no mail: {available} are free on the disk, {reserve} are kept back")
            }
            QueueHealth::Poisoned { reason } => format!("out of service: {reason}"),
        },
    );
    line(
        "messages",
        &format!(
            "{}, of which {} held and {} in delivery",
            queue.messages, queue.held, queue.in_delivery
        ),
    );
    if let Some(loading) = queue.loading {
        line("reading", &words::loading(loading));
    }
    line(
        "since start",
        &format!("{} accepted, {} damaged", queue.accepted, queue.damaged),
    );
    line("destinations", &destinations(status));
    for frozen in &status.freezer.frozen {
        let (since, reason) = (frozen.since, &frozen.reason);
        line(
            "frozen",
            &format!("{} since {since}: {reason}", frozen.domain),
        );
    }
    if let Some(trouble) = &status.freezer.trouble {
        line("frozen", &format!("TROUBLE: {trouble}"));
    }
    for (name, value) in protection::lines(&status.protection) {
        line(name, &value);
    }
    for (name, value) in authentication::lines(&status.authentication) {
        line(name, &value);
    }
    if status.panics > 0 {
        line(
            "panics",
            &format!("{}: see the log, and report them", status.panics),
        );
    }
    let mut listeners = Table::new(["LISTENER", "ROLE", "TLS"]);
    for listener in &status.listeners {
        listeners.row([
            listener.address.clone(),
            listener.role.clone(),
            listener.tls.clone(),
        ]);
    }
    let _ = write!(text, "\n{listeners}");
    section(&mut text, &certificates::table(&status.certificates));
    section(&mut text, &signing_keys::table(&status.authentication.keys));
    text
}

fn destinations(status: &Status) -> String {
    let served = format!("{} being served", status.destinations);
    match status.destinations_down {
        0 => served,
        down => {
            format!("{served}, {down} cannot be reached: see `postern queue destinations`")
        }
    }
}

/// A table below what was said, if there is something in it.
fn section<const N: usize>(text: &mut String, table: &Table<N>) {
    if !table.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{table}");
    }
}
