//! For whom the demonstration is, and what they are told when.

use std::{net::SocketAddr, path::PathBuf};

use serde::Serialize;

use super::{
    Setting,
    outcome::{Played, all_as_it_must_be},
    table,
};
use crate::{cli::Demo, failure::Failure, output};

/// For whom the demonstration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    People,
    Programs,
}

/// What programs are told, once.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    as_it_must_be: bool,
    configuration: PathBuf,
    log: PathBuf,
    mx_listener: SocketAddr,
    relay_listener: SocketAddr,
    scenes: &'a [Played],
    notice: Vec<String>,
}

impl Audience {
    pub(super) fn of(wanted: Demo) -> Self {
        if wanted.format.json {
            Self::Programs
        } else {
            Self::People
        }
    }

    /// Tells people something as it happens.
    pub(super) fn tell(self, text: &str) -> Result<(), Failure> {
        match self {
            Self::People => output::print(text),
            Self::Programs => Ok(()),
        }
    }

    /// Tells what came of the story: people have seen most of it.
    pub(super) fn report(self, setting: &Setting, played: &[Played]) -> Result<(), Failure> {
        let notice = setting.notice();
        match self {
            Self::People => output::print(table::foot(played, &notice)),
            Self::Programs => output::print_json(&Report {
                as_it_must_be: all_as_it_must_be(played),
                configuration: setting.home.configuration(),
                log: setting.home.log(),
                mx_listener: setting.ports.mx,
                relay_listener: setting.ports.relay,
                scenes: played,
                notice,
            }),
        }
    }
}
