//! What a finished handshake proves, as a value.
//!
//! An [`Evidence`] is made by this crate at the end of a handshake and by nobody else: its
//! fields are private and it has no constructor. It says what happened; whether that is enough
//! is judged afterwards, by [`crate::pkix::verify`], [`crate::verify_pin`],
//! [`crate::CryptoBounds::admits`] and the policy that calls them.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{
    CertificateSummary, CipherSuite, Group, KeyKind, ProtocolVersion, PublicKey, SeenCertificate,
    SignatureScheme, SpkiPin, pkix::MOST_INTERMEDIATES,
};

/// What a finished handshake proves. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Evidence(pub(crate) Arc<Facts>);

#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) side: Side,
    pub(crate) version: ProtocolVersion,
    pub(crate) suite: CipherSuite,
    pub(crate) group: Option<Group>,
    pub(crate) handshake: HandshakeKind,
    pub(crate) extended_master_secret: ExtendedMasterSecret,
    pub(crate) sni: Option<String>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) peer: PeerCertificates,
    pub(crate) own_certificate: Option<OwnCertificate>,
}

impl Evidence {
    /// Which end of the channel we are.
    pub fn side(&self) -> Side {
        self.0.side
    }

    /// The protocol version.
    pub fn version(&self) -> ProtocolVersion {
        self.0.version
    }

    /// The cipher suite.
    pub fn suite(&self) -> CipherSuite {
        self.0.suite
    }

    /// The key exchange group. Only a resumed session of TLS 1.2 has none.
    pub fn group(&self) -> Option<Group> {
        self.0.group
    }

    /// How the handshake went.
    pub fn handshake(&self) -> HandshakeKind {
        self.0.handshake
    }

    /// Whether the keys are bound to the handshake they were agreed on in.
    pub fn extended_master_secret(&self) -> ExtendedMasterSecret {
        self.0.extended_master_secret
    }

    /// The server name indication that the client sent (RFC 6066 §3). On the server's side this
    /// is a claim of the peer.
    pub fn sni(&self) -> Option<&str> {
        self.0.sni.as_deref()
    }

    /// The application protocol that was agreed on (RFC 7301).
    pub fn alpn(&self) -> Option<&[u8]> {
        self.0.alpn.as_deref()
    }

    /// What the peer showed.
    pub fn peer(&self) -> &PeerCertificates {
        &self.0.peer
    }

    /// What we showed: as a server always something unless the session was resumed, as a client
    /// only if we were asked for it and had something to show.
    pub fn own_certificate(&self) -> Option<&OwnCertificate> {
        self.0.own_certificate.as_ref()
    }
}

/// `TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768`
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version(), self.suite())?;
        self.group().map_or(Ok(()), |group| write!(f, " {group}"))
    }
}

/// An end of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// We began the handshake.
    Client,
    /// The peer began the handshake.
    Server,
}

/// How a handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandshakeKind {
    /// In full, in one go.
    Full,
    /// In full, after the server asked for another key exchange group (RFC 8446 §4.1.4).
    FullWithRetry,
    /// Resumed from an earlier one, between peers of whom nobody asked who they are. Nothing was
    /// proven anew: what the peer showed then is told, and its possession is unproven.
    Resumed,
}

/// Whether the keys of a session are bound to its handshake (RFC 7627). Where they are not, a
/// server in the middle can make two sessions look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExtendedMasterSecret {
    /// TLS 1.3 always binds them.
    BuiltIn,
    /// On TLS 1.2, the handshake would have failed without the extension.
    Required,
    /// On TLS 1.2, it was offered and not required, and the library does not tell.
    NotKnown,
}

/// The certificate that we showed to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// Its name in our configuration.
    pub name: Arc<str>,
    /// What it says.
    pub certificate: Arc<CertificateSummary>,
}

/// The certificates that a peer showed.
#[derive(Debug, Clone)]
pub enum PeerCertificates {
    /// None at all.
    None,
    /// A leaf and whatever came with it.
    Chain(PeerChain),
}

/// Whether the peer proved that it holds the private key of its leaf certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Possession {
    /// The peer signed the handshake with that key, and the signature was verified.
    Proven,
    /// It did not, or the signature could not be verified, for this reason. The certificate is
    /// then something that the peer has read, not something that the peer is.
    Unproven(String),
}

/// The certificates of a peer, unjudged. Cloning is cheap.
#[derive(Clone)]
pub struct PeerChain(Arc<Chain>);

