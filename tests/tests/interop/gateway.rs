//! The Postern of the scenarios: a gateway in front of `sender.example`.
//!
//! ```text
//!  swaks, strangers ──► mx ────┐
//!                              ├── Postern ──► partners, strangers, domains of its own
//!  hosts of ours ─────► relay ─┘
//! ```

use std::net::SocketAddr;

use postern_tests::certificates::{Authority, Credentials, Key, Leaf};
use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::ports;
use postern_tests::postern::{Installation, Postern};
use postern_tests::postfix::{Postfix, Setup};
use postern_tests::swaks::Swaks;

/// What the gateway is called.
pub(crate) const GATEWAY: &str = "gateway.postern.example";

/// Who writes, and who is written to.
pub(crate) const SENDER: &str = "alice@sender.example";
pub(crate) const RECEIVER: &str = "bob@receiver.example";

/// A gateway that is not started yet: its place, its addresses and its configuration so far.
pub(crate) struct Plan {
    pub(crate) installation: Installation,
    pub(crate) mx: SocketAddr,
    pub(crate) relay: SocketAddr,
    pub(crate) configuration: Configuration,
}

/// A gateway that runs.
pub(crate) struct Gateway {
    // Ended before its directory is removed: fields are dropped in this order.
    pub(crate) postern: Postern,
    pub(crate) installation: Installation,
    pub(crate) mx: SocketAddr,
    pub(crate) relay: SocketAddr,
}

impl Plan {
    /// A gateway with a listener for strangers, one for every host on loopback, and a certificate
    /// called `default`.
    pub(crate) fn new(certificate: &Credentials) -> Result<Self, Fault> {
        let installation = Installation::new()?;
        let (mx, relay) = (ports::free()?, ports::free()?);
        let (chain, key) = installation.keep("default", certificate)?;
        let configuration = Configuration::of(&installation, GATEWAY)
            .mx(mx)
            .relay(relay, "127.0.0.0/8")
            .certificate("default", &chain, &key);
        Ok(Self {
            installation,
            mx,
            relay,
            configuration,
        })
    }

    /// A gateway whose certificate nobody looks at.
    pub(crate) fn ordinary() -> Result<Self, Fault> {
        Self::new(&authority()?.issue(&Leaf::named(GATEWAY))?)
    }

    /// With more in its configuration.
    pub(crate) fn with(self, add: impl FnOnce(Configuration) -> Configuration) -> Self {
        Self {
            configuration: add(self.configuration),
            ..self
        }
    }

    pub(crate) fn start(self) -> Result<Gateway, Fault> {
        self.installation.configure(&self.configuration.text())?;
        Ok(Gateway {
            postern: self.installation.serve()?,
            installation: self.installation,
            mx: self.mx,
            relay: self.relay,
        })
    }
}

impl Gateway {
    /// A session of a host of ours, from `SENDER` to `RECEIVER`.
    pub(crate) fn host_of_ours(&self) -> Swaks {
        Swaks::with(self.relay).from(SENDER).to(RECEIVER)
    }

    /// A session of a stranger, from `SENDER` to `RECEIVER`.
    pub(crate) fn stranger(&self) -> Swaks {
        Swaks::with(self.mx).from(SENDER).to(RECEIVER)
    }

    /// Ends it with SIGKILL, runs `meanwhile`, and starts it again on the same queue.
    pub(crate) fn killed_and_restarted(
        self,
        meanwhile: impl FnOnce() -> Result<(), Fault>,
    ) -> Result<Self, Fault> {
        self.postern.kill()?;
        meanwhile()?;
        Ok(Self {
            postern: self.installation.serve()?,
            installation: self.installation,
            mx: self.mx,
            relay: self.relay,
        })
    }
}

/// The authority of the gateway.
pub(crate) fn authority() -> Result<Authority, Fault> {
    Authority::new("Gateway CA", Key::Ecdsa)
}

/// The mailboxes of `sender.example`, where notices to the sender end up.
pub(crate) fn mailboxes_of_the_sender() -> Result<Postfix, Fault> {
    Setup::named("mail.sender.example")
        .serving("sender.example")
        .start()
}

/// A text with every run of white space made one blank: what a notice wraps is one line again.
pub(crate) fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
