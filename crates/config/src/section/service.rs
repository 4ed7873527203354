//! `[service]`: the process among others on its host.

use std::path::PathBuf;

use crate::{
    schema::{Key, Kind, Occurs, Reported, Scalar, Section, Table},
    value::{FILE, not_a_choice},
};

/// The process among others on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Whether the daemon gives up rights that it does not need.
    pub sandbox: Sandbox,
    /// Folders that it may read beside those that the configuration names.
    pub readable: Vec<PathBuf>,
}

/// Whether the daemon gives up rights that it does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// All of them, or it does not start.
    Required,
    /// As many as the kernel lets it.
    BestEffort,
    /// None.
    Off,
}

static SANDBOXES: Kind<Sandbox> = Kind {
    name: "choice",
    right: "\"required\", \"best-effort\" or \"off\"",
    scalar: Scalar::Text(|text| match text {
        "required" => Ok(Sandbox::Required),
        "best-effort" => Ok(Sandbox::BestEffort),
        "off" => Ok(Sandbox::Off),
        other => Err(not_a_choice(other)),
    }),
};

static SANDBOX: Key<Sandbox> = Key::defaulted(
    "sandbox",
    &SANDBOXES,
    r#""best-effort""#,
    "Whether the daemon gives up, before it listens, what it never needs: starting programs, \
     tracing processes, mounting, loading modules (seccomp), and every file outside the folders of \
     the queue, of the control socket and of what the configuration names (Landlock). \
     `best-effort` gives up what the kernel knows of, `required` does not start unless that is \
     all, `off` gives up nothing. It counts from start to end, whatever a reload says.",
);

static READABLE: Key<PathBuf> = Key::optional(
    "readable",
    &FILE,
    "none",
    r#"["/srv/certificates"]"#,
    "Further folders that the daemon may read, for files that a later configuration names. The \
     folders of the files that this one names, `/etc` and `/usr/share` are readable in any case.",
)
.list();

pub(crate) static SERVICE: Section = Section {
    name: "service",
    occurs: Occurs::Once,
    doc: "The process among others on its host.",
    keys: &[&SANDBOX.entry, &READABLE.entry],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Result<Service, Reported> {
    let sandbox = table.one(&SANDBOX);
    let readable = table.maybe_many(&READABLE)?.unwrap_or_default();
    let notes = table.notes();
    let readable = readable.iter().map(|folder| {
        let path = notes.resolve(&folder.value);
        match path.is_dir() {
            true => Ok(path),
            false => {
                let wrong = format!("{} is not a folder", path.display());
                Err(notes.error(&folder.spot, wrong, "give the path of an existing folder"))
            }
        }
    });
    let readable = crate::schema::all(readable);
    Ok(Service {
        sandbox: sandbox?.value,
        readable: readable?,
    })
}
