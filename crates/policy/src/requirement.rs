//! The requirement: what a channel must be, as one value on four axes.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use postern_tls::CryptoBounds;

use crate::{ChannelLevel, Grounds, HostRule, Identity, Source};

/// What one source demands of the channel, with the identity that authentication is for: there
/// is no way to write "authenticated" without saying as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelDemand {
    /// Nothing.
    Any,
    /// TLS.
    Encrypted,
    /// TLS with a peer that proved to be this.
    Authenticated(Identity),
}

impl ChannelDemand {
    /// The level without the identity.
    pub fn level(&self) -> ChannelLevel {
        match self {
            Self::Any => ChannelLevel::Any,
            Self::Encrypted => ChannelLevel::Encrypted,
            Self::Authenticated(_) => ChannelLevel::Authenticated,
        }
    }

    /// The identity, where one is demanded.
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Any | Self::Encrypted => None,
            Self::Authenticated(identity) => Some(identity),
        }
    }

    /// The demand that keeps the promises of both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Authenticated(a), Self::Authenticated(b)) => Self::Authenticated(a.join(b)),
            (Self::Authenticated(identity), Self::Any | Self::Encrypted)
            | (Self::Any | Self::Encrypted, Self::Authenticated(identity)) => {
                Self::Authenticated(identity.clone())
            }
            (Self::Encrypted, Self::Any | Self::Encrypted) | (Self::Any, Self::Encrypted) => {
                Self::Encrypted
            }
            (Self::Any, Self::Any) => Self::Any,
        }
    }
}

/// `any channel`, `an encrypted channel`, `a channel authenticated as mx1.example by ca.pem`
impl fmt::Display for ChannelDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any channel"),
            Self::Encrypted => f.write_str("an encrypted channel"),
            Self::Authenticated(identity) => write!(f, "a channel authenticated as {identity}"),
        }
    }
}

/// A crypto profile by name, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileDemand {
    name: Arc<str>,
    bounds: Arc<CryptoBounds>,
}

impl ProfileDemand {
    /// Demands that TLS keeps within `bounds`, which people know as `name`.
    pub fn new(name: impl fmt::Display, bounds: CryptoBounds) -> Self {
        Self {
            name: name.to_string().into(),
            bounds: Arc::new(bounds),
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it allows.
    pub fn bounds(&self) -> &CryptoBounds {
        &self.bounds
    }
}

/// What one source demands, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    source: Source,
    reason: Arc<str>,
    grounds: Grounds,
    channel: ChannelDemand,
    profile: Option<ProfileDemand>,
    hosts: HostRule,
}

impl Contribution {
    /// Demands `channel` on behalf of `source`, in the words of `reason`, on these grounds.
    pub fn new(source: Source, channel: ChannelDemand, reason: &str, grounds: Grounds) -> Self {
        Self {
            source,
            reason: reason.into(),
            grounds,
            channel,
            profile: None,
            hosts: HostRule::any(),
        }
    }

    /// The same, with a crypto profile.
    #[must_use]
    pub fn with_profile(mut self, profile: ProfileDemand) -> Self {
        self.profile = Some(profile);
        self
    }

    /// The same, for these hosts only.
    #[must_use]
    pub fn with_hosts(mut self, hosts: HostRule) -> Self {
        self.hosts = hosts;
        self
    }

    /// Who demands it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What it stands on.
    pub fn grounds(&self) -> &Grounds {
        &self.grounds
    }

    /// What is demanded of channel and identity.
    pub fn channel(&self) -> &ChannelDemand {
        &self.channel
    }

    /// Which crypto profile is demanded.
    pub fn profile(&self) -> Option<&ProfileDemand> {
        self.profile.as_ref()
    }

