//! The configuration file: TOML to checked settings.
//!
//! One TOML file becomes [`Settings`] in two stages. First each value is read as what its key
//! declares, at the place where it was written; then the sections are held against each other
//! and against the files that they name. What comes out needs no further checks: defaults are
//! filled in, certificates are loaded, the partners have become a
//! [`Policy`](postern_policy::Policy). No port is opened and nothing is written, so this is also
//! all that `postern check` does.
//!
//! Everything that is wrong is told at once, each problem on a line of its own as
//! `FILE:LINE:COLUMN: key.path: what is wrong; what would be right`. Nothing wrong is passed
//! over, because a slip of the pen must never make a rule weaker: unknown keys, keys given
//! twice, keys that would have no effect and keys of later versions are errors. What is unwise
//! comes back as warnings.
//!
//! ```
//! use std::path::Path;
//!
//! let text = r#"
//! hostname = "mx1.example.org"
//!
//! [[listener]]
//! address = "0.0.0.0:25"
//! role = "relay"
//! tls = "maybe"
//! "#;
//! let errors = postern_config::parse(text, Path::new("postern.toml")).unwrap_err();
//! let lines: Vec<_> = errors.problems().iter().map(ToString::to_string).collect();
//! assert_eq!(lines, [
//!     "postern.toml:4:1: listener.networks: is missing: role \"relay\" lets hosts send to any \
//!      domain; name the networks of your own hosts, such as [\"10.0.0.0/8\"]",
//!     "postern.toml:7:7: listener.tls: \"maybe\" is not known here; write \"starttls\", \
//!      \"required\", \"implicit\" or \"none\"",
//! ]);
//! ```
//!
//! Each key is declared once, with its default and its text ([`sample()`] and [`reference()`] are
//! made from the same declarations as the reader).
//!
//! Left out: the environment and inclusion of further files are not looked at, by design; what
//! one reads is what holds. Revocation lists behind URLs are not fetched; the settings name them
//! ([`CrlRegistry`]). `submission` comes with a later version and is refused by name until then.

mod agreement;
mod channels;
mod crl;
mod file;
mod handling;
mod manual;
mod problem;
mod schema;
mod section;
mod settings;
mod value;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

pub use crl::{CrlPlace, CrlRegistry};
pub use problem::{Errors, Position, Problem};
pub use section::{
    admin::Admin,
    alias::{Alias, AliasAddress, Rewrite},
    authentication::{ArcSealing, Authentication},
    certificate::{Certificates, NextKey},
    delivery::{AddressFamilies, Delivery, PrivateTargets},
    dkim::DkimKey,
    dns::{Dns, DnsServers, Dnssec, DnssecAnchors},
    domain::LocalDomain,
    limits::Limits,
    listener::{Judgement, Listener, ListenerTls, Quarantine, Role},
    log::{Log, LogFormat, LogLevel},
    mta_sts::{HonourSts, MtaSts, StsServing, WEB_PROFILE},
    pace::Pace,
    publish::{DmarcPolicy, Publish, SpfOthers},
    queue::Queue,
    reports::Reports,
    route::{Route, RouteBy},
    service::{Sandbox, Service},
    spool::Spool,
    srs::{Secret, Srs},
};
pub use settings::{Settings, Whereabouts};
pub use value::{ByteSize, Rate};

use file::Secrecy;
use schema::{Notes, Purpose, Reported};
use toml::de::DeTable;

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub settings: Settings,
    /// What is unwise in it, in the order of the file.
    pub warnings: Vec<Problem>,
    /// The files and folders that it names, itself among them.
    pub named: BTreeSet<PathBuf>,
}

/// Reads a configuration and every file that it names.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Loaded, Errors> {
    parse(&text_of(path)?, path)
}

/// Reads a configuration for a daemon that is about to start. A certificate of ours whose time is
/// over is a warning then: without it nobody would be served, and strangers hardly look at it. So
/// is a revocation list that ran out: it keeps one partner's mail waiting, not everybody's.
///
/// # Errors
/// Everything else that is wrong with it.
pub fn load_to_start(path: &Path) -> Result<Loaded, Errors> {
    loaded(&text_of(path)?, path, Purpose::Start)
}

/// Reads a configuration to take the place of the one whose revocation lists are given. Lists that
/// both name stay the same sources, which remember what was proven of them. A list that ran out is
/// a warning.
///
/// # Errors
/// Everything else that is wrong with it. The sources have taken what the files hold now all the
/// same, as they would without a reload.
pub fn reload(path: &Path, in_force: &CrlRegistry) -> Result<Loaded, Errors> {
    loaded(&text_of(path)?, path, Purpose::Reload(in_force))
}

/// Reads a configuration whose text is at hand already, as if it stood at `path`: relative paths
/// in it are relative to the folder of that.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, path: &Path) -> Result<Loaded, Errors> {
    loaded(text, path, Purpose::Check)
}

/// Reads where the daemon is, and nothing else: the queue can be looked after while another
/// section has errors, a certificate has expired or a key may not be read by this user. That is
/// when somebody wants to look at it.
///
/// # Errors
/// What is wrong with the names at the top of the file, `[spool]` and `[admin]`, or that it is
/// not TOML.
pub fn whereabouts(path: &Path) -> Result<Whereabouts, Errors> {
    let text = text_of(path)?;
    let notes = Notes::new(path, &text, Purpose::Check);
    read(&notes, settings::whereabouts).map(|(whereabouts, _)| whereabouts)
}

fn text_of(path: &Path) -> Result<String, Errors> {
    file::read(path, Secrecy::Public).map_err(|fault| {
        let file = path.to_owned();
        Errors::from(Problem::new(file, None, "", &fault, &fault.right()))
    })
}

fn loaded(text: &str, path: &Path, purpose: Purpose<'_>) -> Result<Loaded, Errors> {
    let notes = Notes::new(path, text, purpose);
    let (settings, warnings) = read(&notes, settings::read)?;
    let mut named = notes.named();
    named.insert(path.to_owned());
    Ok(Loaded {
        settings,
        warnings,
        named,
    })
}

/// What `reader` makes of the document, with the warnings; or all the errors it has noted.
fn read<T>(
    notes: &Notes<'_>,
    reader: fn(&Notes<'_>, &DeTable<'_>) -> Result<T, Reported>,
) -> Result<(T, Vec<Problem>), Errors> {
    let document = schema::document(notes);
    let read = document.and_then(|document| reader(notes, &document));
    let warnings = notes.finish()?;
    match read {
        Ok(read) => Ok((read, warnings)),
        // Nothing is given up without a note, so this is told to nobody; it is here so that a
        // mistake of ours cannot turn into a configuration.
        Err(Reported) => {
            let file = notes.file().to_owned();
            let problem = Problem::new(file, None, "", &"is not usable", &"report this as a bug");
            Err(problem.into())
        }
    }
}

/// The annotated sample, `config/postern.toml`.
pub fn sample() -> String {
    manual::sample(&settings::ROOT)
}

/// The reference of all keys, `docs/configuration.md`.
pub fn reference() -> String {
    manual::reference(&settings::ROOT)
}
