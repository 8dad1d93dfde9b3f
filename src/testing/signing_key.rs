use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding};
use aws_lc_rs::{error::Unspecified, hmac};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::der::rsa_components;
use super::rsa_pool::PooledRsaKey;
use crate::jose::Algorithm;

/// A key that signs tokens, with the algorithm it is published for; cheap to clone.
///
/// Made and used through aws-lc-rs alone, whichever backend verifies, so that a mistake of ours cannot cancel itself out.
#[derive(Clone)]
pub struct SigningKey {
    key_id: Option<Arc<str>>,
    algorithm: Algorithm,
    material: Arc<Material>,
}

enum Material {
    Rsa(PooledRsaKey),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

impl SigningKey {
    /// A new key with a new key id, such as `es256-7f3a91c2`.
    ///
    /// RSA keys have 2048 bits and come from a pool: one that somebody in this process holds is never handed out again,
    /// one that was dropped may be.
    ///
    /// # Panics
    ///
    /// If `algorithm` is an HMAC: see [`hmac`](Self::hmac).
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Self {
        let name = algorithm.name().to_ascii_lowercase();
        let material = match family(algorithm) {
            Family::RsaPkcs1(_) | Family::RsaPss(_) => Ok(Material::Rsa(PooledRsaKey::take())),
            Family::Ecdsa(curve) => EcdsaKeyPair::generate(curve.signing).map(Material::Ecdsa),
            Family::Ed25519 => Ed25519KeyPair::generate().map(Material::Ed25519),
            Family::Hmac(_) => panic!("an HMAC key is a given secret, not a generated key"),
        };
        Self {
            key_id: Some(format!("{name}-{:08x}", fastrand::u32(..)).into()),
            algorithm,
            material: Arc::new(material.expect("the system provides randomness")),
        }
    }

    /// A shared secret, of any length, without a key id.
    ///
    /// # Panics
    ///
    /// If `algorithm` is no HMAC.
    #[must_use]
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Self {
        assert!(
            matches!(family(algorithm), Family::Hmac(_)),
            "{} takes no shared secret",
            algorithm.name()
        );
        Self {
            key_id: None,
            algorithm,
            material: Arc::new(Material::Secret(secret.to_vec())),
        }
    }

    /// The same key under another key id.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<Arc<str>>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The same key without a key id.
    #[must_use]
    pub fn without_key_id(mut self) -> Self {
        self.key_id = None;
        self
    }

