//! Signatures made by AWS-LC, checked by every backend that is there.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

use ::aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use ::aws_lc_rs::rand::SystemRandom;
use ::aws_lc_rs::rsa::KeySize;
use ::aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use ::aws_lc_rs::{hmac, signature::EcdsaSigningAlgorithm, signature::RsaEncoding};

use super::{KeyRefused, PublicNumbers};
use crate::jose::algorithm::{Algorithm, KeyType};
use crate::jose::der::{INTEGER, OCTET_STRING, SEQUENCE, element};

const MESSAGE: &[u8] = b"e30.e30";

fn rsa_signature(key: &RsaKeyPair, encoding: &'static dyn RsaEncoding) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), MESSAGE, &mut signature)
        .unwrap();
    signature
}

/// Calls `check` once for each algorithm, with a key for it and a signature.
fn for_each_signature(mut check: impl FnMut(Algorithm, PublicNumbers<'_>, &[u8])) {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (n, e) = (rsa.public_key().modulus(), rsa.public_key().exponent());
    let numbers = PublicNumbers::Rsa {
        n: n.big_endian_without_leading_zero(),
        e: e.big_endian_without_leading_zero(),
    };
    let encodings: [(_, &dyn RsaEncoding); 6] = [
        (Algorithm::RS256, &signature::RSA_PKCS1_SHA256),
        (Algorithm::RS384, &signature::RSA_PKCS1_SHA384),
        (Algorithm::RS512, &signature::RSA_PKCS1_SHA512),
        (Algorithm::PS256, &signature::RSA_PSS_SHA256),
        (Algorithm::PS384, &signature::RSA_PSS_SHA384),
        (Algorithm::PS512, &signature::RSA_PSS_SHA512),
    ];
    for (algorithm, encoding) in encodings {
        check(algorithm, numbers, &rsa_signature(&rsa, encoding));
    }
    let curves: [(_, &EcdsaSigningAlgorithm); 3] = [
        (
            Algorithm::ES256,
            &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        ),
        (
            Algorithm::ES384,
            &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        ),
        (
            Algorithm::ES512,
            &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        ),
    ];
    for (algorithm, curve) in curves {
        let key = EcdsaKeyPair::generate(curve).unwrap();
        let signature = key.sign(&SystemRandom::new(), MESSAGE).unwrap();
        let numbers = PublicNumbers::Ec {
            curve: algorithm.key_type(),
            point: key.public_key().as_ref(),
        };
        check(algorithm, numbers, signature.as_ref());
    }
    let key = Ed25519KeyPair::generate().unwrap();
    let point = key.public_key().as_ref().try_into().unwrap();
    let signature = key.sign(MESSAGE);
    for algorithm in [Algorithm::EdDSA, Algorithm::Ed25519] {
        check(
            algorithm,
            PublicNumbers::Ed25519 { point },
            signature.as_ref(),
        );
    }
}

/// Calls `check` with a private key of each type in PKCS#8, and with its public half.
fn for_each_private_key(check: impl Fn(Algorithm, &[u8], PublicNumbers<'_>)) {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
    let numbers = PublicNumbers::Rsa {
        n: n.big_endian_without_leading_zero(),
        e: e.big_endian_without_leading_zero(),
    };
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().unwrap();
    check(Algorithm::RS256, pkcs8.as_ref(), numbers);
    check(Algorithm::PS256, pkcs8.as_ref(), numbers);
    let key = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let numbers = PublicNumbers::Ec {
        curve: KeyType::P256,
        point: key.public_key().as_ref(),
    };
    check(
        Algorithm::ES256,
        key.to_pkcs8v1().unwrap().as_ref(),
        numbers,
    );
    let key = Ed25519KeyPair::generate().unwrap();
    let point = key.public_key().as_ref().try_into().unwrap();
    let numbers = PublicNumbers::Ed25519 { point };
    check(
        Algorithm::EdDSA,
        key.to_pkcs8v1().unwrap().as_ref(),
        numbers,
    );
}

/// What is inside of PKCS#8 (RFC 5208 §5): behind a version and an algorithm.
fn inner(pkcs8: &[u8]) -> Option<&[u8]> {
    let (body, _) = element(pkcs8, SEQUENCE)?;
    let (_, body) = element(body, INTEGER)?;
    let (_, body) = element(body, SEQUENCE)?;
    element(body, OCTET_STRING).map(|(inner, _)| inner)
}

macro_rules! backend_tests {
    ($backend:ident, without: $($without:pat),*) => {
        mod $backend {
            use super::super::$backend::{
                HmacKey, PrivateKey, PublicKey, TokenDigest, TokenHasher, random_secret, sha256,
            };
            use super::*;

            #[test]
            fn a_signature_verifies_as_its_own_algorithm_and_no_other() {
                for_each_signature(|algorithm, numbers, signature| {
                    let parsed = PublicKey::parse(numbers, algorithm);
                    $(if matches!(algorithm, $without) {
                        assert_eq!(parsed.err(), Some(KeyRefused::Unsupported));
                        return;
                    })*
                    let key = parsed.ok().unwrap();
                    let ed25519 = KeyType::Ed25519;
                    for other in Algorithm::ALL {
                        let same = *other == algorithm
                            || other.key_type() == ed25519 && algorithm.key_type() == ed25519;
                        let verified = key.verify(*other, MESSAGE, signature);
                        assert_eq!(verified, same, "{algorithm} as {other}");
                    }
                    assert!(!key.verify(algorithm, b"e30.e31", signature));
                });
            }

            #[test]
            fn what_a_private_key_signs_verifies_under_its_public_half() {
                for_each_private_key(|algorithm, pkcs8, numbers| {
                    let inner = inner(pkcs8).unwrap();
                    let key = PrivateKey::parse(algorithm.key_type(), pkcs8, inner).unwrap();
                    let signature = key.sign(algorithm, MESSAGE).unwrap();
                    let public = PublicKey::parse(numbers, algorithm).unwrap();
                    assert!(public.verify(algorithm, MESSAGE, &signature), "{algorithm}");
                    assert!(!public.verify(algorithm, b"e30.e31", &signature), "{algorithm}");
                });
            }

            #[test]
            fn no_secret_comes_twice() {
                assert_ne!(random_secret(), random_secret());
            }

            #[test]
            fn texts_that_differ_have_digests_that_differ() {
                let hasher = TokenHasher::new();
                let digest = |text: &[u8]| -> TokenDigest { hasher.digest(text) };
                let mut seen = std::collections::HashSet::from([digest(b"")]);
                let mut text = [b'a'; 1000];
                assert!(seen.insert(digest(&text)));
                for length in 1..text.len() {
                    assert!(seen.insert(digest(&text[..length])), "{length}");
                }
                for index in 0..text.len() {
                    text[index] = b'b';
                    assert!(seen.insert(digest(&text)), "{index}");
                    assert_eq!(digest(&text), digest(&text));
                    text[index] = b'a';
                }
            }

            #[test]
            fn an_hmac_code_verifies_as_its_own_algorithm_and_no_other() {
                let secret = [7; 64];
                for (algorithm, hash) in [
                    (Algorithm::HS256, hmac::HMAC_SHA256),
                    (Algorithm::HS384, hmac::HMAC_SHA384),
                    (Algorithm::HS512, hmac::HMAC_SHA512),
                ] {
                    let code = hmac::sign(&hmac::Key::new(hash, &secret), MESSAGE);
                    for other in Algorithm::ALL {
                        let key = HmacKey::new(*other, &secret);
                        assert_eq!(key.is_some(), other.is_hmac());
                        let verified = key.is_some_and(|key| key.verify(MESSAGE, code.as_ref()));
                        assert_eq!(verified, *other == algorithm, "{algorithm} as {other}");
                    }
                    let key = HmacKey::new(algorithm, &secret).unwrap();
                    let shorter = code.as_ref().split_last().unwrap().1;
                    for bad in [&[][..], shorter, &[0; 32], &[0; 48], &[0; 64]] {
                        assert!(!key.verify(MESSAGE, bad));
                    }
                }
            }

            #[test]
            fn the_hash_is_sha_256() {
                // FIPS 180-4, the example "abc".
                let start = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea];
                assert!(sha256(b"abc").starts_with(&start));
            }
        }
    };
}

backend_tests!(aws_lc_rs, without:);
#[cfg(feature = "rust-crypto")]
backend_tests!(rust_crypto, without: Algorithm::ES512);
