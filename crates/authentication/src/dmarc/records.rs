//! The records that mail-auth asks for on its walks up the tree (RFC 9989 §4.10).

use std::sync::Arc;

use mail_auth::{
    AuthenticatedMessage, DkimOutput, DmarcOutput, DnsError, DnssecStatus, Error, Parameters,
    RecordSet, SpfOutput, Txt,
    dmarc::{Dmarc, verify::DmarcParameters},
};
use postern_mail::Domain;

use super::record::Record;
use crate::answers::{
    self, Missing, Questions,
    library::{Known, at_once, library, unknown},
};

/// What is known for one author domain.
pub(crate) struct Records {
    author: Domain,
    txt: Known<Txt>,
    /// The records that were found, by the domain where they are.
    found: Vec<(Domain, Arc<Dmarc>, Record)>,
}

/// What mail-auth goes by, besides records.
pub(super) struct Claims<'a> {
    pub(super) spf: &'a SpfOutput,
    pub(super) dkim: &'a [DkimOutput<'a>],
}

/// What mail-auth found out.
pub(super) struct Judged {
    pub(super) output: DmarcOutput,
    /// Whether the policy depends on whether there is anything at the author domain.
    pub(super) depends_on_existence: bool,
}

impl Records {
    /// Walks up from an author domain.
    pub(crate) async fn walk(questions: &Questions, author: &Domain) -> Self {
        let mut records = Self {
            author: author.clone(),
            txt: Known::txt(),
            found: Vec::new(),
        };
        let nothing = Claims {
            spf: &SpfOutput::new(String::new()),
            dkim: &[],
        };
        records.judge(questions, &nothing).await;
        records
    }

    /// Evaluates until nothing is missing; `None` where mail-auth makes nothing of it.
    pub(super) async fn judge(
        &mut self,
        questions: &Questions,
        claims: &Claims<'_>,
    ) -> Option<Judged> {
        loop {
            let judged = self.evaluate(&self.txt, claims);
            let asked = self.txt.take_asked();
            let Some(name) = asked.iter().find(|name| !self.txt.knows(name)) else {
                return judged;
            };
            self.ask(questions, name).await;
        }
    }

    /// Where a record is that was found, and what it says.
    pub(super) fn find(&self, record: &Arc<Dmarc>) -> Option<(&Domain, &Record)> {
        let mut found = self.found.iter();
        let (domain, _, record) = found.find(|(_, it, _)| Arc::ptr_eq(it, record))?;
        Some((domain, record))
    }

    /// Whether there is a record at all on the way up from the author domain.
    pub(super) fn any_for_author(&self) -> bool {
        let on_the_way = |it: &Domain| self.author == *it || self.author.is_below(it);
        self.found.iter().any(|(domain, ..)| on_the_way(domain))
    }

    pub(super) fn author(&self) -> &Domain {
        &self.author
    }

    /// What the author domain's own record comes to, with nothing known of other domains: whose
    /// organization it belongs to, for one. `None` where it has no record.
    pub(super) fn judge_alone(&self, claims: &Claims<'_>) -> Option<Judged> {
        let mut of_author = self.found.iter().filter(|(at, ..)| *at == self.author);
        let (domain, read, _) = of_author.next()?;
        let mut alone = Known::new(absent());
        alone.learn(&format!("_dmarc.{domain}"), Txt::Dmarc(Arc::clone(read)));
        self.evaluate(&alone, claims)
    }

    fn evaluate(&self, txt: &Known<Txt>, claims: &Claims<'_>) -> Option<Judged> {
        // Of the message mail-auth wants the author alone, and there is exactly one.
        let message = AuthenticatedMessage {
            from: vec![format!("author@{}", self.author)],
            ..AuthenticatedMessage::default()
        };
        // A cache cannot tell that there is no such name, so it says that there is one; the
        // policy is put right afterwards.
        let exists = Known::new(RecordSet {
            rrset: Arc::new([]),
            dnssec_status: DnssecStatus::Indeterminate,
        });
        let spf_domain = claims.spf.domain();
        let asked = DmarcParameters::new(&message, claims.dkim, spf_domain, claims.spf);
        let asked = Parameters::new(asked)
            .with_txt_cache(txt)
            .with_ipv4_cache(&exists);
        let output = at_once(library()?.verify_dmarc(asked))?;
        Some(Judged {
            output,
            depends_on_existence: !exists.take_asked().is_empty(),
        })
    }

    /// Asks for the one record of a domain. Several are as none (RFC 9989 §4.10); mail-auth takes
    /// the first.
    async fn ask(&mut self, questions: &Questions, name: &str) {
        let texts = match answers::name(name) {
            Ok(name) => questions.txt(&name).await,
            Err(_) => Err(Missing::NoSuchName),
        };
        let answer = match texts {
            Ok(texts) => self.learn(name, &texts).unwrap_or_else(absent),
            Err(Missing::NoSuchName | Missing::NoData) => absent(),
            Err(Missing::Unknown(why)) => unknown(&why),
        };
        self.txt.learn(name, answer);
    }

    fn learn(&mut self, name: &str, texts: &[Vec<u8>]) -> Option<Txt> {
        let mut records = texts.iter().filter_map(|text| Record::read(text));
        let record = records.next().filter(|_| records.next().is_none())?;
        let domain = name.strip_prefix("_dmarc.")?.trim_end_matches('.');
        let read = Arc::new(record.read.clone());
        self.found
            .push((domain.parse().ok()?, Arc::clone(&read), record));
        Some(Txt::Dmarc(read))
    }
}

/// No record.
fn absent() -> Txt {
    Txt::Error(Error::Dns(DnsError::InvalidRecordType))
}