    /// Which hosts are allowed.
    pub fn hosts(&self) -> &HostRule {
        &self.hosts
    }
}

/// What a channel must be before mail may use it: the join of contributions.
///
/// A join takes the stricter on every axis and keeps who said what, so that no contribution can
/// lower what another demands, and the explanation of a requirement is the requirement itself.
/// There is no way to take a contribution out again.
///
/// | axis | a join is |
/// |---|---|
/// | channel | the stricter level |
/// | identity | the conjunction of the constraints |
/// | profile | the intersection of what is allowed |
/// | hosts | the conjunction of the pattern sets |
#[derive(Debug, Clone)]
pub struct Requirement {
    channel: ChannelDemand,
    /// `None` where nothing is excluded, which spares the intersection.
    bounds: Option<Arc<CryptoBounds>>,
    hosts: HostRule,
    contributions: Vec<Arc<Contribution>>,
}

impl Requirement {
    /// The requirement that keeps the promises of both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let mut contributions = self.contributions.clone();
        for contribution in &other.contributions {
            if !contributions.contains(contribution) {
                contributions.push(Arc::clone(contribution));
            }
        }
        contributions.sort_by(|a, b| a.source.cmp(&b.source));
        Self {
            channel: self.channel.join(&other.channel),
            bounds: intersect(self.bounds.as_ref(), other.bounds.as_ref()),
            hosts: self.hosts.join(&other.hosts),
            contributions,
        }
    }

    /// The level on the axis of the channel.
    pub fn level(&self) -> ChannelLevel {
        self.channel.level()
    }

    /// What is demanded of the channel, with the identity.
    pub fn channel(&self) -> &ChannelDemand {
        &self.channel
    }

    /// Who the peer must prove to be, where that is demanded.
    pub fn identity(&self) -> Option<&Identity> {
        self.channel.identity()
    }

    /// What TLS may use; a handshake is made within these bounds.
    pub fn bounds(&self) -> &CryptoBounds {
        static EVERYTHING: LazyLock<CryptoBounds> = LazyLock::new(CryptoBounds::everything);
        match &self.bounds {
            Some(bounds) => bounds,
            None => &EVERYTHING,
        }
    }

    /// Which hosts mail may be handed to.
    pub fn hosts(&self) -> &HostRule {
        &self.hosts
    }

    /// Everything that was joined, in the order of its sources.
    pub fn contributions(&self) -> impl Iterator<Item = &Contribution> {
        self.contributions.iter().map(AsRef::as_ref)
    }

    /// The sources of the contributions that `decided` picks.
    pub(crate) fn sources(&self, decided: impl Fn(&Contribution) -> bool) -> Vec<Source> {
        self.contributions()
            .filter(|contribution| decided(contribution))
            .map(|contribution| contribution.source.clone())
            .collect()
    }
}

fn intersect(
    a: Option<&Arc<CryptoBounds>>,
    b: Option<&Arc<CryptoBounds>>,
) -> Option<Arc<CryptoBounds>> {
    match (a, b) {
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => Some(Arc::clone(a)),
        (Some(a), Some(b)) => Some(Arc::new(a.intersect(b))),
        (one, other) => one.or(other).cloned(),
    }
}

impl From<Contribution> for Requirement {
    fn from(contribution: Contribution) -> Self {
        let profile = contribution.profile.as_ref();
        Self {
            channel: contribution.channel.clone(),
            bounds: profile.map(|profile| Arc::clone(&profile.bounds)),
            hosts: contribution.hosts.clone(),
            contributions: vec![Arc::new(contribution)],
        }
    }
}

/// Two requirements are equal when they demand the same for the same reasons, in whatever order
/// those were joined.
impl PartialEq for Requirement {
    fn eq(&self, other: &Self) -> bool {
        let within = |a: &Self, b: &Self| {
            a.contributions
                .iter()
                .all(|contribution| b.contributions.contains(contribution))
        };
        self.channel == other.channel
            && self.bounds() == other.bounds()
            && self.hosts == other.hosts
            && within(self, other)
            && within(other, self)
    }
}

impl Eq for Requirement {}
