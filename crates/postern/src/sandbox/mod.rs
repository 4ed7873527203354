//! What the daemon gives up before it listens: rights that it never needs, and that somebody who
//! found a hole in it would like to have.
//!
//! | with | goes |
//! |---|---|
//! | Landlock | every file outside the folders of the queue, the control socket and the configuration |
//! | seccomp | system calls that start programs, trace, mount, load modules ([`calls`]) |
//!
//! Both hold for every thread and are inherited; nobody gets rid of them before the process ends.
//! They come on top of what the unit of systemd takes away, and hold without it as well.

mod calls;
mod files;

use std::{
    fmt,
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use postern_config::{Loaded, Sandbox};

use self::files::Folders;
use crate::failure::Failure;

/// What was given up, to be told once there is a log.
#[derive(Debug)]
pub(crate) struct GivenUp {
    files: Result<(), String>,
    calls: Result<(), String>,
    wanted: Sandbox,
}

/// Gives up what the configuration says. It is called while there is one thread: the others
/// inherit it.
pub(crate) fn enter(loaded: &Loaded) -> Result<GivenUp, Failure> {
    let service = &loaded.settings.service;
    if service.sandbox == Sandbox::Off {
        return Ok(GivenUp::nothing());
    }
    let folders = folders(loaded)
        .map_err(|error| Failure::new("the folders that the daemon works in", &error))?;
    let given_up = GivenUp {
        files: files::confine(&folders).map_err(|error| error.to_string()),
        calls: calls::deny().map_err(|error| error.to_string()),
        wanted: service.sandbox,
    };
    match (&given_up.trouble(), service.sandbox) {
        (Some(trouble), Sandbox::Required) => Err(Failure::plain(format_args!(
            "the sandbox is required and not complete: {trouble}"
        ))),
        _ => Ok(given_up),
    }
}

impl GivenUp {
    fn nothing() -> Self {
        let off = || Err("it is switched off".to_owned());
        Self {
            files: off(),
            calls: off(),
            wanted: Sandbox::Off,
        }
    }

    fn trouble(&self) -> Option<String> {
        let files = self.files.as_ref().err();
        let calls = self.calls.as_ref().err();
        let told = [("files", files), ("system calls", calls)];
        let told: Vec<_> = told
            .into_iter()
            .filter_map(|(what, error)| Some(format!("{what}: {}", error?)))
            .collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Says what was given up, and what could not be.
    pub(crate) fn tell(&self) {
        if self.wanted == Sandbox::Off {
            tracing::info!("the sandbox is switched off");
            return;
        }
        match self.trouble() {
            None => tracing::info!(sandbox = %self, "rights that are not needed are given up"),
            Some(trouble) => {
                tracing::warn!(sandbox = %self, %trouble, "the sandbox is not complete");
            }
        }
    }
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.files, &self.calls) {
            (Ok(()), Ok(())) => "files and system calls",
            (Ok(()), Err(_)) => "files",
            (Err(_), Ok(())) => "system calls",
            (Err(_), Err(_)) => "nothing",
        })
    }
}

/// Where the daemon reads and writes. What is missing is made, as it would be later on: rights
/// are given to folders, not to names.
fn folders(loaded: &Loaded) -> io::Result<Folders> {
    let settings = &loaded.settings;
    let queue = &settings.spool.path;
    if !queue.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(queue)?;
    }
    let socket = folder_of(&settings.admin.socket);
    if !socket.exists() {
        // Where that fails, the socket cannot be made either, which is told with its name.
        let _ = DirBuilder::new().mode(0o700).create(&socket);
    }
    let mut readable = settings.service.readable.clone();
    for path in &loaded.named {
        readable.push(folder_of(path));
        // A link leads to where somebody keeps the files of several years.
        readable.extend(path.canonicalize().ok().map(|real| folder_of(&real)));
    }
    Ok(Folders {
        readable,
        writable: vec![queue.clone(), socket],
    })
}

/// The folder in which a file is, or where we are for a bare name.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}
