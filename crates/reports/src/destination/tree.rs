//! Whether two domains are of one organization, by walking the tree (RFC 9989 §4.10).

use postern_dns::{Dns, Failure, LookupError, Name};
use postern_mail::Domain;

use super::{tag, tags};

/// The most labels of a name that is asked for above the first (RFC 9989 §4.10), which makes
/// eight questions.
const MOST_LABELS: usize = 7;

/// Whether one organization owns both.
pub(super) async fn are_of_one_organization(
    dns: &dyn Dns,
    one: &Domain,
    other: &Domain,
) -> Result<bool, Failure> {
    if one == other {
        return Ok(true);
    }
    // Without a common end, no walk leads to the same place.
    if one.labels().next_back() != other.labels().next_back() {
        return Ok(false);
    }
    Ok(organizational_domain(dns, one).await? == organizational_domain(dns, other).await?)
}

/// The Organizational Domain (RFC 9989 §4.10.2).
async fn organizational_domain(dns: &dyn Dns, start: &Domain) -> Result<Domain, Failure> {
    let mut topmost = start.clone();
    let mut below = None;
    let mut next = Some(start.clone());
    while let Some(domain) = next {
        match psd(dns, &domain).await? {
            Some("n") => return Ok(domain),
            Some("y") if domain != *start => return Ok(below.unwrap_or(domain)),
            Some(_) => topmost = domain.clone(),
            None => {}
        }
        next = up(&domain);
        below = Some(domain);
    }
    Ok(topmost)
}

/// The next domain of the walk.
fn up(domain: &Domain) -> Option<Domain> {
    let mut parent = domain.parent();
    while let Some(above) = parent
        .as_ref()
        .filter(|it| it.labels().count() > MOST_LABELS)
    {
        parent = above.parent();
    }
    parent
}

/// What the DMARC record at a domain says of it: `u` if it says nothing; nothing where there is
/// no record, or more than one.
async fn psd(dns: &dyn Dns, domain: &Domain) -> Result<Option<&'static str>, Failure> {
    let Ok(name) = format!("_dmarc.{domain}").parse::<Name>() else {
        return Ok(None);
    };
    let texts = match dns.txt(&name).await {
        Ok(answer) => answer.records,
        Err(LookupError::NoSuchDomain(_) | LookupError::NoData(_)) => return Ok(None),
        Err(LookupError::Temporary(failure)) => return Err(failure),
    };
    let mut records = texts.iter().filter_map(|text| tags(text, "DMARC1"));
    Ok(match (records.next(), records.next()) {
        (Some(record), None) => Some(match tag(&record, "psd") {
            Some("y") => "y",
            Some("n") => "n",
            Some(_) | None => "u",
        }),
        (Some(_), Some(_)) | (None, _) => None,
    })
}
