//! `[log]`: what is told of the daemon's work.

use crate::{
    schema::{Key, Kind, Occurs, Reported, Scalar, Section, Table},
    value::not_a_choice,
};

/// What is told of the daemon's work, on standard error or in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How an event is written.
    pub format: LogFormat,
    /// The least urgent events that are written.
    pub level: LogLevel,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// To the journal, where standard error leads there; else a line for people.
    Auto,
    /// A line for people.
    Plain,
    /// A JSON object on a line.
    Json,
    /// To the journal of systemd, with the fields as its fields.
    Journal,
}

/// How urgent an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Someone must act.
    Error,
    /// It was coped with, but look.
    Warn,
    /// A message's life.
    Info,
    /// Commands and replies.
    Debug,
    /// Octets.
    Trace,
}

static FORMATS: Kind<LogFormat> = Kind {
    name: "choice",
    right: "\"auto\", \"plain\", \"json\" or \"journal\"",
    scalar: Scalar::Text(|text| match text {
        "auto" => Ok(LogFormat::Auto),
        "plain" => Ok(LogFormat::Plain),
        "json" => Ok(LogFormat::Json),
        "journal" => Ok(LogFormat::Journal),
        other => Err(not_a_choice(other)),
    }),
};

static LEVELS: Kind<LogLevel> = Kind {
    name: "choice",
    right: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    scalar: Scalar::Text(|text| match text {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Ok(LogLevel::Trace),
        other => Err(not_a_choice(other)),
    }),
};

static FORMAT: Key<LogFormat> = Key::defaulted(
    "format",
    &FORMATS,
    r#""auto""#,
    "`plain` for a line per event, `json` for an object per line, `journal` for the journal of \
     systemd, where each field is one of the journal's: `journalctl POSTERN_QUEUE_ID=...`. `auto` is \
     `journal` where standard error leads there, else `plain`.",
);

static LEVEL: Key<LogLevel> = Key::defaulted(
    "level",
    &LEVELS,
    r#""info""#,
    "The least urgent events written: `error` (someone must act), `warn` (look), `info` (a \
     message's life), `debug` (commands and replies) or `trace` (octets).",
);

pub(crate) static LOG: Section = Section {
    name: "log",
    occurs: Occurs::Once,
    doc: "What is told of the daemon's work, on standard error or in the journal.",
    keys: &[&FORMAT.entry, &LEVEL.entry],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Result<Log, Reported> {
    let format = table.one(&FORMAT);
    let level = table.one(&LEVEL);
    Ok(Log {
        format: format?.value,
        level: level?.value,
    })
}
