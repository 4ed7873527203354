//! Why a document was not fetched, or not taken.

use std::{net::IpAddr, time::Duration};

use postern_tls::WebError;

/// Why a document was not fetched, or not taken. What others wrote is escaped and cut in all of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// What is posted is not for everybody on the way.
    #[error("nothing is posted without TLS")]
    NotSecure,
    /// The host's addresses are not known.
    #[error("the host's address cannot be found: {0}")]
    Lookup(String),
    /// The host's name leads to an address that is not on the public internet.
    #[error("the host's address {0} is not a public one")]
    PrivateTarget(IpAddr),
    /// Nobody took the connection.
    #[error("no connection to {address} port {port}: {error}")]
    Connection {
        /// Whom we called last.
        address: IpAddr,
        /// At which port.
        port: u16,
        /// What the system said.
        error: String,
    },
    /// The TLS handshake failed, or the certificate is not the host's.
    #[error(transparent)]
    Tls(#[from] WebError),
    /// It was not all there in time.
    #[error("the document was not there within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The answer sends us elsewhere (RFC 8461 §3.3: not followed).
    #[error("the answer is a redirect ({0}), which is not followed")]
    Redirect(u16),
    /// The answer is another one than "here it is".
    #[error("the answer is {0}")]
    Status(u16),
    /// The answer is of another kind than it should be.
    #[error("the answer is not text/plain but {0}")]
    ContentType(String),
    /// The answer is compressed, which we did not ask for.
    #[error("the answer has the content encoding {0}")]
    Encoding(String),
    /// The answer is too long.
    #[error("the document is longer than {0} octets")]
    TooLong(usize),
    /// The answer is not HTTP, or ends in the middle.
    #[error("the answer is broken: {0}")]
    Broken(String),
}
