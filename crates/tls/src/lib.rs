//! Crypto profiles, certificates, the STARTTLS upgrade and the evidence of a channel.
//!
//! | topic | here | RFC |
//! |---|---|---|
//! | what may be negotiated | [`Profile`], [`CryptoBounds`] | 9325, 8996, 6460 §3 |
//! | what a profile makes of a handshake | [`conformance()`], [`Conformance`] | |
//! | our certificates and their reload | [`CertificateStore`] | 8446 §4.4.2, 8461 §7.1 |
//! | keys made, and certificates requested for them | [`PrivateKey`], [`NewKey`] | 5958, 2986 |
//! | what is stapled to them | [`OcspStaple`] | 6960 §4.2.1, 6066 §8 |
//! | whom we trust | [`TrustAnchors`] | 5280 §6.1.1 |
//! | the upgrade, by type | [`PlainChannel`], [`PlainServerChannel`] | 3207 §4 |
//! | the handshake | [`TlsClient`], [`TlsServer`], [`HandshakeError`] | 8446, 5246, 7627, 7301 |
//! | what it proved | [`Evidence`], [`PeerChain`], [`Possession`] | |
//! | the web's order of things | [`WebClient`], [`WebServer`] | 8461 §3.3, 9525 |
//! | whether that is enough | [`pkix::verify`], [`verify_pin`] | 5280 §6, 9525 |
//! | the same by records of DNS | [`verify_tlsa`], [`TlsaSet`] | 6698, 7671, 7672 §3.1 |
//! | whether it was taken back | [`RevocationCheck`], [`CrlSource`] | 5280 §6.3 |
//!
//! A handshake lets any certificate through and says in its [`Evidence`] what happened; the
//! judgement follows, as pure functions of the evidence, the demand and the time. That order is
//! SMTP's: a client names the partner it speaks for only after the handshake, and a server that
//! need not be anybody is better spoken to under TLS than in clear. What makes the order safe is
//! that a channel which nobody judged carries no mail: see [`Channel::release`].
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use postern_testkit::{Authority, Leaf, go_ahead};
//! use postern_tls::{
//!     Attempt, Authentication, CertificateFiles, CertificateStore, CertificateUsage,
//!     ClientCertificates, Hello, PeerCertificates, PlainChannel, PlainServerChannel, Profile,
//!     ProfileName, Resumption, TlsClient, TlsServer, TrustAnchors,
//!     pkix::{self, Demand, Wildcards},
//! };
//! use rustls_pki_types::UnixTime;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let directory = tempfile::tempdir()?;
//! let authority = Authority::new("Ministry CA"); // stands for a partner's authority
//! let written = authority.issue(&Leaf::named("mx1.ministry.example")).write(directory.path(), "mx1");
//! let pair = CertificateFiles {
//!     name: "default".into(),
//!     chain: written.chain,
//!     key: written.key,
//!     ocsp: None,
//! };
//! let certificates = CertificateStore::load(&[pair], UnixTime::now()).expect("a sound pair");
//!
//! let bounds = Profile::named(ProfileName::Modern).bounds();
//! let asking = ClientCertificates::Requested;
//! let server = TlsServer::new(Arc::new(certificates), bounds, asking)?;
//! let client = TlsClient::new(bounds)?;
//! let attempt = Attempt {
//!     authentication: Authentication::Demanded,
//!     server_name: Some("mx1.ministry.example".parse()?),
//!     present: None,
//!     hello: Hello::Full,
//!     resumption: Resumption::Forbidden,
//!     limit: Duration::from_secs(60),
//! };
//! let (near, far) = tokio::io::duplex(65536); // the socket, behind the 220 to STARTTLS
//! let (near, far) = tokio::join!(
//!     PlainChannel::new(near).upgrade(go_ahead(), &client, &attempt),
//!     PlainServerChannel::new(far).upgrade(&server, attempt.limit),
//! );
//! # far?;
//! let near = near?;
//!
//! let PeerCertificates::Chain(chain) = near.evidence().peer() else { panic!("no certificate") };
//! let demand = Demand {
//!     usage: CertificateUsage::ServerAuth,
//!     anchors: &TrustAnchors::from_pem("ministry-ca.pem", &authority.pem())?,
//!     names: &["mx1.ministry.example".parse::<postern_mail::Domain>()?.into()],
//!     wildcards: Wildcards::Forbidden,
//!     bounds,
//!     revocation: None,
//! };
//! let verified = pkix::verify(chain, &demand, UnixTime::now())?;
//! assert_eq!(verified.anchor, "O=Postern tests, CN=Ministry CA");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sessions are resumed only between ends of which neither asks who the other is, so nothing that
//! was proven outlives the rule it was proven under: see [`Resumption`], [`ClientCertificates`].
//!
//! Left out, on purpose: early data, renegotiation, protocols below TLS 1.2, CBC, static RSA
//! and finite-field groups (the library has none of them), common names (RFC 9525 §6.3). Left
//! out so far: delta and indirect revocation lists (RFC 5280 §5.2.4, §5.2.5), revocation of a
//! peer's certificate by OCSP (RFC 6960), revocation below the authority of a TLSA record.

mod certificate;
mod channel;
mod crypto;
mod date;
mod evidence;
mod handshake;
mod keys;
mod library;
mod number;
mod pem;
pub mod pkix;
mod revocation;
mod seen;
mod spki;
mod summary;
#[cfg(test)]
mod testing;
mod tlsa;
mod trust;
mod web;

pub use certificate::{
    Certificate, CertificateError, CertificateFault, CertificateFiles, CertificateStore,
    ClientIdentity, OcspStaple, StapleFault,
};
pub use channel::{
    Channel, NotSecured, PlainChannel, PlainServerChannel, Released, ServerChannel, TlsChannel,
    TlsServerChannel, Transport,
};
pub use crypto::{
    CertificateSignature, CipherSuite, Conformance, Contradiction, Criterion, CryptoBounds,
    Deviation, DeviationKind, Finding, Grade, Graded, Group, Guidance, KeyKind, Member, Outside,
    Profile, ProfileName, ProfileNameError, ProfileViolation, ProtocolVersion, PublicKey,
    Reduction, SignatureScheme, Standing, conformance, profiles_reference,
};
pub use date::Date;
pub use evidence::{
    Evidence, ExtendedMasterSecret, HandshakeKind, OwnCertificate, PeerCertificates, PeerChain,
    Possession, Side,
};
pub use handshake::{
    Alert, Attempt, Authentication, ClientCertificates, HandshakeError, Hello, Incompatible,
    Resumption, TlsClient, TlsServer, TlsServerError,
};
pub use keys::{
    KeyError, MOST_REQUESTED_NAMES, NewKey, PrivateKey, RequestError, RequestedName,
    RequestedNameError,
};
pub use library::{LibraryVersions, library_versions};
pub use pkix::{CertificateUsage, ChainFault, MatchedName, ReferenceIdentity, Whose};
pub use revocation::{
    CrlError, CrlFacts, CrlNumber, CrlSource, CrlStanding, RevocationCheck, RevocationGap,
    RevocationStatus, UnknownStatus,
};
pub use seen::{CertificateSerial, CertificateSerialError, SeenCertificate};
pub use spki::{SpkiPin, SpkiPinError, short_digest, verify_pin};
pub use summary::{CertificateContents, CertificateSummary, Fingerprint};
pub use tlsa::{TlsaDemand, TlsaFault, TlsaMatch, TlsaRecord, TlsaSet, verify_tlsa};
pub use trust::{TrustAnchors, TrustError};
pub use web::{WebClient, WebError, WebServer, WebStream};
