//! Postern among circumstances that are hard on it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use postern_tests::fault::Fault;

use crate::postern::{Preparation, ThisPostern};
use crate::subject::{Running, Site, Subject, SubjectName};

/// Postern with a queue that was filled before, or with more in its configuration than the workload
/// asks for.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// A queue that is moved into the place of its own.
    pub(super) queue: Option<PathBuf>,
    /// Domains that are relayed to a host of their own, rather than to the sink.
    pub(super) elsewhere: Option<(String, SocketAddr)>,
    /// How many partners it has that none of the mail is for.
    pub(super) partners: usize,
    /// How long the last start took, from the program's first instruction to its greeting.
    pub(super) started: Mutex<Duration>,
}

impl Prepared {
    /// How long the last start took.
    pub(super) fn started(&self) -> Duration {
        self.started
            .lock()
            .map_or_else(|it| *it.into_inner(), |it| *it)
    }

    fn tables(&self) -> String {
        let route = self.elsewhere.iter().map(|(domains, next_hop)| {
            format!("[[route]]\ndomains = [\"{domains}\"]\nnext-hop = [\"{next_hop}\"]\n")
        });
        let partners = (0..self.partners).map(|number| {
            format!(
                "[[partner]]\nname = \"partner{number}\"\ndomains = [\"partner{number}.example\"]\n\
                 stage = \"enforce\"\n[partner.outbound]\nrequire = \"authenticated\"\n"
            )
        });
        route.chain(partners).collect()
    }
}

impl Subject for Prepared {
    fn name(&self) -> SubjectName {
        SubjectName::Postern
    }

    fn version(&self) -> Result<String, Fault> {
        ThisPostern.version()
    }

    fn start(&self, site: &Site) -> Result<Box<dyn Running>, Fault> {
        let preparation = Preparation::new(site, &self.tables())?;
        if let Some(queue) = &self.queue {
            fs::rename(queue, preparation.queue()).map_err(Fault::at(queue))?;
        }
        let begun = Instant::now();
        let running = preparation.start(site)?;
        if let Ok(mut started) = self.started.lock() {
            *started = begun.elapsed();
        }
        Ok(running)
    }
}
