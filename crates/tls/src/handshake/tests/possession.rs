//! Client certificates, and peers that do not hold the key of the certificate they show.

use std::sync::Arc;

use postern_testkit::{Authority, Identity, Key, Leaf, Usage, Validity, client_config};
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::shown;
use crate::{
    Attempt, Authentication, CertificateUsage, ChainFault, Evidence, PeerCertificates, PeerChain,
    PlainServerChannel, Possession, ProfileName,
    pkix::{self, Demand, Wildcards},
    testing::{LIMIT, anchors, attempt, bounds, client, evidence, now, presenting, server},
};

/// The server's view of a client that shows `identity`, and what the usual demand on a partner
/// comes to.
async fn seen(
    authority: &Authority,
    identity: Option<&Identity>,
    profile: ProfileName,
) -> (PeerCertificates, Result<(), ChainFault>) {
    let ours = Authority::new("Ours").issue(&Leaf::named("mx.example").key(Key::EcdsaP256));
    let server = server(&[&ours], profile);
    let attempt = Attempt {
        present: identity.map(presenting),
        ..attempt(Authentication::Demanded)
    };
    let (near, far) = evidence(&client(profile), &attempt, &server).await;
    assert_eq!(near.own_certificate().is_some(), identity.is_some());
    let peer = far.peer().clone();
    let judged = match &peer {
        PeerCertificates::None => Ok(()),
        PeerCertificates::Chain(chain) => judge(authority, chain),
    };
    (peer, judged)
}

fn judge(authority: &Authority, chain: &PeerChain) -> Result<(), ChainFault> {
    let demand = Demand {
        usage: CertificateUsage::ClientOrServerAuth,
        anchors: &anchors(authority),
        names: &["out.partner.example"
            .parse::<postern_mail::Domain>()
            .unwrap()
            .into()],
        wildcards: Wildcards::Permitted,
        bounds: bounds(ProfileName::Intermediate),
        revocation: None,
    };
    pkix::verify(chain, &demand, now()).map(|_| ())
}

#[tokio::test]
async fn client_certificates_are_asked_for_and_judged_afterwards() {
    let (partner, other) = (Authority::new("Partner CA"), Authority::new("Other CA"));
    let leaf = || Leaf::named("out.partner.example");
    for profile in [ProfileName::Modern, ProfileName::SuiteB128] {
        let (peer, _) = seen(&partner, None, profile).await;
        assert!(matches!(peer, PeerCertificates::None), "{peer:?}");

        let good = partner.issue(&leaf());
        let (peer, judged) = seen(&partner, Some(&good), profile).await;
        let PeerCertificates::Chain(chain) = peer else {
            panic!("no certificate arrived");
        };
        assert_eq!(chain.leaf(), good.leaf());
        assert_eq!(chain.possession(), &Possession::Proven);
        assert_eq!(judged, Ok(()));

        let server_only = partner.issue(&leaf().usage(Usage::ServerAuth));
        assert_eq!(seen(&partner, Some(&server_only), profile).await.1, Ok(()));

        let wrong_ca = seen(&partner, Some(&other.issue(&leaf())), profile).await.1;
        assert!(
            matches!(wrong_ca, Err(ChainFault::UnknownIssuer { .. })),
            "{wrong_ca:?}"
        );
    }
}

/// A store takes no expired certificate, so a client of somebody else shows it.
#[tokio::test]
async fn an_expired_client_certificate_arrives_and_is_refused() {
    let partner = Authority::new("Partner CA");
    let expired = Leaf::named("out.partner.example").validity(Validity::Expired);
    let far = served(&partner.issue(&expired)).await;
    let judged = judge(&partner, shown(&far));
    assert!(
        matches!(judged, Err(ChainFault::Expired { .. })),
        "{judged:?}"
    );
    assert_eq!(shown(&far).possession(), &Possession::Proven);
}

/// The server's evidence of a foreign client that shows `identity`.
async fn served(identity: &Identity) -> Evidence {
    let authority = Authority::new("Ours");
    let server = server(
        &[&authority.issue(&Leaf::named("mx.example"))],
        ProfileName::Intermediate,
    );
    let config = client_config(&authority, Some(identity));
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from("mx.example").unwrap();
    let (near, far) = tokio::join!(
        TlsConnector::from(Arc::new(config)).connect(name, near),
        PlainServerChannel::new(far).upgrade(&server, LIMIT),
    );
    near.unwrap();
    far.unwrap().evidence().clone()
}

#[tokio::test]
async fn a_stolen_client_certificate_proves_nothing() {
    let partner = Authority::new("Partner CA");
    let leaf = Leaf::named("out.partner.example");
    let (theirs, thief) = (partner.issue(&leaf), partner.issue(&leaf));
    let far = served(&theirs.with_key_of(&thief)).await;
    assert_eq!(shown(&far).leaf(), theirs.leaf());
    let judged = judge(&partner, shown(&far));
    assert!(
        matches!(judged, Err(ChainFault::NotProven(_))),
        "{judged:?}"
    );
}
