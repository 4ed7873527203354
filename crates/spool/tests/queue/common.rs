//! What the tests of the queue share.

use std::{fs, path::Path, time::SystemTime};

use bytes::Bytes;
use postern_mail::{BodyType, EnhancedStatusCode, Envelope, ForwardPath, ReversePath, TlsWish};
use postern_spool::{
    BounceTo, Claim, Content, Failure, LocalSpool, Opened, Origin, Outcome, RecipientIndex,
    Settings, Settlement, Spool, Submission,
};

/// Opens a queue that must be sound.
#[track_caller]
pub(crate) fn open(path: &Path) -> LocalSpool {
    let Opened { spool, quarantined } = LocalSpool::open(&settings(path)).unwrap();
    assert_eq!(quarantined, []);
    spool
}

pub(crate) fn settings(path: &Path) -> Settings {
    Settings {
        reserve: 0,
        ..Settings::at(path)
    }
}

pub(crate) fn envelope(recipients: &[&str]) -> Envelope {
    let path = |text: &str| format!("<{text}>");
    let recipients = recipients.iter().map(|recipient| {
        ForwardPath::parse_prefix(&path(recipient))
            .unwrap()
            .0
            .into()
    });
    Envelope {
        reverse_path: ReversePath::parse_prefix("<jo@sender.example>").unwrap().0,
        recipients: recipients.collect(),
        body: BodyType::EightBitMime,
        smtputf8: false,
        ret: None,
        envelope_id: None,
        tls_wish: TlsWish::Unstated,
    }
}

pub(crate) fn submission(recipients: &[&str], content: impl Into<Bytes>) -> Submission {
    Submission {
        envelope: envelope(recipients),
        origin: Origin::Ourselves,
        received_at: SystemTime::now(),
        content: Content::from_pieces([content.into()]),
        bounce_to: BounceTo::Sender,
        quarantined: None,
        hold: None,
    }
}

pub(crate) async fn read(content: &Content) -> Bytes {
    let limit = usize::try_from(content.octets()).unwrap() + 1;
    content.head(limit).await.unwrap()
}

/// Everything that is due by now.
pub(crate) async fn claim_all(spool: &dyn Spool) -> Vec<Claim> {
    spool.claim(SystemTime::now(), usize::MAX).await.unwrap()
}

pub(crate) fn failure(text: &str) -> Failure {
    Failure::here(SystemTime::now(), EnhancedStatusCode::transient(4, 1), text)
}

pub(crate) fn outcomes(
    outcomes: impl IntoIterator<Item = (RecipientIndex, Outcome)>,
) -> Settlement {
    Settlement {
        outcomes: outcomes.into_iter().collect(),
        ..Settlement::default()
    }
}

/// All recipients of a claim are delivered.
pub(crate) fn delivered(claim: &Claim) -> Settlement {
    outcomes(
        claim
            .recipients()
            .iter()
            .map(|due| (due.index, Outcome::Delivered)),
    )
}

/// Copies a directory with all that is in it.
pub(crate) fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_all(&path, &copy),
            false => drop(fs::copy(&path, &copy).unwrap()),
        }
    }
}
