//! Content files without a message: deleted, or kept beside other damage.

use std::{
    fs,
    path::{Path, PathBuf},
};

use postern_mail::QueueId;

use super::home::Home;
use crate::{Fault, OpenError, Quarantined, error::OnFile};

/// The content files that were there before anything could be accepted: which of them have a
/// message is known once all messages are.
#[derive(Debug)]
pub(super) struct Sweep {
    files: Vec<PathBuf>,
}

impl Sweep {
    /// Empties `incoming/`, and looks which content there is.
    pub(super) fn prepare(home: &Home) -> Result<Self, OpenError> {
        for path in entries(&home.incoming())? {
            fs::remove_file(&path).while_opening("delete", &path)?;
        }
        let files = entries(&home.content())?;
        Ok(Self { files })
    }

    /// Clears `content/` of the files without a message, of which `is_known` says whether it is
    /// in the queue.
    pub(super) fn carry_out(
        self,
        is_known: &dyn Fn(QueueId) -> bool,
        home: &Home,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<(), OpenError> {
        for path in self.files {
            let id = path.file_name().and_then(|name| name.to_str());
            let id = id.and_then(|name| name.parse::<QueueId>().ok());
            if id.is_none_or(|id| !is_known(id) && !is_for_a_newer_version(id, quarantined)) {
                sweep(&path, id, home, quarantined)?;
            }
        }
        Ok(())
    }
}

fn is_for_a_newer_version(id: QueueId, quarantined: &[Quarantined]) -> bool {
    let newer =
        |found: &Quarantined| found.id == Some(id) && matches!(found.fault, Fault::Version(_));
    quarantined.iter().any(newer)
}

/// A content file without a message is as a rule one whose message was never accepted or has
/// been delivered. Where messages were lost it may be one of theirs.
fn sweep(
    path: &Path,
    id: Option<QueueId>,
    home: &Home,
    quarantined: &mut Vec<Quarantined>,
) -> Result<(), OpenError> {
    // While the queue works, the message may leave it and take its content along.
    if !path.exists() {
        return Ok(());
    }
    let Some(id) = id.filter(|_| !quarantined.is_empty()) else {
        return fs::remove_file(path).while_opening("delete", path);
    };
    let kept = home.content_aside(id);
    fs::rename(path, &kept).while_opening("move away", path)?;
    if !quarantined.iter().any(|found| found.id == Some(id)) {
        quarantined.push(Quarantined {
            id: Some(id),
            fault: Fault::Ownerless,
            kept,
        });
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, OpenError> {
    fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .while_opening("list", directory)
}
