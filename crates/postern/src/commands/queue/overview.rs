//! The queue as a whole: `summary` and `destinations`.

use std::time::SystemTime;

use postern_admin::{Destination, Limits, SummaryLine};

use super::{
    access::Access,
    table::{failure, since, until},
};
use crate::{
    cli::{Format, Summary},
    failure::{Exit, Failure},
    output::{self, Table},
    words,
};

/// The columns: how many wait, and how old they are, in classes that double.
const HEAD: [&str; 14] = [
    "DOMAIN", "WAITING", "HELD", "<5m", "<10m", "<20m", "<40m", "<80m", "<160m", "<320m", "<640m",
    "<1280m", "<2560m", "OLDER",
];

pub(super) async fn summary(queue: &Access, asked: &Summary) -> Result<Exit, Failure> {
    let mut summary = queue.summary().await?;
    let left_out = summary.domains.len().saturating_sub(asked.limit);
    summary.domains.truncate(asked.limit);
    summary.left_out += left_out;
    if asked.format.json {
        output::print_json(&summary)?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(HEAD);
    table.row(cells("TOTAL", &summary.total));
    for line in &summary.domains {
        table.row(cells(line.domain.as_deref().unwrap_or("none"), line));
    }
    output::print(table)?;
    if summary.left_out > 0 {
        let more = format!("and {} more domains: see --limit\n", summary.left_out);
        output::print(more)?;
    }
    if let Some(loading) = summary.loading {
        let text = words::loading(loading);
        output::print(format_args!(
            "the queue is being read: {text}; the rest is not counted\n"
        ))?;
    }
    if summary.total.waiting > 0 {
        let total = &summary.total;
        output::print(format_args!(
            "the oldest came {} ago; {} are due now, {} within an hour, {} later; {} were never \
             tried\n",
            words::seconds(total.oldest_seconds),
            total.due,
            total.within_an_hour,
            total.later,
            total.fresh
        ))?;
    }
    Ok(Exit::Fine)
}

fn cells(name: &str, line: &SummaryLine) -> [String; 14] {
    let number = |count: u64| match count {
        0 => ".".to_owned(),
        count => count.to_string(),
    };
    let mut ages = line.by_age.iter();
    std::array::from_fn(|at| match at {
        0 => name.to_owned(),
        1 => line.waiting.to_string(),
        2 => number(line.held),
        _ => number(ages.next().copied().unwrap_or_default()),
    })
}

pub(super) async fn destinations(queue: &Access, format: Format) -> Result<Exit, Failure> {
    let found = queue.destinations().await?;
    if format.json {
        output::print_json(&found)?;
        return Ok(Exit::Fine);
    }
    if found.destinations.is_empty() {
        output::print("no mail is under way, and nothing is known to be unreachable\n")?;
        return Ok(Exit::Fine);
    }
    let now = SystemTime::now();
    let mut table = Table::new([
        "TO",
        "CONNECTIONS",
        "IN LINE",
        "LIMITS",
        "DOWN FOR",
        "NEXT PROBE",
        "WHY",
    ]);
    for destination in &found.destinations {
        table.row(row(destination, now));
    }
    output::print(table)?;
    if found.left_out > 0 {
        output::print(format_args!("and {} more\n", found.left_out))?;
    }
    Ok(Exit::Fine)
}

fn row(destination: &Destination, now: SystemTime) -> [String; 7] {
    let down = destination.down.as_ref();
    [
        destination.to.clone(),
        format!("{} of {}", destination.connections, destination.allowed),
        destination.in_line.to_string(),
        destination.limits.as_ref().map_or_else(String::new, limits),
        down.map_or_else(String::new, |it| since(it.since, now)),
        down.map_or_else(String::new, |it| until(it.next_probe, now)),
        down.map_or_else(String::new, |it| failure(&it.failure)),
    ]
}

fn limits(limits: &Limits) -> String {
    let mut text = format!("{} connections", limits.connections);
    if let Some(messages) = limits.messages_per_connection {
        text.push_str(&format!(", {messages} messages each"));
    }
    if let Some(rate) = &limits.rate {
        text.push_str(&format!(", {rate}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_the_census() {
        let ages = postern_spool::AGES.iter().map(|age| age.as_secs() / 60);
        let ages: Vec<_> = ages.map(|age| format!("<{age}m")).collect();
        assert_eq!(HEAD[3..13], ages);
    }
}
