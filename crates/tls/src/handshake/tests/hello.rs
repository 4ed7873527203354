//! What a client offers: in full, and reduced after a failure.

use postern_testkit::{Key, go_ahead, server_config};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::{mx, shown};
use crate::{
    Attempt, Authentication, Group, HandshakeError, Hello, Incompatible, PlainChannel, Possession,
    ProfileName,
    testing::{attempt, bounds, client},
};

fn with(hello: Hello) -> Attempt {
    Attempt {
        hello,
        ..attempt(Authentication::NotDemanded)
    }
}

/// The first record of a client.
async fn first_record(profile: ProfileName, hello: Hello) -> Vec<u8> {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let (client, attempt) = (client(profile), with(hello));
    let mut upgrade = Box::pin(PlainChannel::new(near).upgrade(go_ahead(), &client, &attempt));
    let mut record = vec![0; 5];
    tokio::select! {
        biased;
        _ = &mut upgrade => panic!("nobody answered"),
        read = far.read_exact(&mut record) => { read.unwrap(); }
    }
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    far.read_exact(&mut record[5..]).await.unwrap();
    record
}

#[tokio::test]
async fn a_reduced_hello_is_small_enough_for_any_segment() {
    for profile in ProfileName::ALL {
        let reduced = first_record(*profile, Hello::Reduced).await;
        assert!(reduced.len() < 512, "{profile}: {} octets", reduced.len());
    }
    let full = first_record(ProfileName::Intermediate, Hello::Full).await;
    assert!(full.len() > 1200, "{} octets", full.len());
}

#[tokio::test]
async fn a_reduced_hello_stays_within_the_bounds() {
    for profile in [
        ProfileName::Intermediate,
        ProfileName::Modern,
        ProfileName::SuiteB128,
        ProfileName::BsiTr02102,
    ] {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let acceptor = TlsAcceptor::from(std::sync::Arc::new(server_config(
            &mx(Key::EcdsaP256),
            None,
        )));
        let (client, attempt) = (client(profile), with(Hello::Reduced));
        let (near, far) = tokio::join!(
            PlainChannel::new(near).upgrade(go_ahead(), &client, &attempt),
            acceptor.accept(far),
        );
        far.unwrap();
        let near = near.unwrap();
        let evidence = near.evidence();
        assert_eq!(bounds(profile).admits(evidence), Ok(()));
        let classical = [Some(Group::X25519), Some(Group::Secp256r1)];
        assert!(classical.contains(&evidence.group()), "{evidence}");
        assert_eq!(shown(evidence).possession(), &Possession::Proven);
    }
}

#[test]
fn what_a_reduced_hello_leaves_out_can_be_told() {
    let reduction = |profile| client(profile).reduction().map(ToString::to_string);
    let text = reduction(ProfileName::Nl).unwrap();
    assert!(text.starts_with("without X25519MLKEM768, "), "{text}");
    assert_eq!(reduction(ProfileName::SuiteB128), None);
}

/// What a server that answers a hello with these octets is taken for.
async fn answered(octets: &[u8]) -> HandshakeError {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    far.write_all(octets).await.unwrap();
    let (client, attempt) = (client(ProfileName::Intermediate), with(Hello::Full));
    let upgrade = PlainChannel::new(near).upgrade(go_ahead(), &client, &attempt);
    let error = upgrade.await.unwrap_err();
    drop(far);
    error
}

/// A ServerHello of some version with some suite, and nothing else in it.
fn server_hello(version: u16, suite: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([0x55; 32]);
    body.push(0); // no session
    body.extend(suite.to_be_bytes());
    body.push(0); // no compression
    let mut record = vec![0x16, 0x03, 0x03, 0, 4 + 38, 0x02, 0, 0, 38];
    record.extend(body);
    record
}

/// RFC 8996, RFC 9325 §3.1.1: what is below TLS 1.2 is met by an error that says so.
#[tokio::test]
async fn servers_of_old_versions_and_weak_suites_are_refused() {
    for version in [0x0300, 0x0301, 0x0302] {
        let error = answered(&server_hello(version, 0x002f)).await;
        let expected = HandshakeError::Incompatible(Incompatible::Version);
        assert_eq!(error, expected, "{version:04x}");
    }
    // RC4, 3DES, export, NULL, AES-CBC: none was offered.
    for suite in [0x0005, 0x000a, 0x0003, 0x0002, 0x002f] {
        let error = answered(&server_hello(0x0303, suite)).await;
        assert!(
            matches!(error, HandshakeError::Misbehaved(_)),
            "{suite:04x}: {error}"
        );
    }
    let alert = [0x15, 3, 1, 0, 2, 2, 70];
    let error = answered(&alert).await.to_string();
    assert!(error.contains("protocol_version"), "{error}");
}
