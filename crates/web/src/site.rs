//! Which hosts we are on the web, and what they have.

use std::collections::HashSet;

use hyper::body::Bytes;
use postern_mail::Domain;
use postern_policy::StsPolicy;

/// The policy hosts that we are, and the policy that they serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    hosts: HashSet<Domain>,
    policy: Bytes,
}

impl Site {
    /// The policy host of each of these domains. One whose name would be too long has none.
    pub fn new(domains: impl IntoIterator<Item = Domain>, policy: &StsPolicy) -> Self {
        let host = |domain: Domain| format!("mta-sts.{domain}").parse().ok();
        Self {
            hosts: domains.into_iter().filter_map(host).collect(),
            policy: policy.to_text().into(),
        }
    }

    /// The names that a certificate must have for all of them to be reached.
    pub fn hosts(&self) -> impl Iterator<Item = &Domain> {
        self.hosts.iter()
    }

    pub(crate) fn has(&self, host: &Domain) -> bool {
        self.hosts.contains(host)
    }

    pub(crate) fn policy(&self) -> Bytes {
        self.policy.clone()
    }
}
