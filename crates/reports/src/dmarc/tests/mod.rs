//! Judged mail, from being counted to being told.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use super::*;
use crate::{Reporter, ledger::Day};

mod counting;
mod mail;
mod xml;

/// Noon on 2026-11-23.
const NOON: u64 = 1_795_435_200;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn today() -> Day {
    Day::of(at(NOON))
}

fn reporter() -> Reporter {
    Reporter {
        hostname: "mx.example.net".parse().unwrap(),
        organisation: "Example & Net".to_owned(),
        contact: "postmaster@example.net".parse().unwrap(),
    }
}

fn open(directory: &Path) -> AggregateBook {
    let (book, problems) = AggregateBook::open(directory).unwrap();
    assert_eq!(problems, []);
    book
}

fn judged(domain: &str) -> JudgedMail {
    JudgedMail {
        at: at(NOON),
        policy_domain: domain.parse().unwrap(),
        policy: PublishedPolicy::of(RequestedPolicy::Reject),
        rua: vec![format!("mailto:dmarc@{domain}")],
        row: Row {
            source_ip: "192.0.2.1".parse().unwrap(),
            evaluated: Evaluated {
                disposition: AppliedDisposition::Pass,
                dkim: AlignedResult::Pass,
                spf: AlignedResult::Fail,
                reasons: Vec::new(),
            },
            identifiers: Identifiers {
                header_from: domain.to_owned(),
                envelope_from: Some("bounces.example.com".to_owned()),
                envelope_to: None,
            },
            auth_results: AuthResults {
                dkim: vec![DkimAuthResult {
                    domain: domain.to_owned(),
                    selector: "s1".to_owned(),
                    result: DkimResult::Pass,
                    human_result: None,
                }],
                spf: vec![SpfAuthResult {
                    domain: "bounces.example.com".to_owned(),
                    scope: Some(SpfScope::MailFrom),
                    result: SpfResult::Pass,
                    human_result: None,
                }],
            },
        },
    }
}

/// The same from the n-th address.
fn from_address(domain: &str, n: u32) -> JudgedMail {
    let mut mail = judged(domain);
    mail.row.source_ip = std::net::Ipv4Addr::from(0x0a00_0000 + n).into();
    mail
}

fn account(book: &AggregateBook, domain: &str) -> Account {
    book.account(today(), &domain.parse().unwrap()).unwrap()
}
