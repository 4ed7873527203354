//! What destinations publish about their TLS, and what is known of their hosts.

use std::{sync::Arc, time::Duration};

use postern_mail::{Host, TlsWish};
use postern_policy::{
    DaneFacts, DaneRecords, DeliveryRequest, DnsProof, HostFacts, HostPlan, KnownPolicy, Policy,
    Provenance, StsMode, StsPolicy,
};
use postern_tls::{PeerCertificates, TlsaRecord, TlsaSet};

use crate::peers::{Peer, now};

pub(crate) const MX1: &str = "mx1.ministry.example";
pub(crate) const SECURE: Provenance = Provenance::Dns(DnsProof::Secure);
pub(crate) const INSECURE: Provenance = Provenance::Dns(DnsProof::Insecure);

/// A policy that `domain` published an hour ago, for a day.
pub(crate) fn sts_of(domain: &str, mode: StsMode, mx: &[&str]) -> Arc<KnownPolicy> {
    let mx = mx.iter().map(|pattern| pattern.parse().unwrap()).collect();
    let policy = StsPolicy::new(mode, mx, Duration::from_secs(86_400)).unwrap();
    let id = "20261123".parse().unwrap();
    let domain = domain.parse().unwrap();
    let an_hour_ago = Duration::from_secs(now().as_secs() - 3600);
    let fetched = rustls_pki_types::UnixTime::since_unix_epoch(an_hour_ago);
    Arc::new(KnownPolicy::fetched(domain, id, policy, fetched))
}

/// One of the ministry.
pub(crate) fn sts(mode: StsMode, mx: &[&str]) -> Arc<KnownPolicy> {
    sts_of("ministry.example", mode, mx)
}

/// What is known of `mx1.ministry.example`.
pub(crate) fn mx1(provenance: Provenance, dane: DaneFacts) -> HostFacts {
    HostFacts {
        host: MX1.parse().unwrap(),
        provenance,
        dane,
    }
}

pub(crate) fn no_dane() -> DaneFacts {
    DaneFacts::NotApplicable("the MX answer is insecure".into())
}

pub(crate) fn unknown() -> DaneFacts {
    DaneFacts::Unknown("the TLSA records could not be found out: timeout".into())
}

/// These records for `mx1.ministry.example`: usage, selector, matching type, data.
pub(crate) fn records(records: &[(u8, u8, u8, &[u8])]) -> DaneFacts {
    let record = |(usage, selector, matching, data): &(u8, u8, u8, &[u8])| TlsaRecord {
        usage: *usage,
        selector: *selector,
        matching: *matching,
        association: data.to_vec(),
    };
    DaneFacts::Records(DaneRecords {
        base: MX1.parse().unwrap(),
        records: TlsaSet::new(records.iter().map(record)),
    })
}

/// The record `3 0 0` of what a peer shows.
pub(crate) fn matching(peer: &Peer) -> DaneFacts {
    records(&[(3, 0, 0, &leaf(peer))])
}

/// A record that could be used and that nobody meets.
pub(crate) fn mismatching() -> DaneFacts {
    records(&[(3, 1, 1, &[0; 32])])
}

/// Records that are not for SMTP (RFC 7672 §3.1.3).
pub(crate) fn unusable() -> DaneFacts {
    records(&[(1, 1, 1, &[0; 32]), (0, 0, 1, &[0; 32])])
}

pub(crate) fn leaf(peer: &Peer) -> Vec<u8> {
    let PeerCertificates::Chain(chain) = peer.security.as_ref().unwrap().peer() else {
        unreachable!("{} shows nothing", peer.name);
    };
    chain.leaf().to_vec()
}

/// What mail for the ministry must meet at a host of which this is known.
pub(crate) fn plan(
    policy: &Policy,
    wish: TlsWish,
    sts: Option<&Arc<KnownPolicy>>,
    facts: &HostFacts,
) -> HostPlan {
    let destination: Host = "ministry.example".parse().unwrap();
    let request = DeliveryRequest {
        wish,
        sts,
        ..DeliveryRequest::to(&destination)
    };
    policy.plan_delivery(&request, now()).for_host(facts)
}
