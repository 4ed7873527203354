//! `postern key`: private keys, made where they are used.

mod dkim;
mod tls;

use std::path::{Path, PathBuf};

use super::new_file;
use crate::{
    cli::KeyKind,
    failure::{Exit, Failure},
};

pub(crate) fn run(asked: &KeyKind) -> Result<Exit, Failure> {
    match asked {
        KeyKind::Dkim(asked) => dkim::run(asked),
        KeyKind::Tls(asked) => tls::run(asked),
    }
}

/// Where a key may go: into a file of its own, and not through whatever reads our output.
fn check_place(out: &Path) -> Result<(), Failure> {
    if new_file::is_standard_output(out) {
        let text = "a private key is not printed; name a file that is not there yet";
        return Err(Failure::plain(text).usage());
    }
    new_file::refuse_existing(out)
}

/// A path as the configuration should have it: it is read from another directory than this.
fn written(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    quoted(&whole.to_string_lossy())
}

/// A basic string of TOML, which has the escapes of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
