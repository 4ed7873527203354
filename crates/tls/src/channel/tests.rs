use bytes::BytesMut;
use postern_testkit::{Authority, Leaf, go_ahead};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::{
    Authentication, HandshakeError, ProfileName,
    testing::{LIMIT, attempt, client, handshake, server},
};

async fn secured() -> (TlsChannel<DuplexStream>, TlsServerChannel<DuplexStream>) {
    let identity = Authority::new("CA").issue(&Leaf::named("mx.example"));
    let (near, far) = handshake(
        &client(ProfileName::Intermediate),
        &attempt(Authentication::Demanded),
        &server(&[&identity], ProfileName::Intermediate),
    )
    .await;
    (near.unwrap(), far.unwrap())
}

#[tokio::test]
async fn an_unjudged_channel_says_opening_commands() {
    let (near, mut far) = tokio::io::duplex(256);
    let mut channel = PlainChannel::new(near);
    channel
        .write_command(&OpeningCommand::StartTls)
        .await
        .unwrap();
    let mut said = [0; 10];
    far.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"STARTTLS\r\n");
    far.write_all(b"220 go\r\n").await.unwrap();
    let mut input = BytesMut::new();
    assert_eq!(channel.read(&mut input).await.unwrap(), 8);
    assert_eq!(&input[..], b"220 go\r\n");
    channel.close().await.unwrap();
    assert_eq!(far.read(&mut said).await.unwrap(), 0);
}

#[tokio::test]
async fn a_tls_channel_says_opening_commands_inside() {
    let (mut near, mut far) = secured().await;
    near.write_command(&OpeningCommand::Quit).await.unwrap();
    let mut said = [0; 6];
    far.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"QUIT\r\n");
    near.close().await.unwrap();
    assert_eq!(far.read(&mut said).await.unwrap(), 0);
}

#[tokio::test]
async fn a_released_channel_carries_anything_and_keeps_its_evidence() {
    let (near, mut far) = secured().await;
    let channel = Channel::Tls(near);
    let version = channel.security().unwrap().version();
    let mut released = channel.release();
    assert_eq!(released.security().unwrap().version(), version);
    let content = vec![b'x'; 100_000];
    let send = async {
        released.write_all(&content).await.unwrap();
        released.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) = tokio::join!(send, far.read_to_end(&mut received));
    read.unwrap();
    assert_eq!(received, content);
}

#[tokio::test]
async fn a_plain_channel_keeps_its_reason() {
    let (near, mut far) = tokio::io::duplex(256);
    let channel = Channel::Plain(PlainChannel::new(near), NotSecured::NotOffered);
    assert_eq!(channel.security().unwrap_err(), &NotSecured::NotOffered);
    let mut released = channel.release();
    assert_eq!(released.security().unwrap_err(), &NotSecured::NotOffered);
    released.write_all(b"MAIL").await.unwrap();
    let mut said = [0; 4];
    far.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"MAIL");
}

/// The cut of a connection in mid content must not look like its end.
#[tokio::test]
async fn an_end_without_close_notify_is_an_error() {
    let (near, mut far) = secured().await;
    let mut near = Channel::Tls(near).release();
    near.write_all(b"subject: all of it\r\n.").await.unwrap();
    near.flush().await.unwrap();
    drop(near);
    let mut received = Vec::new();
    let error = far.read_to_end(&mut received).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(received, b"subject: all of it\r\n.");
}

/// RFC 3207 §6: what somebody puts between the 220 and the handshake is no part of it.
#[tokio::test]
async fn octets_in_clear_do_not_survive_the_handshake() {
    let identity = Authority::new("CA").issue(&Leaf::named("mx.example"));
    let (near, mut far) = tokio::io::duplex(4096);
    far.write_all(b"250 evil\r\n250 ok\r\n").await.unwrap();
    let serving = PlainServerChannel::new(far);
    let (client, server) = (
        client(ProfileName::Intermediate),
        server(&[&identity], ProfileName::Intermediate),
    );
    let attempt = attempt(Authentication::NotDemanded);
    let (near, far) = tokio::join!(
        PlainChannel::new(near).upgrade(go_ahead(), &client, &attempt),
        serving.upgrade(&server, LIMIT),
    );
    assert_eq!(near.unwrap_err(), HandshakeError::NotTls);
    assert!(far.is_err());
}
