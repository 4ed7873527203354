//! Trust anchors, always stated, never assumed.

use std::{
    cmp::Ordering,
    fmt, fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls_pki_types::{
    CertificateDer, TrustAnchor,
    pem::{self, PemObject as _},
};

use crate::{
    pem::wrong_with,
    spki::{sha256, short_digest},
};

/// A set of certificate authorities to trust, with a label for people.
///
/// Two sets are equal when they hold the same authorities, whatever they are called and wherever
/// they came from: sessions and requirements can be compared by what they trust. Cloning is
/// cheap.
#[derive(Clone)]
pub struct TrustAnchors(Arc<Anchors>);

struct Anchors {
    label: String,
    anchors: Vec<TrustAnchor<'static>>,
    digest: [u8; 32],
}

impl TrustAnchors {
    /// The authorities that the operating system trusts.
    ///
    /// # Errors
    /// The system has none that can be read. Single ones that cannot be read are left out, as
    /// the system's own programs do.
    pub fn system() -> Result<Self, TrustError> {
        let found = rustls_native_certs::load_native_certs();
        let anchors: Vec<_> = found
            .certs
            .iter()
            .filter_map(|der| anchor(der).ok())
            .collect();
        if anchors.is_empty() {
            let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            return Err(TrustError::System(errors.join("; ")));
        }
        Ok(Self::new("system", anchors))
    }

    /// The authorities of Mozilla's programme, as this build carries them.
    pub fn public() -> Self {
        Self::new("public", webpki_roots::TLS_SERVER_ROOTS.to_vec())
    }

    /// The authorities in a PEM file.
    ///
    /// # Errors
    /// The file cannot be read, holds no certificate, or holds something that is none.
    pub fn from_file(path: &Path) -> Result<Self, TrustError> {
        let octets = fs::read(path).map_err(|error| TrustError::Unreadable {
            file: path.to_owned(),
            error: error.to_string(),
        })?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self::new(&name.to_string_lossy(), read_pem(path, &octets)?))
    }

    /// The authorities in a PEM text, under a label.
    ///
    /// # Errors
    /// The text holds no certificate, or holds something that is none.
    pub fn from_pem(label: &str, text: &str) -> Result<Self, TrustError> {
        Ok(Self::new(
            label,
            read_pem(Path::new(label), text.as_bytes())?,
        ))
    }

    /// Whatever any of these trusts; nobody, where there are none.
    pub fn union<'a, I: IntoIterator<Item = &'a Self>>(sets: I) -> Self {
        let mut labels = Vec::new();
        let mut anchors = Vec::new();
        for set in sets {
            labels.push(set.label());
            anchors.extend(set.anchors().iter().cloned());
        }
        Self::new(&labels.join(", "), anchors)
    }

    fn new(label: &str, mut anchors: Vec<TrustAnchor<'static>>) -> Self {
        anchors.sort_by_cached_key(fingerprint);
        anchors.dedup();
        let all: Vec<u8> = anchors.iter().flat_map(fingerprint).collect();
        Self(Arc::new(Anchors {
            label: label.to_owned(),
            digest: sha256(&all),
            anchors,
        }))
    }

    /// What the set is called: `system`, `public`, the name of a file, or several of these.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// What tells the set from others with the same label, for people.
    pub fn short_digest(&self) -> String {
        short_digest(&self.0.digest)
    }

    /// How many authorities are in the set.
    pub fn len(&self) -> usize {
        self.0.anchors.len()
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.anchors.is_empty()
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.0.anchors
    }
}

fn read_pem(source: &Path, octets: &[u8]) -> Result<Vec<TrustAnchor<'static>>, TrustError> {
    let anchors = CertificateDer::pem_slice_iter(octets)
        .enumerate()
        .map(|(at, der)| anchor_in(source, at + 1, der))
        .collect::<Result<Vec<_>, _>>()?;
    if anchors.is_empty() {
        return Err(TrustError::Empty {
            file: source.to_owned(),
        });
    }
    Ok(anchors)
}

