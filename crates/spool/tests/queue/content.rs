//! Content in memory, in files, and between the two.

use std::{fs, path::Path};

use bytes::Bytes;
use postern_spool::{Content, Fault, LocalSpool, Settings, Spool, SpoolError, Submission};

use crate::common::{claim_all, delivered, open, read, settings, submission};

/// Content that differs in every octet from its neighbours.
fn octets(count: usize) -> Bytes {
    (0..count).map(|at| (at * 7 % 251) as u8).collect()
}

async fn write(spool: &dyn Spool, content: &Bytes, piece: usize) -> Content {
    let mut writer = spool.content();
    for piece in content.chunks(piece) {
        writer.write(content.slice_ref(piece)).await.unwrap();
    }
    assert_eq!(writer.octets(), content.len() as u64);
    writer.finish().await.unwrap()
}

fn with_content(content: Content) -> Submission {
    Submission {
        content,
        ..submission(&["a@x.example"], "")
    }
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn content_of_every_size_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let limit = 1024 * 1024;
    for size in [
        0,
        1,
        4095,
        4096,
        limit - 1,
        limit,
        limit + 1,
        3 * limit + 17,
    ] {
        for piece in [1000, 4096, 100_000, 5 * limit] {
            let spool = open(directory.path());
            let content = octets(size);
            let received = write(&spool, &content, piece).await;
            assert_eq!(received.octets(), size as u64);
            assert_eq!(read(&received).await, content, "{size} by {piece}");
            let id = spool.accept(with_content(received)).await.unwrap();
            let in_file = directory
                .path()
                .join("content")
                .join(id.to_string())
                .exists();
            assert_eq!(in_file, size > limit);
            assert_eq!(files(&directory.path().join("incoming")), [""; 0]);
            drop(spool);

            let spool = open(directory.path());
            let claim = claim_all(&spool).await.remove(0);
            assert_eq!(read(claim.content()).await, content, "{size} by {piece}");
            assert_eq!(
                claim.content().head(9).await.unwrap(),
                content.slice(..size.min(9))
            );
            spool.settle(&claim, delivered(&claim)).await.unwrap();
            drop(claim);
            drop(spool);
            assert_eq!(files(&directory.path().join("content")), [""; 0]);
        }
    }
}

#[tokio::test]
async fn content_that_is_not_accepted_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let incoming = directory.path().join("incoming");
    let mut unfinished = spool.content();
    unfinished.write(octets(2_000_000)).await.unwrap();
    assert_eq!(files(&incoming).len(), 1);
    drop(unfinished);
    assert_eq!(files(&incoming), [""; 0]);
    let finished = write(&spool, &octets(2_000_000), 65_536).await;
    drop(finished);
    assert_eq!(files(&incoming), [""; 0]);
    assert_eq!(files(&directory.path().join("content")), [""; 0]);
}

#[tokio::test]
async fn content_beyond_the_memory_of_all_goes_to_files() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        memory: 100_000,
        ..settings(directory.path())
    };
    let spool = LocalSpool::open(&settings).unwrap().spool;
    let incoming = directory.path().join("incoming");
    let first = write(&spool, &octets(60_000), 10_000).await;
    assert_eq!(files(&incoming), [""; 0]);
    let second = write(&spool, &octets(60_000), 10_000).await;
    assert_eq!(files(&incoming).len(), 1, "both together are too much");
    assert_eq!(read(&second).await, octets(60_000));
    drop(first);
    write(&spool, &octets(60_000), 10_000).await;
    assert_eq!(
        files(&incoming).len(),
        1,
        "the first has given its memory back"
    );
}

#[tokio::test]
async fn what_a_crash_left_behind_is_swept() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    fs::write(directory.path().join("incoming/1-1.part"), "half").unwrap();
    fs::write(
        directory.path().join("content/06GC8M3C00000007"),
        "ownerless",
    )
    .unwrap();
    drop(open(directory.path()));
    assert_eq!(files(&directory.path().join("incoming")), [""; 0]);
    assert_eq!(files(&directory.path().join("content")), [""; 0]);
    assert_eq!(files(&directory.path().join("quarantine")), [""; 0]);
}

#[tokio::test]
async fn damaged_content_never_ends_and_is_held() {
    let directory = tempfile::tempdir().unwrap();
    for damage in [Damage::Flipped, Damage::Cut, Damage::Gone] {
        let spool = open(directory.path());
        let content = write(&spool, &octets(2_000_000), 65_536).await;
        let id = spool.accept(with_content(content)).await.unwrap();
        let file = directory.path().join("content").join(id.to_string());
        damage.inflict(&file);

        let claim = claim_all(&spool).await.remove(0);
        let mut reader = claim.content().reader();
        let end = loop {
            match reader.next().await {
                Ok(Some(_)) => {}
                end => break end,
            }
        };
        assert!(
            matches!(end, Err(SpoolError::Damaged(_))),
            "{damage:?}: {end:?}"
        );
        assert!(
            reader.next().await.is_err(),
            "an error is not followed by an end"
        );
        drop((reader, claim));
        assert_eq!(claim_all(&spool).await.len(), 0);
        let held = spool.get(id).await.unwrap().unwrap().hold;
        assert!(held.unwrap().contains("damaged"));
        spool.remove(id).await.unwrap();
    }
}

