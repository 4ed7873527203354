//! Rot and cuts in the queue's files. Whatever the damage, the queue opens, nothing is lost
//! without a report, and what the damage did not touch is delivered.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use postern_mail::QueueId;
use postern_spool::{
    Fault, Filter, LocalSpool, Opened, Outcome, Quarantined, Spool, SpoolError, Submission,
};

use crate::common::{
    claim_all, copy_all, delivered, failure, open, outcomes, settings, submission,
};

/// A queue on disk and what is in it.
struct Specimen {
    directory: tempfile::TempDir,
    messages: BTreeMap<QueueId, Bytes>,
    removed: QueueId,
}

/// Which of the engine's files hold the records of a specimen.
#[derive(Clone, Copy)]
enum Records {
    Journal,
    Both,
    Tables,
}

impl Specimen {
    #[tokio::main(flavor = "current_thread")]
    async fn new(records: Records) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut messages = BTreeMap::new();
        let removed = {
            let spool = open(directory.path());
            let removed = accept(&spool, "delivered long ago".into()).await;
            for number in 0..4 {
                let content = Bytes::from(format!("message {number}\r\n").repeat(number + 1));
                messages.insert(accept(&spool, content.clone()).await, content);
            }
            let large = Bytes::from("large ".repeat(300_000));
            messages.insert(accept(&spool, large.clone()).await, large);
            for claim in claim_all(&spool).await {
                let due = claim.recipients()[0].index;
                let deferred = Outcome::Deferred {
                    until: SystemTime::now() + Duration::from_secs(60),
                    failure: failure("not now"),
                };
                let settlement = match claim.id() == removed {
                    true => delivered(&claim),
                    false => outcomes([(due, deferred)]),
                };
                spool.settle(&claim, settlement).await.unwrap();
            }
            removed
        };
        let specimen = Self {
            directory,
            messages,
            removed,
        };
        let store = specimen.directory.path().join("store");
        match records {
            Records::Journal => {}
            Records::Both => move_to_tables(&store),
            Records::Tables => {
                move_to_tables(&store);
                for journal in files(&store).iter().filter(|path| is_journal(path)) {
                    fs::write(journal, "").unwrap();
                }
            }
        }
        for journal in files(&store).iter().filter(|path| is_journal(path)) {
            cut_zeros(journal);
        }
        specimen
    }

    /// The paths of its files, from its root.
    fn files(&self) -> Vec<PathBuf> {
        let root = self.directory.path();
        let files = files(root).into_iter();
        files
            .map(|path| path.strip_prefix(root).unwrap().to_owned())
            .collect()
    }

    /// Damages a copy and holds what the copy opens as against the original.
    #[track_caller]
    fn check(&self, file: &Path, harm: &Harm) -> Vec<Quarantined> {
        let copy = scratch();
        copy_all(self.directory.path(), copy.path());
        let damaged = copy.path().join(file);
        let mut octets = fs::read(&damaged).unwrap();
        harm.inflict(&mut octets);
        fs::write(&damaged, octets).unwrap();
        let context = format!("{}: {harm:?}", file.display());
        let opened = LocalSpool::open(&settings(copy.path()));
        let Opened { spool, quarantined } = opened.unwrap_or_else(|e| panic!("{context}: {e}"));
        let lost = self.compare(&spool, &context);
        match lost {
            Lost::Nothing => {}
            Lost::Reported(count) => {
                let bearable = count <= 1 || matches!(harm, Harm::Cut(_));
                assert!(bearable, "{context}: {count} are gone: {quarantined:?}");
            }
            // A journal that ends earlier looks like one that was written so far.
            Lost::Silently => {
                let unknowable = is_journal(file) && matches!(harm, Harm::Cut(_));
                assert!(unknowable, "{context}: gone without a word");
            }
        }
        drop(spool);
        // The damage is dealt with: the next start finds none of it.
        let again = LocalSpool::open(&settings(copy.path())).unwrap();
        assert_eq!(again.quarantined, [], "{context}");
        quarantined
    }

    #[tokio::main(flavor = "current_thread")]
    async fn compare(&self, spool: &LocalSpool, context: &str) -> Lost {
        let listed = spool.list(&Filter::default(), None, 99).await.unwrap();
        for message in listed.messages {
            if message.hold.is_some() {
                spool.release(message.id).await.unwrap();
            }
        }
        let later = SystemTime::now() + Duration::from_secs(3600);
        let mut missing = self.messages.clone();
        // A removal may be lost as well.
        let mut back = false;
        for claim in spool.claim(later, 99).await.unwrap() {
            let content = claim.content().head(10_000_000).await;
            match (content, missing.remove(&claim.id())) {
                (Ok(content), Some(expected)) => assert!(content == expected, "{context}: torn"),
                (Err(SpoolError::Damaged(_)), Some(_)) => {}
                (Err(error), Some(_)) => panic!("{context}: {error}"),
                (_, None) => {
                    assert_eq!(claim.id(), self.removed, "{context}");
                    back = true;
                }
            }
        }
        match (missing.len(), spool.figures().damaged) {
            (0, _) if !back => Lost::Nothing,
            (_, 0) => Lost::Silently,
            (count, _) => Lost::Reported(count),
        }
    }
}

enum Lost {
    Nothing,
    Reported(usize),
    Silently,
}

#[derive(Debug)]
enum Harm {
    Flip(usize),
    Cut(usize),
    Append(Vec<u8>),
}

impl Harm {
    fn inflict(&self, octets: &mut Vec<u8>) {
        match self {
            Self::Flip(at) => octets[*at] ^= 0x55,
            Self::Cut(length) => octets.truncate(*length),
            Self::Append(more) => octets.extend(more),
        }
    }
}

