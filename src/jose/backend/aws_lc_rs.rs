//! Signatures by AWS-LC.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, ParsedPublicKey, RsaEncoding, RsaKeyPair, RsaParameters,
    RsaPublicKeyComponents,
};
use aws_lc_rs::{digest, hmac, rand};

use super::universal_hash::UniversalHash;
use super::{KeyRefused, PublicNumbers};
use crate::jose::algorithm::{Algorithm, KeyType};

/// SHA-256.
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, message);
    let mut octets = [0; 32];
    octets.copy_from_slice(digest.as_ref());
    octets
}

/// 32 octets that nobody can guess.
pub(crate) fn random_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    rand::fill(&mut secret).expect("the operating system has random numbers");
    secret
}

/// What tells tokens apart.
pub(crate) type TokenDigest = [u8; 16];

/// Digests under a secret that never leaves the process: a [`UniversalHash`], four times as fast as SHA-256 of a whole token.
///
/// Without the secret nobody can make two tokens with the same hash. Who knows it and a hash can make another token that has
/// it, so the hash itself is not kept, but its SHA-256: from that no token can be made, even by who reads all of it.
pub(crate) struct TokenHasher(UniversalHash);

impl TokenHasher {
    pub(crate) fn new() -> Self {
        /// No token is longer.
        const LONGEST: usize = 16 * 1024;
        Self(UniversalHash::new(LONGEST, |secret| {
            rand::fill(secret).expect("the operating system has random numbers");
        }))
    }

    pub(crate) fn digest(&self, token: &[u8]) -> TokenDigest {
        let digest = match self.0.hash(token) {
            Some(hash) => sha256(hash.as_flattened()),
            None => sha256(token),
        };
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = digest;
        first
    }
}

/// A public key, ready to check signatures.
pub(crate) struct PublicKey {
    algorithm: Algorithm,
    parsed: ParsedPublicKey,
    /// An RSA key serves six algorithms and AWS-LC parses it for one at a time. Nearly every key is used with one only,
    /// so the others wait until a token asks for them.
    others: OnceLock<Box<[OnceLock<Option<ParsedPublicKey>>; RSA.len()]>>,
}

const RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::RS256, &signature::RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::RS384, &signature::RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &signature::RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256),
    (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &signature::RSA_PSS_2048_8192_SHA512),
];

impl PublicKey {
    /// Parses a key, for `algorithm` before all others.
    pub(crate) fn parse(
        numbers: PublicNumbers<'_>,
        algorithm: Algorithm,
    ) -> Result<Self, KeyRefused> {
        let parsed = match numbers {
            PublicNumbers::Rsa { n, e } => {
                let parameters = rsa_parameters(algorithm).ok_or(KeyRefused::Unsupported)?;
                RsaPublicKeyComponents { n, e }
                    .to_parsed_public_key(parameters)
                    .map_err(|_| KeyRefused::Unsupported)?
            }
            PublicNumbers::Ec { curve, point } => {
                let verification = match curve {
                    KeyType::P256 => &signature::ECDSA_P256_SHA256_FIXED,
                    KeyType::P384 => &signature::ECDSA_P384_SHA384_FIXED,
                    KeyType::P521 => &signature::ECDSA_P521_SHA512_FIXED,
                    _ => return Err(KeyRefused::Unsupported),
                };
                ParsedPublicKey::new(verification, point).map_err(|_| KeyRefused::OffCurve)?
            }
            PublicNumbers::Ed25519 { point } => ParsedPublicKey::new(&signature::ED25519, point)
                .map_err(|_| KeyRefused::OffCurve)?,
        };
        Ok(Self {
            algorithm,
            parsed,
            others: OnceLock::new(),
        })
    }

    /// Whether `signature` is one of `message`; the caller has checked that the key fits the algorithm.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let ed25519 = |algorithm: Algorithm| algorithm.key_type() == KeyType::Ed25519;
        let key = if algorithm == self.algorithm || ed25519(algorithm) && ed25519(self.algorithm) {
            Some(&self.parsed)
        } else {
            self.other(algorithm)
        };
        key.is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }

    fn other(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let at = RSA.iter().position(|(rsa, _)| *rsa == algorithm)?;
        let (_, parameters) = RSA.get(at)?;
        // An elliptic key parsed for another algorithm is no RSA key, and does not become one here.
        let key = self.others.get_or_init(Box::default).get(at)?;
        key.get_or_init(|| ParsedPublicKey::new(*parameters, self.parsed.as_ref()).ok())
            .as_ref()
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    let found = RSA.iter().find(|(rsa, _)| *rsa == algorithm);
    found.map(|(_, parameters)| *parameters)
}

/// A private key, ready to sign.
pub(crate) enum PrivateKey {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Takes a key of this type in PKCS#8.
    pub(crate) fn parse(key_type: KeyType, pkcs8: &[u8], _inner: &[u8]) -> Option<Self> {
        match key_type {
            KeyType::Rsa => {
                let key = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
                Some(Self::Rsa(Box::new(key)))
            }
            KeyType::P256 => {
                let signing = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                EcdsaKeyPair::from_pkcs8(signing, pkcs8)
                    .ok()
                    .map(Self::P256)
            }
            KeyType::Ed25519 => Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Self::Ed25519),
            _ => None,
        }
    }

    /// The signature of `message`; the caller has checked that the key fits the algorithm.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let encoding: &dyn RsaEncoding = match algorithm {
                    Algorithm::RS256 => &signature::RSA_PKCS1_SHA256,
                    Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::PS256 => &signature::RSA_PSS_SHA256,
                    Algorithm::PS384 => &signature::RSA_PSS_SHA384,
                    Algorithm::PS512 => &signature::RSA_PSS_SHA512,
                    _ => return None,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &SystemRandom::new(), message, &mut signature)
                    .ok()?;
                Some(signature)
            }
            Self::P256(key) => {
                let signature = key.sign(&SystemRandom::new(), message).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Self::Ed25519(key) => Some(key.sign(message).as_ref().to_vec()),
        }
    }
}

/// A shared secret, ready to check authentication codes.
pub(crate) struct HmacKey(hmac::Key);

impl HmacKey {
    /// `None` for an algorithm that is not HMAC.
    pub(crate) fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let hash = match algorithm {
            Algorithm::HS256 => hmac::HMAC_SHA256,
            Algorithm::HS384 => hmac::HMAC_SHA384,
            Algorithm::HS512 => hmac::HMAC_SHA512,
            _ => return None,
        };
        Some(Self(hmac::Key::new(hash, secret)))
    }

    /// Whether `code` is that of `message`, in a time that does not depend on where they differ.
    pub(crate) fn verify(&self, message: &[u8], code: &[u8]) -> bool {
        hmac::verify(&self.0, message, code).is_ok()
    }
}
