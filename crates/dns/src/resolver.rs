//! Look-ups over the network, by hickory.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use hickory_resolver::{
    Resolver as Hickory,
    net::{DnsError, NetError},
    proto::{dnssec, rr::RecordType},
};

use crate::{
    Addresses, Answer, Caa, Cause, Dns, LookupError, Mx, Name, ResolverError, SelfTest, Settings,
    Tlsa, Validation,
    ages::Ages,
    bounds::{Guarded, Work},
    chain::{self, Wanted, Way},
    denial::{Missing, Response},
    failures::{Failures, Question},
    self_test,
    trouble::{Trouble, failure, trouble},
    upstream::Upstream,
};

/// Asks name servers, and remembers what they said.
///
/// It must be made and used on a tokio runtime. Share one: its memory is what makes it fast.
#[derive(Debug)]
pub struct Resolver {
    upstream: Upstream,
    validation: Validation,
    deadline: Duration,
    failures: Failures,
    ages: Ages,
}

/// Where the system says whom to ask.
const SYSTEM: &str = "/etc/resolv.conf";

impl Resolver {
    /// Makes a resolver. Files are read now, and no question is asked yet. That the system names
    /// no servers is no error here: see [`Servers::System`](crate::Servers) and
    /// [`trouble`](Self::trouble).
    ///
    /// # Errors
    /// Says what is wrong with the settings, or with the files they name.
    pub fn new(settings: &Settings) -> Result<Self, ResolverError> {
        Self::on_system(settings, Path::new(SYSTEM))
    }

    fn on_system(settings: &Settings, system: &Path) -> Result<Self, ResolverError> {
        Ok(Self {
            upstream: Upstream::new(settings, system)?,
            validation: settings.validation.clone(),
            deadline: settings.deadline,
            failures: Failures::default(),
            ages: Ages::new(settings.cache_size),
        })
    }

    /// Whether answers are checked.
    pub fn validation(&self) -> &Validation {
        &self.validation
    }

    /// The servers that are asked; none while the system names none.
    pub fn servers(&self) -> Vec<SocketAddr> {
        let servers = self.upstream.servers(Instant::now()).unwrap_or_default();
        servers.iter().filter_map(self_test::address).collect()
    }

    /// Why nobody can be asked at the moment: the system's configuration is missing or names no
    /// server. Every look-up fails for this reason, until it is mended.
    pub fn trouble(&self) -> Option<String> {
        self.upstream.servers(Instant::now()).err()
    }

    /// Asks each server for something that the trust anchors vouch for, and tells what that says
    /// about answers to come. It ends within some ten seconds.
    pub async fn self_test(&self) -> SelfTest {
        self_test::run(&self.upstream).await
    }

    async fn find<T>(&self, name: &Name, wanted: &Wanted<T>) -> Result<Answer<T>, LookupError> {
        let question = (name.clone(), wanted.kind);
        let start = Instant::now();
        if let Some(failure) = self.failures.recall(&question, start) {
            return Err(failure.into());
        }
        let hickory = match self.upstream.hickory(start) {
            Ok(hickory) => hickory,
            Err(why) => return Err(failure(name, wanted.kind, Cause::Network, &why).into()),
        };
        let search = Search {
            hickory,
            validation: &self.validation,
        };
        let work = Arc::new(Work::default());
        // The future is large, and callers hold several of them.
        let search = Box::pin(work.measure(search.run(Way::from(name), wanted)));
        let outcome = match tokio::time::timeout(self.deadline, search).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => Err(Trouble::from(Cause::Excessive)),
            Err(_) => Err(Trouble::from(Cause::Timeout)),
        };
        self.conclude(question, outcome, &work)
    }

    /// What a search has brought, with the time when that came; a failure is remembered.
    fn conclude<T>(
        &self,
        question: Question,
        outcome: Result<Answer<T>, Trouble>,
        work: &Work,
    ) -> Result<Answer<T>, LookupError> {
        let received = || {
            if work.has_asked() {
                self.ages.note(question.clone(), Instant::now());
            }
            self.ages.recall(&question)
        };
        let (cause, detail) = match outcome {
            Ok(answer) => {
                let received = received();
                return Ok(Answer { received, ..answer });
            }
            Err(Trouble::Denied(error)) => return Err(error.received_at(received())),
            // What a bound cuts off looks like trouble of some other kind to hickory.
            Err(Trouble::Unknown { detail, .. }) if work.is_exceeded() => {
                (Cause::Excessive, detail)
            }
            Err(Trouble::Unknown { cause, detail }) => (cause, detail),
        };
        let failure = failure(&question.0, question.1, cause, &detail);
        self.failures
            .remember(question, failure.clone(), Instant::now());
        Err(failure.into())
    }
}

