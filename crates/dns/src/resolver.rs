//! Look-ups over the network, by hickory.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use hickory_resolver::{
    TokioResolver,
    lookup::Lookup,
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider},
    proto::{
        dnssec,
        op::ResponseCode,
        rr::{self, RecordType},
    },
};

use crate::{
    Addresses, Answer, Cause, Denial, Dns, Failure, LookupError, Mx, Name, Proof, ResolverError,
    Settings, Tlsa, Validation,
    chain::{self, Wanted, Way},
    failures::Failures,
};

/// Asks name servers, and remembers what they said.
///
/// It must be made and used on a tokio runtime. Share one: its memory is what makes it fast.
#[derive(Debug)]
pub struct Resolver {
    hickory: TokioResolver,
    validation: Validation,
    deadline: Duration,
    failures: Failures,
}

impl Resolver {
    /// Makes a resolver. Files are read now, and no question is asked yet.
    ///
    /// # Errors
    /// Says what is wrong with the settings, or with the files they name.
    pub fn new(settings: &Settings) -> Result<Self, ResolverError> {
        let mut builder = TokioResolver::builder_with_config(
            settings.servers.config()?,
            TokioRuntimeProvider::default(),
        );
        settings.apply(builder.options_mut());
        if let Some(anchors) = settings.validation.anchors()? {
            builder = builder.with_trust_anchor(anchors);
        }
        let hickory = builder
            .build()
            .map_err(|error| ResolverError::Hickory(error.to_string()))?;
        Ok(Self {
            hickory,
            validation: settings.validation.clone(),
            deadline: settings.deadline,
            failures: Failures::default(),
        })
    }

    async fn find<T>(&self, name: &Name, wanted: &Wanted<T>) -> Result<Answer<T>, LookupError> {
        let question = (name.clone(), wanted.kind);
        if let Some(failure) = self.failures.recall(&question, Instant::now()) {
            return Err(failure.into());
        }
        // The future is large, and callers hold several of them.
        let search = Box::pin(self.search(Way::from(name), wanted));
        let outcome = match tokio::time::timeout(self.deadline, search).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Trouble::from(Cause::Timeout)),
        };
        outcome.map_err(|trouble| match trouble {
            Trouble::Denied(error) => error,
            Trouble::Unknown { cause, detail } => {
                let failure = failure(name, wanted.kind, cause, &detail);
                self.failures
                    .remember(question, failure.clone(), Instant::now());
                failure.into()
            }
        })
    }

    /// One look-up without a deadline.
    ///
    /// hickory follows aliases by itself, and an answer shows the way it took. A denial does
    /// not, and a circle of aliases looks to it like a name without records. So where a denial
    /// may stand behind an alias, the way there is walked again, alias by alias.
    async fn search<T>(&self, way: Way, wanted: &Wanted<T>) -> Result<Answer<T>, Trouble> {
        let missing = match self.ask(way.here(), wanted.kind).await? {
            Response::Records(lookup) => return Ok(chain::read(way, wanted, &lookup)?),
            Response::Nothing(missing) => missing,
        };
        if missing.name == *way.here() && missing.is_authoritative {
            return Err(missing.behind(way));
        }
        let way = self.walk(way).await?;
        if missing.name == *way.here() {
            return Err(missing.behind(way));
        }
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
                Missing::read(name, &none, &self.validation)?,
            )),
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
}

/// What a server can say.
enum Response {
    Records(Lookup),
    Nothing(Missing),
}

/// That there is nothing, as one response says it.
struct Missing {
    name: Name,
    is_domain: bool,
    /// Whether a zone vouches for it with its SOA (RFC 2308 §2.1, §2.2). Where none does, the
    /// denial may be hickory's own, for aliases that it stopped following.
    is_authoritative: bool,
    proof: Proof,
}

impl Missing {
    fn read(asked: &Name, none: &NoRecords, validation: &Validation) -> Result<Self, Trouble> {
        let name = Name::from_wire(none.query.name());
        let vouching = match (&none.soa, &none.authorities) {
            (Some(soa), _) => vec![(&soa.name, soa.proof)],
            (None, Some(authorities)) => authorities.iter().map(|r| (&r.name, r.proof)).collect(),
            (None, None) => Vec::new(),
        };
        Ok(Self {
            is_domain: none.response_code == ResponseCode::NXDomain,
            is_authoritative: none.soa.is_some(),
            proof: proof_of_denial(asked, &name, &vouching, validation)?,
            name,
        })
    }

    fn behind(self, way: Way) -> Trouble {
        let (name, aliases, proof) = way.end(self.proof);
        let denial = Denial {
            name,
            proof,
            aliases,
        };
        Trouble::Denied(if self.is_domain {
            LookupError::NoSuchDomain(denial)
        } else {
            LookupError::NoData(denial)
        })
    }
}

/// How well a denial is proven by those who vouch for it: owners and statuses of its SOA, or of
/// whatever else stands in its authority section.
///
/// hickory holds a denial for insecure when all of that section is insecure, whosever records
/// they are. Records of an unsigned zone elsewhere would so make the TLSA records of a signed
/// zone disappear, and DANE with them; they are refused here. Where the section is empty, hickory
/// has looked for itself, and lets nothing but a denial by an unsigned zone pass.
fn proof_of_denial(
    asked: &Name,
    denied: &Name,
    vouching: &[(&rr::Name, dnssec::Proof)],
    validation: &Validation,
) -> Result<Proof, Trouble> {
    let mut worst = match validation {
        Validation::Off => return Ok(Proof::Indeterminate),
        Validation::With(_) if vouching.is_empty() => return Ok(Proof::Insecure),
        Validation::With(_) => Proof::Secure,
    };
    for (owner, proof) in vouching {
        let owner = Name::from_wire(owner);
        if !owner.holds(denied) {
            return Err(Trouble::Unknown {
                cause: Cause::Malformed,
                detail: format!("{owner} speaks for {asked}, which is not its own"),
            });
        }
        worst = worst.min(chain::proof(*proof)?);
    }
    Ok(worst)
}

/// A search without an answer.
enum Trouble {
    Denied(LookupError),
    Unknown { cause: Cause, detail: String },
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Self {
        Self::Unknown {
            cause,
            detail: String::new(),
        }
    }
}

/// What hickory's error means for us. Everything that is not a denial is "not known".
fn trouble(error: &NetError) -> Trouble {
    let cause = match error {
        NetError::Dns(DnsError::DnssecBogus | DnsError::Nsec { .. }) => {
            return Trouble::from(Cause::Bogus);
        }
        NetError::Timeout => return Trouble::from(Cause::Timeout),
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => Cause::Refused,
        NetError::Dns(_) => Cause::ServerFailure,
        NetError::Io(_) | NetError::NoConnections | NetError::Busy => Cause::Network,
        _ => Cause::Malformed,
    };
    Trouble::Unknown {
        cause,
        detail: error.to_string(),
    }
}

fn failure(name: &Name, kind: RecordType, cause: Cause, detail: &str) -> Failure {
    let what = format!("{kind} of {name}");
    let text = if detail.is_empty() {
        what
    } else {
        // The detail may quote what a server sent.
        format!("{what} ({})", detail.escape_default())
    };
    Failure { cause, text }
}
