//! Destinations of TLS reports (RFC 8460 §3).

use postern_dns::{Dns, Failure, LookupError, Name};
use postern_mail::Domain;

use super::{MOST_URIS, ReportUri, tag, tags};

/// Where a domain wants its TLS reports: nowhere if it publishes no record, several, or one that
/// is not right. Addresses of no use are passed over.
pub async fn tlsrpt_destinations(
    dns: &dyn Dns,
    domain: &Domain,
) -> Result<Vec<ReportUri>, Failure> {
    let Ok(name) = format!("_smtp._tls.{domain}").parse::<Name>() else {
        return Ok(Vec::new());
    };
    let texts = match dns.txt(&name).await {
        Ok(answer) => answer.records,
        Err(LookupError::NoSuchDomain(_) | LookupError::NoData(_)) => return Ok(Vec::new()),
        Err(LookupError::Temporary(failure)) => return Err(failure),
    };
    // "If the number of resulting records is not one", there is no TLSRPT (RFC 8460 §3).
    let mut records = texts.iter().filter(|it| it.starts_with(b"v=TLSRPTv1;"));
    let (Some(record), None) = (records.next(), records.next()) else {
        return Ok(Vec::new());
    };
    let tags = tags(record, "TLSRPTv1").unwrap_or_default();
    let addresses = tag(&tags, "rua").unwrap_or_default().split(',');
    let usable = addresses.filter_map(|address| address.parse().ok());
    let mut found: Vec<ReportUri> = Vec::new();
    for uri in usable.take(MOST_URIS) {
        if !found.contains(&uri) {
            found.push(uri);
        }
    }
    Ok(found)
}
