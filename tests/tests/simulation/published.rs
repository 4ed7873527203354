//! What destinations publish about their TLS: TLSA records and MTA-STS policies, which change while
//! mail is under way, and are answered well, badly or not at all.
//!
//! [`Published`] is the truth. What we learn of it are facts for the policy, and they count for a
//! while; what channels they allow is said by [`Published::allows`], which is nobody's judgement.

use std::{sync::Arc, time::Instant};

use postern_policy::{
    DaneFacts, DaneRecords, DnsProof, HostFacts, KnownPolicy, Provenance, StsPolicy,
};
use postern_tls::{TlsaRecord, TlsaSet};

use super::{
    cast::{CAST, DESTINATIONS, Destination, Face, domain, host},
    core::Core,
    mutation::Mutation,
    random::Random,
    timeline::Event,
};

/// What DNS says of the mail host of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dane {
    /// The MX answer is not signed, so nobody asks for more.
    Insecure,
    /// It is proven that there are no TLSA records.
    Absent,
    /// There are those of the key that belongs to this face.
    Key(Face),
    /// There are some, and none can be used.
    Unusable,
    /// The answer is bogus, or none comes.
    Unknown,
}

/// The MTA-STS policy of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sts {
    None,
    Testing,
    Enforced,
    /// It is enforced, and lists another host.
    Elsewhere,
}

/// What a domain publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) dane: Dane,
    pub(crate) sts: Sts,
}

/// What was learnt of it.
#[derive(Debug, Clone)]
pub(crate) struct Learnt {
    pub(crate) facts: HostFacts,
    /// Until when the facts count.
    pub(crate) until: Instant,
    pub(crate) truth: Published,
}

impl Published {
    pub(crate) const NOTHING: Self = Self {
        dane: Dane::Insecure,
        sts: Sts::None,
    };

    /// Something that a host can live up to once the world is healed, and anything before.
    fn any(random: &mut Random, healed: bool) -> Self {
        let face = if healed {
            Face::Ministry
        } else {
            random.pick(&Face::SERVERS)
        };
        let sound = [
            Dane::Insecure,
            Dane::Insecure,
            Dane::Absent,
            Dane::Key(face),
            Dane::Unusable,
        ];
        let dane = match random.chance(20) && !healed {
            true => Dane::Unknown,
            false => random.pick(&sound),
        };
        let sts = match random.chance(10) && !healed {
            true => Sts::Elsewhere,
            false => random.pick(&[Sts::None, Sts::None, Sts::Testing, Sts::Enforced]),
        };
        Self { dane, sts }
    }

    /// Whether mail may go over a channel on which this was shown; in clear it is nothing.
    pub(crate) fn allows(self, shown: Option<Face>) -> bool {
        let by_dane = match self.dane {
            Dane::Insecure | Dane::Absent => true,
            Dane::Key(face) => shown == Some(face),
            Dane::Unusable => shown.is_some(),
            Dane::Unknown => false,
        };
        let by_sts = match self.sts {
            Sts::None | Sts::Testing => true,
            Sts::Enforced => shown == Some(Face::Ministry),
            Sts::Elsewhere => false,
        };
        by_dane && by_sts
    }

    /// Whether the host is known to be the destination's, as REQUIRETLS demands (RFC 8689 §4.2.1).
    pub(crate) fn proves_host(self) -> bool {
        self.dane != Dane::Insecure || matches!(self.sts, Sts::Testing | Sts::Enforced)
    }

    /// What a host does best to show, where that matters.
    pub(crate) fn wants(self) -> Option<Face> {
        match (self.sts, self.dane) {
            (Sts::Enforced, _) => Some(Face::Ministry),
            (_, Dane::Key(face)) => Some(face),
            (_, Dane::Insecure | Dane::Absent | Dane::Unusable | Dane::Unknown) => None,
        }
    }

    fn facts(self, of: &Destination) -> HostFacts {
        let of_host = host(of.host);
        let records = |record| {
            DaneFacts::Records(DaneRecords {
                base: domain(of.host),
                records: TlsaSet::new([record]),
            })
        };
        let dane = match self.dane {
            Dane::Insecure => DaneFacts::NotApplicable("the MX answer is insecure".into()),
            Dane::Absent => DaneFacts::Absent,
            Dane::Key(face) => records(CAST.tlsa(face)),
            // A usage that SMTP has no use for (RFC 7672 §3.1.3).
            Dane::Unusable => records(TlsaRecord {
                usage: 0,
                ..CAST.tlsa(Face::Ministry)
            }),
            Dane::Unknown => DaneFacts::Unknown("the answer is bogus".into()),
        };
        let proof = match self.dane {
            Dane::Insecure => DnsProof::Insecure,
            Dane::Absent | Dane::Key(_) | Dane::Unusable | Dane::Unknown => DnsProof::Secure,
        };
        HostFacts {
            host: of_host,
            provenance: Provenance::Dns(proof),
            dane,
        }
    }

    /// The MTA-STS policy, where there is one.
    pub(crate) fn policy(self, of: &Destination) -> Option<Arc<KnownPolicy>> {
        let (mode, mx) = match self.sts {
            Sts::None => return None,
            Sts::Testing => ("testing", of.host),
            Sts::Enforced => ("enforce", of.host),
            Sts::Elsewhere => ("enforce", "mx.elsewhere.example"),
        };
        let text = format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 604800\n");
        let policy = StsPolicy::parse(text.as_bytes()).unwrap();
        let id = "1".parse().unwrap();
        let known = KnownPolicy::fetched(domain(of.domain), id, policy, CAST.now);
        Some(Arc::new(known))
    }
}

impl Core {
    /// All domains publish what can be lived up to.
    pub(crate) fn publish_sound(&mut self) {
        for at in 0..DESTINATIONS.len() {
            self.publish(at);
        }
    }

    /// A domain publishes something else.
    pub(crate) fn publish(&mut self, at: usize) {
        if !self.publishing {
            return;
        }
        let published = Published::any(&mut self.random, self.healed);
        self.note(|| format!("{} publishes {published:?}", DESTINATIONS[at].domain));
        self.published[at] = published;
    }

    /// Asks what a destination publishes.
    pub(crate) fn learn(&mut self, of: &Destination) -> Learnt {
        let at = DESTINATIONS.iter().position(|it| it.domain == of.domain);
        let at = at.unwrap_or_default();
        let truth = self.published[at];
        let mut facts = truth.facts(of);
        if self.mutation == Some(Mutation::BogusIsAbsent) && truth.dane == Dane::Unknown {
            facts.dane = DaneFacts::Absent;
        }
        let longest = self.random.pick(&[10_000, 600_000]);
        let lifetime = self.random.between(1_000, longest);
        // What changes while something is done about what it was.
        if self.mishap(30) {
            let wait = self.random.between(1_000, longest);
            self.after(wait, Event::Publish(at));
        }
        Learnt {
            facts,
            until: self.instant_in(lifetime),
            truth,
        }
    }
}
