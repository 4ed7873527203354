//! The announcement of our MTA-STS policy, and the way to where it is served (RFC 8461 §3).

use postern_mail::Domain;
use postern_policy::{StsMode, StsRecord};

use super::{Findings, Look, below, publish, there};
use crate::{OurDomain, RecordKind, records::texts};

pub(super) async fn check(look: &Look<'_>, domain: &OurDomain) -> Findings {
    let mut findings = Findings::default();
    let Some(owner) = below("_mta-sts", &domain.name) else {
        return findings;
    };
    let texts = look.texts(&owner, |_| true).await;
    let mut at = findings.at(&owner, RecordKind::Txt);
    let found = match texts.as_deref().map(StsRecord::among) {
        Err(failure) => {
            at.unknown(failure);
            return findings;
        }
        Ok(found) => found,
    };
    let Some(policy) = &domain.sts else {
        match found {
            Ok(Some(_)) => at.note(
                "an MTA-STS policy is announced, and this configuration serves none",
                "see that whoever serves it lists our hosts, or set mta-sts.https",
            ),
            Ok(None) => at.note(
                "there is no MTA-STS policy, so senders put up with any host in our place",
                "set mta-sts.https and mta-sts.mode",
            ),
            Err(error) => at.weak(error.to_string(), "take it out, or mend it"),
        }
        return findings;
    };
    let wanted = publish(&texts::sts(policy));
    match found {
        Ok(Some(record)) if record.id().as_str() == texts::sts_id(policy) => {
            at.fine("our MTA-STS policy is announced under its present id");
        }
        Ok(Some(record)) => at.weak(
            format!(
                "the id is {}, and our policy has another: senders that know one under this id \
                 do not ask for ours",
                record.id()
            ),
            wanted,
        ),
        Ok(None) => at.weak(
            "our MTA-STS policy is not announced, so nobody asks for it",
            wanted,
        ),
        Err(error) => at.weak(format!("{error}, which counts as none"), wanted),
    }
    if policy.mode() == StsMode::Testing {
        at.note(
            "our MTA-STS policy is in testing: senders deliver all the same",
            "once the reports are good, set mta-sts.mode to \"enforce\"",
        );
    }
    policy_host(look, &domain.name, &mut findings).await;
    findings
}

/// A policy that cannot be fetched protects nobody new.
async fn policy_host(look: &Look<'_>, domain: &Domain, findings: &mut Findings) {
    let Some(owner) = below("mta-sts", domain) else {
        return;
    };
    let answer = there(look.dns.addresses(&owner).await.combined());
    let mut at = findings.at(&owner, RecordKind::A);
    let ours = &look.facts.addresses;
    match answer {
        Err(failure) => at.unknown(&failure),
        Ok(None) => at.weak(
            "the policy host has no address, so nobody can fetch our policy",
            format!("publish CNAME {}", look.facts.hostname),
        ),
        Ok(Some(answer)) => {
            let elsewhere = !ours.is_empty() && !answer.records.iter().any(|it| ours.contains(it));
            if elsewhere {
                at.weak(
                    "the policy host is at none of our addresses",
                    format!(
                        "publish CNAME {}, or see that it serves the same",
                        look.facts.hostname
                    ),
                );
            } else {
                at.fine("the policy host leads here");
            }
        }
    }
    let Ok(host) = owner.to_string().parse::<Domain>() else {
        return;
    };
    if look.facts.named_for(&host).next().is_none() {
        // Senders that cannot fetch a policy go on with the one they know, or with none.
        at.weak(
            format!("no certificate of ours is for {host}"),
            format!("get one: postern csr --key FILE --name {host}"),
        );
    }
}
