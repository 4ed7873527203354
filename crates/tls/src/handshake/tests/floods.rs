//! Peers that send much and mean little (T9, T10, T13).

use std::{fs, io, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use postern_testkit::{Authority, Identity, Key, Leaf, loose_client_config};
use rustls::ConnectionTrafficSecrets;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{mx, rustls_schemes, shown};
use crate::{
    Alert, CertificateUsage, ChainFault, CryptoBounds, HandshakeError, Incompatible,
    PlainServerChannel, ProfileName, SignatureScheme, TlsServerChannel, TrustAnchors,
    pkix::{self, Demand, Wildcards},
    testing::{LIMIT, now, server},
};

fn config() -> rustls::ClientConfig {
    loose_client_config(rustls::ALL_VERSIONS, &rustls_schemes(SignatureScheme::ALL))
}

type Ends = (
    io::Result<TlsStream<DuplexStream>>,
    Result<TlsServerChannel<DuplexStream>, HandshakeError>,
);

async fn meet(config: rustls::ClientConfig) -> Ends {
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (near, far) = tokio::io::duplex(4 * 1024 * 1024);
    let name = ServerName::try_from("mx.example").unwrap();
    tokio::join!(
        TlsConnector::from(Arc::new(config)).connect(name, near),
        PlainServerChannel::new(far).upgrade(&server, LIMIT),
    )
}

/// The nanoseconds that this thread has spent computing. A test has a thread of its own.
fn spent() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn clients_that_name_protocols_must_name_smtp() {
    let cases: &[(&[&str], Option<&str>)] = &[
        (&["smtp"], Some("smtp")),
        (&["esmtp"], Some("esmtp")),
        (&["h2", "http/1.1", "smtp"], Some("smtp")),
    ];
    for (named, expected) in cases {
        let mut config = config();
        config.alpn_protocols = named.iter().map(|name| name.as_bytes().to_vec()).collect();
        let (near, far) = meet(config).await;
        near.unwrap();
        let far = far.unwrap();
        assert_eq!(
            far.evidence().alpn(),
            expected.map(str::as_bytes),
            "{named:?}"
        );
    }
    for named in ["h2", "http/1.1", "imap", "SMTP", "smtp2"] {
        let mut config = config();
        config.alpn_protocols = vec![named.as_bytes().to_vec()];
        let (near, far) = meet(config).await;
        let refused = HandshakeError::Incompatible(Incompatible::ApplicationProtocol);
        assert_eq!(far.unwrap_err(), refused, "{named}");
        let Some(HandshakeError::Alert(alert)) = HandshakeError::late(&near.unwrap_err()) else {
            panic!("{named}: no alert");
        };
        assert_eq!(Alert::code(alert), 120, "{named}");
    }
}

/// RFC 8446 §4.6.3: each asks for one in return, which nobody reads.
#[tokio::test]
async fn a_flood_of_key_updates_ends_the_connection_and_fills_no_buffer() {
    let (near, far) = meet(config()).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    let before = spent();
    for _ in 0..1_000 {
        near.get_mut().1.refresh_traffic_keys().unwrap();
        near.flush().await.unwrap();
    }
    let error = far.read(&mut [0; 16]).await.unwrap_err();
    assert!(HandshakeError::late(&error).is_some(), "{error}");
    drop(far);
    let mut answered = Vec::new();
    near.get_mut().0.read_to_end(&mut answered).await.unwrap();
    assert!(answered.len() < 4096, "{} octets", answered.len());
    assert!(spent() - before < 1_000_000_000);
}

/// What a client would send next, under keys that were taken out of its connection.
struct Sealer {
    version: &'static rustls::SupportedProtocolVersion,
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Sealer {
    /// A connection of this version, taken apart: what it runs over, and its keys.
    async fn new(
        version: &'static rustls::SupportedProtocolVersion,
    ) -> (DuplexStream, Self, TlsServerChannel<DuplexStream>) {
        let schemes = rustls_schemes(SignatureScheme::ALL);
        let mut config = loose_client_config(&[version], &schemes);
        config.enable_secret_extraction = true;
        let (near, far) = meet(config).await;
        let (transport, connection) = near.unwrap().into_inner();
        let secrets = connection.dangerous_extract_secrets().unwrap();
        let (sequence, ConnectionTrafficSecrets::Aes256Gcm { key, iv }) = secrets.tx else {
            panic!("another suite");
        };
        let sealer = Self {
            version,
            key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap()),
            iv: iv.as_ref().try_into().unwrap(),
            sequence,
        };
        (transport, sealer, far.unwrap())
    }

    /// A record of this type and content (RFC 8446 §5.2, RFC 5288 §3).
    fn record(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (octet, with) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *octet ^= with;
        }
        let is_tls13 = self.version.version == rustls::ProtocolVersion::TLSv1_3;
        let mut sealed = content.to_vec();
        let (explicit, outer_type) = if is_tls13 {
            sealed.push(content_type);
            (&[][..], 23)
        } else {
            (&nonce[4..], content_type)
        };
        let header = |length: usize| {
            let length = u16::try_from(length).unwrap().to_be_bytes();
            [outer_type, 3, 3, length[0], length[1]]
        };
        let bound = if is_tls13 {
            header(sealed.len() + 16).to_vec()
        } else {
            [&self.sequence.to_be_bytes()[..], &header(sealed.len())].concat()
        };
        self.sequence += 1;
        let unique = Nonce::assume_unique_for_key(nonce);
        let bound = Aad::from(bound);
        self.key
            .seal_in_place_append_tag(unique, bound, &mut sealed)
            .unwrap();
        [
            &header(explicit.len() + sealed.len())[..],
            explicit,
            &sealed,
        ]
        .concat()
    }
}

