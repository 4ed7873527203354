//! The openssl command: a TLS client that can be made to know less than others.

use std::net::SocketAddr;

use crate::certificates::{Credentials, Key, first_certificate};
use crate::fault::Fault;
use crate::home::Home;
use crate::programs::{self, Program};

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What a server showed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The leaf certificate, to be compared with [`Credentials::certificate`].
    pub certificate: String,
    /// Everything openssl printed.
    pub transcript: String,
}

/// Upgrades a connection to `server` by STARTTLS, asking for `name`, as a client that understands
/// signatures of the kind `key` alone.
pub fn starttls(server: SocketAddr, name: &str, version: Version, key: Key) -> Result<Seen, Fault> {
    let mut command = programs::bounded(&Program::Openssl.find()?);
    command.args([
        "s_client",
        "-starttls",
        "smtp",
        "-name",
        "client.sender.example",
    ]);
    command.args(["-connect", &server.to_string(), "-servername", name]);
    match version {
        Version::Tls12 => command.args(["-tls1_2", "-cipher", cipher(key)]),
        Version::Tls13 => command.arg("-tls1_3"),
    };
    command.args(["-sigalgs", signatures(key)]);
    // With its input at the end, s_client closes as soon as the handshake is done.
    let output = programs::run(command.stdin(std::process::Stdio::null()))?;
    let transcript = programs::both(&output);
    match first_certificate(&transcript) {
        Some(certificate) => Ok(Seen {
            certificate,
            transcript,
        }),
        None => Err(Fault::Unexpected(format!(
            "no certificate seen:\n{transcript}"
        ))),
    }
}

/// The SHA-256 fingerprint of a certificate, in the form Postfix lists clients by.
pub(crate) fn fingerprint(credentials: &Credentials) -> Result<String, Fault> {
    let mut command = programs::bounded(&Program::Openssl.find()?);
    command
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&credentials.chain);
    let output = programs::both(&programs::run(&mut command)?);
    match output.split_once('=') {
        Some((_, fingerprint)) => Ok(fingerprint.trim().to_owned()),
        None => Err(Fault::Unexpected(format!("no fingerprint: {output}"))),
    }
}

/// The SHA-256 of a certificate's key in hex, which is one of the ways to pin it.
pub fn spki_pin(credentials: &Credentials) -> Result<String, Fault> {
    let openssl = Program::Openssl.find()?;
    let home = Home::new("pin")?;
    let spki = home.path().join("spki");
    let mut convert = programs::bounded(&openssl);
    convert.args(["pkey", "-pubout", "-outform", "der", "-in"]);
    programs::run(convert.arg(&credentials.key).arg("-out").arg(&spki))?;
    let mut digest = programs::bounded(&openssl);
    digest.args(["dgst", "-sha256", "-r"]);
    let output = programs::both(&programs::run(digest.arg(&spki))?);
    match output.split_once(' ') {
        Some((pin, _)) => Ok(pin.to_owned()),
        None => Err(Fault::Unexpected(format!("no digest: {output}"))),
    }
}

fn cipher(key: Key) -> &'static str {
    match key {
        Key::Ecdsa => "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
        Key::Rsa => "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256",
    }
}

fn signatures(key: Key) -> &'static str {
    match key {
        Key::Ecdsa => "ECDSA+SHA256:ECDSA+SHA384",
        // The PKCS #1 ones are for the chain; TLS 1.3 allows none in the handshake.
        Key::Rsa => "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA+SHA256:RSA+SHA384",
    }
}
