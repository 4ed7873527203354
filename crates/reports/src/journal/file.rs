//! One file of counts.
//!
//! ```text
//! postern-ledger 1
//! 8d0a1f5e3c2b4a69 {"destination":"example.org","policies":[…],"plaintext":[]}
//! 02f1c4be77aa9120 {"destination":"example.net",…
//! ```
//!
//! A line holds the checksum (XXH3, 64 bits) of an entry and the entry, in full: of several with
//! the same key the last one counts. So a flush appends what has changed and no more, a line that
//! was written twice does no harm, and a line that is damaged costs one entry the counts since it
//! was last written. The end of a line is where reading starts again after damage, since JSON as
//! it is written here has no line ends in it.
//!
//! A file that has grown to twice its size since it was last written whole is written whole
//! again: into another, which takes its place once it is on disk. The same is done after any
//! failed write, because nobody knows what the disk holds then, and after damage was found.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use xxhash_rust::xxh3::xxh3_64;

use super::error::{Fault, LedgerError, OnFile};

const VERSION: &str = "1";

/// What the files of a directory hold, which their first line says: one directory must not be
/// taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Ledger,
    JudgedMail,
    SentReports,
}

impl FileKind {
    fn name(self) -> &'static str {
        match self {
            Self::Ledger => "postern-ledger ",
            Self::JudgedMail => "postern-judged-mail ",
            Self::SentReports => "postern-sent-reports ",
        }
    }
}

/// No file is read beyond this. One of ours holds at most twice what is in memory for it, and
/// [`GROWTH`].
const LARGEST: u64 = 64 << 20;

/// How much is appended to a small file before it is written whole.
const GROWTH: u64 = 256 << 10;

/// Appends the line of an entry.
pub(crate) fn line(entry: &impl Serialize, lines: &mut Vec<u8>) -> io::Result<()> {
    let json = serde_json::to_string(entry)?;
    writeln!(lines, "{:016x} {json}", xxh3_64(json.as_bytes()))
}

/// What was read from a file.
#[derive(Debug)]
pub(crate) struct Contents<T> {
    pub(crate) entries: Vec<T>,
    pub(crate) octets: u64,
    pub(crate) fault: Option<Fault>,
}

/// Reads a file as far as it can be.
pub(crate) fn read<T: DeserializeOwned>(kind: FileKind, path: &Path) -> Contents<T> {
    let mut octets = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut octets));
    let unreadable = |why: String| Contents {
        entries: Vec::new(),
        octets: 0,
        fault: Some(Fault::Unreadable(why)),
    };
    match read {
        Err(error) => unreadable(error.to_string()),
        Ok(_) if octets.len() as u64 > LARGEST => unreadable("it is too large".to_owned()),
        Ok(_) => parse(kind, &octets),
    }
}

fn parse<T: DeserializeOwned>(kind: FileKind, octets: &[u8]) -> Contents<T> {
    let mut entries = Vec::new();
    let mut damaged = 0;
    let mut lines = octets.split(|octet| *octet == b'\n');
    // What follows the last line end: nothing, unless a write was cut short.
    let rest = lines.next_back().unwrap_or_default();
    let fault = match lines.next().map(|line| header(kind, line)) {
        Some(Header::Unknown(version)) => Some(Fault::Version(version)),
        header => {
            damaged += usize::from(!matches!(header, Some(Header::Known)));
            for line in lines {
                match parse_line(line) {
                    Some(entry) => entries.push(entry),
                    None => damaged += 1,
                }
            }
            match damaged {
                0 => (!rest.is_empty()).then_some(Fault::Torn),
                _ => Some(Fault::Damaged(damaged)),
            }
        }
    };
    Contents {
        entries,
        octets: octets.len() as u64,
        fault,
    }
}

enum Header {
    Known,
    Unknown(String),
    Damaged,
}

fn header(kind: FileKind, line: &[u8]) -> Header {
    let text = std::str::from_utf8(line).unwrap_or("");
    match text.strip_prefix(kind.name()) {
        Some(VERSION) => Header::Known,
        Some(other) if other.parse::<u32>().is_ok() => Header::Unknown(other.to_owned()),
        Some(_) | None => Header::Damaged,
    }
}

fn parse_line<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let (checksum, rest) = line.split_at_checked(16)?;
    let json = rest.strip_prefix(b" ")?;
    let checksum = u64::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
    if checksum != xxh3_64(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// A file and what is known of it on disk.
#[derive(Debug)]
pub(crate) struct CountsFile {
    kind: FileKind,
    path: PathBuf,
    octets: u64,
    /// Its size when it was last written whole; nothing where that was before this start.
    whole: u64,
    /// Whether it must be written whole before anything is appended.
    stale: bool,
}

impl CountsFile {
    /// A file that does not exist.
    pub(crate) fn new(kind: FileKind, path: PathBuf) -> Self {
        Self {
            kind,
            path,
            octets: 0,
            whole: 0,
            stale: true,
        }
    }

    /// A file that was read.
    pub(crate) fn found<T>(kind: FileKind, path: PathBuf, contents: &Contents<T>) -> Self {
        Self {
            kind,
            path,
            octets: contents.octets,
            whole: 0,
            stale: contents.fault.is_some(),
        }
    }

    /// Whether it is not what it should be, even if nothing has changed in memory.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    pub(crate) fn wants_whole(&self) -> bool {
        self.stale || self.octets > 2 * self.whole + GROWTH
    }

    /// Writes lines: all there are if it [wants them](Self::wants_whole), else the new ones.
    pub(crate) fn write(&mut self, lines: io::Result<Vec<u8>>) -> Result<(), LedgerError> {
        let whole = self.wants_whole();
        self.stale = true;
        let lines = lines.while_trying("encode", &self.path)?;
        if whole {
            self.replace(&lines)?;
        } else {
            self.append(&lines)?;
        }
        self.stale = false;
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), LedgerError> {
        OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| {
                file.write_all(lines)?;
                file.sync_data()
            })
            .while_trying("write", &self.path)?;
        self.octets += lines.len() as u64;
        Ok(())
    }

    fn replace(&mut self, lines: &[u8]) -> Result<(), LedgerError> {
        let new = self.path.with_added_extension(UNFINISHED);
        let header = format!("{}{VERSION}\n", self.kind.name());
        write_whole(&new, &[header.as_bytes(), lines]).while_trying("write", &new)?;
        fs::rename(&new, &self.path).while_trying("put in its place", &new)?;
        if let Some(directory) = self.path.parent() {
            sync_directory(directory).while_trying("sync", directory)?;
        }
        self.octets = (header.len() + lines.len()) as u64;
        self.whole = self.octets;
        Ok(())
    }
}

/// What a file is called until it is whole.
pub(crate) const UNFINISHED: &str = "new";

fn write_whole(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
