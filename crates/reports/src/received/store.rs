//! Reports as files: one each, JSON, named by when it came and what we call it.
//!
//! ```text
//! 001795435200-8d0a1f5e3c2b4a69.json
//! .001795435200-8d0a1f5e3c2b4a69.json    one that is being written
//! ```
//! A report is on disk and in its place before it is said to be kept. One process keeps; others
//! may look.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use postern_mail::Domain;
use serde::Serialize;

use super::{ReceivedReport, Report, SenderProof};
use crate::journal::day::moment;

/// The most reports that are kept.
pub const MOST_REPORTS: usize = 5_000;

/// The most octets that they take.
pub const MOST_STORED: u64 = 256 << 20;

/// The most octets of one.
const MOST_OCTETS: u64 = 32 << 20;

/// Whether a report was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was not known.
    New,
    /// It is there already; nothing was changed.
    Duplicate,
}

/// Why a report cannot be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or the directory could not be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It takes too much room.
    #[error("the report is larger than {MOST_OCTETS} octets")]
    TooLarge,
    /// A file is not what was written.
    #[error("{0} is damaged")]
    Damaged(PathBuf),
}

/// What a list says of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// What we call it.
    pub id: String,
    /// `dmarc`, `tls` or `failure`.
    pub kind: String,
    /// When it came.
    #[serde(with = "moment")]
    pub received_at: SystemTime,
    /// The Author Domain of its mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Domain>,
    /// What the domain is worth.
    pub proof: SenderProof,
    /// Who it says it is from.
    pub reporter: String,
    /// About which domain.
    pub domain: String,
    /// The first moment that it tells of.
    #[serde(with = "moment")]
    pub begin: SystemTime,
    /// The last one.
    #[serde(with = "moment")]
    pub end: SystemTime,
    /// How many messages, sessions or incidents it tells of.
    pub total: u64,
    /// How many of them failed.
    pub failed: u64,
}

/// The reports that were kept.
#[derive(Debug)]
pub struct ReceivedReports {
    directory: PathBuf,
    /// One writes at a time.
    writing: Mutex<()>,
}

/// A file by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    seconds: u64,
    id: String,
}

impl Name {
    fn of(report: &ReceivedReport) -> Self {
        let since = report.received_at.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            seconds: since.map_or(0, |it| it.as_secs()),
            id: report.id.clone(),
        }
    }

    fn file(&self) -> String {
        format!("{:012}-{}.json", self.seconds, self.id)
    }

    fn parse(file: &str) -> Option<Self> {
        let (seconds, id) = file.strip_suffix(".json")?.split_once('-')?;
        let name = Self {
            seconds: seconds.parse().ok()?,
            id: id.to_owned(),
        };
        (is_id(id) && name.file() == file).then_some(name)
    }
}

/// Whether this may be what we call a report; nothing else comes near a path.
fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|octet| octet.is_ascii_hexdigit())
}

