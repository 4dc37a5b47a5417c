//! The lab's certificate authority.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::RngCore;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SerialNumber, date_time_ymd,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};

use super::{KeyLines, TlsClient, TlsError, TlsServer};
use crate::network::{Network, derived_rng};

/// The name by which the authority's own chances are drawn.
const AUTHORITY_NAME: &str = "certificate authority";

/// Certificates are valid from a day before the lab's beginning, for clocks that
/// are a little late.
const EARLIER: Duration = Duration::from_secs(86_400);

/// How long the authority's own certificate is valid: ten years.
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(3_650 * 86_400);

/// How long a host's certificate is valid: the most that browsers accept of
/// certificates that they check in full.
const HOST_VALIDITY: Duration = Duration::from_secs(397 * 86_400);

/// The head of an Ed25519 key in PKCS #8, before its 32 bytes: RFC 8410 §7.
const ED25519_PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Signs the certificates of a network's hosts and collects its TLS keys.
pub struct Authority {
    network: Network,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    provider: Arc<CryptoProvider>,
    keys: KeyLines,
}

impl Authority {
    /// The authority of a network. In a virtual one it follows from the seed.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(network: &Network) -> Result<Self, TlsError> {
        let key = fresh_key(network, AUTHORITY_NAME)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "capa7 lab authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(serial_of(&key));
        set_validity(&mut params, network, AUTHORITY_VALIDITY);
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            network: network.clone(),
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            provider: Arc::new(ring::default_provider()),
            keys: KeyLines::default(),
        })
    }

    /// The authority's certificate, for the trust stores of other programs.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The secrets of the connections so far, as lines of an NSS key log: what
    /// [`crate::export`] puts into a capture for Wireshark.
    #[must_use]
    pub fn key_log(&self) -> String {
        self.keys.text()
    }

    /// A server that proves to be each of `names`: host names, also with a
    /// leading `*.`, or addresses. `protocols` are its ALPN names in the order
    /// of preference, none for a service without ALPN.
    ///
    /// # Errors
    /// When a name cannot be in a certificate.
    pub fn server(&self, names: &[&str], protocols: &[&str]) -> Result<TlsServer, TlsError> {
        let first = names.first().copied().unwrap_or_default();
        let key = fresh_key(&self.network, first)?;
        let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(owned)?;
        params.distinguished_name.push(DnType::CommonName, first);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial_of(&key));
        set_validity(&mut params, &self.network, HOST_VALIDITY);
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let clock = Arc::new(NetworkClock(self.network.clone()));
        let mut config = ServerConfig::builder_with_details(Arc::clone(&self.provider), clock)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = alpn(protocols);
        config.key_log = Arc::new(self.keys.clone());
        Ok(TlsServer::with_config(&self.network, Arc::new(config)))
    }

    /// A client that trusts this authority and nobody else.
    ///
    /// # Errors
    /// When the authority's certificate is not accepted as a root.
    pub fn client(&self, protocols: &[&str]) -> Result<TlsClient, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let clock = Arc::new(NetworkClock(self.network.clone()));
        let mut config = ClientConfig::builder_with_details(Arc::clone(&self.provider), clock)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn(protocols);
        config.key_log = Arc::new(self.keys.clone());
        Ok(TlsClient::with_config(&self.network, Arc::new(config)))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Authority")
    }
}

fn alpn(protocols: &[&str]) -> Vec<Vec<u8>> {
    protocols.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// A key of its own for each name: from the seed in a virtual network.
fn fresh_key(network: &Network, name: &str) -> Result<KeyPair, rcgen::Error> {
    if !network.is_virtual() {
        return KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
    }
    let mut secret = [0; 32];
    derived_rng(network.seed(), name, KEY_STREAM).fill_bytes(&mut secret);
    let pkcs8 = [&ED25519_PKCS8_HEAD[..], &secret].concat();
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), &PKCS_ED25519)
}

/// Keeps the chances of keys apart from those of links, ports and programs.
const KEY_STREAM: u64 = u64::MAX - 16;

/// RFC 5280 §4.1.2.2: positive, unique, of at most 20 bytes; always of 16, so
/// that certificates of one network's runs have one length.
fn serial_of(key: &KeyPair) -> SerialNumber {
    let mut digest: [u8; 32] = Sha256::digest(key.public_key_raw()).into();
    digest[0] = digest[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&digest[..16])
}

fn set_validity(params: &mut CertificateParams, network: &Network, validity: Duration) {
    let now = Duration::from_secs(network.wall_clock().secs());
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(EARLIER);
    params.not_after = epoch + now + validity;
}

/// The calendar by which certificates are judged.
#[derive(Debug)]
struct NetworkClock(Network);

impl TimeProvider for NetworkClock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = self.0.wall_clock();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now.secs())))
    }
}
