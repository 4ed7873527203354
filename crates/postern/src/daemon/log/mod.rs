//! The log: events as lines on standard error, or in the journal of systemd.

mod fields;
mod journal;
mod lines;

use std::io::{self, IsTerminal as _};

use postern_config::{LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::{Identity, Layer, SubscriberExt as _},
    reload,
    util::SubscriberInitExt as _,
};

pub(crate) use self::lines::flush;
use self::{fields::Fields, lines::ToStandardError};

/// The running log, whose level can be changed.
#[derive(Debug)]
pub(crate) struct Log {
    filter: reload::Handle<Targets, Registry>,
}

impl Log {
    /// Starts the log of this process on standard error or in the journal. It is called once.
    pub(crate) fn start(settings: &postern_config::Log) -> Self {
        let colours = io::stderr().is_terminal();
        let lines = match leads_to_journal(settings.format) {
            true => ToStandardError::start(journal::Journal::default()),
            false => ToStandardError::start(io::stderr()),
        };
        Self::start_into(lines, colours, Box::new(Identity::new()), settings)
    }

    /// Starts the log of this process elsewhere, with a layer that reads along what is written.
    pub(crate) fn start_into(
        writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
        colours: bool,
        reader: Box<dyn Layer<Registry> + Send + Sync>,
        settings: &postern_config::Log,
    ) -> Self {
        let (filter, handle) = reload::Layer::new(targets(settings.level));
        let lines = fmt::layer().with_writer(writer).with_ansi(colours);
        let as_json = settings.format == LogFormat::Json || leads_to_journal(settings.format);
        let lines = match as_json {
            false => lines.fmt_fields(Fields).boxed(),
            true => lines.json().flatten_event(true).boxed(),
        };
        // The filter is outermost so that nothing is formatted that is not written.
        let filter = reader.and_then(filter);
        let registry = tracing_subscriber::registry().with(filter).with(lines);
        // Only a second start would fail.
        let _ = registry.try_init();
        Self { filter: handle }
    }

    /// Changes the level.
    pub(crate) fn set_level(&self, level: LogLevel) {
        // It fails only when the subscriber is gone, with nobody left to log for.
        let _ = self.filter.reload(targets(level));
    }
}

/// Whether events go to the journal, which is given lines of JSON to take apart.
fn leads_to_journal(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => libsystemd::logging::connected_to_journal(),
        LogFormat::Journal => true,
        LogFormat::Plain | LogFormat::Json => false,
    }
}

/// Our own events at `level`; of libraries only what is wrong, since at lower levels they tell
/// octets of messages.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // What a peer sends makes rustls warn, an alert for each line; how a handshake ended is told
    // by our own events.
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("rustls", level.min(LevelFilter::ERROR))
        // A server that strips signatures makes hickory warn at each look-up, with the whole
        // response; what became of a look-up is told by our own events.
        .with_target("hickory_", level.min(LevelFilter::ERROR))
        .with_target("postern", level)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_do_not_repeat_what_peers_send() {
        let filter = targets(LogLevel::Trace);
        for (target, level, expected) in [
            ("postern_dns::resolver", Level::TRACE, true),
            ("hyper::proto", Level::WARN, true),
            ("hyper::proto", Level::INFO, false),
            ("rustls::conn", Level::WARN, false),
            ("hickory_net::dnssec", Level::WARN, false),
            ("hickory_resolver::name_server", Level::WARN, false),
            ("hickory_resolver::name_server", Level::ERROR, true),
        ] {
            let written = filter.would_enable(target, &level);
            assert_eq!(written, expected, "{target} {level}");
        }
    }
}
