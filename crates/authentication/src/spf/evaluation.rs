//! `check_host()` (RFC 7208 §4): which records are read, in which order, and what it may cost.
//!
//! What a record says is for mail-auth to tell. Here is what it needs for that: every question is
//! put to our own DNS when the evaluation comes to it, and no earlier, so that the first one that
//! fails ends it, and the limits on look-ups are met at the term where they belong. Records that
//! others include or redirect to are evaluated by themselves: mail-auth leaves two records that
//! include each other at once, with the qualifier of the inner one, and counts terms and nothing
//! else.

use std::{collections::HashMap, net::IpAddr, pin::Pin};

use mail_auth::SpfResult as Library;
use postern_dns::Name;
use postern_mail::Foreign;

use super::{
    SpfResult,
    library::{Answers, Question},
    names::Identity,
    record::{self, Kind, Record, Target},
};
use crate::answers::{self, Missing, Questions};

/// The most terms that cause look-ups, in all records together (RFC 7208 §4.6.4).
const TERMS: usize = 10;

/// The most look-ups that find nothing (RFC 7208 §4.6.4).
const VOIDS: usize = 2;

/// The most hosts of one `mx`, and the most names of one address (RFC 7208 §4.6.4).
const HOSTS: usize = 10;

/// What a record says, and which of its directives did.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) result: SpfResult,
    pub(super) reason: String,
}

/// Why a record says nothing.
#[derive(Debug)]
pub(super) enum Stop {
    /// There is no record.
    None(String),
    Temporary(String),
    Permanent(String),
}

#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    questions: &'a Questions,
    identity: Identity<'a>,
    terms: usize,
    voids: usize,
    /// The names of the client that lead back to it, once they are known.
    validated: Option<Vec<String>>,
}

/// One record on the way to its result.
struct Progress<'a> {
    domain: &'a str,
    record: Record,
    answers: Answers,
    /// The hosts of the terms that ask for some.
    hosts: HashMap<usize, Vec<Name>>,
    /// What the record says that stands in for this one.
    redirected: Option<Finding>,
}

type Checked<'a> = Pin<Box<dyn Future<Output = Result<Finding, Stop>> + Send + 'a>>;

impl<'a> Evaluation<'a> {
    pub(super) fn new(questions: &'a Questions, identity: Identity<'a>) -> Self {
        Self {
            questions,
            identity,
            terms: 0,
            voids: 0,
            validated: None,
        }
    }

    /// What the record of `domain` says. Records that lead to others do so at most [`TERMS`]
    /// times, which bounds the depth as well.
    pub(super) fn check_host<'b>(&'b mut self, domain: &'b str) -> Checked<'b> {
        Box::pin(async move {
            let mut progress = Progress {
                domain,
                record: self.record(domain).await?,
                answers: Answers::new(),
                hosts: HashMap::new(),
                redirected: None,
            };
            let given = progress.record.given(self.identity.client);
            loop {
                let client = self.identity.client;
                let result = progress.answers.evaluate(&given, domain, client);
                match progress.answers.missing() {
                    Some(question) => self.answer(question, &mut progress).await?,
                    None => return progress.finding(result, client),
                }
            }
        })
    }

    /// The one record of a domain (RFC 7208 §4.3 to §4.6). mail-auth takes the first of several.
    async fn record(&self, domain: &str) -> Result<Record, Stop> {
        let shown = Foreign::new(domain);
        let none = || Stop::None(format!("{shown} has no record"));
        let name = answers::name(domain).ok().filter(|_| domain.contains('.'));
        let name = name.ok_or_else(none)?;
        let texts = match self.questions.txt(&name).await {
            Ok(texts) => texts,
            Err(Missing::NoSuchName | Missing::NoData) => return Err(none()),
            Err(Missing::Unknown(why)) => return Err(Stop::Temporary(why)),
        };
        let mut records = texts.iter().filter(|text| record::is_spf(text));
        let record = records.next().ok_or_else(none)?;
        if records.next().is_some() {
            return Err(Stop::Permanent(format!("{shown} has several records")));
        }
        Record::read(record).map_err(|fault| Stop::Permanent(format!("{shown}: {fault}")))
    }

