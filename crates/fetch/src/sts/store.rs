//! The policies on disk: one file for each domain, called like the domain.
//!
//! ```text
//! postern-sts-1 94d049bb133111eb        the format, and the XXH3 of everything behind this line
//! domain: example.org
//! id: 20260723T1200
//! fetched: 1790000000                   seconds since 1970
//!
//! version: STSv1                        the policy as RFC 8461 §3.2 has it
//! mode: enforce
//! ...
//! ```
//! Whenever the process or the machine stops, a file holds the old policy or the new one. Should
//! a disk give back something else all the same, the sum does not fit, and the
//! file is dropped rather than believed: a policy without its last `mx`, or with a `max_age`
//! that lost a digit, would still parse. The sum is no protection against people, who need to be
//! kept out of the directory like out of the rest of the spool.
//!
//! A domain has neither slashes nor a dot in front, is in lower case and shorter than what file
//! systems allow, so every domain is a file name. Files that begin with a dot are those that were
//! being written.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use postern_mail::Domain;
use postern_policy::{KnownPolicy, StsPolicy, mta_sts::LONGEST_POLICY};
use rustls_pki_types::UnixTime;
use xxhash_rust::xxh3::xxh3_64;

use crate::disk::{make_directory, read_bounded, remove_unfinished, write_whole};

/// The longest file: the longest policy, and a head of a few hundred octets.
const LONGEST_FILE: usize = LONGEST_POLICY + 1024;

const FORMAT: &str = "postern-sts-1 ";

/// Why the directory of policies cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the directory {} for MTA-STS policies", path.display())]
pub struct StsCacheError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The directory.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    /// Held while a file is written or removed.
    changing: Mutex<()>,
}

/// What was on disk.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) policies: Vec<KnownPolicy>,
    /// The files that hold no policy, and what is wrong with each. They are gone.
    pub(super) dropped: Vec<(PathBuf, String)>,
    /// The files that could not be read. They stay: what ails the machine today must not take a
    /// policy back.
    pub(super) unread: Vec<(PathBuf, io::Error)>,
}

impl Store {
    /// Opens the directory, which is made if it is missing, and reads what is in it.
    pub(super) fn open(directory: &Path) -> Result<(Self, Found), StsCacheError> {
        let store = Self {
            directory: directory.to_owned(),
            changing: Mutex::new(()),
        };
        let found = store.read().map_err(|source| StsCacheError {
            path: directory.to_owned(),
            source,
        })?;
        Ok((store, found))
    }

    /// Makes a policy durable in place of the one before.
    pub(super) fn save(&self, known: &KnownPolicy) -> io::Result<()> {
        let _only_one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let name = known.domain.as_str();
        write_whole(&self.directory, name, written(known).as_bytes())
    }

    /// Forgets a policy, unless the domain is wanted again by now: the file may be a new one then.
    /// That it is gone need not survive: an old file is old by its date.
    pub(super) fn remove(
        &self,
        domain: &Domain,
        is_wanted: impl FnOnce() -> bool,
    ) -> io::Result<()> {
        let _only_one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if is_wanted() {
            return Ok(());
        }
        match fs::remove_file(self.directory.join(domain.as_str())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn read(&self) -> io::Result<Found> {
        make_directory(&self.directory)?;
        let mut found = Found::default();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                remove_unfinished(&entry.path());
                continue;
            }
            match read_file(&entry.path(), name.to_str().unwrap_or_default()) {
                Ok(known) => found.policies.push(known),
                Err(Fault::Unread(error)) => found.unread.push((entry.path(), error)),
                Err(Fault::NoPolicy(fault)) => {
                    // What cannot be removed is looked at, and reported, again next time.
                    let _ = fs::remove_file(entry.path());
                    found.dropped.push((entry.path(), fault));
                }
            }
        }
        Ok(found)
    }
}

/// Why a file gives no policy.
enum Fault {
    /// It holds none.
    NoPolicy(String),
    /// What it holds cannot be told.
    Unread(io::Error),
}

fn read_file(path: &Path, name: &str) -> Result<KnownPolicy, Fault> {
    let octets = read_bounded(path, LONGEST_FILE).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Fault::NoPolicy(error.to_string()),
        _ => Fault::Unread(error),
    })?;
    let known = parsed(&octets).ok_or_else(|| Fault::NoPolicy("it is damaged".to_owned()))?;
    if known.domain.as_str() != name {
        return Err(Fault::NoPolicy(format!("it is about {}", known.domain)));
    }
    Ok(known)
}

fn written(known: &KnownPolicy) -> String {
    let body = format!(
        "domain: {}\nid: {}\nfetched: {}\n\n{}",
        known.domain,
        known.id,
        known.fetched.as_secs(),
        known.policy.to_text()
    );
    format!("{FORMAT}{:016x}\n{body}", xxh3_64(body.as_bytes()))
}

