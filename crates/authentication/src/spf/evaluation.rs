//! `check_host()` (RFC 7208 §4).

use std::{net::IpAddr, pin::Pin};

use postern_dns::Name;
use postern_mail::Foreign;

use super::{
    SpfResult,
    macros::{DomainSpec, Meaning},
    record::{self, Lengths, Mechanism, Record, agree},
};
use crate::answers::{self, Missing, Questions};

/// The most terms that cause look-ups, in all records together (RFC 7208 §4.6.4).
const TERMS: usize = 10;

/// The most look-ups that find nothing (RFC 7208 §4.6.4).
const VOIDS: usize = 2;

/// The most hosts of one `mx`, and the most names of one address (RFC 7208 §4.6.4).
const HOSTS: usize = 10;

/// Who is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity<'a> {
    /// In canonical form: an IPv4 address is never written as an IPv6 one.
    pub(super) client: IpAddr,
    pub(super) helo: &'a str,
    pub(super) local_part: &'a str,
    pub(super) domain: &'a str,
}

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
            let record = self.record(domain).await?;
            for directive in &record.directives {
                if self.matches(&directive.mechanism, domain).await? {
                    return Ok(Finding {
                        result: directive.result,
                        reason: format!(
                            "{} in the record of {}",
                            directive.text,
                            Foreign::new(domain)
                        ),
                    });
                }
            }
            match &record.redirect {
                Some(target) => self.redirect(target, domain).await,
                None => Ok(Finding {
                    result: SpfResult::Neutral,
                    reason: format!("nothing in the record of {} matches", Foreign::new(domain)),
                }),
            }
        })
    }

    /// The one record of a domain (RFC 7208 §4.3 to §4.6).
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
        Record::parse(record).map_err(|fault| Stop::Permanent(format!("{shown}: {fault}")))
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Stop> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip(address, length) => Ok(agree(*address, self.identity.client, *length)),
            Mechanism::Include(target) => self.include(target, domain).await,
            Mechanism::A(target, lengths) => self.a(target.as_ref(), *lengths, domain).await,
            Mechanism::Mx(target, lengths) => self.mx(target.as_ref(), *lengths, domain).await,
            Mechanism::Ptr(target) => self.ptr(target.as_ref(), domain).await,
            Mechanism::Exists(target) => self.exists(target, domain).await,
        }
    }

    /// RFC 7208 §5.2.
    async fn include(&mut self, target: &DomainSpec, domain: &str) -> Result<bool, Stop> {
        self.count_term()?;
        let Some(target) = self.expand(target, domain).await else {
            return Ok(false);
        };
        match self.check_host(&target).await {
            Ok(finding) => Ok(finding.result == SpfResult::Pass),
            Err(Stop::None(why)) => Err(Stop::Permanent(why)),
            Err(stop) => Err(stop),
        }
    }

    /// RFC 7208 §6.1.
    async fn redirect(&mut self, target: &DomainSpec, domain: &str) -> Result<Finding, Stop> {
        self.count_term()?;
        let target = self.expand(target, domain).await;
        let target = target
            .ok_or_else(|| Stop::Permanent("redirect needs a local-part of ASCII".to_owned()))?;
        match self.check_host(&target).await {
            Err(Stop::None(why)) => Err(Stop::Permanent(why)),
            checked => checked,
        }
    }

    /// RFC 7208 §5.3.
    async fn a(
        &mut self,
        target: Option<&DomainSpec>,
        lengths: Lengths,
        domain: &str,
    ) -> Result<bool, Stop> {
        self.count_term()?;
        match self.target(target, domain).await {
            Some(host) => self.host_agrees(&host, lengths).await,
            None => Ok(false),
        }
    }

    /// RFC 7208 §5.4.
    async fn mx(
        &mut self,
        target: Option<&DomainSpec>,
        lengths: Lengths,
        domain: &str,
    ) -> Result<bool, Stop> {
        self.count_term()?;
        let Some(name) = self.target(target, domain).await else {
            return Ok(false);
        };
        let hosts = self.questions.mx(&name).await;
        let hosts = self.found(hosts)?;
        if hosts.len() > HOSTS {
            return Err(Stop::Permanent(format!(
                "{name} has more than {HOSTS} MX hosts"
            )));
        }
        for host in hosts.iter().filter(|host| !host.exchange.is_root()) {
            if self.host_agrees(&host.exchange, lengths).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// RFC 7208 §5.5: an error is no match.
    async fn ptr(&mut self, target: Option<&DomainSpec>, domain: &str) -> Result<bool, Stop> {
        self.count_term()?;
        let Some(name) = self.target(target, domain).await else {
            return Ok(false);
        };
        let name = name.to_string();
        let validated = self.validated().await;
        Ok(validated.iter().any(|it| is_at_or_below(it, &name)))
    }

    /// RFC 7208 §5.7: asks for A, whatever the address of the client is.
    async fn exists(&mut self, target: &DomainSpec, domain: &str) -> Result<bool, Stop> {
        self.count_term()?;
        let Some(name) = self.target(Some(target), domain).await else {
            return Ok(false);
        };
        let like = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        let addresses = self.questions.addresses(&name, like).await;
        Ok(!self.found(addresses)?.is_empty())
    }

    async fn host_agrees(&mut self, host: &Name, lengths: Lengths) -> Result<bool, Stop> {
        let client = self.identity.client;
        let addresses = self.questions.addresses(host, client).await;
        let addresses = self.found(addresses)?;
        Ok(addresses.iter().any(|it| lengths.agree(*it, client)))
    }

    /// The name a mechanism speaks of. One that cannot be a name matches nothing
    /// (RFC 7208 §4.8).
    async fn target(&mut self, target: Option<&DomainSpec>, domain: &str) -> Option<Name> {
        let name = match target {
            Some(target) => self.expand(target, domain).await?,
            None => domain.to_owned(),
        };
        answers::name(&name).ok()
    }

    async fn expand(&mut self, spec: &DomainSpec, domain: &str) -> Option<String> {
        let validated_name = match spec.needs_validated_name() {
            true => self.validated_name(domain).await,
            false => String::new(),
        };
        spec.expand(&Meaning {
            local_part: self.identity.local_part,
            sender_domain: self.identity.domain,
            domain,
            client: self.identity.client,
            validated_name: &validated_name,
            helo: self.identity.helo,
        })
    }

    /// What `p` stands for: a name of the client that is the domain, else one below it, else any
    /// (RFC 7208 §7.3).
    async fn validated_name(&mut self, domain: &str) -> String {
        let validated = self.validated().await;
        let same = validated.iter().find(|it| it.eq_ignore_ascii_case(domain));
        let below = || validated.iter().find(|it| is_at_or_below(it, domain));
        let found = same.or_else(below).or(validated.first());
        found.map_or_else(|| "unknown".to_owned(), Clone::clone)
    }

    /// The names of the client that lead back to it, of the first ten that it claims.
    async fn validated(&mut self) -> &[String] {
        if self.validated.is_none() {
            let client = self.identity.client;
            let claimed = self.questions.ptr(client).await.unwrap_or_default();
            let mut validated = Vec::new();
            for name in claimed.iter().take(HOSTS) {
                let addresses = self.questions.addresses(name, client).await;
                if addresses.is_ok_and(|it| it.contains(&client)) {
                    validated.push(name.to_string());
                }
            }
            self.validated = Some(validated);
        }
        self.validated.as_deref().unwrap_or_default()
    }

    /// Counts a term that causes look-ups.
    fn count_term(&mut self) -> Result<(), Stop> {
        self.terms += 1;
        if self.terms > TERMS {
            return Err(Stop::Permanent(format!(
                "more than {TERMS} terms cause look-ups"
            )));
        }
        Ok(())
    }

    /// What a look-up brought; nothing, where there is nothing, which is counted.
    fn found<T>(&mut self, looked_up: Result<Vec<T>, Missing>) -> Result<Vec<T>, Stop> {
        match looked_up {
            Ok(records) => Ok(records),
            Err(Missing::Unknown(why)) => Err(Stop::Temporary(why)),
            Err(Missing::NoSuchName | Missing::NoData) => {
                self.voids += 1;
                if self.voids > VOIDS {
                    let why = format!("more than {VOIDS} look-ups find nothing");
                    return Err(Stop::Permanent(why));
                }
                Ok(Vec::new())
            }
        }
    }
}

fn is_at_or_below(name: &str, domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    name.strip_suffix(&domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
