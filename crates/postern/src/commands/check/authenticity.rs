//! What a configuration comes to for who wrote a message: what is found out and said, what is
//! signed, and what is told to others.

use postern_admin::SigningKeyStatus;
use postern_config::{Judgement, Quarantine, Settings};
use serde::Serialize;

use super::summary::strings;
use crate::output::Table;

/// What a configuration comes to for who wrote a message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Authenticity {
    authserv_id: String,
    trusted_sealers: Vec<String>,
    trusted_forwarders: Vec<String>,
    quarantine_next_hops: Vec<String>,
    pub(super) keys: Vec<SigningKeyStatus>,
    aliases: usize,
    rewritten_domains: usize,
    /// In whose name mail of others is sent on.
    srs_domain: Option<String>,
    reports: Reports,
}

/// What is told to others, and what they tell us.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Reports {
    contact: String,
    /// The kinds that are sent.
    sent: Vec<&'static str>,
    received_at: Vec<String>,
}

impl Authenticity {
    pub(super) fn of(settings: &Settings, keys: Vec<SigningKeyStatus>) -> Self {
        let written = &settings.authentication;
        Self {
            authserv_id: written.authserv_id.to_string(),
            trusted_sealers: strings(&written.trusted_sealers),
            trusted_forwarders: strings(&written.trusted_forwarders),
            quarantine_next_hops: strings(&written.quarantine_next_hops),
            keys,
            aliases: settings.aliases.len(),
            rewritten_domains: settings.rewrites.len(),
            srs_domain: settings.srs.as_ref().map(|srs| srs.domain.to_string()),
            reports: reports(&settings.reports),
        }
    }

    /// A row for each thing that is other than nothing.
    pub(super) fn table(&self) -> Table<2> {
        let mut table = Table::new(["AUTHENTICATION", "IS"]);
        let mut row = |name: &str, value: String| {
            if !value.is_empty() {
                table.row([name.to_owned(), value]);
            }
        };
        row("results", format!("told as {}", self.authserv_id));
        row("trusted sealers", self.trusted_sealers.join(", "));
        row("trusted forwarders", self.trusted_forwarders.join(", "));
        row("quarantine", self.quarantine_next_hops.join(", "));
        let aliased = match (self.aliases, self.rewritten_domains) {
            (0, 0) => String::new(),
            (aliases, domains) => format!("{aliases} addresses, {domains} domains"),
        };
        row("aliases", aliased);
        row("sent on as", self.srs_domain.clone().unwrap_or_default());
        let Reports {
            contact,
            sent,
            received_at,
        } = &self.reports;
        let sent = match sent.as_slice() {
            [] => "none sent".to_owned(),
            kinds => format!("{} sent by {contact}", kinds.join(", ")),
        };
        row("reports", sent);
        row("reports in", received_at.join(", "));
        table
    }
}

fn reports(written: &postern_config::Reports) -> Reports {
    let kinds = [
        ("dmarc", written.dmarc),
        ("tls", written.tls),
        ("failure", written.failures.is_some()),
    ];
    let sent = kinds.into_iter().filter(|(_, is_sent)| *is_sent);
    Reports {
        contact: written.contact.to_string(),
        sent: sent.map(|(kind, _)| kind).collect(),
        received_at: strings(&written.receive),
    }
}

/// What follows at a listener for strangers, in the words of the configuration.
pub(super) fn judgement(written: Judgement) -> &'static str {
    match written {
        Judgement::Off => "off",
        Judgement::Mark => "mark",
        Judgement::Enforce(Quarantine::Mark) => "enforce",
        Judgement::Enforce(Quarantine::Hold) => "enforce, hold",
        Judgement::Enforce(Quarantine::Redirect) => "enforce, redirect",
    }
}