#[derive(Debug)]
enum Damage {
    Flipped,
    Cut,
    Gone,
}

impl Damage {
    fn inflict(&self, file: &Path) {
        let mut octets = fs::read(file).unwrap();
        match self {
            Self::Flipped => {
                let middle = octets.len() / 2;
                octets[middle] ^= 1;
                fs::write(file, octets).unwrap();
            }
            Self::Cut => fs::write(file, &octets[..octets.len() - 1]).unwrap(),
            Self::Gone => fs::remove_file(file).unwrap(),
        }
    }
}

#[tokio::test]
async fn the_queue_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("queue");
    let spool = open(&path);
    let content = write(&spool, &octets(2_000_000), 65_536).await;
    let id = spool.accept(with_content(content)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("content").join(id.to_string())), 0o600);
}

#[tokio::test]
async fn a_full_disk_is_refused_before_content_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let id = {
        let spool = open(directory.path());
        spool
            .accept(submission(&["a@x.example"], "x"))
            .await
            .unwrap()
    };
    let settings = Settings {
        reserve: u64::MAX,
        ..settings(directory.path())
    };
    let spool = LocalSpool::open(&settings).unwrap().spool;
    assert!(matches!(spool.admit(0), Err(SpoolError::Full { .. })));
    let refused = spool.accept(submission(&["a@x.example"], "x")).await;
    assert!(matches!(refused, Err(SpoolError::Full { .. })));
    // What is queued is still delivered, notifications included.
    let claim = claim_all(&spool).await.remove(0);
    assert_eq!(claim.id(), id);
    let settlement = postern_spool::Settlement {
        submissions: vec![submission(&["jo@sender.example"], "notice")],
        ..delivered(&claim)
    };
    let settled = spool.settle(&claim, settlement).await.unwrap();
    assert_eq!((settled.submitted.len(), settled.waiting), (1, 0));
}

#[tokio::test]
async fn content_of_lost_messages_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let version = directory.path().join("store/version");
    fs::write(version, "rotten").unwrap();
    fs::write(directory.path().join("content/06GC8M3C00000007"), "whose?").unwrap();
    let opened = LocalSpool::open(&settings(directory.path())).unwrap();
    let ownerless = opened
        .quarantined
        .iter()
        .find(|found| found.fault == Fault::Ownerless);
    assert_eq!(fs::read(&ownerless.unwrap().kept).unwrap(), b"whose?");
}

/// The pieces one after the other.
async fn in_pieces(content: &Content) -> Bytes {
    let pieces = content.pieces(content.octets()).await.unwrap().unwrap();
    pieces.concat().into()
}

#[tokio::test]
async fn another_head_leaves_the_rest_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let head = Bytes::from_static(b"Received: by us\r\n");
    let in_file = 1024 * 1024 + 300_000;
    for size in [0, 1, 5000, in_file] {
        for instead_of in [0, 1, 4096, 262_144, 262_145, size, size + 1] {
            let content = octets(size);
            let rest = content.slice(instead_of.min(size)..);
            let expected = Bytes::from([&head[..], &rest[..]].concat());
            let received = write(&spool, &content, 4500).await;
            let changed = received.with_head(head.clone(), instead_of as u64);
            let changed = changed.await.unwrap();
            assert_eq!(changed.octets(), expected.len() as u64);
            assert_eq!(in_pieces(&changed).await, expected, "{size} {instead_of}");

            spool.accept(with_content(changed)).await.unwrap();
            assert_eq!(files(&directory.path().join("incoming")), [""; 0]);
            let claim = claim_all(&spool).await.remove(0);
            assert_eq!(in_pieces(claim.content()).await, expected);
            // What is in the queue already can be given another head as well, and stays.
            let again = claim.content().clone();
            let again = again.with_head(Bytes::from_static(b"X"), head.len() as u64);
            let expected = [b"X", &rest[..]].concat();
            assert_eq!(in_pieces(&again.await.unwrap()).await, expected);
            assert!(in_pieces(claim.content()).await.starts_with(&head));
            spool.settle(&claim, delivered(&claim)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_damaged_file_gets_no_other_head() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let incoming = directory.path().join("incoming");
    let received = write(&spool, &octets(2_000_000), 65_536).await;
    let file = incoming.join(&files(&incoming)[0]);
    let mut rotten = fs::read(&file).unwrap();
    rotten[1_500_000] ^= 1;
    fs::write(&file, rotten).unwrap();
    let changed = received.with_head(Bytes::from_static(b"X"), 10).await;
    assert!(
        matches!(changed, Err(SpoolError::File { .. })),
        "{changed:?}"
    );
    assert_eq!(files(&incoming), [""; 0], "neither it nor its copy stays");
}

#[tokio::test]
async fn content_larger_than_wanted_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path());
    let content = write(&spool, &octets(1000), 300).await;
    assert_eq!(content.pieces(999).await.unwrap(), None);
    assert!(content.pieces(1000).await.unwrap().is_some());
}
