//! TLS of the server's own listeners, by rustls.
//!
//! In: a certificate with its chain, and its key, as PEM files. Out: what accepts connections. Never: an older protocol
//! than TLS 1.2, a key in a text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read as PEM.
    #[error("cannot read {what} in {}: {reason}", path.display())]
    Read {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// They do not belong together.
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(String),
}

/// What accepts connections with this certificate.
///
/// - `protocols`: what may be spoken over it, by their names for ALPN.
///
/// # Errors
/// [`TlsError`].
pub(crate) fn acceptor(certificate: &Path, key: &Path, protocols: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
    let failed = |what, path: &Path, error: rustls::pki_types::pem::Error| TlsError::Read {
        what,
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| failed("a certificate", certificate, error))?;
    let own = PrivateKeyDer::from_pem_file(key).map_err(|error| failed("a key", key, error))?;
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, own)
        .map_err(unusable)?;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}
