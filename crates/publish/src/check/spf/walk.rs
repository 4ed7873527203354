//! From the text of a record to all that it leads to.

use std::{net::IpAddr, pin::Pin};

use postern_dns::{Dns, Failure, Name};

use super::record::{Qualifier, Record, Whom, is_spf};
use crate::check::{shown, there};

/// The most terms with look-ups that are followed. Nobody evaluates more than ten; the rest is
/// to be able to say how many there are.
pub const MOST_SPF_LOOKUPS: usize = 30;

/// The most hosts of one `mx` (RFC 7208 §4.6.4).
const MOST_HOSTS: usize = 10;

/// Looks up what records lead to, and counts.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    dns: &'a dyn Dns,
    lookups: usize,
    void: usize,
    /// The names whose records are being read.
    trail: Vec<Name>,
}

/// Why a record cannot be read in full.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Whoever evaluates it gets a permerror.
    Error(String),
    Unknown(Failure),
    TooMuch,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Unknown(failure)
    }
}

type Reading<'w> = Pin<Box<dyn Future<Output = Result<Record, Trouble>> + Send + 'w>>;

/// A domain and prefix lengths behind a mechanism: `:domain/24//64`.
struct Target {
    name: Option<Name>,
    prefixes: (u8, u8),
}

impl<'a> Walk<'a> {
    pub(super) fn new(dns: &'a dyn Dns) -> Self {
        Self {
            dns,
            lookups: 0,
            void: 0,
            trail: Vec::new(),
        }
    }

    /// How many terms cause look-ups.
    pub(super) fn lookups(&self) -> usize {
        self.lookups
    }

    /// How many of them found nothing.
    pub(super) fn void(&self) -> usize {
        self.void
    }

    /// Reads the record of a name, and those that it includes.
    pub(super) fn read<'w>(&'w mut self, name: Name, text: &'w [u8]) -> Reading<'w> {
        Box::pin(async move {
            if self.trail.contains(&name) {
                return Err(Trouble::Error(format!("{name} includes itself")));
            }
            self.trail.push(name.clone());
            let text = std::str::from_utf8(text)
                .ok()
                .filter(|text| text.is_ascii());
            let text = text.ok_or_else(|| Trouble::Error("it is not plain text".to_owned()))?;
            let mut record = Record::default();
            let mut redirect = None;
            for word in text.split(' ').skip(1).filter(|word| !word.is_empty()) {
                match modifier(word) {
                    Some((name, value)) if name.eq_ignore_ascii_case("redirect") => {
                        if redirect.replace(value).is_some() {
                            return Err(Trouble::Error("redirect= stands twice".to_owned()));
                        }
                    }
                    Some(_) => {}
                    None => record.terms.push(self.term(&name, word).await?),
                }
            }
            // RFC 7208 §6.1: it is for those whom no mechanism is about.
            let all = record
                .terms
                .iter()
                .any(|(_, whom)| *whom == Whom::Everybody);
            if let Some(target) = redirect.filter(|_| !all) {
                self.redirect(target, &mut record).await?;
            }
            self.trail.pop();
            Ok(record)
        })
    }

    async fn redirect(&mut self, target: &str, record: &mut Record) -> Result<(), Trouble> {
        match self.include(target).await? {
            Whom::Included(other) => record.redirect = Some(Box::new(other)),
            whom => record.terms.push((Qualifier::Neutral, whom)),
        }
        Ok(())
    }

    async fn term(&mut self, here: &Name, word: &str) -> Result<(Qualifier, Whom), Trouble> {
        let (qualifier, mechanism) = qualified(word);
        let end = mechanism.find([':', '/']).unwrap_or(mechanism.len());
        let (name, rest) = mechanism.split_at_checked(end).unwrap_or((mechanism, ""));
        let domain = rest.strip_prefix(':');
        let odd = || Trouble::Error(format!("{} is no mechanism", shown(word.as_bytes())));
        let whom = match name.to_ascii_lowercase().as_str() {
            "all" if rest.is_empty() => Whom::Everybody,
            "ip4" => network(domain, 32, IpAddr::is_ipv4).ok_or_else(odd)?,
            "ip6" => network(domain, 128, IpAddr::is_ipv6).ok_or_else(odd)?,
            "include" => self.include(domain.ok_or_else(odd)?).await?,
            "a" => self.hosts(here, rest, Hosts::Itself).await?,
            "mx" => self.hosts(here, rest, Hosts::Exchanges).await?,
            "ptr" => {
                self.count()?;
                Whom::Ptr
            }
            "exists" if domain.is_some() => {
                self.count()?;
                Whom::Unclear
            }
            _ => return Err(odd()),
        };
        Ok((qualifier, whom))
    }

    /// Counts a term that causes look-ups.
    fn count(&mut self) -> Result<(), Trouble> {
        self.lookups += 1;
        if self.lookups > MOST_SPF_LOOKUPS {
            return Err(Trouble::TooMuch);
        }
        Ok(())
    }

