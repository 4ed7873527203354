//! `[spool]`.

/// What the queue goes by.
pub(crate) fn settings(written: &postern_config::Spool) -> postern_spool::Settings {
    postern_spool::Settings {
        reserve: written.reserve.octets(),
        ..postern_spool::Settings::at(&written.path)
    }
}