struct Chain {
    leaf: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    possession: Possession,
    scheme: Option<SignatureScheme>,
    /// What every judgement asks for is read once: a connection may carry many messages.
    key: OnceLock<Option<LeafKey>>,
    names: OnceLock<Vec<String>>,
    seen: OnceLock<Vec<SeenCertificate>>,
}

/// The public key of a leaf.
#[derive(Debug)]
pub(crate) struct LeafKey {
    /// The SubjectPublicKeyInfo in DER.
    pub(crate) spki: Vec<u8>,
    pub(crate) pin: SpkiPin,
    pub(crate) key: PublicKey,
}

impl LeafKey {
    fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let spki = certificate.public_key();
        Some(Self {
            spki: spki.raw.to_vec(),
            pin: SpkiPin::of_spki(spki.raw),
            key: PublicKey::of(spki),
        })
    }
}

impl PeerChain {
    /// The most names of a leaf that are ever told. Public authorities stop at a hundred or two.
    pub const MOST_NAMES: usize = 1024;

    /// Nothing where the peer sent an empty list.
    pub(crate) fn new(
        certificates: &[CertificateDer<'static>],
        possession: Possession,
        scheme: Option<SignatureScheme>,
    ) -> Option<Self> {
        let (leaf, intermediates) = certificates.split_first()?;
        Some(Self(Arc::new(Chain {
            leaf: leaf.clone(),
            intermediates: intermediates.to_vec(),
            possession,
            scheme,
            key: OnceLock::new(),
            names: OnceLock::new(),
            seen: OnceLock::new(),
        })))
    }

    /// The certificate that is about the peer itself.
    pub fn leaf(&self) -> &CertificateDer<'static> {
        &self.0.leaf
    }

    /// What the peer sent with it, in the order of sending.
    pub fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.0.intermediates
    }

    /// Whether the peer proved that it holds the key.
    pub fn possession(&self) -> &Possession {
        &self.0.possession
    }

    /// How the peer signed the handshake, where that is a scheme we know.
    pub fn signature_scheme(&self) -> Option<SignatureScheme> {
        self.0.scheme
    }

    /// The pin of the leaf's public key, where the leaf can be read.
    pub fn spki_pin(&self) -> Option<SpkiPin> {
        self.leaf_key().map(|leaf| leaf.pin)
    }

    /// The leaf's public key.
    pub fn key(&self) -> PublicKey {
        let unreadable = PublicKey {
            kind: KeyKind::Other,
            rsa_bits: 0,
        };
        self.leaf_key().map_or(unreadable, |leaf| leaf.key)
    }

    /// The leaf's public key, where the leaf can be read.
    pub(crate) fn leaf_key(&self) -> Option<&LeafKey> {
        let key = &self.0.key;
        key.get_or_init(|| LeafKey::of(self.leaf())).as_ref()
    }

    /// The first dNSName entries of the leaf, [`Self::MOST_NAMES`] of them at most, in lower
    /// case, wildcards included. They are read as [`crate::pkix::verify`] reads them, so whoever
    /// looks a peer up by its names misses none that would be found to match.
    pub fn presented_names(&self) -> &[String] {
        self.0.names.get_or_init(|| {
            let leaf = EndEntityCert::try_from(self.leaf());
            leaf.map_or_else(
                |_| Vec::new(),
                |leaf| {
                    let names = leaf.valid_dns_names().take(Self::MOST_NAMES);
                    names.map(str::to_ascii_lowercase).collect()
                },
            )
        })
    }

    /// The leaf and what came with it, leaf first, as far as each can be read: version 1 and weak
    /// keys are no obstacle here.
    ///
    /// No more intermediates are looked at than a path may have: a longer chain is trusted for
    /// nothing but the key of its leaf, and the leaf comes first.
    pub fn certificates_seen(&self) -> &[SeenCertificate] {
        self.0.seen.get_or_init(|| {
            let intermediates = self.intermediates().iter().take(MOST_INTERMEDIATES);
            std::iter::once(self.leaf())
                .chain(intermediates)
                .filter_map(|der| SeenCertificate::of(der))
                .collect()
        })
    }

    /// What the leaf says.
    pub fn summary(&self) -> CertificateSummary {
        CertificateSummary::of(self.leaf())
    }
}

impl fmt::Debug for PeerChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerChain")
            .field("leaf", &format_args!("{}", self.summary()))
            .field("intermediates", &self.intermediates().len())
            .field("possession", self.possession())
            .finish()
    }
}
