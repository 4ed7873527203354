//! What dialling an address came to, connection by connection.
//!
//! The trace is kept by whoever dials and read by whoever keeps account or tells an operator:
//! what is told of a channel is what was judged.

use std::net::IpAddr;

use postern_smtp::client::Capabilities;
use postern_tls::{Evidence, Hello, NotSecured};

/// What dialling an address came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    /// The connections that came so far as to be under TLS or to stay in clear, in their order.
    pub(crate) connections: Vec<Link>,
}

/// One connection of a trace.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// Our end.
    pub(crate) from: Option<IpAddr>,
    /// What TLS was tried with; nothing where it was not tried again after it had failed.
    pub(crate) hello: Option<Hello>,
    /// How the channel was protected, or why not. A failed handshake is told as a reason.
    pub(crate) security: Result<Evidence, NotSecured>,
    /// What the peer offers in clear.
    pub(crate) offered_in_clear: Capabilities,
    /// What it offers to whom the channel was permitted: under TLS, or in clear.
    pub(crate) offered: Option<Capabilities>,
}

impl Trace {
    /// The last connection, which is the one that counts: those before it failed.
    pub(crate) fn last(&self) -> Option<&Link> {
        self.connections.last()
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut Link> {
        self.connections.last_mut()
    }
}

impl Link {
    /// How the channel was protected, as the policy is asked.
    pub(crate) fn security(&self) -> Result<&Evidence, &NotSecured> {
        self.security.as_ref()
    }

    /// Whether TLS was tried over it, or not tried because it was not offered: a session of its
    /// own. What goes on in clear after TLS failed was counted when it failed.
    pub(crate) fn is_session(&self) -> bool {
        self.hello.is_some()
    }
}
