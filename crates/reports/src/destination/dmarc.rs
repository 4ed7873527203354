//! Destinations of DMARC reports (RFC 9990 §4, RFC 9991 §5).

use postern_dns::{Dns, Failure, LookupError, Name};
use postern_mail::{Domain, Mailbox};

use super::{MOST_URIS, ReportUri, ReportUriError, tag, tags, tree};

/// Which reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportTag {
    /// Aggregate reports.
    Rua,
    /// Failure reports.
    Ruf,
}

impl ReportTag {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rua => "rua",
            Self::Ruf => "ruf",
        }
    }
}

/// What the addresses of a record come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destinations {
    /// Where reports go.
    pub mailboxes: Vec<Mailbox>,
    /// Where they do not, and why. The text is what the record says.
    pub refused: Vec<(String, NotADestination)>,
}

impl Destinations {
    /// Whether something could not be found out that may be later.
    pub fn is_unclear(&self) -> bool {
        self.refused.iter().any(|(_, why)| why.is_unclear())
    }
}

/// Why no report goes to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADestination {
    /// It cannot be used.
    #[error(transparent)]
    Unusable(#[from] ReportUriError),
    /// DMARC reports go by mail alone.
    #[error("DMARC reports are sent by mail alone")]
    NotMail,
    /// There are too many.
    #[error("only the first {MOST_URIS} addresses are used")]
    TooMany,
    /// The host is another organization's, and says nothing of wanting the reports.
    #[error("{0} does not say that it wants reports about this domain")]
    Unconsented(Domain),
    /// The host is another organization's, and sends them on to a third.
    #[error("{0} wants the reports to go to another host, which is not allowed")]
    SentElsewhere(Domain),
    /// It could not be found out; asking later may help.
    #[error("whether the reports are wanted could not be found out: {0}")]
    Unclear(Failure),
}

impl NotADestination {
    /// Whether asking later may help.
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::Unclear(_))
    }
}

/// Where reports about a domain go, which has `addresses` in its DMARC record.
pub async fn dmarc_destinations(
    dns: &dyn Dns,
    policy_domain: &Domain,
    addresses: &[String],
    which: ReportTag,
) -> Destinations {
    let mut found = Destinations::default();
    for (at, address) in addresses.iter().enumerate() {
        let destination = if at < MOST_URIS {
            one(dns, policy_domain, address, which).await
        } else {
            Err(NotADestination::TooMany)
        };
        match destination {
            Ok(mailboxes) => found.mailboxes.extend(mailboxes),
            Err(why) => found.refused.push((address.clone(), why)),
        }
    }
    let mut seen = Vec::new();
    found.mailboxes.retain(|mailbox| {
        let is_new = !seen.contains(mailbox);
        seen.push(mailbox.clone());
        is_new
    });
    found.mailboxes.truncate(MOST_URIS);
    found
}

async fn one(
    dns: &dyn Dns,
    policy_domain: &Domain,
    address: &str,
    which: ReportTag,
) -> Result<Vec<Mailbox>, NotADestination> {
    let ReportUri::Mail(mailbox) = address.parse()? else {
        return Err(NotADestination::NotMail);
    };
    let host = mailbox.domain().ok_or(ReportUriError::Mailbox)?.clone();
    match tree::are_of_one_organization(dns, &host, policy_domain).await {
        Ok(true) => return Ok(vec![mailbox]),
        Ok(false) => {}
        Err(failure) => return Err(NotADestination::Unclear(failure)),
    }
    match consent(dns, policy_domain, &host, which).await? {
        Some(elsewhere) => overridden(&host, &elsewhere),
        None => Ok(vec![mailbox]),
    }
}

/// Whether the host wants the reports, and the addresses that it wants them at instead.
async fn consent(
    dns: &dyn Dns,
    policy_domain: &Domain,
    host: &Domain,
    which: ReportTag,
) -> Result<Option<String>, NotADestination> {
    let refused = || NotADestination::Unconsented(host.clone());
    // A name that is too long for DNS has no records (RFC 9990 §4, step 4).
    let name: Name = format!("{policy_domain}._report._dmarc.{host}")
        .parse()
        .map_err(|_| refused())?;
    let texts = match dns.txt(&name).await {
        Ok(answer) => answer.records,
        Err(LookupError::NoSuchDomain(_) | LookupError::NoData(_)) => return Err(refused()),
        Err(LookupError::Temporary(failure)) => return Err(NotADestination::Unclear(failure)),
    };
    let records: Vec<_> = texts.iter().filter_map(|it| tags(it, "DMARC1")).collect();
    if records.is_empty() {
        return Err(refused());
    }
    let elsewhere = records.iter().find_map(|it| tag(it, which.as_str()));
    Ok(elsewhere.map(str::to_owned))
}

/// The addresses that take the place of the first one: all at the same host (RFC 9990 §4, step 9),
/// or there is no report at all.
fn overridden(host: &Domain, elsewhere: &str) -> Result<Vec<Mailbox>, NotADestination> {
    let mut mailboxes = Vec::new();
    for uri in elsewhere.split(',').take(MOST_URIS) {
        match uri.parse()? {
            ReportUri::Mail(mailbox) if mailbox.domain() == Some(host) => mailboxes.push(mailbox),
            ReportUri::Mail(_) => return Err(NotADestination::SentElsewhere(host.clone())),
            ReportUri::Https(_) => return Err(NotADestination::NotMail),
        }
    }
    Ok(mailboxes)
}