    async fn include(&mut self, target: &str) -> Result<Whom, Trouble> {
        self.count()?;
        if target.contains('%') {
            return Ok(Whom::Unclear);
        }
        let name = parse(target)?;
        let answer = there(self.dns.txt(&name).await)?;
        let mut texts = answer.map(|answer| answer.records).unwrap_or_default();
        texts.retain(|text| is_spf(text));
        match texts.as_slice() {
            // RFC 7208 §5.2: none is a permerror too.
            [] => Err(Trouble::Error(format!(
                "{name} has no SPF record to include"
            ))),
            [text] => self.read(name, text).await.map(Whom::Included),
            _ => Err(Trouble::Error(format!("{name} has several SPF records"))),
        }
    }

    async fn hosts(&mut self, here: &Name, rest: &str, of: Hosts) -> Result<Whom, Trouble> {
        self.count()?;
        let target = target(rest)?;
        let Target { name, prefixes } = match target {
            Some(target) => target,
            None => return Ok(Whom::Unclear),
        };
        let name = name.unwrap_or_else(|| here.clone());
        let hosts = match of {
            Hosts::Itself => vec![name],
            Hosts::Exchanges => self.exchanges(&name).await?,
        };
        let mut networks = Vec::new();
        let mut found = false;
        for host in hosts.iter().filter(|host| !host.is_root()) {
            let answer = there(self.dns.addresses(host).await.combined())?;
            for address in answer.into_iter().flat_map(|it| it.records) {
                found = true;
                let prefix = if address.is_ipv4() {
                    prefixes.0
                } else {
                    prefixes.1
                };
                networks.push((address, prefix));
            }
        }
        // An MX that is there is an answer, wherever it leads.
        if !found && (matches!(of, Hosts::Itself) || hosts.is_empty()) {
            self.void += 1;
        }
        Ok(Whom::Networks(networks))
    }

    async fn exchanges(&self, name: &Name) -> Result<Vec<Name>, Trouble> {
        let answer = there(self.dns.mx(name).await)?;
        let records = answer.map(|answer| answer.records).unwrap_or_default();
        if records.len() > MOST_HOSTS {
            let text = format!("mx of {name} has more than {MOST_HOSTS} hosts");
            return Err(Trouble::Error(text));
        }
        Ok(records.into_iter().map(|record| record.exchange).collect())
    }
}

/// Whose addresses count.
#[derive(Debug, Clone, Copy)]
enum Hosts {
    Itself,
    Exchanges,
}

/// `name=value`; what has `:` or `/` before is a mechanism.
fn modifier(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_name))
        .then_some((name, value))
}

fn qualified(word: &str) -> (Qualifier, &str) {
    let qualifiers = [
        ('+', Qualifier::Pass),
        ('-', Qualifier::Fail),
        ('~', Qualifier::SoftFail),
        ('?', Qualifier::Neutral),
    ];
    let found = qualifiers.iter().find_map(|(sign, qualifier)| {
        let rest = word.strip_prefix(*sign)?;
        Some((*qualifier, rest))
    });
    found.unwrap_or((Qualifier::Pass, word))
}

fn network(text: Option<&str>, width: u8, is_family: fn(&IpAddr) -> bool) -> Option<Whom> {
    let text = text?;
    let (address, prefix) = match text.split_once('/') {
        None => (text, width),
        Some((address, prefix)) => (address, prefix.parse().ok()?),
    };
    let address: IpAddr = address.parse().ok()?;
    (is_family(&address) && prefix <= width).then(|| Whom::Networks(vec![(address, prefix)]))
}

/// What stands behind `a` or `mx`; `None` where it depends on the message.
fn target(rest: &str) -> Result<Option<Target>, Trouble> {
    let odd = || Trouble::Error(format!("{} is no target", shown(rest.as_bytes())));
    let (domain, prefixes) = match rest.split_once('/') {
        None => (rest, None),
        Some((domain, prefixes)) => (domain, Some(prefixes)),
    };
    if domain.contains('%') {
        return Ok(None);
    }
    let name = match domain.strip_prefix(':') {
        Some(domain) => Some(parse(domain)?),
        None if domain.is_empty() => None,
        None => return Err(odd()),
    };
    let prefixes = match prefixes {
        None => Some((32, 128)),
        Some(text) => both(text),
    };
    let prefixes = prefixes.ok_or_else(odd)?;
    Ok(Some(Target { name, prefixes }))
}

/// `24`, `24//64` or `/64`, as they stand behind the first slash.
fn both(text: &str) -> Option<(u8, u8)> {
    let length = |text: &str, most: u8| text.parse().ok().filter(|it| *it <= most);
    match (text.strip_prefix('/'), text.split_once("//")) {
        (Some(ipv6), _) => Some((32, length(ipv6, 128)?)),
        (None, Some((ipv4, ipv6))) => Some((length(ipv4, 32)?, length(ipv6, 128)?)),
        (None, None) => Some((length(text, 32)?, 128)),
    }
}

fn parse(domain: &str) -> Result<Name, Trouble> {
    domain
        .parse()
        .map_err(|error| Trouble::Error(format!("{}: {error}", shown(domain.as_bytes()))))
}
