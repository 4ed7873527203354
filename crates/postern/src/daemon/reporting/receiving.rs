//! Mail to the addresses for reports: read, and kept.
//!
//! Such an address is public, so what comes there may be anything. What is no report is no reason
//! to trouble its sender, who cannot be known, and may be one that cannot be read yet: the first
//! part of it is kept for whoever wants to look, as long as there is room, and the log says why.

use std::{
    fmt::Display,
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use postern_authentication::is_ours;
use postern_mail::{Domain, Foreign, ForwardPath, QueueId, header};
use postern_outbound::{LocalDelivery, LocalError};
use postern_reports::received::{
    Kept, MOST_MAIL, ReceivedMail, ReceivedReport, ReceivedReports, SenderProof, StoreError, read,
};
use postern_spool::Claim;

use crate::failure::{Failure, chain};

/// How many messages that are no reports are kept.
const MOST_UNRECOGNISED: usize = 50;

/// How much of each.
const MOST_OCTETS: usize = 64 * 1024;

/// What others report to us.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) reports: ReceivedReports,
    unrecognised: PathBuf,
    /// How many messages were no reports, since the start.
    pub(super) strays: AtomicU64,
}

/// Takes in the mail for the addresses for reports.
#[derive(Debug)]
pub(in super::super) struct Receiver {
    pub(super) received: Arc<Received>,
    /// The name under which our results stand in messages.
    pub(super) authserv_id: String,
}

impl Received {
    /// Opens what is kept below `directory`. Reads files, and so blocks.
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::new("cannot start", error);
        let reports = ReceivedReports::open(&directory.join("received"));
        let reports = reports.map_err(|error| failed(&error))?;
        reports.tidy().map_err(|error| failed(&error))?;
        let unrecognised = directory.join("unrecognised");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&unrecognised)
            .map_err(|error| failed(&error))?;
        Ok(Self {
            reports,
            unrecognised,
            strays: AtomicU64::new(0),
        })
    }

    /// Keeps the first part of what is no report. The oldest give way: their names begin with the
    /// time.
    fn keep_stray(&self, id: QueueId, content: &[u8]) -> io::Result<PathBuf> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.unrecognised)? {
            kept.push(entry?.path());
        }
        kept.sort();
        let more = (kept.len() + 1).saturating_sub(MOST_UNRECOGNISED);
        for old in kept.iter().take(more) {
            // Several are kept at a time, and one of them may have removed it.
            fs::remove_file(old).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        }
        let path = self.unrecognised.join(format!("{id}.eml"));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        let cut = content.get(..MOST_OCTETS).unwrap_or(content);
        file.write_all(cut)?;
        Ok(path)
    }
}

/// A message that came for one of the addresses.
#[derive(Debug)]
struct Arrival {
    id: QueueId,
    received_at: SystemTime,
    content: Bytes,
}

#[async_trait]
impl LocalDelivery for Receiver {
    async fn deliver(&self, _recipient: &ForwardPath, message: &Claim) -> Result<(), LocalError> {
        // One octet more than is read tells that it is too large.
        let content = message.content().head(MOST_MAIL + 1).await;
        let arrival = Arrival {
            id: message.id(),
            received_at: message.received_at(),
            content: content.map_err(|error| LocalError::Transient(chain(&error)))?,
        };
        let (received, authserv_id) = (Arc::clone(&self.received), self.authserv_id.clone());
        // Unpacking and the disk take their time.
        let work = move || take_in(&received, &authserv_id, &arrival);
        let taken = tokio::task::spawn_blocking(work).await;
        taken.unwrap_or_else(|_panic| Err(LocalError::Transient("it could not be read".into())))
    }
}

fn take_in(received: &Received, authserv_id: &str, arrival: &Arrival) -> Result<(), LocalError> {
    let author = proven_author(&arrival.content, authserv_id);
    let mail = ReceivedMail {
        content: &arrival.content,
        received_at: arrival.received_at,
        proof: match &author {
            Some(_) => SenderProof::PassedDmarc,
            None => SenderProof::None,
        },
        author,
    };
    match read(&mail) {
        Ok(report) => keep(received, arrival, &report),
        Err(why) => {
            stray(received, arrival, &why);
            Ok(())
        }
    }
}

