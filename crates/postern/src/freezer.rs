//! The file that remembers what operators have frozen, `frozen.json` below the queue.
//!
//! It is read at the start and written before anything freezes or thaws, whole or not at all, so
//! that neither a crash nor a restart lets mail go that somebody stopped. A file that cannot be
//! understood is set aside rather than written over, and told of: what it froze is known to
//! nobody then, and a daemon that did not start for it would stop all mail.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use postern_admin::{FreezeOrder, Freezer, Frozen, PartnerDomains, Timestamp, Whose};
use postern_mail::DomainPattern;
use serde::{Deserialize, Serialize};

use crate::output;

/// The file's name.
const NAME: &str = "frozen.json";

/// Where one goes that cannot be understood.
const ASIDE: &str = "frozen.json.damaged";

/// More than thousands of entries would take.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct FreezerFile {
    directory: PathBuf,
}

/// What stands in it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Contents {
    frozen: Vec<Frozen>,
}

impl FreezerFile {
    /// The one of the queue in `directory`.
    pub(crate) fn below(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// What is frozen, or why that is not known.
    pub(crate) fn read(&self) -> Freezer {
        let path = self.directory.join(NAME);
        let octets = match read(&path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.left_over(),
            Err(error) => return trouble(format!("{} cannot be read: {error}", path.display())),
        };
        match serde_json::from_slice::<Contents>(&octets) {
            Ok(contents) => Freezer {
                frozen: contents.frozen,
                ..self.left_over()
            },
            Err(error) => self.set_aside(&path, &error),
        }
    }

    /// Nothing, with the trouble of an earlier start as long as nobody has looked into it.
    fn left_over(&self) -> Freezer {
        let aside = self.directory.join(ASIDE);
        if !aside.exists() {
            return Freezer::default();
        }
        trouble(format!(
            "what was frozen may have thawed: {} could not be understood at an earlier start; \
             freeze again what it names, and remove it",
            aside.display()
        ))
    }

    fn set_aside(&self, path: &Path, error: &serde_json::Error) -> Freezer {
        let aside = self.directory.join(ASIDE);
        let moved = match fs::rename(path, &aside) {
            Ok(()) => format!("it was moved to {}", aside.display()),
            Err(error) => format!("it cannot be moved aside either: {error}"),
        };
        trouble(format!(
            "what was frozen has thawed: {} cannot be understood ({error}); {moved}",
            path.display()
        ))
    }

    /// Remembers this and nothing else. It is on disk when this returns.
    pub(crate) fn write(&self, frozen: &[Frozen]) -> io::Result<()> {
        let contents = Contents {
            frozen: frozen.to_vec(),
        };
        let mut octets = serde_json::to_vec_pretty(&contents)?;
        octets.push(b'\n');
        let unfinished = self.directory.join(format!(".{NAME}"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(&octets)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.directory.join(NAME))?;
        File::open(&self.directory)?.sync_all()
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut octets)?;
    Ok(octets)
}

fn trouble(text: String) -> Freezer {
    Freezer {
        frozen: Vec::new(),
        trouble: Some(text),
    }
}

/// What an order freezes; `partner` are the domains of the partner that it names. The error says
/// what makes no sense.
pub(crate) fn entries(
    order: &FreezeOrder,
    partner: Option<PartnerDomains>,
    now: Timestamp,
) -> Result<Vec<Frozen>, String> {
    let (name, domains) = match (&order.whose, partner) {
        (Whose::Domain(DomainPattern::Any) | Whose::All, _) => {
            return Err("all mail cannot be frozen: stop postern for that".to_owned());
        }
        (Whose::Domain(domain), _) => (None, vec![domain.clone()]),
        (Whose::Partner(name), partner) => (Some(name), own(name, partner.unwrap_or_default())?),
    };
    let frozen = domains.into_iter().map(|domain| Frozen {
        domain,
        partner: name.cloned(),
        reason: order.reason.clone(),
        since: now,
    });
    Ok(frozen.collect())
}

/// Domains freeze by pattern, and a pattern has no exceptions.
fn own(name: &str, partner: PartnerDomains) -> Result<Vec<DomainPattern>, String> {
    if partner.except.is_empty() {
        return Ok(partner.domains);
    }
    let list = |domains: &[DomainPattern]| output::list(domains, "none");
    Err(format!(
        "{} would be frozen with partner {name} and is not the partner's: freeze by domain what \
         you mean of {}",
        list(&partner.except),
        list(&partner.domains)
    ))
}

/// Adds what is frozen now; what was said of the same domains before counts no more.
pub(crate) fn add(all: &mut Vec<Frozen>, new: &[Frozen]) {
    all.retain(|old| new.iter().all(|it| it.domain != old.domain));
    all.extend_from_slice(new);
}

/// Takes out what thaws. A partner is one by its name, whatever the configuration says of it now.
pub(crate) fn take(all: &mut Vec<Frozen>, whose: &Whose) -> Vec<Frozen> {
    let thaws = |it: &Frozen| match whose {
        Whose::All => true,
        Whose::Domain(domain) => it.domain == *domain,
        Whose::Partner(name) => it.partner.as_ref() == Some(name),
    };
    let (thawed, rest) = all.drain(..).partition(thaws);
    *all = rest;
    thawed
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn frozen(domain: &str, partner: Option<&str>) -> Frozen {
        Frozen {
            domain: domain.parse().unwrap(),
            partner: partner.map(str::to_owned),
            reason: "audit".to_owned(),
            since: SystemTime::UNIX_EPOCH.into(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = FreezerFile::below(directory.path());
        assert_eq!(file.read(), Freezer::default());
        let all = [frozen("*.example", Some("Bank")), frozen("a.example", None)];
        file.write(&all).unwrap();
        assert_eq!(file.read().frozen, all);
        file.write(&[]).unwrap();
        assert_eq!(file.read(), Freezer::default());
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_told_of_until_somebody_has_looked() {
        let directory = tempfile::tempdir().unwrap();
        let file = FreezerFile::below(directory.path());
        for damaged in [&b""[..], b"{\"frozen\": [", b"{\"frozen\": 1}", b"\xff\xfe"] {
            fs::write(directory.path().join(NAME), damaged).unwrap();
            let read = file.read();
            assert_eq!(read.frozen, []);
            let text = read.trouble.unwrap();
            assert!(text.contains("cannot be understood"), "{text}");
            let kept = fs::read(directory.path().join(ASIDE)).unwrap();
            assert_eq!(kept, damaged);
        }
        let all = [frozen("a.example", None)];
        file.write(&all).unwrap();
        let read = file.read();
        assert_eq!(read.frozen, all);
        assert!(read.trouble.is_some());
        fs::remove_file(directory.path().join(ASIDE)).unwrap();
        assert_eq!(file.read().trouble, None);
    }

    #[test]
    fn the_last_word_counts_and_a_partner_thaws_as_a_whole() {
        let mut all = Vec::new();
        add(&mut all, &[frozen("a.example", None)]);
        let bank = [
            frozen("a.example", Some("Bank")),
            frozen("b.example", Some("Bank")),
        ];
        add(&mut all, &bank);
        add(&mut all, &[frozen("c.example", None)]);
        assert_eq!(all.len(), 3);
        assert_eq!(take(&mut all, &Whose::Partner("Bank".to_owned())), bank);
        assert_eq!(
            take(&mut all, &Whose::Domain("d.example".parse().unwrap())),
            []
        );
        assert_eq!(take(&mut all, &Whose::All), [frozen("c.example", None)]);
        assert_eq!(all, []);
    }
}
