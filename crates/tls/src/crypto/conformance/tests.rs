use postern_testkit::{Authority, Identity, Key, Leaf, Oddity, server_config};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{
    Authentication, Evidence, PlainChannel, ProfileName,
    testing::{attempt, client, evidence, presenting, server},
};

/// What a client of one profile sees of a foreign server.
async fn seen(identity: &Identity, profile: ProfileName) -> Evidence {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(server_config(identity, None)));
    let (client, attempt) = (client(profile), attempt(Authentication::NotDemanded));
    let (near, _) = tokio::join!(
        PlainChannel::new(near).upgrade(postern_testkit::go_ahead(), &client, &attempt),
        acceptor.accept(far),
    );
    near.unwrap().evidence().clone()
}

fn report(evidence: &Evidence, name: ProfileName) -> Conformance {
    conformance(evidence, Profile::named(name))
}

fn standing(report: &Conformance, criterion: Criterion) -> Option<Standing> {
    let mut findings = report.findings().iter();
    let finding = findings.find(|finding| finding.criterion == criterion)?;
    Some(finding.standing)
}

fn issued(key: Key) -> Identity {
    let root = Authority::with_key("Root", Key::Rsa3072);
    root.intermediate("Issuing")
        .issue(&Leaf::named("mx.example").key(key))
}

#[tokio::test]
async fn a_sound_handshake_meets_what_it_was_made_by() {
    let seen = seen(&issued(Key::EcdsaP256), ProfileName::Modern).await;
    let modern = report(&seen, ProfileName::Modern);
    assert_eq!(modern.verdict(), Standing::Met, "{modern}");
    assert_eq!(modern.findings().len(), 10);
    let text = modern.to_string();
    assert!(text.starts_with("modern (RFC 9325, "), "{text}");
    assert!(
        text.contains("\n  protocol version: met: TLSv1.3; demanded: TLSv1.3\n"),
        "{text}"
    );
    assert!(
        text.contains("\n  signatures of the chain: met: RSA with SHA-256; "),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_outside_is_found_point_by_point() {
    let seen = seen(&issued(Key::EcdsaP256), ProfileName::Modern).await;
    let suite_b = report(&seen, ProfileName::SuiteB128);
    assert_eq!(suite_b.verdict(), Standing::NotMet);
    use Criterion::{ChainKeys, ChainSignatures, KeyExchange, LeafKey, Suite, Version};
    for (criterion, expected) in [
        (Version, Standing::NotMet),
        (Suite, Standing::NotMet),
        (KeyExchange, Standing::NotMet),
        (LeafKey, Standing::Met),
        (ChainKeys, Standing::Met),
        (ChainSignatures, Standing::NotMet),
    ] {
        assert_eq!(standing(&suite_b, criterion), Some(expected), "{suite_b}");
    }
}

#[tokio::test]
async fn what_is_allowed_is_graded() {
    let rsa = seen(&issued(Key::Rsa2048), ProfileName::Foundation).await;
    let nl = report(&rsa, ProfileName::Nl);
    assert_eq!(
        standing(&nl, Criterion::Version),
        Some(Standing::Sufficient)
    );
    assert_eq!(standing(&nl, Criterion::Suite), Some(Standing::Sufficient));
    assert_eq!(
        standing(&nl, Criterion::LeafKey),
        Some(Standing::PhasingOut)
    );
    // The client does not require the extended master secret of a server that need be nobody.
    let secret = standing(&nl, Criterion::ExtendedMasterSecret);
    assert_eq!(secret, Some(Standing::NotKnown));
    assert_eq!(nl.verdict(), Standing::NotKnown);
    let bsi = report(&rsa, ProfileName::BsiTr02102);
    assert_eq!(standing(&bsi, Criterion::LeafKey), Some(Standing::NotMet));
    let reason = bsi.findings()[0].why;
    assert_eq!(reason, Some("recommended until the end of 2031"));
}

#[tokio::test]
async fn odd_certificates_are_told_as_they_are() {
    let root = Authority::with_key("Root", Key::Rsa2048);
    let leaf = || Leaf::named("mx.example");
    let weak = root.issue(&leaf().oddity(Oddity::ClaimsSha1));
    let weak = report(&seen(&weak, ProfileName::Modern).await, ProfileName::Modern);
    let text = weak.to_string();
    assert!(
        text.contains("signature of the certificate: not met: SHA-1 and RSA; "),
        "{text}"
    );

    let nonsense = Identity::of(
        vec![b"nonsense".to_vec().into()],
        issued(Key::EcdsaP256).key(),
    );
    let nonsense = report(
        &seen(&nonsense, ProfileName::Modern).await,
        ProfileName::Modern,
    );
    let text = nonsense.to_string();
    assert!(
        text.contains("key of the certificate: not met: the certificate cannot be read"),
        "{text}"
    );
    assert!(
        text.contains("signature of the handshake: not met: "),
        "{text}"
    );

    let alone = Authority::self_signed(&leaf());
    let alone = report(
        &seen(&alone, ProfileName::Modern).await,
        ProfileName::Modern,
    );
    let signature = standing(&alone, Criterion::LeafSignature);
    assert_eq!(signature, Some(Standing::NotApplicable), "{alone}");
    assert_eq!(alone.verdict(), Standing::Met, "{alone}");
}

#[tokio::test]
async fn a_server_reports_on_itself_and_on_its_client() {
    let ours = issued(Key::Rsa2048);
    let server = server(&[&ours], ProfileName::Intermediate);
    let with = |present| crate::Attempt {
        present,
        ..attempt(Authentication::Demanded)
    };
    let modern = client(ProfileName::Modern);
    let (_, far) = evidence(&modern, &with(None), &server).await;
    let nobody = report(&far, ProfileName::Nl);
    let signature = standing(&nobody, Criterion::HandshakeSignature);
    assert_eq!(signature, Some(Standing::NotApplicable));
    assert_eq!(standing(&nobody, Criterion::LeafKey), None);
    assert_eq!(
        standing(&nobody, Criterion::OwnKey),
        Some(Standing::PhasingOut)
    );

    let shown = presenting(&issued(Key::EcdsaP256));
    let (_, far) = evidence(&modern, &with(Some(shown)), &server).await;
    let somebody = report(&far, ProfileName::Nl);
    assert_eq!(standing(&somebody, Criterion::LeafKey), Some(Standing::Met));
    assert_eq!(
        standing(&somebody, Criterion::OwnKey),
        Some(Standing::PhasingOut)
    );
}
