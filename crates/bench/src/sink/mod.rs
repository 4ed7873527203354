//! The next hop of every subject: it takes all messages, forgets them, and remembers which came.
//!
//! It works on a thread of its own. It verifies what came while it comes: a hash of the body, the
//! number in the header. Nothing is kept but what the [`Ledger`] counts.

mod content;
mod session;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use postern_tests::certificates::Credentials;
use postern_tests::fault::Fault;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::ends;
use crate::ledger::Ledger;
use session::Terms;

/// A running sink; stopped when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    /// Starts one that counts in `ledger`. With credentials it offers STARTTLS and takes no mail
    /// before it.
    pub fn start(ledger: Arc<Ledger>, credentials: Option<&Credentials>) -> Result<Self, Fault> {
        let tls = credentials.map(ends::server).transpose()?;
        let terms = Terms {
            ledger,
            tls: tls.map(TlsAcceptor::from),
        };
        let failed = || Fault::doing("start a sink");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(failed())?;
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(&listener, &terms) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = thread::Builder::new().name("sink".to_owned()).spawn(work);
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread.map_err(failed())?),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: &TcpListener, terms: &Terms) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A session that breaks off leaves a message unaccounted for, which is what tells.
                tokio::spawn(session::serve(stream, terms.clone()));
            }
            // A connection that was given up before it was accepted is the peer's affair; others
            // wait until there is room for them.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
