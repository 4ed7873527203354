//! A client that can break off a TLS session anywhere, in order or not.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certificates::Authority;
use crate::fault::Fault;
use crate::smtp_dialogue::Dialogue;
use crate::wait::PATIENCE;

/// How a session is broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a close_notify, as RFC 8446 §6.1 demands.
    Announced,
    /// With the end of the TCP stream alone, which anybody on the way can bring about.
    Cut,
}

/// A session within TLS.
#[derive(Debug)]
pub struct Secured {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Secured {
    /// Connects to `server` and upgrades by STARTTLS; the server must prove with a certificate of
    /// `authority` to be `name`.
    pub fn starttls(server: SocketAddr, name: &str, authority: &Authority) -> Result<Self, Fault> {
        let mut dialogue = Dialogue::open(server)?;
        dialogue.expect("EHLO client.sender.example", 250)?;
        dialogue.expect("STARTTLS", 220)?;
        let stream = dialogue.into_stream()?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .map_err(Fault::doing("receive"))?;
        let unexpected = |error: &dyn std::error::Error| Fault::Unexpected(error.to_string());
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(authority.der()))
            .map_err(|error| unexpected(&error))?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).map_err(|error| unexpected(&error))?;
        let connection =
            ClientConnection::new(Arc::new(config), name).map_err(|error| unexpected(&error))?;
        Ok(Self {
            stream: StreamOwned::new(connection, stream),
        })
    }

    /// Sends octets as they are.
    pub fn send(&mut self, octets: &[u8]) -> Result<(), Fault> {
        let sent = self.stream.write_all(octets);
        sent.and_then(|()| self.stream.flush())
            .map_err(Fault::doing("send within TLS"))
    }

    /// Reads until the server has said `text`.
    pub fn hear(&mut self, text: &str) -> Result<(), Fault> {
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(text) {
            let mut octets = [0; 4096];
            let count = self
                .stream
                .read(&mut octets)
                .map_err(Fault::doing("receive within TLS"))?;
            heard.extend(octets.iter().take(count));
            if count == 0 {
                let heard = heard.escape_ascii();
                return Err(Fault::Unexpected(format!("no {text:?} in {heard}")));
            }
        }
        Ok(())
    }

    /// Sends one command line and reads until the server has said `expected`.
    pub fn expect(&mut self, line: &str, expected: &str) -> Result<(), Fault> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.hear(expected)
    }

    /// Breaks off, and waits until the server has noticed and closed.
    pub fn end(mut self, end: End) -> Result<Vec<u8>, Fault> {
        let doing = "end a TLS session";
        if end == End::Announced {
            self.stream.conn.send_close_notify();
            self.stream.flush().map_err(Fault::doing(doing))?;
        }
        let socket = &self.stream.sock;
        socket
            .shutdown(Shutdown::Write)
            .map_err(Fault::doing(doing))?;
        let mut rest = Vec::new();
        // How the server closes is its own affair.
        let _ = self.stream.read_to_end(&mut rest);
        Ok(rest)
    }
}
