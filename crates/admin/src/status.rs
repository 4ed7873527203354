//! What a running daemon says of itself.

use std::collections::BTreeSet;

use async_trait::async_trait;
use postern_mail::Domain;
use serde::{Deserialize, Serialize};

use crate::{
    AuthenticationStatus, Delay, Destinations, FreezeOrder, FreezeTrouble, Freezer, NoSuchPartner,
    Partner, PartnerDomains, PartnerPage, ProtectionStatus, Report, ReportOrder, ReportPage,
    ReportTrouble, ReportsSent, Timestamp, Whose,
};

/// What the control interface needs of the daemon besides its queue.
#[async_trait]
pub trait Daemon: Send + Sync + std::fmt::Debug {
    /// How things are.
    fn status(&self) -> Status;

    /// How reception fares.
    fn reception(&self) -> ReceptionFigures;

    /// Whether the end has begun.
    fn is_stopping(&self) -> bool;

    /// The partners from the place `from` on, as many as an answer may hold.
    fn partners(&self, from: usize) -> PartnerPage;

    /// One partner.
    ///
    /// # Errors
    /// There is none of this name.
    fn partner(&self, name: &str) -> Result<Partner, NoSuchPartner>;

    /// Which domains a partner's mail is for.
    ///
    /// # Errors
    /// There is none of this name.
    fn partner_domains(&self, name: &str) -> Result<PartnerDomains, NoSuchPartner>;

    /// The destinations that are served or cannot be reached now.
    fn destinations(&self) -> Destinations;

    /// What keeps mail for a domain from going.
    fn delay(&self, domain: &Domain) -> Delay;

    /// All that is frozen.
    fn frozen(&self) -> Freezer;

    /// Lets mail wait, until it thaws, and answers what is frozen by this. It is on disk when
    /// this returns.
    ///
    /// # Errors
    /// The order makes no sense, or could not be written down.
    async fn freeze(&self, order: &FreezeOrder) -> Result<Freezer, FreezeTrouble>;

    /// Lets mail go that was frozen, and answers what that was.
    ///
    /// # Errors
    /// There is no such partner, or it could not be written down.
    async fn thaw(&self, whose: &Whose) -> Result<Freezer, FreezeTrouble>;

    /// Has all that waits tried now, and forgets which destinations could not be reached.
    ///
    /// # Errors
    /// There is no such partner.
    async fn flush(&self, whose: &Whose) -> Result<(), FreezeTrouble>;

    /// Has the destinations of these domains looked at again, if they could not be reached.
    fn look_again(&self, domains: &BTreeSet<Domain>);

    /// The reports from the place `from` on, as many as an answer may hold.
    ///
    /// # Errors
    /// They cannot be read.
    async fn reports(&self, from: usize) -> Result<ReportPage, ReportTrouble>;

    /// One report.
    ///
    /// # Errors
    /// There is none of this name, or it cannot be read.
    async fn report(&self, id: &str) -> Result<Report, ReportTrouble>;

    /// Sends the reports of an order, or tells which they are.
    ///
    /// # Errors
    /// The order makes no sense, or cannot be carried out.
    async fn send_reports(&self, order: &ReportOrder) -> Result<ReportsSent, ReportTrouble>;

    /// Reads the configuration and the certificates anew.
    async fn reload(&self) -> Reloaded;
}

/// How things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// The version of the running program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// Where it listens.
    pub listeners: Vec<ListenerStatus>,
    /// How its queue is.
    pub queue: QueueStatus,
    /// How many destinations are being served now.
    pub destinations: usize,
    /// How many destinations cannot be reached, so that their mail waits.
    #[serde(default)]
    pub destinations_down: usize,
    /// What is frozen.
    #[serde(default)]
    pub freezer: Freezer,
    /// Its certificates, in the order of the configuration.
    pub certificates: Vec<CertificateStatus>,
    /// What protects mail, and what does not at present.
    pub protection: ProtectionStatus,
    /// How mail was judged and signed.
    #[serde(default)]
    pub authentication: AuthenticationStatus,
    /// How many of its tasks ended in a panic: each is a mistake in the program.
    pub panics: u64,
    /// How the configuration was last read.
    pub configuration: ConfigurationStatus,
}

