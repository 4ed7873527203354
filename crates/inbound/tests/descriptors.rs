//! Reception when the process is out of file descriptors. The limit is that of the process, so
//! this test has one of its own.
#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect should stop at that line"
)]

use std::{
    fs::File,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use postern_inbound::{Inbound, Judgement, Limits, Listener, NoAccounts, Role, Settings, TlsMode};
use postern_mail::DomainMap;
use postern_policy::{Defaults, Policy};
use postern_spool::LocalSpool;
use postern_tls::{CertificateStore, Profile, ProfileName, TrustAnchors};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustls_pki_types::UnixTime;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A log that can be read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn warnings(&self) -> usize {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.matches("connections do not get in").count()
    }
}

fn settings() -> Settings {
    let defaults = Defaults {
        profile: Profile::named(ProfileName::Intermediate),
        trust: TrustAnchors::public(),
    };
    Settings {
        hostname: "mx.own.example".parse().unwrap(),
        policy: Arc::new(Policy::new(defaults, Vec::new()).unwrap()),
        certificates: Arc::new(CertificateStore::load(&[], UnixTime::now()).unwrap()),
        domains: DomainMap::new(),
        authentication: None,
        rewriting: Arc::default(),
        listeners: vec![Listener {
            address: "127.0.0.1:0".parse().unwrap(),
            role: Role::Mx,
            tls: TlsMode::None,
            profile: None,
            connections: 100,
            judgement: Judgement::Off,
        }],
        limits: Limits::default(),
    }
}

async fn hear(client: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let heard = timeout(PATIENCE, client.read_line(&mut line)).await;
    heard.unwrap().unwrap();
    line
}

#[tokio::test]
async fn sessions_go_on_and_new_ones_wait_until_there_is_room() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let directory = tempfile::tempdir().unwrap();
    let spool = LocalSpool::open(&postern_spool::Settings::at(directory.path()))
        .unwrap()
        .spool;
    let inbound = Inbound::bind(&settings(), Arc::new(spool), Arc::new(NoAccounts)).unwrap();
    let address = inbound.local_addresses()[0];
    let serving = tokio::spawn(inbound.serve(std::future::pending()));
    let mut early = BufReader::new(TcpStream::connect(address).await.unwrap());
    assert!(hear(&mut early).await.starts_with("220"));

    let sockets: Vec<_> = (0..3).map(|_| TcpSocket::new_v4().unwrap()).collect();
    let limit = Rlimit {
        current: Some(256),
        maximum: Some(256),
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut hoard = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        hoard.push(file);
    }
    let mut late = Vec::new();
    for socket in sockets {
        late.push(BufReader::new(socket.connect(address).await.unwrap()));
    }
    while log.warnings() == 0 {
        tokio::task::yield_now().await;
    }
    early.write_all(b"NOOP\r\n").await.unwrap();
    assert!(hear(&mut early).await.starts_with("250"));

    drop(hoard);
    for client in &mut late {
        assert!(hear(client).await.starts_with("220"));
    }
    assert_eq!(log.warnings(), 1);
    serving.abort();
}