fn parsed(octets: &[u8]) -> Option<KnownPolicy> {
    let text = std::str::from_utf8(octets).ok()?;
    let (first, body) = text.split_once('\n')?;
    let sum = u64::from_str_radix(first.strip_prefix(FORMAT)?, 16).ok()?;
    if sum != xxh3_64(body.as_bytes()) {
        return None;
    }
    let (head, policy) = body.split_once("\n\n")?;
    let mut lines = head.lines();
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
    let domain = field("domain")?.parse().ok()?;
    let id = field("id")?.parse().ok()?;
    let fetched = Duration::from_secs(field("fetched")?.parse().ok()?);
    let policy = StsPolicy::parse(policy.as_bytes()).ok()?;
    let fetched = UnixTime::since_unix_epoch(fetched);
    Some(KnownPolicy::fetched(domain, id, policy, fetched))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(domain: &str, mode: &str, fetched: u64) -> KnownPolicy {
        let text = format!("version: STSv1\nmode: {mode}\nmx: mx.{domain}\nmax_age: 604800\n");
        KnownPolicy::fetched(
            domain.parse().unwrap(),
            "20260723".parse().unwrap(),
            StsPolicy::parse(text.as_bytes()).unwrap(),
            UnixTime::since_unix_epoch(Duration::from_secs(fetched)),
        )
    }

    #[track_caller]
    fn check(directory: &Path, expected: &[&KnownPolicy], dropped: usize) {
        let (_, mut found) = Store::open(directory).unwrap();
        found.policies.sort_by_key(|known| known.domain.to_string());
        assert_eq!(found.policies.iter().collect::<Vec<_>>(), expected);
        assert_eq!(found.dropped.len(), dropped, "{:?}", found.dropped);
    }

    #[test]
    fn policies_survive() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("spool/sts");
        let (store, _) = Store::open(&place).unwrap();
        let (a, b) = (
            known("a.example", "enforce", 1),
            known("b.example", "none", 2),
        );
        store.save(&a).unwrap();
        store.save(&b).unwrap();
        check(&place, &[&a, &b], 0);
        let newer = known("a.example", "testing", 3);
        store.save(&newer).unwrap();
        store.remove(&b.domain, || false).unwrap();
        store.remove(&b.domain, || false).unwrap();
        check(&place, &[&newer], 0);
    }

    /// What a copy of the directory holds is what a process that is killed at that moment leaves.
    #[test]
    fn at_every_moment_the_old_policy_or_the_new_one_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("sts");
        let (store, _) = Store::open(&place).unwrap();
        let both = [1, 2].map(|fetched| known("a.example", "enforce", fetched));
        store.save(&both[0]).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for at in 0..200 {
                    store.save(&both[at % 2]).unwrap();
                }
            });
            let mut copies = 0;
            while !writer.is_finished() || copies == 0 {
                let copy = directory.path().join(format!("copy-{copies}"));
                fs::create_dir(&copy).unwrap();
                for name in ["a.example", ".a.example"] {
                    let copied = fs::copy(place.join(name), copy.join(name));
                    assert!(copied.is_ok() || name.starts_with('.'));
                }
                let (_, found) = Store::open(&copy).unwrap();
                assert_eq!(found.dropped, []);
                assert!(both.contains(&found.policies[0]), "{found:?}");
                copies += 1;
            }
        });
    }

    #[test]
    fn the_longest_name_is_a_file_name() {
        let label = "a".repeat(63);
        let domain = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(domain.len(), 253);
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path()).unwrap();
        let mut policy = known("a.example", "enforce", 1);
        policy.domain = domain.parse().unwrap();
        store.save(&policy).unwrap();
        check(directory.path(), &[&policy], 0);
    }

    /// Whatever is left of a file, it is the whole policy or none.
    #[test]
    fn a_damaged_file_is_dropped_and_never_half_believed() {
        let whole = known("a.example", "enforce", 1_790_000_000);
        let text = written(&whole);
        for length in 0..text.len() {
            assert_eq!(parsed(&text.as_bytes()[..length]), None, "{length}");
        }
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            assert_eq!(parsed(&changed), None, "{at}");
        }
        assert_eq!(parsed(text.as_bytes()), Some(whole));
    }

    #[test]
    fn what_cannot_be_read_today_is_there_tomorrow() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("sts");
        let (store, _) = Store::open(&place).unwrap();
        let sound = known("a.example", "enforce", 1);
        store.save(&sound).unwrap();
        let (file, elsewhere) = (place.join("a.example"), directory.path().join("a"));
        fs::rename(&file, &elsewhere).unwrap();
        // A loop of links is what even root cannot read.
        std::os::unix::fs::symlink(&file, &file).unwrap();
        let (_, found) = Store::open(&place).unwrap();
        assert_eq!((found.policies, found.dropped), (vec![], vec![]));
        assert_eq!(found.unread[0].0, file);
        assert!(file.is_symlink());
        fs::rename(&elsewhere, &file).unwrap();
        check(&place, &[&sound], 0);
    }

    /// As when a reload makes another cache while the one before is still in use.
    #[test]
    fn whoever_opens_the_directory_takes_nothing_from_whoever_writes() {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path()).unwrap();
        let policy = known("a.example", "enforce", 1);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..200).try_for_each(|_| store.save(&policy)));
            while !writer.is_finished() {
                Store::open(directory.path()).unwrap();
            }
            writer.join().unwrap().unwrap();
        });
    }

    #[test]
    fn what_is_wanted_again_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path()).unwrap();
        let policy = known("a.example", "enforce", 1);
        store.save(&policy).unwrap();
        store.remove(&policy.domain, || true).unwrap();
        check(directory.path(), &[&policy], 0);
    }

    #[test]
    fn what_is_no_policy_does_not_keep_the_rest_from_being_read() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let (store, _) = Store::open(place).unwrap();
        let sound = known("a.example", "enforce", 1);
        store.save(&sound).unwrap();
        let file = fs::read(place.join("a.example")).unwrap();
        fs::write(place.join("b.example"), &file).unwrap(); // the policy of somebody else
        fs::write(place.join("c.example"), &file[..file.len() / 2]).unwrap();
        fs::write(place.join("d.example"), vec![b'x'; 100_000]).unwrap();
        fs::write(place.join("e.example"), b"").unwrap();
        fs::write(place.join("A.EXAMPLE"), &file).unwrap();
        fs::write(place.join(".f.example"), &file[..9]).unwrap(); // was being written
        check(place, &[&sound], 5);
        check(place, &[&sound], 0);
        assert_eq!(fs::read_dir(place).unwrap().count(), 1);
    }
}
