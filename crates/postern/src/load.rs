//! Loading the configuration, for commands that need one to be right, or only the way to the daemon.

use std::path::Path;

use postern_config::{CrlRegistry, Loaded, Whereabouts};

use crate::failure::Failure;

/// The configuration, or all that is wrong with it.
pub(crate) fn load(path: &Path) -> Result<Loaded, Failure> {
    postern_config::load(path).map_err(Failure::plain)
}

/// The configuration that a running daemon is to take up, or all that is wrong with it.
pub(crate) fn load_to_reload(path: &Path) -> Result<Loaded, Failure> {
    postern_config::reload(path, &CrlRegistry::default()).map_err(Failure::plain)
}

/// The configuration for a daemon that is about to start, or all that is wrong with it.
pub(crate) fn load_to_start(path: &Path) -> Result<Loaded, Failure> {
    postern_config::load_to_start(path).map_err(Failure::plain)
}

/// Where the daemon and its queue are, however wrong the rest of the configuration is.
pub(crate) fn whereabouts(path: &Path) -> Result<Whereabouts, Failure> {
    postern_config::whereabouts(path).map_err(Failure::plain)
}
