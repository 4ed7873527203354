//! A client that says what it is told to say, and waits for nothing longer than it must.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use postern_testkit::{Authority, Identity, client_config};
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// Long enough for the slowest machine; a test that gets this far has failed.
const PATIENCE: Duration = Duration::from_secs(20);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection to a server under test.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    heard: Vec<u8>,
}

impl Client {
    /// Connects, and does not wait for the greeting.
    pub(crate) async fn reach(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// Connects from an address of ours.
    pub(crate) async fn reach_from(source: &str, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        Self::over(socket.connect(address).await.unwrap())
    }

    /// Connects and begins with the handshake.
    pub(crate) async fn reach_tls(address: SocketAddr, config: ClientConfig) -> Self {
        Self::reach(address).await.handshake(config).await.unwrap()
    }

    pub(crate) fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            heard: Vec::new(),
        }
    }

    /// Connects and says EHLO.
    pub(crate) async fn greet(address: SocketAddr) -> Self {
        let mut client = Self::reach(address).await;
        client.hear("220 mx.own.example ESMTP").await;
        client.ehlo().await;
        client
    }

    /// Says EHLO and returns what is offered.
    pub(crate) async fn ehlo(&mut self) -> String {
        self.say("EHLO client.example", "250-mx.own.example").await
    }

    /// EHLO, STARTTLS, the handshake, and EHLO again.
    pub(crate) async fn greet_tls(
        address: SocketAddr,
        authority: &Authority,
        identity: Option<&Identity>,
    ) -> Self {
        let client = Self::greet(address).await;
        let mut client = client.starttls(client_config(authority, identity)).await;
        client.ehlo().await;
        client
    }

    /// STARTTLS and the handshake.
    pub(crate) async fn starttls(mut self, config: ClientConfig) -> Self {
        self.say("STARTTLS", "220 2.0.0").await;
        self.handshake(config).await.unwrap()
    }

    pub(crate) async fn handshake(self, config: ClientConfig) -> std::io::Result<Self> {
        assert_eq!(self.heard, b"", "nothing may follow the 220");
        let connector = TlsConnector::from(Arc::new(config));
        let name = "mx.own.example".try_into().unwrap();
        let stream = timeout(PATIENCE, connector.connect(name, self.stream))
            .await
            .unwrap()?;
        Ok(Self::over(stream))
    }

    /// Says a line and returns the reply, which must begin like this.
    #[track_caller]
    pub(crate) fn say<'a>(
        &'a mut self,
        line: &'a str,
        expected: &'a str,
    ) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            self.send(format!("{line}\r\n").as_bytes()).await;
            let reply = self.reply().await;
            assert!(reply.starts_with(expected), "{caller}: {line}: {reply}");
            reply
        }
    }

    /// Hears a reply, which must begin like this.
    pub(crate) async fn hear(&mut self, expected: &str) -> String {
        let reply = self.reply().await;
        assert!(
            reply.starts_with(expected),
            "expected {expected}, heard {reply}"
        );
        reply
    }

    /// Says octets as they are.
    pub(crate) async fn send(&mut self, octets: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(octets))
            .await
            .unwrap()
            .unwrap();
        timeout(PATIENCE, self.stream.flush())
            .await
            .unwrap()
            .unwrap();
    }

    /// Closes its half of the connection, and has the server find out.
    pub(crate) async fn say_no_more(&mut self) {
        timeout(PATIENCE, self.stream.shutdown())
            .await
            .unwrap()
            .unwrap();
        // Server and client share a thread, which looks at the network between turns.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Says octets as far as the server takes them before it closes.
    pub(crate) async fn send_what_is_taken(&mut self, octets: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(octets))
            .await
            .unwrap();
    }

    /// The next reply with all its lines; empty if the server closed instead.
    pub(crate) async fn reply(&mut self) -> String {
        loop {
            if let Some(end) = end_of_reply(&self.heard) {
                let rest = self.heard.split_off(end);
                let reply = std::mem::replace(&mut self.heard, rest);
                return String::from_utf8(reply).unwrap();
            }
            if self.listen().await == 0 {
                assert_eq!(String::from_utf8_lossy(&self.heard), "", "half a reply");
                return String::new();
            }
        }
    }

    async fn listen(&mut self) -> usize {
        let heard = timeout(PATIENCE, self.stream.read_buf(&mut self.heard)).await;
        match heard.expect("the server says nothing") {
            Ok(octets) => octets,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{error}"),
        }
    }

    /// Hears nothing more than the end of the connection.
    pub(crate) async fn hear_end(&mut self) {
        assert_eq!(self.reply().await, "");
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn hear_all(mut self) -> Vec<u8> {
        while self.listen().await > 0 {}
        self.heard
    }

    /// MAIL and RCPT, which must be accepted.
    pub(crate) async fn envelope(&mut self, from: &str, to: &str) {
        self.say(&format!("MAIL FROM:<{from}>"), "250 2.1.0").await;
        self.say(&format!("RCPT TO:<{to}>"), "250 2.1.5").await;
    }

    /// A whole transaction with a line of content; returns the reply to the content.
    pub(crate) async fn deliver(&mut self, from: &str, to: &str) -> String {
        self.envelope(from, to).await;
        self.say("DATA", "354").await;
        self.say("Subject: test\r\n\r\nHello\r\n.", "").await
    }
}

/// Where the first reply ends, if it is whole (RFC 5321 §4.2.1).
fn end_of_reply(heard: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let length = heard[start..].iter().position(|octet| *octet == b'\n')? + 1;
        let last = heard[start + 3] != b'-';
        start += length;
        if last {
            return Some(start);
        }
    }
}

/// The queue id in the reply to an accepted message.
pub(crate) fn queue_id(reply: &str) -> String {
    let id = reply.strip_prefix("250 2.0.0 queued as ");
    id.unwrap_or_else(|| panic!("not accepted: {reply}"))
        .trim_end()
        .to_owned()
}
