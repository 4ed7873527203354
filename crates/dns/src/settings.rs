//! How the resolver is set up.

use std::{
    collections::BTreeSet, fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration,
};

use hickory_resolver::{
    config::{ResolveHosts, ResolverOpts},
    proto::{
        dnssec,
        serialize::txt::{
            ParseError,
            trust_anchor::{self, Entry},
        },
    },
};

use crate::Name;

/// What a [`Resolver`](crate::Resolver) is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whom to ask.
    pub servers: Servers,
    /// Whether answers are checked.
    pub validation: Validation,
    /// How long one server has for one answer.
    pub query_timeout: Duration,
    /// How often a question without an answer is asked again.
    pub retries: usize,
    /// How long a whole look-up may take: aliases, retries and signatures included.
    pub deadline: Duration,
    /// How many responses are kept.
    pub cache_size: u64,
    /// How long it is remembered, at the least, that something does not exist. Validated denials
    /// would not be kept at all without it.
    pub negative_min_ttl: Duration,
}

impl Default for Settings {
    /// The system's servers, validation with the built-in anchors, and times with which a dead
    /// server costs less than the greeting of a slow host.
    fn default() -> Self {
        Self {
            servers: Servers::System,
            validation: Validation::With(TrustAnchors::BuiltIn),
            query_timeout: Duration::from_secs(3),
            retries: 2,
            deadline: Duration::from_secs(20),
            cache_size: 16_384,
            negative_min_ttl: Duration::from_secs(30),
        }
    }
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Servers {
    /// Those in the system's `/etc/resolv.conf`. Its search list and options are not used. Where
    /// it is missing or names no server, a resolver is made all the same: each look-up fails for
    /// the time being, and the file is read again every few seconds.
    System,
    /// These, over UDP and TCP.
    At(Vec<SocketAddr>),
}

/// Whether answers are checked against DNSSEC (RFC 4035 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validation {
    /// Nothing is checked, and every answer is [`Proof::Indeterminate`](crate::Proof).
    Off,
    /// Signatures are checked up to these anchors.
    With(TrustAnchors),
}

/// What validation begins from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustAnchors {
    /// The keys of the root zone that came with the program.
    BuiltIn,
    /// DNSKEY records in a file, as zone files write them, at least one of them of the root.
    /// Validation begins there: hickory looks for the way to a key of another zone from above,
    /// and where the root cannot be proven it finds none.
    File(PathBuf),
}

/// Why a resolver cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// There is nobody to ask.
    #[error("no name server is given")]
    NoServers,
    /// The system's configuration is unreadable or names no server. A
    /// [`Resolver`](crate::Resolver) is made nevertheless, and says this for each look-up.
    #[error("{0}")]
    System(String),
    /// A trust anchor file cannot be read.
    #[error("cannot read the trust anchors in {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// A trust anchor file is not a list of DNSKEY records, or holds none of the root.
    #[error("the trust anchors in {} cannot be used: {text}", path.display())]
    Anchors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        text: String,
    },
    /// hickory refuses the settings.
    #[error("the resolver cannot be set up: {0}")]
    Hickory(String),
}

/// The keys that validation begins from, as hickory takes them.
#[derive(Clone)]
pub(crate) struct Anchors {
    pub(crate) keys: Arc<dnssec::TrustAnchors>,
    /// The zones that they are keys of.
    pub(crate) zones: BTreeSet<Name>,
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Anchors").field(&self.zones).finish()
    }
}

impl Validation {
    pub(crate) fn anchors(&self) -> Result<Option<Anchors>, ResolverError> {
        let path = match self {
            Self::Off => return Ok(None),
            Self::With(TrustAnchors::BuiltIn) => {
                return Ok(Some(Anchors {
                    keys: Arc::default(),
                    zones: BTreeSet::from([Name::root()]),
                }));
            }
            Self::With(TrustAnchors::File(path)) => path,
        };
        let unusable = |text: String| ResolverError::Anchors {
            path: path.clone(),
            text,
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| ResolverError::Unreadable(path.clone(), error))?;
        let entries = trust_anchor::Parser::new(text.as_str())
            .parse()
            .map_err(|error| unusable(error.to_string()))?;
        let anchors = text
            .parse()
            .map_err(|error: ParseError| unusable(error.to_string()))?;
        let zones = entries.iter().filter_map(|entry| match entry {
            Entry::DNSKEY(record) => Some(Name::from_wire(record.name())),
            _ => None,
        });
        let zones: BTreeSet<_> = zones.collect();
        // Without any anchor every answer would quietly be indeterminate.
        if !zones.iter().any(Name::is_root) {
            return Err(unusable(
                "there is no key of the root zone, where validation begins".to_owned(),
            ));
        }
        Ok(Some(Anchors {
            keys: Arc::new(anchors),
            zones,
        }))
    }
}

impl Settings {
    /// What we ask of hickory besides servers and anchors.
    pub(crate) fn apply(&self, options: &mut ResolverOpts) {
        options.timeout = self.query_timeout;
        options.attempts = self.retries;
        options.cache_size = self.cache_size;
        options.negative_min_ttl = Some(self.negative_min_ttl);
        options.negative_max_ttl = Some(self.negative_min_ttl.max(LONGEST_DENIAL));
        // The aliases on the way are needed with their proofs (RFC 7672 §2.2.3).
        options.preserve_intermediates = true;
        // A file that only this machine knows must not decide where mail goes.
        options.use_hosts_file = ResolveHosts::Never;
        // One more thing that a forger has to guess (draft-vixie-dnsext-dns0x20). hickory asks
        // over TCP when a server does not return the spelling.
        options.case_randomization = true;
    }
}

/// The longest time for which we believe that something does not exist. RFC 2308 §5 suggests up
/// to three hours; a partner who has just repaired his zone should not wait for that.
const LONGEST_DENIAL: Duration = Duration::from_secs(900);