    /// Finds out what mail-auth wants to know.
    async fn answer(
        &mut self,
        question: Question,
        progress: &mut Progress<'_>,
    ) -> Result<(), Stop> {
        if let Some(host) = question.host {
            let hosts = progress.hosts.get(&question.term);
            let host = hosts.and_then(|it| it.get(host)).cloned();
            let addresses = self.addresses(host, self.identity.client).await?;
            progress.answers.learn_addresses(question, &addresses);
            return Ok(());
        }
        self.count_term()?;
        let nowhere = || Stop::Permanent("a question comes from no term".to_owned());
        let target = progress.record.target(question.term).cloned();
        let target = target.ok_or_else(nowhere)?;
        let name = self.expand(&target, progress.domain).await?;
        match target.kind {
            Kind::Include | Kind::Redirect => self.follow(question, target, name, progress).await,
            Kind::Mx => self.mx(question, name, progress).await,
            Kind::A | Kind::Exists | Kind::Ptr => {
                let addresses = self.matched(target.kind, name).await?;
                progress.answers.learn_addresses(question, &addresses);
                Ok(())
            }
        }
    }

    /// Evaluates another record (RFC 7208 §5.2, §6.1). mail-auth is told what that one says.
    async fn follow(
        &mut self,
        question: Question,
        target: Target,
        name: Option<String>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Stop> {
        let Some(name) = name else {
            if target.kind == Kind::Redirect {
                let why = "redirect needs a local-part of ASCII";
                return Err(Stop::Permanent(why.to_owned()));
            }
            progress.answers.learn_record(question.term, '?');
            return Ok(());
        };
        let finding = match self.check_host(&name).await {
            Err(Stop::None(why)) => return Err(Stop::Permanent(why)),
            checked => checked?,
        };
        let qualifier = finding.qualifier();
        progress.answers.learn_record(question.term, qualifier);
        if target.kind == Kind::Redirect {
            progress.redirected = Some(finding);
        }
        Ok(())
    }

    /// RFC 7208 §5.4.
    async fn mx(
        &mut self,
        question: Question,
        name: Option<String>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Stop> {
        let mut hosts = Vec::new();
        if let Some(name) = name.and_then(|it| answers::name(&it).ok()) {
            let found = self.questions.mx(&name).await;
            hosts = self.found(&name, found)?;
            if hosts.len() > HOSTS {
                let why = format!("{name} has more than {HOSTS} MX hosts");
                return Err(Stop::Permanent(why));
            }
        }
        let hosts = hosts.into_iter().map(|it| it.exchange);
        let hosts: Vec<_> = hosts.filter(|it| !it.is_root()).collect();
        progress.answers.learn_hosts(question.term, hosts.len());
        progress.hosts.insert(question.term, hosts);
        Ok(())
    }

    /// The addresses of which one must be like the client's. Those of terms that ask for nothing
    /// of the kind are the client's, if they match.
    async fn matched(&mut self, kind: Kind, name: Option<String>) -> Result<Vec<IpAddr>, Stop> {
        let name = name.and_then(|it| answers::name(&it).ok());
        let client = self.identity.client;
        let matches = match (kind, name) {
            // RFC 7208 §5.5: an error is no match.
            (Kind::Ptr, Some(name)) => {
                let domain = name.to_string();
                let validated = self.validated().await?;
                validated.iter().any(|it| is_at_or_below(it, &domain))
            }
            // RFC 7208 §5.7: asks for A, whatever the address of the client is.
            (Kind::Exists, name) => {
                let like = std::net::Ipv4Addr::UNSPECIFIED.into();
                !self.addresses(name, like).await?.is_empty()
            }
            (_, name) => return self.addresses(name, client).await,
        };
        Ok(matches.then_some(client).into_iter().collect())
    }

    /// The addresses of a name. One that cannot be a name has none (RFC 7208 §4.8).
    async fn addresses(&mut self, name: Option<Name>, like: IpAddr) -> Result<Vec<IpAddr>, Stop> {
        let Some(name) = name else {
            return Ok(Vec::new());
        };
        let addresses = self.questions.addresses(&name, like).await;
        self.found(&name, addresses)
    }

    /// The name that a term of the record of `domain` speaks of.
    async fn expand(&mut self, target: &Target, domain: &str) -> Result<Option<String>, Stop> {
        let Some(name) = &target.name else {
            return Ok(Some(domain.to_owned()));
        };
        let validated_name = match name.needs_ptr() {
            true => self.validated_name(domain).await?,
            false => String::new(),
        };
        Ok(self.identity.expand(name, domain, &validated_name))
    }

    /// What `p` stands for: a name of the client that is the domain, else one below it, else any
    /// (RFC 7208 §7.3). mail-auth takes the first name that the client's address claims.
    async fn validated_name(&mut self, domain: &str) -> Result<String, Stop> {
        let validated = self.validated().await?;
        let same = validated.iter().find(|it| it.eq_ignore_ascii_case(domain));
        let below = || validated.iter().find(|it| is_at_or_below(it, domain));
        let found = same.or_else(below).or(validated.first());
        Ok(found.map_or_else(|| "unknown".to_owned(), Clone::clone))
    }

    /// The names of the client that lead back to it, of the first ten that it claims. A look-up
    /// that fails brings none (RFC 7208 §5.5). That an address has no names is counted for each
    /// term that asks; that a claimed name leads nowhere is not, as the client chose it.
    async fn validated(&mut self) -> Result<&[String], Stop> {
        if self.validated.is_none() {
            let client = self.identity.client;
            let claimed = match self.questions.ptr(client).await {
                Err(Missing::Unknown(_)) => return Ok(&[]),
                claimed => self.found(&Name::reverse(client), claimed)?,
            };
            if claimed.is_empty() {
                return Ok(&[]);
            }
            let mut validated = Vec::new();
            for name in claimed.iter().take(HOSTS) {
                let addresses = self.questions.addresses(name, client).await;
                if addresses.is_ok_and(|it| it.contains(&client)) {
                    validated.push(name.to_string());
                }
            }
            self.validated = Some(validated);
        }
        Ok(self.validated.as_deref().unwrap_or_default())
    }

    /// Counts a term that causes look-ups.
    fn count_term(&mut self) -> Result<(), Stop> {
        self.terms += 1;
        if self.terms > TERMS {
            return Err(too_many_terms());
        }
        Ok(())
    }

    /// What a look-up brought; nothing, where there is nothing, which is counted.
    fn found<T>(&mut self, name: &Name, found: Result<Vec<T>, Missing>) -> Result<Vec<T>, Stop> {
        match found {
            Ok(records) => Ok(records),
            Err(Missing::Unknown(why)) => Err(Stop::Temporary(why)),
            Err(Missing::NoSuchName | Missing::NoData) => {
                self.voids += 1;
                if self.voids > VOIDS {
                    let why = format!("more than {VOIDS} look-ups find nothing, as that of {name}");
                    return Err(Stop::Permanent(why));
                }
                Ok(Vec::new())
            }
        }
    }
}

impl Progress<'_> {
    /// What mail-auth found, once it knows all it asked for.
    fn finding(mut self, result: Option<Library>, client: IpAddr) -> Result<Finding, Stop> {
        let result = match result {
            Some(Library::Pass) => SpfResult::Pass,
            Some(Library::Fail) => SpfResult::Fail,
            Some(Library::SoftFail) => SpfResult::SoftFail,
            Some(Library::Neutral) => SpfResult::Neutral,
            // All records are read by now, so one of them has too many terms by itself.
            Some(Library::PermError) => return Err(too_many_terms()),
            Some(Library::None) => return Err(Stop::None("there is no such domain".to_owned())),
            Some(Library::TempError) | None => {
                let why = "the evaluation does not end";
                return Err(Stop::Temporary(why.to_owned()));
            }
        };
        if let Some(finding) = self.redirected {
            return Ok(finding);
        }
        let passes = |record: &str| {
            let result = self.answers.evaluate(record, self.domain, client);
            result == Some(Library::Pass)
        };
        let shown = Foreign::new(self.domain);
        let reason = match self.record.matching(client, passes) {
            Some(directive) => format!("{directive} in the record of {shown}"),
            None => format!("nothing in the record of {shown} matches"),
        };
        Ok(Finding { result, reason })
    }
}

impl Finding {
    /// The qualifier that stands for the result.
    fn qualifier(&self) -> char {
        match self.result {
            SpfResult::Pass => '+',
            SpfResult::Fail => '-',
            SpfResult::SoftFail => '~',
            SpfResult::Neutral | SpfResult::None | SpfResult::TempError | SpfResult::PermError => {
                '?'
            }
        }
    }
}

fn too_many_terms() -> Stop {
    Stop::Permanent(format!("more than {TERMS} terms cause look-ups"))
}

fn is_at_or_below(name: &str, domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    name.strip_suffix(&domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
