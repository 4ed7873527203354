//! Where reports about TLS go (RFC 8460 §3).

use super::{Findings, Look, below, dmarc::mailbox, publish, shown};
use crate::{
    OurDomain, RecordKind,
    records::texts,
    tags::{Tags, has_version},
};

pub(super) async fn check(look: &Look<'_>, domain: &OurDomain) -> Findings {
    let mut findings = Findings::default();
    let Some(owner) = below("_smtp._tls", &domain.name) else {
        return findings;
    };
    let records = look.texts(&owner, |text| has_version(text, "TLSRPTv1"));
    let records = records.await;
    let mut at = findings.at(&owner, RecordKind::Txt);
    let wanted = texts::tls_reports(look.facts).map_or_else(
        || "set reports.receive, and publish what postern dns records says".to_owned(),
        |text| publish(&text),
    );
    match records.as_deref() {
        Err(failure) => at.unknown(failure),
        Ok([]) => at.note("nobody is asked to report TLS trouble with us", wanted),
        Ok([text]) => match fault(text) {
            None => at.fine(shown(text)),
            Some(wrong) => at.weak(wrong, wanted),
        },
        Ok(_) => at.weak("there are several records, so none of them counts", wanted),
    }
    findings
}

fn fault(text: &[u8]) -> Option<String> {
    let tags = match Tags::parse(text) {
        Ok(tags) => tags,
        Err(error) => return Some(format!("the record cannot be read: {error}")),
    };
    let Some(list) = tags.value("rua") else {
        return Some("the record has no rua=".to_owned());
    };
    let is_bad = |uri: &&str| {
        let https = uri
            .get(..8)
            .is_some_and(|it| it.eq_ignore_ascii_case("https://"));
        !https && mailbox(uri).is_none()
    };
    let bad = list.split(',').map(str::trim).find(is_bad)?;
    Some(format!(
        "no report can be sent to {}",
        shown(bad.as_bytes())
    ))
}
