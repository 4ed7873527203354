//! What a survey tells of a host.

use postern_policy::{DaneFacts, DnsProof, Explanation, Provenance, Refusal};
use serde::Serialize;

use super::{Trouble, age, left, words};
use crate::{attempt::status_of_refused, host, prospect::Prospect};

/// A host, what is known of it, and what that comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HostSurvey {
    /// Its name, or its address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who says that it takes the mail.
    pub provenance: Provenance,
    /// Where it is.
    pub address: Address,
    /// What its TLSA records say.
    pub dane: Dane,
    /// The name that is indicated in the handshake.
    pub server_name: Option<String>,
    /// What its channel must meet.
    pub requirement: Explanation,
    /// Whether it would be dialled.
    pub dialled: Judged,
    /// Whether it would be if every rule that is only measured were in force.
    pub if_enforced: Judged,
}

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Address {
    /// Its addresses, in the order in which they are tried.
    pub usable: Vec<String>,
    /// Why it has none that may be used.
    pub trouble: Option<Trouble>,
    /// What DNS said, where it was asked.
    pub answer: Option<AddressAnswer>,
}

/// What DNS said of the addresses of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AddressAnswer {
    /// How well the addresses and all aliases before them are proven.
    pub proof: DnsProof,
    /// The aliases on the way.
    pub aliases: Vec<Alias>,
    /// How many seconds ago the answer came, where that is known.
    pub age: Option<u64>,
    /// For how many seconds more it counts.
    pub valid_for: u64,
}

/// A name that stands for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Alias {
    /// The alias.
    pub name: String,
    /// What it stands for.
    pub target: String,
    /// How well that is proven.
    pub proof: String,
}

/// What is known of the TLSA records of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "state",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Dane {
    /// DANE says nothing of this host.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// It was proven that there are none.
    Absent,
    /// There are some.
    Records {
        /// The TLSA base domain.
        base: String,
        /// The records.
        records: Vec<TlsaNote>,
    },
    /// Whether there are any could not be found out.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// A TLSA record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TlsaNote {
    /// The record.
    pub record: String,
    /// Why it is not usable, where it is not.
    pub unusable: Option<String>,
}

/// What the policy says of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "verdict",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Judged {
    /// Nothing stands against it.
    Allowed,
    /// Something does.
    Refused {
        /// What.
        reason: String,
        /// With which status the message waits or goes back.
        status: String,
    },
}

impl HostSurvey {
    pub(super) fn of(prospect: &Prospect) -> Self {
        let plan = &prospect.plan;
        let facts = plan.facts();
        Self {
            host: facts.host.to_string(),
            port: prospect.host.next_hop.port(),
            provenance: facts.provenance,
            address: Address::of(prospect),
            dane: Dane::of(&facts.dane),
            server_name: plan.server_name().map(ToString::to_string),
            requirement: plan.explanation(),
            dialled: Judged::of(&plan.judge_host()),
            if_enforced: Judged::of(&plan.judge_host_in_full()),
        }
    }
}

impl Address {
    fn of(prospect: &Prospect) -> Self {
        let answer = match &prospect.located {
            Ok(located) => located.answer.as_ref(),
            Err(not_located) => not_located.answer.as_ref(),
        };
        let (usable, trouble) = match &prospect.located {
            Ok(located) => (words(&located.addresses), None),
            Err(not_located) => (Vec::new(), Some(Trouble::from(&not_located.unreachable))),
        };
        Self {
            usable,
            trouble,
            answer: answer.map(AddressAnswer::of),
        }
    }
}

impl AddressAnswer {
    fn of(answer: &host::AddressAnswer) -> Self {
        let alias = |alias: &postern_dns::Alias| Alias {
            name: alias.name.to_string(),
            target: alias.target.to_string(),
            proof: alias.proof.to_string(),
        };
        Self {
            proof: answer.proof,
            aliases: answer.aliases.iter().map(alias).collect(),
            age: answer.received.map(age),
            valid_for: left(answer.valid_until),
        }
    }
}

impl Dane {
    fn of(facts: &DaneFacts) -> Self {
        match facts {
            DaneFacts::NotApplicable(reason) => Self::NotApplicable {
                reason: reason.to_string(),
            },
            DaneFacts::Absent => Self::Absent,
            DaneFacts::Records(found) => {
                let note = |record: &postern_tls::TlsaRecord| TlsaNote {
                    record: record.to_string(),
                    unusable: record.fault().map(|fault| fault.to_string()),
                };
                Self::Records {
                    base: found.base.to_string(),
                    records: found.records.records().map(note).collect(),
                }
            }
            DaneFacts::Unknown(reason) => Self::Unknown {
                reason: reason.to_string(),
            },
        }
    }
}

impl Judged {
    pub(super) fn of(judged: &Result<(), Refusal>) -> Self {
        match judged {
            Ok(()) => Self::Allowed,
            Err(refusal) => Self::Refused {
                reason: refusal.to_string(),
                status: status_of_refused(refusal).to_string(),
            },
        }
    }
}
