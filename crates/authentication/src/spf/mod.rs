//! Which clients may speak for a domain (RFC 7208).
//!
//! mail-auth reads records, expands macros and says what a record says. It gets its answers from
//! our own DNS, one after another as it comes to them. What it does otherwise than RFC 7208 is put
//! right around it, as these say:
//! - [`grammar`]: records that are not of the grammar are refused;
//! - [`record`]: terms are written so that mail-auth asks for what they mean;
//! - [`names`]: what macros stand for;
//! - [`evaluation`]: several records at a name, records within records, look-ups that find
//!   nothing or fail, MX hosts, and names of the client.
//!
//! `tests/gaps` shows what the library does by itself.
//!
//! All of RFC 7208 is here, but for two things: explanations of a `fail` (`exp`, §6.2) are not
//! got, since what a stranger writes is not for us to quote in replies, and records of the type
//! SPF are not asked for (§3.1).

mod evaluation;
mod grammar;
mod library;
mod names;
mod outcome;
mod record;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use postern_mail::{Domain, Host, ReversePath};

pub use self::outcome::{SpfOutcome, SpfResult};
use self::{
    evaluation::{Evaluation, Stop},
    names::Identity,
};
use crate::{answers::Questions, reason::printable};

/// Judges the name that a client calls itself by (RFC 7208 §2.3).
pub(crate) async fn helo(questions: &Questions, client: IpAddr, helo: &Host) -> SpfOutcome {
    check(questions, client, helo, "postmaster", helo).await
}

/// Judges a reverse-path; where that is null, the name of the client counts (RFC 7208 §2.4).
pub(crate) async fn mail_from(
    questions: &Questions,
    client: IpAddr,
    helo: &Host,
    reverse_path: &ReversePath,
) -> Option<SpfOutcome> {
    let mailbox = reverse_path.mailbox()?;
    let local_part = mailbox.local_part().as_str();
    Some(check(questions, client, helo, local_part, mailbox.host()).await)
}

async fn check(
    questions: &Questions,
    client: IpAddr,
    helo: &Host,
    local_part: &str,
    host: &Host,
) -> SpfOutcome {
    let helo = helo.to_string();
    let (result, reason) = match host.domain() {
        Some(domain) => judge(questions, client, &helo, local_part, domain).await,
        None => (SpfResult::None, "an address has no record".to_owned()),
    };
    SpfOutcome {
        result,
        domain: host.to_string(),
        reason: Some(printable(&reason)),
    }
}

async fn judge(
    questions: &Questions,
    client: IpAddr,
    helo: &str,
    local_part: &str,
    domain: &Domain,
) -> (SpfResult, String) {
    let identity = Identity {
        client: client.to_canonical(),
        helo,
        local_part: match local_part {
            "" => "postmaster",
            local_part => local_part,
        },
        domain: domain.as_str(),
    };
    let mut evaluation = Evaluation::new(questions, identity);
    match evaluation.check_host(domain.as_str()).await {
        Ok(finding) => (finding.result, finding.reason),
        Err(Stop::None(why)) => (SpfResult::None, why),
        Err(Stop::Temporary(why)) => (SpfResult::TempError, why),
        Err(Stop::Permanent(why)) => (SpfResult::PermError, why),
    }
}
