//! `[[tls.certificate]]`: our own certificates.

mod load;

use std::path::PathBuf;

use postern_tls::{CertificateFiles, CertificateStore};

pub(super) use load::load;
pub(crate) use load::{any_admitted, check_names};

use crate::{
    schema::{Key, Located, Occurs, Reported, Section, Table},
    value::{self, FILE},
};

/// Our certificates, and where they were read from.
#[derive(Debug)]
pub struct Certificates {
    /// The pairs of chain and key, loaded.
    pub store: CertificateStore,
    /// Their files, to load them again from.
    pub files: Vec<CertificateFiles>,
    /// The keys that are to come, whose TLSA records are published ahead (RFC 7671 §8.1).
    pub next_keys: Vec<NextKey>,
}

/// The key of a certificate that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextKey {
    /// What the configuration calls the certificate that it comes after.
    pub certificate: String,
    /// The file with the private key, which was there and protected when the configuration was
    /// read.
    pub key: PathBuf,
}

/// What was written for a certificate; whatever is not right was told and is absent.
pub(crate) struct Written<'a> {
    table: Table<'a>,
    name: Result<Located<String>, Reported>,
    chain: Result<Located<PathBuf>, Reported>,
    key: Result<Located<PathBuf>, Reported>,
    ocsp: Result<Option<Located<PathBuf>>, Reported>,
    next_key: Result<Option<Located<PathBuf>>, Reported>,
}

static NAME: Key<String> = Key::required(
    "name",
    &value::NAME,
    r#""default""#,
    "What this file calls the certificate. Several may share one name, such as one with an RSA \
     and one with an ECDSA key: each peer is shown the one it can verify. The host names that \
     it is shown for are those in the certificate itself; where none fits, a peer is shown the \
     first one of this file.",
);

static CHAIN: Key<PathBuf> = Key::required(
    "chain",
    &FILE,
    r#""default.pem""#,
    "The certificate and those of its issuers up to the root, in PEM and in this order.",
);

static KEY: Key<PathBuf> = Key::required(
    "key",
    &FILE,
    r#""default.key""#,
    "The private key in PEM. The file must not be readable for everyone on the host.",
);

static OCSP: Key<PathBuf> = Key::optional(
    "ocsp",
    &FILE,
    "none is served",
    r#""default.ocsp""#,
    "An OCSP response for the certificate in DER (RFC 6960), which is stapled to handshakes as \
     long as it holds. Whatever fetches it should write it anew well before it runs out; it is \
     read again on reload.",
);

static NEXT_KEY: Key<PathBuf> = Key::optional(
    "next-key",
    &FILE,
    "`postern dns records` knows of none",
    r#""next.key""#,
    "The private key in PEM that the next certificate will be for. Nothing is signed with it: \
     `postern dns records` prints its TLSA record beside that of `key`, so that whoever has the \
     records when the keys are exchanged finds the new one among them (RFC 7671 §8.1). The file \
     must not be readable for everyone on the host.",
);

pub(super) static CERTIFICATE: Section = Section {
    name: "certificate",
    occurs: Occurs::Often,
    doc: "A certificate of ours. Listeners show it, and so do connections to partners whose rule \
          names it in `present`. Files that have changed are read again on reload.",
    keys: &[
        &NAME.entry,
        &CHAIN.entry,
        &KEY.entry,
        &OCSP.entry,
        &NEXT_KEY.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: Some(
        r#"# A second certificate, which a partner's rule can name in `present`:
[[tls.certificate]]
name = "gateway"
chain = "gateway.pem"
key = "gateway.key""#,
    ),
};

pub(super) fn read(table: Table<'_>) -> Written<'_> {
    Written {
        name: table.one(&NAME),
        chain: table.one(&CHAIN),
        key: table.one(&KEY),
        ocsp: table.maybe(&OCSP),
        next_key: table.maybe(&NEXT_KEY),
        table,
    }
}

impl Written<'_> {
    /// What the configuration calls it.
    pub(super) fn name(&self) -> Option<String> {
        let name = self.name.as_ref().ok();
        name.map(|name| name.value.clone())
    }
}
