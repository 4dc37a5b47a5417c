//! A client that trusts the authorities of a file.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::{IdentityError, TlsClient, TlsError};
use crate::network::Network;

/// Whom a client trusts.
#[derive(Clone, Debug)]
pub struct TrustedRoots(Arc<RootCertStore>);

impl TrustedRoots {
    /// The authorities of a PEM file, such as `/etc/ssl/certs/ca-certificates.crt`.
    /// Those that no server of today has, such as with odd keys, are left out.
    ///
    /// # Errors
    /// When it is no PEM or has no usable certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Self, IdentityError> {
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(IdentityError::Certificate)?;
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(certificates);
        if usable == 0 {
            return Err(IdentityError::NoCertificate);
        }
        Ok(Self(Arc::new(roots)))
    }

    /// A client that asks each server for a certificate of these.
    ///
    /// # Errors
    /// When the provider knows no version of TLS.
    pub fn client(&self, network: &Network) -> Result<TlsClient, TlsError> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.0))
            .with_no_client_auth();
        Ok(TlsClient::with_config(network, Arc::new(config)))
    }
}
