//! Signatures by RustCrypto, through `jsonwebtoken`'s provider of that name.
//!
//! The provider is always named, never looked up: the process-wide default panics if another crate of the build has
//! switched on a second one.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::{KeyRefused, PublicNumbers};
use crate::jose::algorithm::{Algorithm, KeyType};

/// SHA-256.
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    (DEFAULT_PROVIDER.key_utils.compute_digest)(message, ThumbprintHash::SHA256)
        .ok()
        .and_then(|digest| digest.try_into().ok())
        .expect("the provider knows SHA-256, which has 32 octets")
}

/// 32 octets that nobody can guess.
pub(crate) fn random_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system has random numbers");
    secret
}

/// What tells tokens apart.
pub(crate) type TokenDigest = [u8; 32];

/// Digests by SHA-256, which needs no secret.
pub(crate) struct TokenHasher;

impl TokenHasher {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn digest(&self, token: &[u8]) -> TokenDigest {
        sha256(token)
    }
}

/// A public key, ready to check signatures.
pub(crate) struct PublicKey(DecodingKey);

impl PublicKey {
    /// Takes a key that can do `algorithm`.
    pub(crate) fn parse(
        numbers: PublicNumbers<'_>,
        algorithm: Algorithm,
    ) -> Result<Self, KeyRefused> {
        let known = known(algorithm).ok_or(KeyRefused::Unsupported)?;
        let key = match numbers {
            // The `rsa` crate goes no further, and would refuse each signature instead of the key.
            PublicNumbers::Rsa { n, .. } if n.len() > 512 => return Err(KeyRefused::Unsupported),
            PublicNumbers::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            PublicNumbers::Ec {
                curve: KeyType::P521,
                ..
            } => return Err(KeyRefused::Unsupported),
            PublicNumbers::Ec { point, .. } => DecodingKey::from_ec_der(point),
            PublicNumbers::Ed25519 { point } => DecodingKey::from_ed_der(point),
        };
        match (DEFAULT_PROVIDER.verifier_factory)(&known, &key) {
            Ok(_) => Ok(Self(key)),
            Err(_) => Err(KeyRefused::OffCurve),
        }
    }

    /// Whether `signature` is one of `message`; the caller has checked that the key fits the algorithm.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        verify(&self.0, algorithm, message, signature)
    }
}

/// A private key, ready to sign.
pub(crate) struct PrivateKey(EncodingKey);

impl PrivateKey {
    /// Takes a key of this type in PKCS#8, whose inner part an RSA key is read from.
    pub(crate) fn parse(key_type: KeyType, pkcs8: &[u8], inner: &[u8]) -> Option<Self> {
        match key_type {
            KeyType::Rsa => Some(Self(EncodingKey::from_rsa_der(inner))),
            KeyType::P256 => Some(Self(EncodingKey::from_ec_der(pkcs8))),
            KeyType::Ed25519 => Some(Self(EncodingKey::from_ed_der(pkcs8))),
            _ => None,
        }
    }

    /// The signature of `message`; the caller has checked that the key fits the algorithm.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&known(algorithm)?, &self.0).ok()?;
        signer.try_sign(message).ok()
    }
}

/// A shared secret, ready to check authentication codes.
pub(crate) struct HmacKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl HmacKey {
    /// `None` for an algorithm that is not HMAC.
    pub(crate) fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        algorithm.is_hmac().then(|| Self {
            algorithm,
            key: DecodingKey::from_secret(secret),
        })
    }

    /// Whether `code` is that of `message`, in a time that does not depend on where they differ.
    pub(crate) fn verify(&self, message: &[u8], code: &[u8]) -> bool {
        verify(&self.key, self.algorithm, message, code)
    }
}

fn verify(key: &DecodingKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let Some(known) = known(algorithm) else {
        return false;
    };
    (DEFAULT_PROVIDER.verifier_factory)(&known, key)
        .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
}

/// The provider's name for an algorithm, if it has one; the factory checks that the key is of its family.
fn known(algorithm: Algorithm) -> Option<jsonwebtoken::Algorithm> {
    Some(match algorithm {
        Algorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::HS384 => jsonwebtoken::Algorithm::HS384,
        Algorithm::HS512 => jsonwebtoken::Algorithm::HS512,
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::RS384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::RS512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::PS384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::PS512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::ES512 => return None,
        Algorithm::EdDSA | Algorithm::Ed25519 => jsonwebtoken::Algorithm::EdDSA,
    })
}
