//! The temporary directory in which all files of a demonstration lie.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use postern_tls::{CertificateFiles, TrustAnchors};
use tempfile::TempDir;

use crate::failure::Failure;

/// The directory. It goes, with all that is in it, when this is dropped.
#[derive(Debug)]
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new() -> Result<Self, Failure> {
        let made = tempfile::Builder::new().prefix("postern-demo-").tempdir();
        made.map(Self)
            .map_err(|error| Failure::new("cannot make a temporary directory", &error))
    }

    /// The place of a file.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn configuration(&self) -> PathBuf {
        self.file("postern.toml")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.file("postern.log")
    }

    /// Writes a file that nobody but its owner can read: some are private keys, and nobody else
    /// has any business with the rest.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.file(name);
        write_secret(&path, text)
            .map_err(|error| Failure::new(format_args!("cannot write {}", path.display()), &error))
    }

    /// The files of a certificate and its key.
    pub(super) fn pair(&self, stem: &str) -> CertificateFiles {
        CertificateFiles {
            name: stem.to_owned(),
            chain: self.file(&format!("{stem}.pem")),
            key: self.file(&format!("{stem}.key")),
            ocsp: None,
        }
    }

    /// An authority, for a neighbour to trust.
    pub(super) fn anchors(&self, authority: &str) -> Result<TrustAnchors, Failure> {
        TrustAnchors::from_file(&self.file(&format!("{authority}.pem")))
            .map_err(|error| Failure::new("an authority of the demonstration", &error))
    }
}

fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