/// What a server reads after it was sent these records.
async fn reads(
    mut transport: DuplexStream,
    mut far: TlsServerChannel<DuplexStream>,
    records: &[u8],
) -> io::Result<[u8; 6]> {
    transport.write_all(records).await.unwrap();
    let mut said = [0; 6];
    far.read_exact(&mut said).await.map(|_| said)
}

/// A record without content is allowed (RFC 8446 §5.1) and is no end of the connection. So many
/// of them are an attack, and end it.
#[tokio::test]
async fn empty_records_are_passed_over_as_long_as_they_are_few() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let send = async |count: usize| {
            let (transport, mut sealer, far) = Sealer::new(version).await;
            let mut records: Vec<u8> = (0..count).flat_map(|_| sealer.record(23, b"")).collect();
            records.extend(sealer.record(23, b"QUIT\r\n"));
            let before = spent();
            let read = reads(transport, far, &records).await;
            assert!(spent() - before < 1_000_000_000, "{version:?}");
            read
        };
        assert_eq!(&send(10).await.unwrap(), b"QUIT\r\n", "{version:?}");
        let error = send(100_000).await.unwrap_err();
        assert!(HandshakeError::late(&error).is_some(), "{error}");
    }
}

/// CVE-2009-3555, CVE-2011-1473: a ClientHello within a session of TLS 1.2 begins nothing.
#[tokio::test]
async fn nothing_is_renegotiated() {
    let (transport, mut sealer, far) = Sealer::new(&rustls::version::TLS12).await;
    let hello = [
        &[1, 0, 0, 41, 3, 3][..],
        &[0x55; 32],
        &[0, 0, 2, 0xc0, 0x2c, 1, 0],
    ]
    .concat();
    let mut records: Vec<u8> = (0..100).flat_map(|_| sealer.record(22, &hello)).collect();
    records.extend(sealer.record(23, b"QUIT\r\n"));
    let error = reads(transport, far, &records).await.unwrap_err();
    assert!(HandshakeError::late(&error).is_some(), "{error}");
}

#[tokio::test]
async fn records_of_one_octet_are_read() {
    let (near, far) = meet(config()).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    for _ in 0..10_000 {
        near.write_all(b"x").await.unwrap();
        near.flush().await.unwrap();
    }
    let mut said = vec![0; 10_000];
    far.read_exact(&mut said).await.unwrap();
    assert!(said.iter().all(|octet| *octet == b'x'));
}

/// RUSTSEC-2024-0336 was an endless loop behind a close_notify.
#[tokio::test]
async fn behind_the_end_there_is_nothing_however_often_one_asks() {
    let (near, far) = meet(config()).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    near.shutdown().await.unwrap();
    for _ in 0..3 {
        assert_eq!(far.read(&mut [0; 16]).await.unwrap(), 0);
    }
}

/// The server's view of a client that shows this chain.
async fn shown_chain(
    chain: Vec<CertificateDer<'static>>,
) -> Result<TlsServerChannel<DuplexStream>, HandshakeError> {
    let authority = Authority::new("CA");
    let identity = Identity::of(chain, mx(Key::EcdsaP256).key());
    let mut config = config();
    config.client_auth_cert_resolver =
        postern_testkit::client_config(&authority, Some(&identity)).client_auth_cert_resolver;
    let (_, far) = meet(config).await;
    far
}

#[tokio::test]
async fn huge_chains_of_clients_cost_little() {
    let mut authority = Authority::new("Root");
    let root = TrustAnchors::from_pem("root", &authority.pem()).unwrap();
    for _ in 0..100 {
        authority = authority.intermediate("The same name");
    }
    let hundred = authority
        .issue(&Leaf::named("out.example"))
        .chain()
        .to_vec();
    let names = (0..3_000).map(|n| format!("host-{n}.example").into_bytes());
    let leaf = Leaf::named("x").oddity(postern_testkit::Oddity::RawNames(names.collect()));
    let many_names = authority.issue(&leaf).chain()[..1].to_vec();
    let megabyte = vec![vec![0x30; 60_000].into(); 17];

    let before = spent();
    let far = shown_chain(hundred).await.unwrap();
    let demand = Demand {
        usage: CertificateUsage::ClientOrServerAuth,
        anchors: &root,
        names: &[],
        wildcards: Wildcards::Permitted,
        bounds: &CryptoBounds::everything(),
        revocation: None,
    };
    let chain = shown(far.evidence());
    assert_eq!(chain.intermediates().len(), 100);
    // The key is not the leaf's, so the chain is not even looked at.
    let judged = pkix::verify(chain, &demand, now());
    assert!(
        matches!(judged, Err(ChainFault::NotProven(_))),
        "{judged:?}"
    );

    let far = shown_chain(many_names).await.unwrap();
    assert_eq!(
        shown(far.evidence())
            .summary()
            .contents
            .unwrap()
            .names
            .len(),
        20
    );

    let refused = shown_chain(megabyte).await.unwrap_err();
    assert!(
        matches!(refused, HandshakeError::Misbehaved(_)),
        "{refused:?}"
    );
    assert!(spent() - before < 1_000_000_000, "{} ns", spent() - before);
}
