//! A server's certificate and key from files, which may be renewed while it runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{TlsError, TlsServer};
use crate::network::Network;

/// Who a server proves to be. Cheap to clone; a renewal holds for all clones
/// and for every handshake that begins after it.
#[derive(Clone)]
pub struct ServerIdentity(Arc<Renewable>);

/// Why files are no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// No certificate.
    #[error("no certificate in it: it needs the chain in PEM, the server's own first")]
    NoCertificate,
    /// A certificate that cannot be decoded.
    #[error("the certificates are no PEM: {0}")]
    Certificate(pem::Error),
    /// No key.
    #[error("no private key in it: it needs one in PEM, without a passphrase")]
    NoKey,
    /// A key that cannot be decoded.
    #[error("the private key is no PEM: {0}")]
    Key(pem::Error),
    /// A key of another certificate, or of a kind that TLS does not use.
    #[error("certificate and key do not work together: {0}")]
    Pair(rustls::Error),
}

impl IdentityError {
    /// Whether the file of the key is at fault, not that of the certificates.
    #[must_use]
    pub const fn is_about_the_key(&self) -> bool {
        matches!(self, Self::NoKey | Self::Key(_) | Self::Pair(_))
    }
}

impl ServerIdentity {
    /// The identity of a certificate chain and a key, both in PEM.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        Ok(Self(Arc::new(Renewable(RwLock::new(Arc::new(certified_key(chain, key)?))))))
    }

    /// Takes another certificate and key from now on.
    ///
    /// # Errors
    /// [`IdentityError`]; the old ones stay then.
    pub fn renew(&self, chain: &[u8], key: &[u8]) -> Result<(), IdentityError> {
        let new = Arc::new(certified_key(chain, key)?);
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The server's side for this identity; `protocols` as for
    /// [`super::Authority::server`].
    ///
    /// # Errors
    /// When the provider knows no version of TLS.
    pub fn server(&self, network: &Network, protocols: &[&str]) -> Result<TlsServer, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(TlsServer::with_config(network, Arc::new(config)))
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ServerIdentity")
    }
}

struct Renewable(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Renewable {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Renewable {
    /// Keys do not get into logs by accident.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Renewable(…)")
    }
}

fn certified_key(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, IdentityError> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(IdentityError::Certificate)?;
    if chain.is_empty() {
        return Err(IdentityError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        pem::Error::NoItemsFound => IdentityError::NoKey,
        other => IdentityError::Key(other),
    })?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(IdentityError::Pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["mail.test".to_owned()]).expect("signed");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn certificate_and_key_belong_together() {
        let ((chain, key), (_, other)) = (pair(), pair());
        let identity = ServerIdentity::from_pem(chain.as_bytes(), key.as_bytes()).expect("a pair");
        let refused = |chain: &str, key: &str| {
            ServerIdentity::from_pem(chain.as_bytes(), key.as_bytes()).expect_err("no pair")
        };
        assert!(matches!(refused(&chain, &other), IdentityError::Pair(_)));
        assert!(matches!(refused("", &key), IdentityError::NoCertificate));
        assert!(matches!(refused(&chain, &chain), IdentityError::NoKey));
        assert!(matches!(refused(&chain, "-----BEGIN PRIVATE KEY-----\n"), IdentityError::Key(_)));
        // A renewal that does not work leaves the old pair.
        let before = Arc::clone(&identity.0.0.read().expect("nobody panicked"));
        assert!(identity.renew(chain.as_bytes(), other.as_bytes()).is_err());
        assert!(Arc::ptr_eq(&before, &identity.0.0.read().expect("nobody panicked")));
        let (chain, key) = pair();
        identity.renew(chain.as_bytes(), key.as_bytes()).expect("another pair");
        assert!(!Arc::ptr_eq(&before, &identity.0.0.read().expect("nobody panicked")));
    }
}