async fn accept(spool: &LocalSpool, content: Bytes) -> QueueId {
    let mut writer = spool.content();
    writer.write(content).await.unwrap();
    let submission = Submission {
        content: writer.finish().await.unwrap(),
        ..submission(&["a@x.example"], "")
    };
    spool.accept(submission).await.unwrap()
}

/// Lets the engine write its tables, as it does by itself after some megabytes.
fn move_to_tables(store: &Path) {
    let database = fjall::Database::builder(store).open().unwrap();
    for name in ["messages", "contents"] {
        let keyspace = database
            .keyspace(name, || unreachable!("it exists"))
            .unwrap();
        keyspace.rotate_memtable_and_wait().unwrap();
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jnl")
}

/// A journal is made 64 MiB long beforehand, too long to copy it a thousand times.
fn cut_zeros(journal: &Path) {
    let octets = fs::read(journal).unwrap();
    let used = octets
        .iter()
        .rposition(|octet| *octet != 0)
        .map_or(0, |at| at + 1);
    fs::write(journal, &octets[..used]).unwrap();
}

/// A directory in memory where the system has such, since hundreds of queues are opened here and
/// none has to outlive the machine.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Places to damage in a file: all of a small one, some of a larger one, and always the ends.
/// With `POSTERN_EVERY_OCTET` in the environment it is all of those as well that are not huge;
/// that takes half an hour.
fn places(length: usize) -> impl Iterator<Item = usize> {
    let every = std::env::var_os("POSTERN_EVERY_OCTET").is_some();
    let step = match length {
        0..40 => 1,
        40..100_000 if every => 1,
        // A prime, so that it falls on every kind of field.
        40..100_000 => 149,
        _ => length / 5,
    };
    (0..length).step_by(step).chain(length.checked_sub(1))
}

fn check_every_file(records: Records) {
    let specimen = Specimen::new(records);
    for file in specimen.files() {
        let length = fs::read(specimen.directory.path().join(&file))
            .unwrap()
            .len();
        for at in places(length) {
            specimen.check(&file, &Harm::Flip(at));
        }
        for at in places(length).step_by(4) {
            specimen.check(&file, &Harm::Cut(at));
        }
    }
}

#[test]
fn a_damaged_queue_in_its_journal_opens() {
    check_every_file(Records::Journal);
}

#[test]
fn a_damaged_queue_in_journal_and_tables_opens() {
    check_every_file(Records::Both);
}

#[test]
fn a_damaged_queue_in_its_tables_opens() {
    check_every_file(Records::Tables);
}

#[test]
fn what_lies_behind_damage_in_the_journal_is_kept() {
    let specimen = Specimen::new(Records::Journal);
    let journal = Path::new("store/0.jnl");
    let octets = fs::read(specimen.directory.path().join(journal)).unwrap();
    // In the content of the second message, with four more behind it.
    let text = b"message 0";
    let at = octets
        .windows(text.len())
        .position(|window| window == text)
        .unwrap();
    let quarantined = specimen.check(journal, &Harm::Flip(at));
    assert_eq!(quarantined[0].fault, Fault::Journal);
}

/// A start that ends between the mending of a journal and the moment when what was saved from it is in
/// the store: the journal is sound by then, and only the copy beside it has the rest.
#[test]
fn a_mending_that_was_cut_short_is_begun_again() {
    const TRAILER: &[u8] = b"FJL\x03";
    let specimen = Specimen::new(Records::Journal);
    let copy = scratch();
    copy_all(specimen.directory.path(), copy.path());
    let journal = copy.path().join("store/0.jnl");
    let mut octets = fs::read(&journal).unwrap();
    let find = |octets: &[u8], text: &[u8]| octets.windows(text.len()).position(|it| it == text);
    let at = find(&octets, b"message 0").unwrap();
    let before = octets[..at].windows(4).rposition(|it| it == TRAILER);
    let begin = before.unwrap() + TRAILER.len();
    let end = at + find(&octets[at..], TRAILER).unwrap() + TRAILER.len();
    // The checksum of the batch rots, and the records in it are whole.
    octets[end - 6] ^= 0x55;
    let mended = [&octets[..begin], &octets[end..]].concat();
    fs::write(&journal, &mended).unwrap();
    let without = scratch();
    copy_all(copy.path(), without.path());
    assert_eq!(whole_messages(&specimen, &open(without.path())), 4);

    let unfinished = copy.path().join("quarantine/0.jnl.0.mending");
    fs::write(&unfinished, &octets).unwrap();
    let opened = LocalSpool::open(&settings(copy.path())).unwrap();
    assert_eq!(opened.quarantined[0].fault, Fault::Journal);
    assert_eq!(opened.quarantined[0].kept, unfinished.with_extension(""));
    assert!(!unfinished.exists() && unfinished.with_extension("").exists());
    drop(opened);
    assert_eq!(whole_messages(&specimen, &open(copy.path())), 5);
}

/// How many messages are there with their content.
#[tokio::main(flavor = "current_thread")]
async fn whole_messages(specimen: &Specimen, spool: &LocalSpool) -> usize {
    let later = SystemTime::now() + Duration::from_secs(3600);
    let mut whole = 0;
    for claim in spool.claim(later, 99).await.unwrap() {
        let content = claim.content().head(10_000_000).await.ok();
        whole += usize::from(content.as_ref() == specimen.messages.get(&claim.id()));
    }
    whole
}

#[test]
fn a_batch_that_was_cut_short_is_no_damage() {
    let specimen = Specimen::new(Records::Journal);
    // The start of a batch of three, and some of its first item.
    let torn = vec![1, 3, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1];
    let quarantined = specimen.check(Path::new("store/0.jnl"), &Harm::Append(torn));
    assert_eq!(quarantined, []);
}
