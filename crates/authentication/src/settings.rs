//! What bounds a verification, and whom it believes.

use std::time::Duration;

use postern_mail::{Domain, Network};

/// How a [`Verifier`](crate::Verifier) works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierSettings {
    /// How long the verification of one message may take, whatever the DNS does. RFC 7208
    /// §4.6.4 asks for 20 seconds at least where a limit is set.
    pub time: Duration,
    /// The most questions to the DNS for one message. They are divided among what is asked for, so
    /// that whoever has the say over some of the answers cannot hide the others.
    pub queries: usize,
    /// The most DKIM signatures that are checked, counted from the top: whoever handled the
    /// message last put theirs there (RFC 6376 §6.1).
    pub signatures: usize,
    /// The octets of messages that may be held for verification at one time, by all sessions.
    pub memory: u64,
    /// Sealers whose word is taken on what DMARC said before they changed a message
    /// (RFC 8617 §7.2.1).
    pub trusted_sealers: Vec<Domain>,
    /// Networks of forwarders whose mail is not refused because DMARC fails.
    pub trusted_forwarders: Vec<Network>,
}

impl Default for VerifierSettings {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(20),
            queries: 100,
            signatures: 10,
            memory: 64 << 20,
            trusted_sealers: Vec::new(),
            trusted_forwarders: Vec::new(),
        }
    }
}
