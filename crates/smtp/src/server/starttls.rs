//! STARTTLS (RFC 3207 §4): the plain session ends, and what comes after begins anew.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{Layer, ServerSession, ServerSettings, State, output, replies};

/// A connection on which the client must now begin the TLS handshake, or leave.
///
/// This is all that is left of the plain session: no name the client gave, no envelope, no
/// octets. A handshake that fails leaves nothing to return to, so it ends the connection.
#[derive(Debug)]
#[must_use = "the client waits for the reply to STARTTLS"]
pub struct AwaitingTls {
    settings: Arc<ServerSettings>,
    shutting_down: bool,
}

impl ServerSession {
    /// Follows [`Action::StartTls`](super::Action::StartTls). The input is given up with the
    /// session, so that nothing which was sent in clear is ever read as sent over TLS
    /// (CVE-2011-0411).
    pub fn starttls(self, input: BytesMut) -> AwaitingTls {
        drop(input);
        AwaitingTls {
            settings: self.settings,
            shutting_down: self.shutting_down,
        }
    }
}

impl AwaitingTls {
    /// The 220 to write before the handshake.
    pub fn reply(&self) -> Bytes {
        let mut printed = BytesMut::new();
        output::print(&replies::ready_for_tls(), &mut printed);
        printed.freeze()
    }

    /// The session over TLS, once the handshake is done. There is no greeting, the client says
    /// EHLO again, and STARTTLS is not offered (RFC 3207 §4.2).
    pub fn secured(self) -> ServerSession {
        let mut session = ServerSession::begin(self.settings, Layer::Tls, State::Command);
        session.shutting_down = self.shutting_down;
        session
    }
}
