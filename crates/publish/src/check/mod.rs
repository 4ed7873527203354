//! What is published, held against what should be, and against itself: a record of somebody
//! else's making is fine as long as it does what it is for.
//!
//! Each module looks up what its topic needs and judges it; a finding says what is wrong, how
//! bad that is, and what to do. What could not be looked up is no finding, and nothing is called
//! fine for it.

mod caa;
mod dkim;
mod dmarc;
mod mx;
mod reverse;
mod spf;
mod sts;
mod tls_reports;
mod tlsa;

use postern_dns::{Answer, Dns, Failure, LookupError, Name};
use postern_mail::{Foreign, Network};
use postern_tls::Date;

pub use self::spf::MOST_SPF_LOOKUPS;
use crate::{Facts, OurDomain, RecordKind, Severity, records::name_of};

/// What a look at one thing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub owner: Name,
    /// Among which records.
    pub kind: RecordKind,
    /// What was found.
    pub outcome: Outcome,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is wrong. What is there is said.
    Fine(String),
    /// Something is wrong, or could be better.
    Found {
        /// How bad it is.
        severity: Severity,
        /// What is wrong.
        wrong: String,
        /// What to do.
        right: String,
    },
    /// It could not be found out.
    Unknown(String),
}

impl Finding {
    /// What is there, what is wrong with it, or why that is not known.
    pub fn text(&self) -> &str {
        match &self.outcome {
            Outcome::Fine(text) | Outcome::Unknown(text) => text,
            Outcome::Found { wrong, .. } => wrong,
        }
    }
}

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of the records.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report of these findings.
    pub fn of(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// How bad the worst of them is.
    pub fn worst(&self) -> Option<Severity> {
        let severities = self.findings.iter().filter_map(|it| match it.outcome {
            Outcome::Found { severity, .. } => Some(severity),
            Outcome::Fine(_) | Outcome::Unknown(_) => None,
        });
        severities.max()
    }

    /// Whether something could not be found out.
    pub fn is_incomplete(&self) -> bool {
        let mut all = self.findings.iter();
        all.any(|it| matches!(it.outcome, Outcome::Unknown(_)))
    }
}

/// Looks at all that a domain's zone should have.
pub async fn check_domain(
    dns: &dyn Dns,
    facts: &Facts,
    domain: &OurDomain,
    now: Date,
) -> Vec<Finding> {
    let look = Look::new(dns, facts, now).await;
    let (mx, spf, dkim, dmarc, sts, tls_reports) = tokio::join!(
        mx::check(&look, domain),
        spf::check(&look, domain),
        dkim::check(&look, domain),
        dmarc::check(&look, domain),
        sts::check(&look, domain),
        tls_reports::check(&look, domain),
    );
    [mx, spf, dkim, dmarc, sts, tls_reports]
        .into_iter()
        .flat_map(|it| it.0)
        .collect()
}

/// Looks at all that our hosts and addresses should have.
pub async fn check_hosts(dns: &dyn Dns, facts: &Facts, now: Date) -> Vec<Finding> {
    let look = Look::new(dns, facts, now).await;
    let (hosts, greeting, keys, authorities, names) = tokio::join!(
        mx::check_hosts(&look),
        spf::check_host(&look),
        tlsa::check(&look),
        caa::check(&look),
        reverse::check(&look),
    );
    [hosts, greeting, keys, authorities, names]
        .into_iter()
        .flat_map(|it| it.0)
        .collect()
}

/// Who is asked, about whom, and when.
struct Look<'a> {
    dns: &'a dyn Dns,
    facts: &'a Facts,
    now: Date,
    /// Where our mail leaves from. Where the facts do not say it, it is where our name leads.
    senders: Vec<Network>,
}

impl<'a> Look<'a> {
    async fn new(dns: &'a dyn Dns, facts: &'a Facts, now: Date) -> Self {
        let mut senders = facts.senders.clone();
        if let (true, Some(name)) = (senders.is_empty(), name_of(&facts.hostname)) {
            let found = dns.addresses(&name).await.combined();
            let found = found.into_iter().flat_map(|answer| answer.records);
            senders.extend(found.filter_map(|it| it.to_string().parse::<Network>().ok()));
        }
        Self {
            dns,
            facts,
            now,
            senders,
        }
    }

    /// The texts at a name that are records of one kind.
    async fn texts(
        &self,
        owner: &Name,
        is_it: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let answer = there(self.dns.txt(owner).await)?;
        let mut texts = answer.map(|answer| answer.records).unwrap_or_default();
        texts.retain(|text| is_it(text));
        Ok(texts)
    }
}

/// An answer, `None` where there is nothing, or why that is not known.
fn there<T>(found: Result<Answer<T>, LookupError>) -> Result<Option<Answer<T>>, Failure> {
    match found {
        Ok(answer) => Ok(Some(answer)),
        Err(LookupError::NoSuchDomain(_) | LookupError::NoData(_)) => Ok(None),
        Err(LookupError::Temporary(failure)) => Err(failure),
    }
}

/// Findings as they come together.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// What is about one owner and one type of record.
    fn at<'a>(&'a mut self, owner: &'a Name, kind: RecordKind) -> At<'a> {
        At {
            findings: self,
            owner,
            kind,
        }
    }
}

struct At<'a> {
    findings: &'a mut Findings,
    owner: &'a Name,
    kind: RecordKind,
}

impl At<'_> {
    fn fine(&mut self, text: impl Into<String>) {
        self.add(Outcome::Fine(text.into()));
    }

    fn unknown(&mut self, why: &Failure) {
        self.add(Outcome::Unknown(why.to_string()));
    }

    fn unclear(&mut self, why: impl Into<String>) {
        self.add(Outcome::Unknown(why.into()));
    }

    fn note(&mut self, wrong: impl Into<String>, right: impl Into<String>) {
        self.found(Severity::Note, wrong, right);
    }

    fn weak(&mut self, wrong: impl Into<String>, right: impl Into<String>) {
        self.found(Severity::Weak, wrong, right);
    }

    fn broken(&mut self, wrong: impl Into<String>, right: impl Into<String>) {
        self.found(Severity::Broken, wrong, right);
    }

    fn found(&mut self, severity: Severity, wrong: impl Into<String>, right: impl Into<String>) {
        self.add(Outcome::Found {
            severity,
            wrong: wrong.into(),
            right: right.into(),
        });
    }

    fn add(&mut self, outcome: Outcome) {
        self.findings.0.push(Finding {
            owner: self.owner.clone(),
            kind: self.kind,
            outcome,
        });
    }
}

/// The name of something below a domain; too long a one is nobody's.
fn below(prefix: &str, domain: &postern_mail::Domain) -> Option<Name> {
    format!("{prefix}.{domain}").parse().ok()
}

/// A text that somebody published, fit to be shown.
fn shown(text: &[u8]) -> String {
    Foreign::new(&String::from_utf8_lossy(text)).to_string()
}

fn publish(text: &str) -> String {
    format!("publish {text:?}")
}

#[cfg(test)]
mod tests;
