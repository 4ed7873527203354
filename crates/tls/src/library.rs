//! The versions of the TLS library and of its provider, for `postern version`.

use std::fmt;

/// What does the cryptography.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LibraryVersions {
    /// The version of rustls, which speaks TLS.
    pub rustls: &'static str,
    /// The version of rustls-webpki, which verifies certificates.
    pub webpki: &'static str,
    /// The version of aws-lc-rs, which the two ask for cryptography.
    pub aws_lc_rs: &'static str,
    /// The version of AWS-LC as the linked library itself states it.
    pub aws_lc: &'static str,
}

/// The versions in this build. Those of the crates are read from `Cargo.lock` when this crate is
/// compiled.
pub fn library_versions() -> LibraryVersions {
    LibraryVersions {
        rustls: env!("POSTERN_RUSTLS_VERSION"),
        webpki: env!("POSTERN_RUSTLS_WEBPKI_VERSION"),
        aws_lc_rs: env!("POSTERN_AWS_LC_RS_VERSION"),
        aws_lc: aws_lc_rs::awslc_version(),
    }
}

impl fmt::Display for LibraryVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rustls {}, rustls-webpki {}, aws-lc-rs {}, AWS-LC {}",
            self.rustls, self.webpki, self.aws_lc_rs, self.aws_lc
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_a_version() {
        let versions = library_versions();
        for version in [
            versions.rustls,
            versions.webpki,
            versions.aws_lc_rs,
            versions.aws_lc,
        ] {
            let parts: Vec<_> = version.split('.').collect();
            assert!(parts.len() >= 3, "{version}");
            assert!(
                parts.iter().all(|part| part.parse::<u32>().is_ok()),
                "{version}"
            );
        }
        assert!(versions.rustls.starts_with("0.23."), "{versions}");
    }
}
