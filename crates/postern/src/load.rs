//! Loading the configuration, for commands that need one to be right.

use std::path::Path;

use postern_config::Loaded;

use crate::failure::Failure;

/// The configuration, or all that is wrong with it.
pub(crate) fn load(path: &Path) -> Result<Loaded, Failure> {
    postern_config::load(path).map_err(Failure::plain)
}
