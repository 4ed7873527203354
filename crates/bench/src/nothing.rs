//! No subject: the load goes to the sink itself.

use std::net::SocketAddr;

use postern_tests::fault::Fault;
use rustix::process::Pid;

use crate::subject::{Running, Site, Subject, SubjectName};

/// The subject that is not there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nothing;

#[derive(Debug)]
struct RunningNothing {
    sink: SocketAddr,
}

impl Subject for Nothing {
    fn name(&self) -> SubjectName {
        SubjectName::Nothing
    }

    fn version(&self) -> Result<String, Fault> {
        Ok(String::new())
    }

    fn start(&self, site: &Site) -> Result<Box<dyn Running>, Fault> {
        let sink = site.next_hop;
        Ok(Box::new(RunningNothing { sink }))
    }
}

impl Running for RunningNothing {
    fn address(&self) -> SocketAddr {
        self.sink
    }

    fn processes(&self) -> Vec<Pid> {
        Vec::new()
    }

    fn log(&self) -> String {
        String::new()
    }
}