fn keep(received: &Received, arrival: &Arrival, report: &ReceivedReport) -> Result<(), LocalError> {
    let (queue_id, kept) = (arrival.id, received.reports.keep(report));
    let report = &report.id;
    match kept {
        Ok(Kept::New) => tracing::info!(%queue_id, report, "a report of somebody is kept"),
        Ok(Kept::Duplicate) => tracing::debug!(%queue_id, report, "a report came again"),
        // It would be so at each attempt, and its sender cannot mend it.
        Err(error @ StoreError::TooLarge) => stray(received, arrival, &error),
        Err(error) => return Err(LocalError::Transient(chain(&error))),
    }
    Ok(())
}

fn stray(received: &Received, arrival: &Arrival, why: &dyn Display) {
    received.strays.fetch_add(1, Ordering::Relaxed);
    let queue_id = arrival.id;
    match received.keep_stray(queue_id, &arrival.content) {
        Ok(path) => {
            let kept = path.display();
            tracing::warn!(%queue_id, %why, %kept, "a message to an address for reports is none");
        }
        Err(error) => {
            tracing::warn!(%queue_id, %why, %error, "a message to an address for reports is none, \
                           and cannot be kept");
        }
    }
}

/// The author domain, where our own results say that DMARC passed. Ours stand above all that a
/// message came with, our `Received` field included: what stands first is ours or not results.
fn proven_author(content: &[u8], authserv_id: &str) -> Option<Domain> {
    let first = header::fields(content).next()?;
    if !first.is("Authentication-Results") || !is_ours(&first, authserv_id) {
        return None;
    }
    let value = std::str::from_utf8(first.value()).ok()?;
    // What others wrote cannot look like a result in it.
    let (_, behind) = value.split_once("dmarc=pass")?;
    let mut words = behind.split([' ', '\t', '\r', '\n', ';']);
    let domain = words.find_map(|word| word.strip_prefix("header.from="))?;
    let domain = domain.parse();
    domain
        .inspect_err(|error| tracing::debug!(%error, value = %Foreign::new(value), "no author"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: Option<&str>) {
        let content = content.replace('\n', "\r\n");
        let found = proven_author(content.as_bytes(), "mx1.example.org");
        assert_eq!(found.as_ref().map(Domain::as_str), expected, "{content}");
    }

    #[test]
    fn only_our_own_results_prove_an_author() {
        let ours = "Authentication-Results: mx1.example.org;\n\tspf=fail;\n\
                    \tdmarc=pass header.from=example.net policy.dmarc=reject\n";
        check(
            &format!("{ours}From: a@example.net\n\n"),
            Some("example.net"),
        );
        check(&ours.replace("=pass", "=fail"), None);
        check(&ours.replace("mx1", "mx2"), None);
        // Below our trace field everything is the sender's.
        check(&format!("Received: by us\n{ours}\n"), None);
        check("", None);
    }

    fn received(home: &Path) -> Received {
        Received::open(home).unwrap()
    }

    fn arrival(number: u32, content: &'static [u8]) -> Arrival {
        Arrival {
            id: QueueId::new(1_790_000_000_000, number),
            received_at: SystemTime::now(),
            content: Bytes::from_static(content),
        }
    }

    #[test]
    fn what_is_no_report_is_kept_within_bounds() {
        let home = tempfile::tempdir().unwrap();
        let received = received(home.path());
        for number in 0..60 {
            let mail = arrival(number, b"Subject: buy\r\n\r\nthis\r\n");
            take_in(&received, "mx1.example.org", &mail).unwrap();
        }
        assert_eq!(received.strays.load(Ordering::Relaxed), 60);
        let kept = fs::read_dir(&received.unrecognised).unwrap().count();
        assert_eq!(kept, MOST_UNRECOGNISED);
        let first = arrival(0, b"").id;
        let gone = received.unrecognised.join(format!("{first}.eml"));
        assert!(!gone.exists());
        assert_eq!(received.reports.list().unwrap(), []);
    }

    #[test]
    fn a_report_is_kept_once() {
        let home = tempfile::tempdir().unwrap();
        let received = received(home.path());
        let mail = b"Content-Type: application/json\r\n\r\n\
            {\"organization-name\": \"Example\", \"report-id\": \"1\", \"policies\": [],\
             \"date-range\": {\"start-datetime\": \"2026-11-22T00:00:00Z\",\
                              \"end-datetime\": \"2026-11-22T23:59:59Z\"}}";
        for number in 0..2 {
            take_in(&received, "mx1.example.org", &arrival(number, mail)).unwrap();
        }
        let kept = received.reports.list().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].reporter, "Example");
        assert_eq!(kept[0].proof, SenderProof::None);
    }
}
