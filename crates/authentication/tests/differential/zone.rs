//! One zone in the forms of both sides.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use postern_dns::FixedZone;
use serde_json::{Value, json};

/// Names with their records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Zone(BTreeMap<String, Vec<Record>>);

#[derive(Debug, Clone)]
pub(crate) enum Record {
    Txt(String),
    A(String),
    Aaaa(String),
    Mx(u16, String),
    Ptr(String),
}

impl Zone {
    pub(crate) fn add(&mut self, name: impl Into<String>, record: Record) {
        self.0.entry(name.into()).or_default().push(record);
    }

    pub(crate) fn with(mut self, name: impl Into<String>, record: Record) -> Self {
        self.add(name, record);
        self
    }

    /// Whether a record asks for the names of the client, and there may be one.
    pub(crate) fn asks_for_names(&self) -> bool {
        let records = || self.0.values().flatten();
        let asks = |record: &Record| matches!(record, Record::Txt(data) if data.contains("ptr"));
        records().any(asks) && records().any(|it| matches!(it, Record::Ptr(_)))
    }

    /// For our side.
    pub(crate) fn fixed(&self) -> Arc<FixedZone> {
        let mut text = String::new();
        for (name, records) in &self.0 {
            for record in records {
                let _ = match record {
                    Record::Txt(data) => writeln!(text, "{name} TXT {data}"),
                    Record::A(data) => writeln!(text, "{name} A {data}"),
                    Record::Aaaa(data) => writeln!(text, "{name} AAAA {data}"),
                    Record::Mx(preference, host) => writeln!(text, "{name} MX {preference} {host}"),
                    Record::Ptr(data) => writeln!(text, "{name} PTR {data}"),
                };
            }
        }
        Arc::new(
            text.parse()
                .unwrap_or_else(|error| panic!("{error:?}: {text}")),
        )
    }

    /// For theirs.
    pub(crate) fn json(&self) -> Value {
        let names = self.0.iter().map(|(name, records)| {
            let of = |kind: &str| {
                let found = records.iter().filter_map(|record| record.json(kind));
                Value::from_iter(found)
            };
            let kinds = ["TXT", "A", "AAAA", "MX", "PTR"].map(|kind| (kind.to_owned(), of(kind)));
            (name.clone(), Value::from_iter(kinds))
        });
        Value::from_iter(names)
    }
}

impl Record {
    fn json(&self, kind: &str) -> Option<Value> {
        match (self, kind) {
            (Self::Txt(data), "TXT")
            | (Self::A(data), "A")
            | (Self::Aaaa(data), "AAAA")
            | (Self::Ptr(data), "PTR") => Some(json!(data)),
            (Self::Mx(preference, host), "MX") => Some(json!([preference, host])),
            _ => None,
        }
    }
}
