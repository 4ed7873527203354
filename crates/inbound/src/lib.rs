//! Listeners, admission and the receiving shell: from a TCP connection to a durable message.
//!
//! # The way of a connection
//!
//! 1. **Accept.** A connection finds its place among as many as there may be, of all, of its
//!    listener, of its address and of the network around that, and within the rates of
//!    [`Allowances`]; or it is told 421 in one write and closed. Strangers leave
//!    [`Limits::reserved`] places to our own hosts and to [`Limits::reserved_networks`].
//! 2. **Converse.** Each connection is one task around a [`postern_smtp::server`] session: read,
//!    feed, perform, repeat. The session says until when each wait may last. STARTTLS moves the
//!    connection into a handshake, of which only a connection over TLS comes back (RFC 3207 §4.2);
//!    octets that wait behind the command end it.
//! 3. **Admit.** At MAIL the policy judges the channel: by the reverse-path, or where that is null,
//!    by the name that the client greeted with. The sender's domain must be a full one
//!    (RFC 5321 §2.3.5) and must not say that it takes no mail (RFC 7505 §4.2), and the queue must
//!    have room for the announced size (RFC 1870 §6.1). At RCPT the domain must be ours, or the client's address in a relay listener's networks. A
//!    client of a relay listener that is not in its networks is a stranger like any other. Aliases
//!    are looked up here, and addresses of SRS turned back into those they were made of.
//! 4. **Collect.** Our `Received` field (RFC 5321 §4.4) goes first, and content follows as it
//!    comes, into memory or a file as the queue sees fit. The header is watched as it streams by:
//!    more than a hundred `Received` fields are a loop (§6.3), and a header of a megabyte is no
//!    header. `TLS-Required: No` is the sender's wish for the way on (RFC 8689 §3), unless MAIL
//!    had REQUIRETLS.
//! 5. **Look at the authors.** When the content has come in, the domains of its `From` fields are
//!    held against the partners' rules as the reverse-path was at MAIL: `From` is what people see.
//! 6. **Judge or sign.** What our own hosts send is signed while it streams by (RFC 6376). What
//!    strangers send is held against SPF, DKIM, DMARC and ARC, and the listener's [`Judgement`]
//!    says what follows: refusal, suspicion, or another try where something cannot be found out,
//!    for [`Authentication::temperror_limit`] and no longer. What was found out is put on top of
//!    the header, and fields that claim to be ours are taken out (RFC 8601 §5); all else stays
//!    octet for octet. Content that lies in a file is copied for that, once. A client that leaves
//!    meanwhile leaves nothing behind.
//! 7. **Keep.** 250 is said when the queue has made the message durable, and it names the id that
//!    the `Received` field, the queue and the log have as well. What the queue refuses is answered
//!    452 or 451, and whatever ends before that leaves nothing behind.
//!
//! # Settings and their replacement
//!
//! [`Settings`] are one value. [`Control::replace`] puts another in its place without dropping a
//! session: what a session says of itself stays as it began, and its next MAIL is decided by the
//! new settings as a whole. A transaction is decided by those of its MAIL to its end.
//!
//! # The end
//!
//! When [`Inbound::serve`] is told to stop, nobody is accepted any more, and whoever is between
//! two commands is told 421 (RFC 5321 §3.8). Content on its way in may arrive and is answered; what
//! takes longer than [`Limits::drain`] is cut off without a promise.
//!
//! ```
//! use std::sync::Arc;
//! use postern_inbound::{
//!     Inbound, Inherited, Judgement, Limits, Listener, NoAccounts, Quarantine, Role, Settings, TlsMode,
//! };
//! # use postern_mail::DomainMap;
//! # use postern_policy::{Defaults, Policy};
//! # use postern_spool::LocalSpool;
//! # use postern_tls::{CertificateStore, Profile, ProfileName, TrustAnchors};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let defaults = Defaults {
//! #     profile: Profile::named(ProfileName::Intermediate),
//! #     trust: TrustAnchors::public(),
//! # };
//! # let policy = Arc::new(Policy::new(defaults, Vec::new()).unwrap());
//! # let now = rustls_pki_types::UnixTime::now();
//! # let certificates = Arc::new(CertificateStore::load(&[], now).unwrap());
//! # let directory = tempfile::tempdir()?;
//! # let spool = Arc::new(LocalSpool::open(&postern_spool::Settings::at(directory.path()))?.spool);
//! let settings = Settings {
//!     hostname: "mx.example.org".parse()?,
//!     policy,
//!     certificates,
//!     domains: DomainMap::from_iter([("example.org".parse()?, ())]),
//!     authentication: None, // or who finds out who wrote a message
//!     rewriting: Arc::default(),
//!     listeners: vec![Listener {
//!         address: "127.0.0.1:0".parse()?,
//!         role: Role::Mx,
//!         tls: TlsMode::None,
//!         profile: None,
//!         connections: 100,
//!         judgement: Judgement::Enforce(Quarantine::Mark),
//!     }],
//!     limits: Limits::default(),
//! };
//! let bound = Inbound::bind(&settings, spool, Arc::new(NoAccounts));
//! let inbound = bound.expect("an address that is free");
//! let control = inbound.control(); // for reloads
//! println!("ready at {:?}", inbound.local_addresses());
//! let stop = async { /* until SIGTERM */ };
//! let drained = inbound.serve(stop).await;
//! assert_eq!(drained.cut, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # Left out
//!
//! Names of clients are not looked up, so the `Received` field has their addresses only. There is
//! no submission with AUTH. What our own hosts send is not judged, and what strangers send is not
//! signed. XCLIENT, XFORWARD and the PROXY protocol are not
//! understood, so nobody can claim to come from somewhere else. Listeners that a reload adds or
//! takes away wait for a restart: [`Replaced`] names them.

mod accept;
mod accounts;
mod admission;
mod authors;
mod budget;
mod census;
mod deferrals;
mod drain;
mod header_watch;
mod inbound;
mod received;
mod session;
mod settings;
mod shared;
mod situation;

pub use accounts::{Accounts, Attempt, AttemptOutcome, Done, JudgedMail, LetBe, NoAccounts};
pub use budget::{Allowance, Allowances};
pub use inbound::{BindError, Control, Drained, Inbound, Inherited, ReceptionTotals};
pub use settings::{
    Authentication, Judgement, Limits, Listener, Quarantine, Role, Settings, TlsMode,
};
pub use situation::{Replaced, TlsFault};