    /// The key id, published as `kid` and named by the tokens it signs.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The algorithm that the key signs with and is published for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as a JWK (RFC 7517) with `kid`, `alg` and `use`.
    ///
    /// # Panics
    ///
    /// If the key is a shared secret, which has no public half.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let mut jwk = match &*self.material {
            Material::Rsa(key) => {
                let (modulus, exponent) = rsa_components(key.public_key().as_ref())
                    .expect("aws-lc-rs encodes RSA keys by RFC 8017");
                json!({"kty": "RSA", "n": base64url(modulus), "e": base64url(exponent)})
            }
            Material::Ecdsa(key) => {
                let point = key.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match family(self.algorithm) {
                    Family::Ecdsa(curve) => curve.name,
                    _ => unreachable!("an ECDSA key is made for an ECDSA algorithm"),
                };
                json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            Material::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key())})
            }
            Material::Secret(_) => panic!("a shared secret has no public half"),
        };
        let members = jwk.as_object_mut().expect("built as an object");
        members.insert("alg".into(), self.algorithm.name().into());
        members.insert("use".into(), "sig".into());
        if let Some(key_id) = self.key_id() {
            members.insert("kid".into(), key_id.into());
        }
        jwk
    }

    /// The public half as a SubjectPublicKeyInfo (RFC 5280 §4.1) in DER.
    ///
    /// # Panics
    ///
    /// If the key is a shared secret, which has no public half.
    #[must_use]
    pub fn public_key_der(&self) -> Vec<u8> {
        let der: Result<PublicKeyX509Der<'static>, Unspecified> = match &*self.material {
            Material::Rsa(key) => key.public_key().as_der(),
            Material::Ecdsa(key) => key.public_key().as_der(),
            Material::Ed25519(key) => key.public_key().as_der(),
            Material::Secret(_) => panic!("a shared secret has no public half"),
        };
        der.expect("a generated key can be encoded")
            .as_ref()
            .to_vec()
    }

    /// The public half as a PEM text (RFC 7468), the way it lies on disks and in configurations.
    ///
    /// # Panics
    ///
    /// If the key is a shared secret, which has no public half.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        let text = STANDARD.encode_to_string(self.public_key_der());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }

    /// Signs `message` with the key's own algorithm; the signature is as JWS wants it (RFC 7518 §3).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(self.algorithm, message)
    }

    /// Signs `message` with another algorithm that this kind of key is capable of.
    ///
    /// # Panics
    ///
    /// If the key and `algorithm` do not go together, such as an RSA key and ES256.
    #[must_use]
    pub fn sign_as(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        match (&*self.material, family(algorithm)) {
            (Material::Rsa(key), Family::RsaPkcs1(encoding) | Family::RsaPss(encoding)) => {
                sign_rsa(key, encoding, message)
            }
            (Material::Ecdsa(key), Family::Ecdsa(curve)) if curve.signing == key.algorithm() => key
                .sign(&SystemRandom::new(), message)
                .expect("a generated key can sign")
                .as_ref()
                .to_vec(),
            (Material::Ed25519(key), Family::Ed25519) => key.sign(message).as_ref().to_vec(),
            (Material::Secret(secret), Family::Hmac(algorithm)) => {
                let key = hmac::Key::new(algorithm, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            _ => panic!(
                "a key for {} cannot sign with {}",
                self.algorithm.name(),
                algorithm.name()
            ),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm.name())
            .finish_non_exhaustive()
    }
}

/// The JWKS document (RFC 7517 §5) of these keys' public halves.
///
/// # Panics
///
/// If one is a shared secret, which has no public half.
#[must_use]
pub fn key_set_of(keys: &[&SigningKey]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    json!({ "keys": keys })
}

/// What aws-lc-rs calls an algorithm.
enum Family {
    Hmac(hmac::Algorithm),
    RsaPkcs1(&'static dyn RsaEncoding),
    RsaPss(&'static dyn RsaEncoding),
    Ecdsa(Curve),
    Ed25519,
}

struct Curve {
    name: &'static str,
    signing: &'static signature::EcdsaSigningAlgorithm,
}

fn family(algorithm: Algorithm) -> Family {
    let curve = |name, signing| Family::Ecdsa(Curve { name, signing });
    match algorithm {
        Algorithm::HS256 => Family::Hmac(hmac::HMAC_SHA256),
        Algorithm::HS384 => Family::Hmac(hmac::HMAC_SHA384),
        Algorithm::HS512 => Family::Hmac(hmac::HMAC_SHA512),
        Algorithm::RS256 => Family::RsaPkcs1(&signature::RSA_PKCS1_SHA256),
        Algorithm::RS384 => Family::RsaPkcs1(&signature::RSA_PKCS1_SHA384),
        Algorithm::RS512 => Family::RsaPkcs1(&signature::RSA_PKCS1_SHA512),
        Algorithm::PS256 => Family::RsaPss(&signature::RSA_PSS_SHA256),
        Algorithm::PS384 => Family::RsaPss(&signature::RSA_PSS_SHA384),
        Algorithm::PS512 => Family::RsaPss(&signature::RSA_PSS_SHA512),
        Algorithm::ES256 => curve("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => curve("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::ES512 => curve("P-521", &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
        Algorithm::EdDSA | Algorithm::Ed25519 => Family::Ed25519,
    }
}

fn sign_rsa(key: &RsaKeyPair, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .expect("a generated key can sign");
    signature
}

fn base64url(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(octets)
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]
mod tests {
    use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};

    use super::*;

    #[test]
    fn what_a_key_signs_verifies_under_its_published_half() {
        let table: [(Algorithm, &'static dyn VerificationAlgorithm, usize); 11] = [
            (
                Algorithm::RS256,
                &signature::RSA_PKCS1_2048_8192_SHA256,
                256,
            ),
            (
                Algorithm::RS384,
                &signature::RSA_PKCS1_2048_8192_SHA384,
                256,
            ),
            (
                Algorithm::RS512,
                &signature::RSA_PKCS1_2048_8192_SHA512,
                256,
            ),
            (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256, 256),
            (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384, 256),
            (Algorithm::PS512, &signature::RSA_PSS_2048_8192_SHA512, 256),
            (Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED, 64),
            (Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED, 96),
            (Algorithm::ES512, &signature::ECDSA_P521_SHA512_FIXED, 132),
            (Algorithm::EdDSA, &signature::ED25519, 64),
            (Algorithm::Ed25519, &signature::ED25519, 64),
        ];
        for (algorithm, verification, length) in table {
            let name = algorithm.name();
            let key = SigningKey::generate(algorithm);
            let signature = key.sign(b"message");
            assert_eq!(signature.len(), length, "{name}");
            let public = ParsedPublicKey::new(verification, key.public_key_der()).unwrap();
            public.verify_sig(b"message", &signature).unwrap();
            assert!(public.verify_sig(b"massage", &signature).is_err(), "{name}");
            assert_eq!(key.public_jwk()["alg"], name);
        }
    }

    #[test]
    fn coordinates_are_published_at_full_length() {
        for (algorithm, length) in [(Algorithm::ES256, 43), (Algorithm::ES512, 88)] {
            for _ in 0..32 {
                let jwk = SigningKey::generate(algorithm).public_jwk();
                assert_eq!(jwk["x"].as_str().unwrap().len(), length);
                assert_eq!(jwk["y"].as_str().unwrap().len(), length);
            }
        }
    }

    #[test]
    fn two_keys_held_at_once_are_never_the_same() {
        let one = SigningKey::generate(Algorithm::RS256);
        let other = SigningKey::generate(Algorithm::RS256);
        assert_ne!(one.public_jwk()["n"], other.public_jwk()["n"]);
    }

    #[test]
    fn debug_shows_no_key() {
        let key = SigningKey::hmac(Algorithm::HS256, b"secret-of-ours").with_key_id("one");
        let shown = format!("{key:?}");
        assert!(!shown.contains("secret-of-ours"), "{shown}");
    }
}
