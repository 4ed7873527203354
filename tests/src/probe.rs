//! What Postern would do with mail for a domain, as its command line tells programs.

use serde::Deserialize;

use crate::fault::Fault;
use crate::postern::Installation;
use crate::programs;

/// What came of dialling the mail hosts of a domain.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Probe {
    /// The hosts, in the order of a delivery.
    pub hosts: Vec<Host>,
}

/// A mail host.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Host {
    /// Its addresses that were dialled.
    pub addresses: Vec<Address>,
}

/// An address of a mail host.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Address {
    /// What a delivery would have made of it.
    pub outcome: Outcome,
}

/// What a delivery would have made of an address.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// It would have been given the message.
    Permitted {
        /// On what basis.
        basis: String,
    },
    /// A rule would have refused it.
    Refused {
        /// Why.
        reason: String,
    },
    /// It did not come so far.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Probe {
    /// The basis on which the first host would have been given the message that would have been
    /// given any.
    pub fn permitted(&self) -> Option<&str> {
        let mut addresses = self.hosts.iter().flat_map(|host| &host.addresses);
        addresses.find_map(|address| match &address.outcome {
            Outcome::Permitted { basis } => Some(basis.as_str()),
            Outcome::Refused { .. } | Outcome::Failed { .. } => None,
        })
    }
}

impl Installation {
    /// `postern probe DOMAIN --json`. It ends with a failure where a delivery would not succeed.
    pub fn probe(&self, domain: &str) -> Result<Probe, Fault> {
        let output = self.run(&["probe", domain, "--json"])?;
        serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = programs::both(&output);
            Fault::Unexpected(format!("probe {domain}: {error}:\n{said}"))
        })
    }
}
