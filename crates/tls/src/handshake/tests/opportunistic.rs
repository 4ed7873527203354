//! Where nobody must be authenticated, any certificate encrypts.

use std::sync::Arc;

use postern_testkit::{
    Authority, Identity, Key, Leaf, Oddity, Usage, Validity, client_config, go_ahead, server_config,
};
use rustls::{
    ServerConfig, SignatureAlgorithm, SignatureScheme,
    sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{mx, shown};
use crate::{
    Attempt, Authentication, HandshakeError, PlainChannel, PlainServerChannel, Possession,
    ProfileName, ProtocolVersion, TlsChannel, TlsClient,
    testing::{LIMIT, attempt, bounds, server},
};

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::Tls12, ProtocolVersion::Tls13];

/// What our client makes of a foreign server on one version of TLS. The server says five octets
/// once the handshake is over.
async fn met(
    config: ServerConfig,
    authentication: Authentication,
    version: ProtocolVersion,
) -> Result<TlsChannel<DuplexStream>, HandshakeError> {
    let (near, far) = tokio::io::duplex(256 * 1024);
    let bounds = bounds(ProfileName::Intermediate).clone();
    let client = TlsClient::new(&bounds.with_version(version)).unwrap();
    let attempt = attempt(authentication);
    let serving = async {
        if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(far).await {
            stream.write_all(b"250 x").await.unwrap();
            stream.flush().await.unwrap();
        }
    };
    let near = PlainChannel::new(near).upgrade(go_ahead(), &client, &attempt);
    let (near, ()) = tokio::join!(near, serving);
    near
}

async fn check_encrypts(case: &str, config: &ServerConfig, version: ProtocolVersion) -> Possession {
    let channel = met(config.clone(), Authentication::NotDemanded, version).await;
    let mut channel = channel.unwrap_or_else(|error| panic!("{case}: {error}"));
    let mut said = bytes::BytesMut::new();
    while said.len() < 5 {
        assert_ne!(channel.read(&mut said).await.unwrap(), 0, "{case}");
    }
    assert_eq!(channel.evidence().version(), version, "{case}");
    shown(channel.evidence()).possession().clone()
}

/// Certificates that say nothing wrong about the key, whatever else is wrong with them.
fn sound_keys() -> Vec<(&'static str, Identity)> {
    let leaf = || Leaf::named("mx.example");
    let issue = |leaf: Leaf| Authority::new("CA").issue(&leaf);
    vec![
        ("sound", issue(leaf())),
        ("another name", issue(Leaf::named("elsewhere.example"))),
        ("no name", issue(Leaf::common_name_only("mx.example"))),
        ("expired", issue(leaf().validity(Validity::Expired))),
        ("not yet valid", issue(leaf().validity(Validity::NotYet))),
        ("self-signed", Authority::self_signed(&leaf())),
        ("for signing code", issue(leaf().usage(Usage::CodeSigning))),
        ("an authority", issue(leaf().oddity(Oddity::IsAuthority))),
        (
            "signed with SHA-1",
            Authority::with_key("CA", Key::Rsa2048).issue(&leaf().oddity(Oddity::ClaimsSha1)),
        ),
        ("names that are none", {
            issue(leaf().oddity(Oddity::RawNames(vec![vec![0xff; 300], b"\0".to_vec()])))
        }),
    ]
}

/// Certificates of which nothing can be proven here.
fn unsound_keys() -> Vec<(&'static str, Identity)> {
    let leaf = || Leaf::named("mx.example");
    let sound = mx(Key::EcdsaP256);
    let of = |octets: &[u8]| Identity::of(vec![octets.to_vec().into()], sound.key());
    let issue = |leaf: Leaf| Authority::new("CA").issue(&leaf);
    vec![
        ("another key", sound.with_key_of(&mx(Key::EcdsaP256))),
        ("another kind of key", sound.with_key_of(&mx(Key::Rsa2048))),
        ("version 1", issue(leaf().oddity(Oddity::Version1))),
        ("weak RSA", issue(leaf().oddity(Oddity::Rsa1024))),
        ("an unknown critical extension", {
            issue(leaf().oddity(Oddity::UnknownCriticalExtension))
        }),
        ("nonsense", of(b"nonsense")),
        ("a cut", of(&sound.leaf()[..sound.leaf().len() / 2])),
        ("one octet", of(&[0])),
        ("20,000 zeros", of(&[0; 20_000])),
    ]
}

#[tokio::test]
async fn any_certificate_encrypts() {
    for version in VERSIONS {
        for (case, identity) in sound_keys() {
            let possession = check_encrypts(case, &server_config(&identity, None), version).await;
            assert_eq!(possession, Possession::Proven, "{case}");
        }
        for (case, identity) in unsound_keys() {
            let config = server_config(&identity, None);
            let possession = check_encrypts(case, &config, version).await;
            let unproven = matches!(possession, Possession::Unproven(_));
            assert!(unproven, "{case}: {possession:?}");
        }
    }
}

