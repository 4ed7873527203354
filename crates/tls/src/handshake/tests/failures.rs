//! Late refusals, deadlines, and what is no handshake.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use postern_testkit::{Authority, Key, Leaf, client_config, go_ahead, server_config};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::mx;
use crate::{
    Attempt, Authentication, HandshakeError, PlainChannel, PlainServerChannel, ProfileName,
    testing::{LIMIT, attempt, client, presenting, server},
};

/// A TLS 1.3 server judges the client's certificate when the client is done already.
#[tokio::test]
async fn a_refusal_of_our_certificate_comes_with_the_first_read() {
    let (authority, partner) = (Authority::new("CA"), Authority::new("Partner"));
    let config = server_config(&authority.issue(&Leaf::named("mx.example")), Some(&partner));
    for (present, code) in [
        (None, 116),
        (
            Some(presenting(&authority.issue(&Leaf::named("out.example")))),
            48,
        ),
    ] {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let attempt = Attempt {
            present,
            ..attempt(Authentication::Demanded)
        };
        let client = client(ProfileName::Modern);
        let acceptor = TlsAcceptor::from(Arc::new(config.clone()));
        let (near, far) = tokio::join!(
            PlainChannel::new(near).upgrade(go_ahead(), &client, &attempt),
            acceptor.accept(far),
        );
        assert!(far.is_err());
        let error = near.unwrap().read(&mut BytesMut::new()).await.unwrap_err();
        let Some(HandshakeError::Alert(alert)) = HandshakeError::late(&error) else {
            panic!("{error}");
        };
        assert_eq!(alert.code(), code);
        assert!(alert.is_about_our_certificate());
    }
}

#[test]
fn a_broken_connection_is_no_late_failure() {
    assert_eq!(
        HandshakeError::late(&io::ErrorKind::ConnectionReset.into()),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_is_given_up() {
    let limit = Duration::from_secs(60);
    let timed_out = HandshakeError::TimedOut(limit);
    let (near, _far) = tokio::io::duplex(64 * 1024);
    let attempt = Attempt {
        limit,
        ..attempt(Authentication::NotDemanded)
    };
    let client = client(ProfileName::Intermediate);
    let near = PlainChannel::new(near)
        .upgrade(go_ahead(), &client, &attempt)
        .await;
    assert_eq!(near.unwrap_err(), timed_out);

    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (_near, far) = tokio::io::duplex(64 * 1024);
    let far = PlainServerChannel::new(far).upgrade(&server, limit).await;
    assert_eq!(far.unwrap_err(), timed_out);
}

/// The deadline is for the whole handshake: a drip of octets does not move it.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_drips_is_given_up() {
    let limit = Duration::from_secs(60);
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let dripping = async {
        // A record of handshake type with 16 KiB to come, one octet a second.
        let octets = [0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f, 0xfc].into_iter();
        for octet in octets.chain(std::iter::repeat(0)) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if near.write_all(&[octet]).await.is_err() {
                return;
            }
        }
    };
    let far = PlainServerChannel::new(far).upgrade(&server, limit);
    let (far, ()) = tokio::join!(far, dripping);
    assert_eq!(far.unwrap_err(), HandshakeError::TimedOut(limit));
}

/// What a server that awaits a handshake makes of these octets, and what it says to them.
async fn answer_to(octets: &[u8]) -> (HandshakeError, Vec<u8>) {
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (mut near, far) = tokio::io::duplex(256 * 1024);
    near.write_all(octets).await.unwrap();
    near.shutdown().await.unwrap();
    let error = PlainServerChannel::new(far)
        .upgrade(&server, LIMIT)
        .await
        .unwrap_err();
    let mut said = Vec::new();
    near.read_to_end(&mut said).await.unwrap();
    (error, said)
}

#[tokio::test]
async fn what_is_no_handshake_gets_an_alert_at_most() {
    let tls10_hello = [
        &[
            0x16, 0x03, 0x01, 0x00, 0x2d, 0x01, 0x00, 0x00, 0x29, 0x03, 0x01,
        ][..],
        &[0x55; 32],                                 // random
        &[0x00, 0x00, 0x02, 0x00, 0x2f, 0x01, 0x00], // AES-128-CBC with RSA
    ]
    .concat();
    let long_record = [&[0x16, 0x03, 0x01, 0xff, 0xff][..], &[0; 0xffff]].concat();
    let not_tls = "the peer sent something that is not TLS";
    let closed = "the peer closed the connection";
    let cases: &[(&str, &[u8], &str)] = &[
        ("SMTP", b"EHLO client.example\r\n", not_tls),
        ("HTTP", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", not_tls),
        ("zeroes", &[0; 4096], not_tls),
        (
            "SSLv2",
            &[0x80, 0x2e, 0x01, 0x00, 0x02, 0x00, 0x15],
            not_tls,
        ),
        (
            "TLS 1.0",
            &tls10_hello,
            "the TLS handshake found nothing in common: ",
        ),
        ("64 KiB", &long_record, "the peer broke the TLS protocol: "),
        (
            "alert",
            &[0x15, 3, 3, 0, 2, 2, 40],
            "the peer refused the TLS handshake: handshake_failure",
        ),
        ("nothing", b"", closed),
        ("a piece", &tls10_hello[..20], closed),
    ];
    for (case, octets, expected) in cases {
        let (error, said) = answer_to(octets).await;
        let text = error.to_string();
        assert!(text.starts_with(expected), "{case}: {text}");
        let alert = matches!(said.as_slice(), [0x15, 0x03, _, 0x00, 0x02, _, _]);
        assert!(said.is_empty() || alert, "{case}: {said:?}");
    }
}

/// RUSTSEC-2024-0399 was a panic at such a hello.
#[tokio::test]
async fn a_hello_in_records_of_one_octet_does_no_harm() {
    let hello = {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        let config = Arc::new(client_config(&Authority::new("CA"), None));
        let name = ServerName::try_from("mx.example").unwrap();
        let mut connecting = Box::pin(TlsConnector::from(config).connect(name, near));
        let mut hello = vec![0; 5];
        tokio::select! {
            biased;
            _ = &mut connecting => panic!("nobody answered"),
            read = far.read_exact(&mut hello) => { read.unwrap(); }
        }
        let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
        hello.resize(5 + length, 0);
        far.read_exact(&mut hello[5..]).await.unwrap();
        hello
    };
    let crumbs: Vec<u8> = hello[5..]
        .iter()
        .flat_map(|octet| [0x16, 0x03, 0x01, 0x00, 0x01, *octet])
        .collect();
    let server = server(&[&mx(Key::EcdsaP256)], ProfileName::Intermediate);
    let (mut near, far) = tokio::io::duplex(256 * 1024);
    near.write_all(&crumbs).await.unwrap();
    near.shutdown().await.unwrap();
    let error = PlainServerChannel::new(far)
        .upgrade(&server, LIMIT)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            HandshakeError::Closed | HandshakeError::Misbehaved(_)
        ),
        "{error:?}"
    );
}
