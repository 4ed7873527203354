//! A web server for MTA-STS policies (RFC 8461 §3.3) that answers as a test tells it to.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Credentials;
use crate::fault::Fault;
use crate::wait::PATIENCE;

/// A running server; stopped when dropped.
#[derive(Debug)]
pub struct PolicyHost {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    tls: Arc<ServerConfig>,
    state: Mutex<State>,
    stopping: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, Vec<u8>>,
    asked: HashMap<String, usize>,
}

impl PolicyHost {
    /// Listens on `address` with this certificate, and answers 404 for every host.
    pub fn start(address: SocketAddr, certificate: &Credentials) -> Result<Self, Fault> {
        let doing = "bind a policy host";
        let listener = TcpListener::bind(address).map_err(Fault::doing(doing))?;
        let shared = Arc::new(Shared {
            tls: Arc::new(tls(certificate)?),
            state: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// From now on `host` answers these octets, whatever is asked of it.
    pub fn answers(&self, host: &str, octets: impl Into<Vec<u8>>) {
        let mut state = self.shared.state();
        state.answers.insert(host.to_owned(), octets.into());
    }

    /// From now on it knows nothing of `host`.
    pub fn forgets(&self, host: &str) {
        self.shared.state().answers.remove(host);
    }

    /// How often `host` was asked.
    pub fn asked(&self, host: &str) -> usize {
        self.shared
            .state()
            .asked
            .get(host)
            .copied()
            .unwrap_or_default()
    }
}

impl Drop for PolicyHost {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // Wakes the acceptor; if that fails it is not waiting.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer with this status line, type and body.
pub fn answer(status: &str, media: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// The answer of a sound policy host: a policy of `mode` that lists these patterns.
pub fn policy(mode: &str, patterns: &[&str]) -> String {
    let mx: String = patterns.iter().map(|it| format!("mx: {it}\r\n")).collect();
    let body = format!("version: STSv1\r\nmode: {mode}\r\n{mx}max_age: 604800\r\n");
    answer("200 OK", "text/plain", &body)
}

fn tls(certificate: &Credentials) -> Result<ServerConfig, Fault> {
    let unexpected = |error: &dyn std::error::Error| Fault::Unexpected(error.to_string());
    let chain = CertificateDer::pem_file_iter(&certificate.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unexpected(&error))?;
    let key = PrivateKeyDer::from_pem_file(&certificate.key).map_err(|error| unexpected(&error))?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unexpected(&error))
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok((stream, _)) = accepted else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client that does not like us leaves; the test sees what comes of it.
            let _ = serve(stream, &shared);
        });
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let connection = ServerConnection::new(Arc::clone(&shared.tls)).map_err(io::Error::other)?;
    let mut input = BufReader::new(StreamOwned::new(connection, stream));
    let mut host = String::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            host = value.trim().to_owned();
        }
    }
    let reply = {
        let mut state = shared.state();
        *state.asked.entry(host.clone()).or_default() += 1;
        let not_found = || answer("404 Not Found", "text/plain", "").into_bytes();
        state.answers.get(&host).cloned().unwrap_or_else(not_found)
    };
    let stream = input.get_mut();
    stream.write_all(&reply)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.shutdown(Shutdown::Write)
}