#[tokio::test]
async fn where_somebody_must_be_authenticated_the_key_must_be_proven() {
    for version in VERSIONS {
        for (case, identity) in unsound_keys() {
            let config = server_config(&identity, None);
            let demanded = met(config, Authentication::Demanded, version).await;
            let error = demanded.unwrap_err();
            let not_proven = matches!(error, HandshakeError::NotProven(_));
            assert!(not_proven, "{case}: {error}");
        }
        let (case, sound) = &sound_keys()[0];
        let demanded = met(
            server_config(sound, None),
            Authentication::Demanded,
            version,
        )
        .await;
        let channel = demanded.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(shown(channel.evidence()).possession(), &Possession::Proven);
    }
}

#[tokio::test]
async fn a_long_chain_of_anything_encrypts() {
    let sound = mx(Key::EcdsaP256);
    let mut chain = sound.chain().to_vec();
    chain.extend((0..200).map(|n| CertificateDer::from(vec![n; 100])));
    let config = server_config(&Identity::of(chain, sound.key()), None);
    for version in VERSIONS {
        let possession = check_encrypts("200 certificates", &config, version).await;
        assert_eq!(possession, Possession::Proven);
    }
}

/// Signs as servers did in 2008: by SHA-1, which nobody asked for. The signature is not even
/// one.
#[derive(Debug)]
struct SignsBySha1;

impl SigningKey for SignsBySha1 {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Self))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        None
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl Signer for SignsBySha1 {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![7; 256])
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PKCS1_SHA1
    }
}

#[tokio::test]
async fn a_handshake_signed_by_sha_1_encrypts_on_tls_1_2() {
    let chain = mx(Key::Rsa2048).chain().to_vec();
    let key = CertifiedKey::new(chain, Arc::new(SignsBySha1));
    let mut config = server_config(&mx(Key::Rsa2048), None);
    config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
    let possession = check_encrypts("SHA-1", &config, ProtocolVersion::Tls12).await;
    assert!(
        matches!(possession, Possession::Unproven(_)),
        "{possession:?}"
    );
    let demanded = met(config, Authentication::Demanded, ProtocolVersion::Tls12).await;
    assert!(demanded.is_err(), "{demanded:?}");
}

/// A client that shows nonsense is nobody in particular, and is served.
#[tokio::test]
async fn any_certificate_of_a_client_is_let_through() {
    let authority = Authority::new("Ours");
    let server = server(
        &[&authority.issue(&Leaf::named("mx.example"))],
        ProfileName::Intermediate,
    );
    for (case, identity) in unsound_keys() {
        for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
            let mut config = postern_testkit::loose_client_config(
                versions,
                &[SignatureScheme::ECDSA_NISTP256_SHA256],
            );
            config.client_auth_cert_resolver =
                client_config(&authority, Some(&identity)).client_auth_cert_resolver;
            let (near, far) = tokio::io::duplex(256 * 1024);
            let name = ServerName::try_from("mx.example").unwrap();
            let (near, far) = tokio::join!(
                TlsConnector::from(Arc::new(config)).connect(name, near),
                PlainServerChannel::new(far).upgrade(&server, LIMIT),
            );
            let far = far.unwrap_or_else(|error| panic!("{case}: {error}"));
            near.unwrap();
            let possession = shown(far.evidence()).possession();
            assert!(
                matches!(possession, Possession::Unproven(_)),
                "{case}: {possession:?}"
            );
        }
    }
}

/// What is to be presented does not get lost on the way.
#[tokio::test]
async fn a_late_refusal_is_told_from_a_lost_connection() {
    let (authority, partner) = (Authority::new("CA"), Authority::new("Partner"));
    let config = server_config(&authority.issue(&Leaf::named("mx.example")), Some(&partner));
    let (near, far) = tokio::io::duplex(64 * 1024);
    let client = TlsClient::new(bounds(ProfileName::Modern)).unwrap();
    let attempt = Attempt {
        present: None,
        ..attempt(Authentication::NotDemanded)
    };
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (near, far) = tokio::join!(
        PlainChannel::new(near).upgrade(go_ahead(), &client, &attempt),
        acceptor.accept(far),
    );
    assert!(far.is_err());
    let mut channel = crate::Channel::Tls(near.unwrap()).release();
    let error = channel.read(&mut [0; 16]).await.unwrap_err();
    assert!(
        matches!(HandshakeError::late(&error), Some(HandshakeError::Alert(_))),
        "{error}"
    );
}