fn anchor(der: &CertificateDer<'_>) -> Result<TrustAnchor<'static>, webpki::Error> {
    webpki::anchor_from_trusted_cert(der).map(|anchor| anchor.to_owned())
}

fn anchor_in(
    path: &Path,
    position: usize,
    der: Result<CertificateDer<'_>, pem::Error>,
) -> Result<TrustAnchor<'static>, TrustError> {
    let malformed = |error: String| TrustError::Malformed {
        file: path.to_owned(),
        position,
        error,
    };
    let der = der.map_err(|error| malformed(wrong_with(&error)))?;
    anchor(&der).map_err(|error| malformed(error.to_string()))
}

/// Tells anchors apart by all that matters in path validation: subject, key, constraints.
fn fingerprint(anchor: &TrustAnchor<'_>) -> [u8; 32] {
    let constraints = anchor.name_constraints.as_deref().unwrap_or_default();
    let parts = [
        &*anchor.subject,
        &*anchor.subject_public_key_info,
        constraints,
    ];
    let digests: Vec<u8> = parts.into_iter().flat_map(sha256).collect();
    sha256(&digests)
}

impl PartialEq for TrustAnchors {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Eq for TrustAnchors {}

impl PartialOrd for TrustAnchors {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TrustAnchors {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.digest.cmp(&other.0.digest)
    }
}

impl Hash for TrustAnchors {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest.hash(state);
    }
}

impl fmt::Display for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({}: {})", self.label(), self.len())
    }
}

/// Why trust anchors could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The file could not be read.
    #[error("{}: {error}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: String,
    },
    /// The file has no certificate in it.
    #[error("{}: there is no certificate in PEM in it", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// A certificate in the file cannot be read.
    #[error("{}: certificate {position} cannot be read: {error}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Which certificate, counted from one.
        position: usize,
        /// What is wrong with it.
        error: String,
    },
    /// The system has no trusted authorities.
    #[error("the system has no certificate authorities that can be read: {0}")]
    System(String),
}

#[cfg(test)]
mod tests {
    use postern_testkit::Authority;

    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        fs::write(&path, text).unwrap();
        (directory, path)
    }

    fn loaded(text: &str) -> Result<TrustAnchors, TrustError> {
        TrustAnchors::from_file(&written(text).1)
    }

    #[test]
    fn sets_are_equal_by_what_they_trust() {
        let (a, b) = (Authority::new("a").pem(), Authority::new("b").pem());
        let ab = loaded(&format!("{a}{b}")).unwrap();
        let ba = loaded(&format!("{b}{a}{b}")).unwrap();
        let only_a = loaded(&a).unwrap();
        assert_eq!(ab, ba);
        assert_eq!(ba.len(), 2);
        assert_ne!(ab, only_a);
        assert_eq!(TrustAnchors::union([&only_a, &loaded(&b).unwrap()]), ab);
        assert_ne!(loaded(&a), loaded(&Authority::new("a").pem()));
    }

    #[test]
    fn labels_name_the_source() {
        let a = loaded(&Authority::new("a").pem()).unwrap();
        assert_eq!(a.label(), "ca.pem");
        let both = TrustAnchors::union([&TrustAnchors::public(), &a]);
        assert_eq!(both.label(), "public, ca.pem");
        assert!(both.len() > 100, "{both:?}");
        assert!(TrustAnchors::union([]).is_empty());
    }

    #[test]
    fn files_that_hold_no_authority_are_refused_by_name() {
        let good = Authority::new("a").pem();
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cases = [
            ("", "ca.pem: there is no certificate in PEM in it"),
            ("nonsense", "ca.pem: there is no certificate in PEM in it"),
            (
                &format!("{good}{no_certificate}"),
                "ca.pem: certificate 2 cannot be read",
            ),
        ];
        for (text, expected) in cases {
            let error = loaded(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = TrustAnchors::from_file(Path::new("/nowhere/ca.pem")).unwrap_err();
        assert!(
            error.to_string().starts_with("/nowhere/ca.pem: "),
            "{error}"
        );
    }
}
