//! TLS at the two ends of a run: the generator as client, the sink as server.

use std::path::Path;
use std::sync::Arc;

use postern_tests::certificates::Credentials;
use postern_tests::fault::Fault;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// X25519 alone: the hybrid with ML-KEM, which some subjects have and others lack, would give them
/// different work.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    })
}

/// A client that verifies its server by the authority in the file `authority`, and never resumes.
pub(crate) fn client(authority: &Path) -> Result<Arc<ClientConfig>, Fault> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).map_err(unusable(authority))?;
    roots.add(certificate).map_err(unusable(authority))?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable(authority))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// A server that shows `credentials` and lets nobody resume.
pub(crate) fn server(credentials: &Credentials) -> Result<Arc<ServerConfig>, Fault> {
    let Credentials { chain, key, .. } = credentials;
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(unusable(chain))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(unusable(key))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable(chain))?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(unusable(chain))?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

fn unusable<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Fault {
    move |error| Fault::Unexpected(format!("{}: {error}", path.display()))
}