impl ReceivedReports {
    /// The reports in a directory, which is made where it is missing.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed("make the directory", directory))?;
        Ok(Self {
            directory: directory.to_owned(),
            writing: Mutex::new(()),
        })
    }

    /// Removes what a stop left unfinished. For the process that keeps reports, at its start.
    pub fn tidy(&self) -> Result<(), StoreError> {
        let _nobody_writes = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = fs::read_dir(&self.directory).map_err(failed("read", &self.directory))?;
        for entry in entries {
            let entry = entry.map_err(failed("read", &self.directory))?;
            let file = entry.file_name();
            let unfinished = file.to_str().and_then(|name| name.strip_prefix('.'));
            if unfinished.and_then(Name::parse).is_some() {
                let path = entry.path();
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Keeps a report. What is oldest gives way where there is no room. Waits for the disk.
    pub fn keep(&self, report: &ReceivedReport) -> Result<Kept, StoreError> {
        let _only_one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let files = self.files()?;
        if files.keys().any(|name| name.id == report.id) {
            return Ok(Kept::Duplicate);
        }
        let octets = serde_json::to_vec(report).unwrap_or_default();
        let size = octets.len() as u64;
        if size > MOST_OCTETS {
            return Err(StoreError::TooLarge);
        }
        self.make_room(files, size)?;
        self.write(&Name::of(report).file(), &octets)?;
        Ok(Kept::New)
    }

    /// Removes the oldest until there is room for one more.
    fn make_room(&self, files: BTreeMap<Name, u64>, size: u64) -> Result<(), StoreError> {
        let mut count = files.len();
        let mut octets: u64 = files.values().sum();
        for (name, of_file) in files {
            if count < MOST_REPORTS && octets + size <= MOST_STORED {
                break;
            }
            let path = self.directory.join(name.file());
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            count -= 1;
            octets -= of_file;
        }
        Ok(())
    }

    fn write(&self, name: &str, octets: &[u8]) -> Result<(), StoreError> {
        let unfinished = self.directory.join(format!(".{name}"));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| {
                file.write_all(octets)?;
                file.sync_all()
            });
        written.map_err(failed("write", &unfinished))?;
        let place = self.directory.join(name);
        fs::rename(&unfinished, &place).map_err(failed("put in its place", &place))?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed("sync", &self.directory))
    }

    /// All reports, the newest first. A damaged one is passed over. Waits for the disk.
    pub fn list(&self) -> Result<Vec<Summary>, StoreError> {
        let names = self.files()?.into_keys().rev();
        let reports = names.filter_map(|name| self.load(&name).ok());
        Ok(reports.map(|report| report.summary()).collect())
    }

    /// How many there are, as far as the directory can be read.
    pub fn count(&self) -> u64 {
        self.files().map_or(0, |files| files.len() as u64)
    }

    /// One report, if there is one that we call so. Waits for the disk.
    pub fn show(&self, id: &str) -> Result<Option<ReceivedReport>, StoreError> {
        let names = self.files()?.into_keys();
        match names.into_iter().find(|name| name.id == id) {
            Some(name) => self.load(&name).map(Some),
            None => Ok(None),
        }
    }

    /// The files there are with their sizes, the oldest first.
    fn files(&self) -> Result<BTreeMap<Name, u64>, StoreError> {
        let mut files = BTreeMap::new();
        let entries = fs::read_dir(&self.directory).map_err(failed("read", &self.directory))?;
        for entry in entries {
            let entry = entry.map_err(failed("read", &self.directory))?;
            let file = entry.file_name();
            if let Some(name) = file.to_str().and_then(Name::parse) {
                // One that is gone in between takes no room.
                files.insert(name, entry.metadata().map_or(0, |it| it.len()));
            }
        }
        Ok(files)
    }

    fn load(&self, name: &Name) -> Result<ReceivedReport, StoreError> {
        let path = self.directory.join(name.file());
        let mut octets = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MOST_OCTETS).read_to_end(&mut octets))
            .map_err(failed("read", &path))?;
        serde_json::from_slice(&octets).map_err(|_| StoreError::Damaged(path))
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File {
        action,
        path,
        source,
    }
}

impl ReceivedReport {
    /// What a list says of it.
    pub fn summary(&self) -> Summary {
        summary(self)
    }
}

fn summary(report: &ReceivedReport) -> Summary {
    let (begin, end) = period(report);
    let (kind, reporter, domain, total, failed) = match &report.report {
        Report::Dmarc(it) => {
            let counts = it.rows.iter().map(|row| (row, row.count));
            let failures = counts
                .clone()
                .filter(|(row, _)| !row.row.evaluated.passes());
            (
                "dmarc",
                it.metadata.org_name.clone(),
                it.policy_domain.clone(),
                sum(counts.map(|(_, count)| count)),
                sum(failures.map(|(_, count)| count)),
            )
        }
        Report::Tls(it) => {
            let summaries = || it.policies.iter().map(|policy| &policy.summary);
            let failed = sum(summaries().map(|it| it.total_failure_session_count));
            let met = sum(summaries().map(|it| it.total_successful_session_count));
            let domain = it
                .policies
                .first()
                .map(|it| it.policy.policy_domain.clone());
            (
                "tls",
                it.organization_name.clone(),
                domain.unwrap_or_default(),
                met.saturating_add(failed),
                failed,
            )
        }
        Report::Failure(it) => {
            let incidents = u64::from(it.incidents);
            (
                "failure",
                it.reporting_mta.clone().unwrap_or_default(),
                it.reported_domain.first().cloned().unwrap_or_default(),
                incidents,
                incidents,
            )
        }
    };
    Summary {
        id: report.id.clone(),
        kind: kind.to_owned(),
        received_at: report.received_at,
        author: report.author.clone(),
        proof: report.proof,
        reporter,
        domain,
        begin,
        end,
        total,
        failed,
    }
}

/// What a report covers; a moment that no clock can show is that of its coming.
fn period(report: &ReceivedReport) -> (SystemTime, SystemTime) {
    let at = |seconds: u64| {
        let since = Duration::from_secs(seconds);
        let moment = SystemTime::UNIX_EPOCH.checked_add(since);
        // Year 9999 is the last that is written.
        moment
            .filter(|_| seconds < 253_402_300_800)
            .unwrap_or(report.received_at)
    };
    match &report.report {
        Report::Dmarc(it) => (at(it.metadata.begin), at(it.metadata.end)),
        Report::Tls(it) => (it.date_range.start_datetime, it.date_range.end_datetime),
        Report::Failure(it) => {
            let arrival = it.arrival.and_then(|at| u64::try_from(at).ok());
            let arrival = arrival.map_or(report.received_at, at);
            (arrival, arrival)
        }
    }
}

/// What others count may be anything.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}
