//! The private key by which this service proves who it is (RFC 7523).

use std::fmt;
use std::sync::Arc;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::{Algorithm, FromJwk, PrivateKey};

/// A private key of this service, with which it signs who it is; cheap to clone.
///
/// RSA of at least 2048 bits, P-256 or Ed25519. It is read, and signs once, when it is made, so that a key that cannot be used
/// keeps a service from starting and not from answering. `Debug` shows its `kid` and algorithm, never the key.
///
/// With the backend `rust-crypto` prefer P-256 or Ed25519: its RSA is not free of time that depends on the key
/// (RUSTSEC-2023-0071).
///
/// ```no_run
/// use tower_bearer::introspection::{ClientKey, Introspection};
///
/// let key = ClientKey::from_pem(&std::fs::read_to_string("client-key.pem")?)?.key_id("2026-11");
/// let introspection = Introspection::discovered().private_key_jwt("orders-api", key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientKey {
    key: Arc<PrivateKey>,
    key_id: Option<String>,
    algorithm: Algorithm,
}

impl ClientKey {
    /// Reads PKCS#8 in PEM: one block `PRIVATE KEY`, as `openssl genpkey` writes it.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] if it is anything else, or no key that can be used.
    pub fn from_pem(pem: &str) -> Result<Self, ConfigError> {
        PrivateKey::from_pem(pem).map(Self::new).map_err(wrong)
    }

    /// Reads PKCS#8 in DER (RFC 5208).
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] if it is anything else, or no key that can be used.
    pub fn from_der(der: &[u8]) -> Result<Self, ConfigError> {
        PrivateKey::from_der(der).map(Self::new).map_err(wrong)
    }

    /// Reads one JWK with its private members (RFC 7517); its `kid` and `alg` are used, where it has them.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] if it is anything else, no key that can be used, or has an `alg` that is not its own.
    pub fn from_jwk(jwk: &str) -> Result<Self, ConfigError> {
        let FromJwk {
            key,
            key_id,
            algorithm,
        } = PrivateKey::from_jwk(jwk).map_err(wrong)?;
        let mut this = Self::new(key);
        this.key_id = key_id;
        match algorithm {
            Some(algorithm) => this.algorithm(algorithm),
            None => Ok(this),
        }
    }

    fn new(key: PrivateKey) -> Self {
        Self {
            algorithm: key.usual_algorithm(),
            key: Arc::new(key),
            key_id: None,
        }
    }

    /// Signs by this algorithm; default RS256, ES256 or EdDSA, which most servers understand. FAPI 2.0 has PS256 instead of RS256.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] if the key cannot do that.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Result<Self, ConfigError> {
        if !self.key.fits(algorithm) {
            return Err(wrong("cannot be used with the algorithm it is to sign by"));
        }
        self.algorithm = algorithm;
        Ok(self)
    }

    /// Names itself by this `kid` in what it signs; default that of the JWK, or none.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    pub(super) fn signs_by(&self) -> Algorithm {
        self.algorithm
    }

    /// `None` should the backend fail, which it did not when the key was made.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.key.sign(self.algorithm, message)
    }
}

fn wrong(problem: &'static str) -> ConfigError {
    ConfigError::new(
        ConfigErrorKind::Keys,
        format!("the client's private key {problem}"),
    )
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
