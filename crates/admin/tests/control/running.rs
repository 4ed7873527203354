//! The control interface under test, and what it is asked in octets.

use std::{path::Path, sync::Arc, time::SystemTime};

use postern_admin::{Client, ControlSocket};
use postern_mail::{BodyType, Envelope, ForwardPath, QueueId, Recipient, ReversePath, TlsWish};
use postern_spool::{LocalSpool, Settings, Spool, Submission};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::oneshot,
    task::JoinHandle,
};

use crate::idle::Idle;

/// A running control interface.
pub(crate) struct Running {
    pub(crate) directory: TempDir,
    spool: Arc<dyn Spool>,
    pub(crate) client: Client,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) server: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let opened = LocalSpool::open(&Settings::at(directory.path().join("queue"))).unwrap();
        let spool: Arc<dyn Spool> = Arc::new(opened.spool);
        let path = directory.path().join("control.sock");
        let socket = ControlSocket::bind(&path).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let daemon = Arc::new(Idle(Arc::clone(&spool)));
        let stopped = async { drop(stopped.await) };
        let server = tokio::spawn(socket.serve(Arc::clone(&spool), daemon, stopped));
        Self {
            client: Client::new(path),
            directory,
            spool,
            stop,
            server,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        self.client.socket()
    }

    pub(crate) async fn accept(&self, from: &str, to: impl IntoIterator<Item = String>) -> QueueId {
        let (reverse_path, _) = ReversePath::parse_prefix(from).unwrap();
        let recipients = to.into_iter().map(|to| {
            let (path, _) = ForwardPath::parse_prefix(&to).unwrap();
            Recipient::from(path)
        });
        let mut content = self.spool.content();
        content
            .write(b"Subject: x\r\n\r\n".as_slice().into())
            .await
            .unwrap();
        let submission = Submission {
            envelope: Envelope {
                reverse_path,
                recipients: recipients.collect(),
                body: BodyType::SevenBit,
                smtputf8: false,
                ret: None,
                envelope_id: None,
                tls_wish: TlsWish::Unstated,
            },
            origin: postern_spool::Origin::Ourselves,
            received_at: SystemTime::now(),
            content: content.finish().await.unwrap(),
            bounce_to: postern_spool::BounceTo::Sender,
            quarantined: None,
            hold: None,
        };
        self.spool.accept(submission).await.unwrap()
    }

    /// What is answered to these octets, up to the end of the connection.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[track_caller]
    pub(crate) fn check(&self, request: &str, expected: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.raw(request).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {expected}")),
                "{caller}: {answer}"
            );
        }
    }
}

pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}
