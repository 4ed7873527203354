//! Crypto profiles, certificates, the STARTTLS upgrade and the evidence of a channel.
mod certificate;
mod channel;
mod crypto;
mod date;
mod evidence;
mod handshake;
mod library;
pub mod pkix;
mod spki;
mod summary;
#[cfg(test)]
mod testing;
mod trust;

pub use certificate::{
    Certificate, CertificateError, CertificateFault, CertificateFiles, CertificateStore,
    ClientIdentity,
};
pub use channel::{
    Channel, NotSecured, PlainChannel, PlainServerChannel, Released, ServerChannel, TlsChannel,
    TlsServerChannel, Transport,
};
pub use crypto::{
    CertificateSignature, CipherSuite, Contradiction, CryptoBounds, Group, KeyKind, Outside,
    Profile, ProfileName, ProfileNameError, ProfileViolation, ProtocolVersion, PublicKey,
    SignatureScheme,
};
pub use date::Date;
pub use evidence::{
    Evidence, HandshakeKind, OwnCertificate, PeerCertificates, PeerChain, Possession, Side,
};
pub use handshake::{
    Alert, Attempt, Authentication, HandshakeError, Incompatible, TlsClient, TlsServer,
    TlsServerError,
};
pub use library::{LibraryVersions, library_versions};
pub use pkix::{CertificateUsage, ChainFault, ReferenceIdentity};
pub use spki::{SpkiPin, SpkiPinError, verify_pin};
pub use summary::{CertificateContents, CertificateSummary, Fingerprint};
pub use trust::{TrustAnchors, TrustError};
