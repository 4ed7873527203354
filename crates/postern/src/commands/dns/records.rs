//! `postern dns records`: as a table, as zone files, for programs.

use std::{
    fmt::{self, Write as _},
    path::Path,
    time::Duration,
};

use postern_mail::Domain;
use postern_publish::{
    Facts, OurDomain, Record, RecordKind, Severity, ZoneLine, domain_records, host_records,
};
use postern_tls::Date;
use rustls_pki_types::UnixTime;
use serde::Serialize;

use super::{chosen, facts::facts};
use crate::{
    cli::DnsRecords,
    failure::{Exit, Failure},
    load::load_to_start,
    output::{self, Table},
};

/// How many characters of data a table shows. Keys are long, and a table is for looking.
const SHOWN: usize = 60;

pub(super) fn run(config: &Path, asked: &DnsRecords) -> Result<Exit, Failure> {
    let settings = load_to_start(config)?.settings;
    let facts = facts(&settings)?;
    let domains = chosen(&facts, asked.domain.as_ref())?;
    let records = Records::new(&facts, &domains);
    let ttl = settings.publish.ttl;
    if asked.format.json {
        output::print_json(&records.for_programs(ttl))?;
    } else if asked.zone {
        output::print(Zones {
            records: &records,
            ttl,
        })?;
    } else {
        let hint = "Texts are cut here; --zone prints them in full.";
        output::print(format_args!("{}\n{hint}\n", records.table()))?;
    }
    Ok(Exit::Fine)
}

/// Records by the domain whose zone they belong to, as far as it is one of those asked for.
struct Records<'a> {
    domains: Vec<(&'a Domain, Vec<Record>)>,
    /// What belongs to zones of others: addresses, and hosts elsewhere.
    elsewhere: Vec<Record>,
}

impl<'a> Records<'a> {
    fn new(facts: &Facts, domains: &[&'a OurDomain]) -> Self {
        let now = Date(UnixTime::now());
        let mut records = Self {
            domains: domains.iter().map(|it| (&it.name, Vec::new())).collect(),
            elsewhere: Vec::new(),
        };
        let of_domains = domains.iter();
        let of_domains = of_domains.flat_map(|domain| domain_records(facts, domain, now));
        for record in of_domains.chain(host_records(facts)) {
            records.add(record);
        }
        records
    }

    /// The nearest domain above is taken for the zone.
    fn add(&mut self, record: Record) {
        let owner: Option<Domain> = record.owner.to_string().parse().ok();
        let holds = |domain: &Domain| {
            let owner = owner.as_ref();
            owner.is_some_and(|owner| owner == domain || owner.is_below(domain))
        };
        let fitting = self.domains.iter_mut().filter(|(domain, _)| holds(domain));
        match fitting.max_by_key(|(domain, _)| domain.labels().count()) {
            Some((_, records)) => records.push(record),
            None => self.elsewhere.push(record),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Record> {
        let domains = self.domains.iter().flat_map(|(_, records)| records);
        domains.chain(&self.elsewhere)
    }

    fn table(&self) -> Table<5> {
        let mut table = Table::new(["NAME", "TYPE", "WITHOUT", "DATA", "WHY"]);
        for record in self.all() {
            table.row([
                record.owner.to_string(),
                record.data.kind().to_string(),
                record.severity.to_string(),
                cut(&record.data.to_string()),
                record.why.clone(),
            ]);
        }
        table
    }

    fn for_programs(&self, ttl: Duration) -> Published<'_> {
        let domains = self.domains.iter();
        Published {
            domains: domains
                .map(|(domain, records)| Zone {
                    domain,
                    records: entries(records, ttl),
                })
                .collect(),
            elsewhere: entries(&self.elsewhere, ttl),
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
    }
}

/// A zone file for each domain. What belongs elsewhere is a comment, since no server takes it.
struct Zones<'a> {
    records: &'a Records<'a>,
    ttl: Duration,
}

impl fmt::Display for Zones<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (domain, records) in &self.records.domains {
            writeln!(f, "; for the zone of {domain}\n")?;
            self.list(f, records, "")?;
        }
        if !self.records.elsewhere.is_empty() {
            writeln!(f, "; for other zones\n;")?;
            self.list(f, &self.records.elsewhere, "; ")?;
        }
        Ok(())
    }
}

impl Zones<'_> {
    /// Each reason once, above the records that it is for.
    fn list(&self, f: &mut fmt::Formatter<'_>, records: &[Record], before: &str) -> fmt::Result {
        let mut told = "";
        for record in records {
            if record.why != told {
                writeln!(f, "; {}", record.why)?;
                told = &record.why;
            }
            let ttl = self.ttl;
            writeln!(f, "{before}{}", ZoneLine { record, ttl })?;
        }
        f.write_char('\n')
    }
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Published<'a> {
    domains: Vec<Zone<'a>>,
    elsewhere: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Zone<'a> {
    domain: &'a Domain,
    records: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    name: String,
    #[serde(rename = "type")]
    kind: RecordKind,
    data: String,
    zone: String,
    why: &'a str,
    without: Severity,
}

fn entries(records: &[Record], ttl: Duration) -> Vec<Entry<'_>> {
    records.iter().map(|it| Entry::of(it, ttl)).collect()
}

impl<'a> Entry<'a> {
    fn of(record: &'a Record, ttl: Duration) -> Self {
        Self {
            name: record.owner.to_string(),
            kind: record.data.kind(),
            data: record.data.to_string(),
            zone: ZoneLine { record, ttl }.to_string(),
            why: &record.why,
            without: record.severity,
        }
    }
}
