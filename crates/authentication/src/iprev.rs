//! Whether a client is what its address is called: "iprev" (RFC 8601 §3).

use std::{fmt, net::IpAddr};

use postern_dns::Name;
use serde::{Deserialize, Serialize};

use crate::{
    answers::{Missing, Questions},
    reason::printable,
};

/// The results of RFC 8601 §2.7.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IprevResult {
    /// The address has a name that has the address.
    Pass,
    /// Its names do not have the address.
    Fail,
    /// It could not be found out; later it may.
    TempError,
    /// The address has no name.
    PermError,
}

impl fmt::Display for IprevResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

/// What the reverse mapping of an address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IprevOutcome {
    /// The result.
    pub result: IprevResult,
    /// The name that leads back to the address.
    pub name: Option<Name>,
    /// Why it is not a pass. Printable ASCII, fit for a comment.
    pub reason: Option<String>,
}

/// The most names of an address that are looked at. RFC 8601 §3 leaves the bound to us; honest
/// addresses have one.
const NAMES: usize = 3;

/// Asks what an address is called, and whether what is called so has the address.
pub(crate) async fn check(questions: &Questions, client: IpAddr) -> IprevOutcome {
    let client = client.to_canonical();
    let outcome = |result, name, reason: Option<&str>| IprevOutcome {
        result,
        name,
        reason: reason.map(printable),
    };
    let names = match questions.ptr(client).await {
        Ok(names) => names,
        Err(Missing::NoSuchName | Missing::NoData) => {
            let reason = "the address has no name";
            return outcome(IprevResult::PermError, None, Some(reason));
        }
        Err(Missing::Unknown(why)) => return outcome(IprevResult::TempError, None, Some(&why)),
    };
    let mut unknown = None;
    for name in names.into_iter().take(NAMES) {
        match questions.addresses(&name, client).await {
            Ok(addresses) if addresses.contains(&client) => {
                return outcome(IprevResult::Pass, Some(name), None);
            }
            Ok(_) | Err(Missing::NoSuchName | Missing::NoData) => {}
            Err(Missing::Unknown(why)) => unknown = Some(why),
        }
    }
    match unknown {
        Some(why) => outcome(IprevResult::TempError, None, Some(&why)),
        None => outcome(
            IprevResult::Fail,
            None,
            Some("the names of the address do not lead back to it"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postern_dns::FixedZone;
    use tokio::time::Instant;

    use super::*;

    const ZONE: &str = "
        1.2.0.192.in-addr.arpa  PTR  other.example
        1.2.0.192.in-addr.arpa  PTR  mx.example
        mx.example              A    192.0.2.1
        other.example           A    192.0.2.9
        2.2.0.192.in-addr.arpa  PTR  other.example
        3.2.0.192.in-addr.arpa  FAIL servfail
        4.2.0.192.in-addr.arpa  PTR  broken.example
        broken.example          FAIL timeout
    ";

    #[tokio::test]
    async fn a_name_counts_that_leads_back() {
        let zone: FixedZone = ZONE.parse().unwrap();
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        for (client, result, name) in [
            ("192.0.2.1", IprevResult::Pass, Some("mx.example")),
            ("::ffff:192.0.2.1", IprevResult::Pass, Some("mx.example")),
            ("192.0.2.2", IprevResult::Fail, None),
            ("192.0.2.3", IprevResult::TempError, None),
            ("192.0.2.4", IprevResult::TempError, None),
            ("192.0.2.5", IprevResult::PermError, None),
            ("2001:db8::1", IprevResult::PermError, None),
        ] {
            let questions = Questions::new(Arc::new(zone.clone()), 100, deadline);
            let outcome = check(&questions, client.parse().unwrap()).await;
            assert_eq!(outcome.result, result, "{client}");
            assert_eq!(
                outcome.name.map(|it| it.to_string()).as_deref(),
                name,
                "{client}"
            );
            assert_eq!(
                outcome.reason.is_none(),
                result == IprevResult::Pass,
                "{client}"
            );
        }
    }
}