/// Numbers of reception since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceptionFigures {
    /// Connections at this moment.
    pub open: u64,
    /// Connections that were let in.
    pub connections: u64,
    /// Connections that were turned away.
    pub turned_away: u64,
    /// Handshakes that failed.
    pub failed_handshakes: u64,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Commands and messages that were refused.
    pub refused: u64,
    /// Sessions that the shutdown cut off.
    pub cut: u64,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListenerStatus {
    /// The address and port it is bound to.
    pub address: String,
    /// For whom it is: `mx` or `relay`.
    pub role: String,
    /// How it offers TLS.
    pub tls: String,
}

/// The queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct QueueStatus {
    /// Whether it takes messages.
    pub health: QueueHealth,
    /// Messages in it.
    pub messages: u64,
    /// Of these, held.
    pub held: u64,
    /// Of these, being delivered.
    pub in_delivery: u64,
    /// Messages accepted since the start.
    pub accepted: u64,
    /// Messages found damaged since the start.
    pub damaged: u64,
    /// How far the queue has been read since the start; nothing once all of it has been.
    #[serde(default)]
    pub loading: Option<Loading>,
}

/// How far a large queue has been read at the start. It takes and delivers mail meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Loading {
    /// Messages read so far.
    pub read: u64,
    /// About how many there are.
    pub total: u64,
}

impl From<postern_spool::Loading> for Loading {
    fn from(loading: postern_spool::Loading) -> Self {
        let postern_spool::Loading { read, total } = loading;
        Self { read, total }
    }
}

/// Whether the queue takes messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum QueueHealth {
    /// It does.
    Good,
    /// Not for now: the disk is too full.
    Full {
        /// Octets that are free.
        available: u64,
        /// Octets that are kept back.
        reserve: u64,
    },
    /// Not until a restart: a write failed.
    Poisoned {
        /// Which, and how.
        reason: String,
    },
}

/// A certificate of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CertificateStatus {
    /// What the configuration calls it.
    pub name: String,
    /// The host names it is for.
    pub names: Vec<String>,
    /// The kind of its key.
    pub key: String,
    /// When it ends.
    pub not_after: String,
    /// How many whole days that is away; negative once it has ended.
    pub days_left: i64,
    /// The OCSP response that is served beside it.
    pub staple: Option<StapleStatus>,
}

/// An OCSP response (RFC 6960) for a certificate of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StapleStatus {
    /// When it ceases to hold.
    pub next_update: String,
    /// Whether that is past, so that it is not served any more.
    pub expired: bool,
}

/// How the configuration was last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ConfigurationStatus {
    /// Its file.
    pub file: String,
    /// When the settings in force were read.
    pub loaded_at: Timestamp,
    /// What the last reload came to, if there was one.
    pub last_reload: Option<Reloaded>,
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Reloaded {
    /// The new settings are in force.
    Applied {
        /// What to look at: warnings, certificates that stayed as they were, settings that need
        /// a restart.
        notes: Vec<String>,
    },
    /// The old settings stay in force.
    Refused {
        /// What is wrong with the new ones.
        errors: Vec<String>,
    },
}

impl From<postern_spool::Health> for QueueHealth {
    fn from(health: postern_spool::Health) -> Self {
        match health {
            postern_spool::Health::Good => Self::Good,
            postern_spool::Health::Full { available, reserve } => Self::Full { available, reserve },
            postern_spool::Health::Poisoned(reason) => Self::Poisoned { reason },
        }
    }
}

impl QueueStatus {
    /// What `spool` says of itself.
    pub fn of(spool: &dyn postern_spool::Spool) -> Self {
        let figures = spool.figures();
        Self {
            health: spool.health().into(),
            messages: figures.messages,
            held: figures.held,
            in_delivery: figures.claimed,
            accepted: figures.accepted,
            damaged: figures.damaged,
            loading: figures.loading.map(Into::into),
        }
    }
}