/// One look-up without a deadline.
struct Search<'a> {
    hickory: Hickory<Guarded>,
    validation: &'a Validation,
}

impl Search<'_> {
    /// hickory follows aliases by itself, and an answer shows the way it took. A denial does
    /// not, and a circle of aliases looks to it like a name without records. So where a denial
    /// may stand behind an alias, the way there is walked again, alias by alias.
    async fn run<T>(&self, way: Way, wanted: &Wanted<T>) -> Result<Answer<T>, Trouble> {
        let missing = match self.ask(way.here(), wanted.kind).await {
            Ok(Response::Records(lookup)) => return Ok(chain::read(way, wanted, &lookup)?),
            Ok(Response::Nothing(missing)) => missing,
            Err(trouble) => return self.past_aliases(way, wanted, trouble).await,
        };
        if missing.name == *way.here() && missing.is_authoritative {
            return Err(missing.behind(way));
        }
        let way = self.walk(way).await?;
        if missing.name == *way.here() {
            return Err(missing.behind(way));
        }
        self.end(way, wanted).await
    }

    /// A response with an alias and the denial of what is asked for behind it, as recursive servers
    /// give it, is bogus to hickory where one zone has both: it looks at the alias for the proof
    /// that belongs to the alias's target. Step by step each proof is where it is looked for.
    async fn past_aliases<T>(
        &self,
        way: Way,
        wanted: &Wanted<T>,
        trouble: Trouble,
    ) -> Result<Answer<T>, Trouble> {
        if !trouble.is_bogus() {
            return Err(trouble);
        }
        let asked = way.here().clone();
        let way = self.walk(way).await?;
        if *way.here() == asked {
            return Err(trouble);
        }
        self.end(way, wanted).await
    }

    /// What is at the end of the aliases.
    async fn end<T>(&self, way: Way, wanted: &Wanted<T>) -> Result<Answer<T>, Trouble> {
        match self.ask(way.here(), wanted.kind).await? {
            Response::Records(lookup) => Ok(chain::read(way, wanted, &lookup)?),
            Response::Nothing(missing) => Err(missing.behind(way)),
        }
    }

    /// Follows aliases until there is none.
    async fn walk(&self, mut way: Way) -> Result<Way, Trouble> {
        loop {
            match self.ask(way.here(), RecordType::CNAME).await? {
                Response::Nothing(_) => return Ok(way),
                Response::Records(lookup) => {
                    let (target, proof) = chain::read_alias(&way, &lookup)?;
                    way.follow(target, proof)?;
                }
            }
        }
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Response, Trouble> {
        match self.hickory.lookup(name.as_wire().clone(), kind).await {
            Ok(lookup) => Ok(Response::Records(lookup)),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => Ok(Response::Nothing(
                Missing::read(name, &none, self.validation)?,
            )),
            Err(NetError::Dns(DnsError::Nsec {
                response,
                proof: dnssec::Proof::Insecure,
                ..
            })) => Missing::unproven(name, &response)
                .map(Response::Nothing)
                .ok_or_else(|| Trouble::from(Cause::Bogus)),
            Err(error) => Err(trouble(&error)),
        }
    }
}

#[async_trait]
impl Dns for Resolver {
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError> {
        self.find(name, &chain::MX).await
    }

    async fn addresses(&self, name: &Name) -> Addresses {
        let (ipv4, ipv6) = tokio::join!(self.find(name, &chain::A), self.find(name, &chain::AAAA));
        Addresses { ipv4, ipv6 }
    }

    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError> {
        self.find(name, &chain::TXT).await
    }

    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError> {
        self.find(name, &chain::TLSA).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError> {
        self.find(&Name::reverse(address), &chain::PTR).await
    }

    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError> {
        self.find(name, &chain::CAA).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_servers_every_look_up_says_why_it_fails() {
        let absent = Path::new("/nonexistent/resolv.conf");
        let dns = Resolver::on_system(&Settings::default(), absent).unwrap();
        let why = dns.trouble().unwrap();
        assert!(
            why.starts_with("/nonexistent/resolv.conf cannot be used"),
            "{why}"
        );
        assert!(dns.servers().is_empty());
        let error = dns.mx(&"example.org".parse().unwrap()).await.unwrap_err();
        assert!(matches!(&error, LookupError::Temporary(f) if f.cause == Cause::Network));
        assert!(error.to_string().contains(&why), "{error}");
        let tested = dns.self_test().await;
        assert_eq!(tested, SelfTest::NoServers(why.clone()));
        assert!(!tested.is_passed() && tested.to_string().starts_with(&why));
    }
}
