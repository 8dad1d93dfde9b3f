//! A key that is ready to check signatures, and what it may check.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::algorithm::{Algorithm, Algorithms, KeyType};
use super::backend::{HmacKey, KeyRefused, PublicKey, PublicNumbers};
use super::thumbprint;
use crate::clock::NumericDate;

/// A key, parsed once when its set was loaded.
///
/// It carries the algorithms it may be used with; a token's header never adds to them (RFC 8725 §3.1).
pub(crate) struct VerificationKey {
    serial: KeySerial,
    key_id: Option<Arc<str>>,
    algorithms: Algorithms,
    expires_at: Option<NumericDate>,
    thumbprint: [u8; 32],
    material: Material,
}

/// Public keys and secrets are different types all the way down: none is ever read as the other.
enum Material {
    Rsa {
        key: PublicKey,
        signature_length: usize,
    },
    Ec(PublicKey),
    Ed25519(PublicKey),
    Secret {
        /// Boxed, because it is far larger than a public key's handle, and rare.
        key: Box<HmacKey>,
        algorithm: Algorithm,
    },
}

/// Tells one parsed key from all others of this process, without keeping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeySerial(u64);

impl KeySerial {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl VerificationKey {
    pub(crate) fn serial(&self) -> KeySerial {
        self.serial
    }

    /// A public key whose numbers were checked; `algorithms` are those it may be used with, and its type can do.
    pub(super) fn public(
        key_id: Option<Arc<str>>,
        algorithms: Algorithms,
        numbers: PublicNumbers<'_>,
        thumbprint: [u8; 32],
    ) -> Result<Self, KeyRefused> {
        let first = algorithms.iter().next().ok_or(KeyRefused::Unsupported)?;
        let key = PublicKey::parse(numbers, first)?;
        let material = match numbers {
            PublicNumbers::Rsa { n, .. } => Material::Rsa {
                key,
                signature_length: n.len(),
            },
            PublicNumbers::Ec { .. } => Material::Ec(key),
            PublicNumbers::Ed25519 { .. } => Material::Ed25519(key),
        };
        Ok(Self {
            serial: KeySerial::next(),
            key_id,
            algorithms,
            expires_at: None,
            thumbprint,
            material,
        })
    }

    /// A shared secret; `None` if the algorithm is not HMAC or the secret shorter than its hash (RFC 7518 §3.2).
    pub(super) fn secret(
        key_id: Option<Arc<str>>,
        algorithm: Algorithm,
        secret: &[u8],
    ) -> Option<Self> {
        match algorithm.key_type() {
            KeyType::Secret(shortest) if secret.len() >= shortest => Some(Self {
                serial: KeySerial::next(),
                key_id,
                algorithms: [algorithm].into_iter().collect(),
                expires_at: None,
                thumbprint: thumbprint::secret(secret),
                material: Material::Secret {
                    key: Box::new(HmacKey::new(algorithm, secret)?),
                    algorithm,
                },
            }),
            _ => None,
        }
    }

    pub(super) fn expiring_at(mut self, at: Option<NumericDate>) -> Self {
        self.expires_at = at;
        self
    }

    pub(super) fn expires(&self) -> bool {
        self.expires_at.is_some()
    }

    /// Whether its own time, if it has one, is not over.
    pub(crate) fn is_in_force(&self, now: NumericDate) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    pub(crate) fn key_id(&self) -> Option<&Arc<str>> {
        self.key_id.as_ref()
    }

    /// The algorithms it may be used with.
    pub(crate) fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(algorithm)
    }

    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.material, Material::Secret { .. })
    }

    /// Whether `signature` is one of `message` by this key and exactly this algorithm.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        // Asked again here, where it counts: a key must never be used with an algorithm that is not its own.
        if !self.fits(algorithm) {
            return false;
        }
        // RFC 7518 §3.2 to §3.5, RFC 8032 §5.1.6: each kind of signature has one length. Others, ECDSA in DER among
        // them, need no arithmetic.
        let length = match (&self.material, algorithm.key_type()) {
            (
                Material::Rsa {
                    signature_length, ..
                },
                KeyType::Rsa,
            ) => *signature_length,
            (Material::Ec(_), KeyType::P256) => 64,
            (Material::Ec(_), KeyType::P384) => 96,
            (Material::Ec(_), KeyType::P521) => 132,
            (Material::Ed25519(_), KeyType::Ed25519) => 64,
            (Material::Secret { .. }, KeyType::Secret(length)) => length,
            _ => return false,
        };
        if signature.len() != length {
            return false;
        }
        match &self.material {
            Material::Rsa { key, .. } | Material::Ec(key) | Material::Ed25519(key) => {
                key.verify(algorithm, message, signature)
            }
            Material::Secret {
                key,
                algorithm: only,
            } => algorithm == *only && key.verify(message, signature),
        }
    }

    /// Whether the two are one key for the same use.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.key_id == other.key_id
            && self.algorithms == other.algorithms
            && self.expires_at == other.expires_at
            && self.thumbprint == other.thumbprint
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("key_id", &self.key_id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
