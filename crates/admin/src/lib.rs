//! The control interface of a running daemon, both ends of it: HTTP/1.1 and JSON over a Unix
//! socket.
//!
//! [`ControlSocket`] is the daemon's end, [`Client`] the command line's. Where no daemon runs,
//! [`Queue`] shows an operator the spool in the same words.
//!
//! * **Who may.** Whoever the file system lets write to the socket: its owner and root. There is
//!   no other authorisation, so the socket must not be forwarded to where others are. Requests
//!   that a web page could cause are refused all the same.
//! * **What it costs.** Heads, bodies, pages, connections and times are bounded.
//! * **Ids.** A queue id is parsed by its grammar before anything is looked up by it, and a
//!   partner by its name among those of the configuration.
//! * **What is told of channels** ([`ProtectionStatus`], [`Partner`]) is in words and numbers of
//!   its own: this crate knows no policy, and the daemon fills them in.
//!
//! ```
//! use postern_admin::{Change, Client, Listing};
//!
//! # async fn run() -> Result<(), postern_admin::ClientError> {
//! let postern = Client::new("/run/postern/control.sock");
//! let waiting = Listing {
//!     to: "ministry.example".parse().ok(),
//!     ..Listing::default()
//! };
//! for message in postern.list(&waiting).await?.messages {
//!     postern.change(message.id, &Change::Retry).await?;
//! }
//! # Ok(()) }
//! ```
//!
//! * **Who watches** asks [`WatchSocket`] over TCP, on loopback: metrics, health, readiness. Nothing
//!   can be changed there.
//!
//! Left out: a page for browsers, which comes with authorisation of its own.

mod authentication;
mod bulk;
mod client;
mod destination;
mod http;
mod listing;
mod message;
mod partner;
mod problem;
mod protection;
mod queue;
mod report;
mod routes;
mod server;
mod socket;
mod status;
mod summary;
mod timestamp;

pub use authentication::{
    AuthenticationStatus, KeyState, ReportsStatus, SigningKeyStatus, VerdictCount,
};
pub use bulk::{Change, ChangeOrder, Changed};
pub use client::{Client, ClientError};
pub use destination::{
    Delay, Destination, Destinations, Down, DownDestination, FreezeOrder, FreezeTrouble, Freezer,
    Frozen, Limits, Whose, WhoseOrder,
};
pub use http::WatchSocket;
pub use listing::{Hold, Listing, PartnerDomains, Sender};
pub use message::{Failure, Message, Origin, Page, Recipient, RecipientState};
pub use partner::{
    CertificateExpiry, DirectionLine, FailureReason, Measured, NoSuchPartner, Partner,
    PartnerDirection, PartnerLine, PartnerPage, Readiness, ReadinessVerdict,
};
pub use protection::{
    BreakGlassStatus, DnsStatus, FailureCount, MtaStsStatus, PlaintextCause, PlaintextStatus,
    ProtectionStatus, RevocationListStatus, SessionCount, StsTroubleStatus, TlsSessionsStatus,
};
pub use queue::Queue;
pub use report::{
    Report, ReportFact, ReportFailure, ReportKind, ReportLine, ReportOrder, ReportPage,
    ReportPolicy, ReportSent, ReportSource, ReportTrouble, ReportWay, ReportsSent,
};
pub use socket::{ControlSocket, SocketError};
pub use status::{
    CertificateStatus, ConfigurationStatus, Daemon, ListenerStatus, Loading, QueueHealth,
    QueueStatus, ReceptionFigures, Reloaded, StapleStatus, Status,
};
pub use summary::{Summary, SummaryLine};
pub use timestamp::Timestamp;
