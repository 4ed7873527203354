//! What a session is told about itself before it begins.

use std::time::Duration;

use postern_mail::Domain;

/// What a server says of itself and what it demands and bears. Many sessions share one value.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The name in the greeting and in the replies to EHLO and HELO.
    pub hostname: Domain,
    /// What the plain session does about STARTTLS. A session over TLS neither offers nor
    /// demands it.
    pub starttls: StartTls,
    /// What a session over TLS does about REQUIRETLS.
    pub requiretls: RequireTls,
    /// What one peer may cost.
    pub limits: Limits,
}

impl ServerSettings {
    /// Settings with the limits of [`Limits::default`], and REQUIRETLS offered over TLS.
    pub fn new(hostname: Domain, starttls: StartTls) -> Self {
        Self {
            hostname,
            starttls,
            requiretls: RequireTls::Offered,
            limits: Limits::default(),
        }
    }
}

/// What a plain session does about STARTTLS (RFC 3207 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// There is no certificate, or the channel is not meant to be upgraded.
    NotOffered,
    /// Offered to who wants it. What a host that receives mail from strangers must stay with.
    Offered,
    /// Demanded of everyone: without it nothing but EHLO, HELO, NOOP, RSET, HELP, QUIT and
    /// STARTTLS is answered by anything but 530.
    Required,
}

/// What a session does about REQUIRETLS (RFC 8689 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequireTls {
    /// The parameter is unknown: what comes in here goes where the promise cannot be kept.
    NotOffered,
    /// Listed and taken over TLS. In clear it is not listed, and who gives it is told to encrypt.
    Offered,
}

/// The bounds of a session. Each is a number that a peer cannot exceed, whatever it sends.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Octets of a command line with its CRLF. RFC 5321 §4.5.3.1.4 demands 512, and each
    /// extension adds its parameters: the longest is ORCPT with 500 (RFC 3461 §4.2).
    pub line: usize,
    /// Octets of content (RFC 1870 §3, §4), which EHLO announces as `SIZE`.
    pub content: u64,
    /// Recipients of one message; RFC 5321 §4.5.3.1.8 demands 100. More are refused with 452,
    /// and the client sends those again (§4.5.3.1.10).
    pub recipients: usize,
    /// Mistakes in commands since the last accepted message; the next ends the session.
    pub errors: u32,
    /// Permanent refusals of sender, recipient or content since the last accepted message; the
    /// next ends the session. Apart from `errors`, because a mailing list with some stale
    /// recipients is no attacker, and generous for the same reason.
    pub refusals: u32,
    /// Commands other than RCPT and BDAT since content last came in; the next ends the session.
    pub idle_commands: u32,
    /// For the whole of a command, however slowly its octets trickle; also for content while
    /// nothing of it comes. RFC 5321 §4.5.3.2.7 demands five minutes.
    pub wait: Duration,
    /// Octets per second that content must come with on average, once `wait` has passed; zero
    /// demands none. A peer that sends an octet now and then is thus cut off some day.
    pub content_rate: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 4096,
            content: 50 * 1024 * 1024,
            recipients: 1000,
            errors: 20,
            refusals: 100,
            idle_commands: 100,
            wait: Duration::from_secs(300),
            content_rate: 1024,
        }
    }
}
