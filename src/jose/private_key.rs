//! A private key that signs, read from PKCS#8 (RFC 5208, RFC 5958) or from a JWK (RFC 7517).
//!
//! Everything becomes PKCS#8 first, so that one reader, the backend's own, has the last word on it.

use std::fmt;

use base64_simd::STANDARD;

use super::algorithm::{Algorithm, KeyType};
use super::backend;
use super::der::{
    BIT_STRING, FIELD_1, INTEGER, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, element,
    sequence, tagged, unsigned,
};
use super::strict_json::Members;
use super::{base64url, header::LONGEST_KEY_ID};

/// rsaEncryption (RFC 8017 §C), id-ecPublicKey with prime256v1 (RFC 5480 §2.1.1), id-Ed25519 (RFC 8410 §3).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A private key, ready to sign.
pub(crate) struct PrivateKey {
    key: backend::PrivateKey,
    key_type: KeyType,
}

/// Why a text holds no key that can be used; never a part of it.
type Problem = &'static str;

/// A key as a JWK has it, with what the JWK says of its use.
#[derive(Debug)]
pub(crate) struct FromJwk {
    pub(crate) key: PrivateKey,
    pub(crate) key_id: Option<String>,
    pub(crate) algorithm: Option<Algorithm>,
}

impl PrivateKey {
    /// Reads PKCS#8 in PEM (RFC 7468 §10).
    pub(crate) fn from_pem(pem: &str) -> Result<Self, Problem> {
        let pem = pem.trim();
        let encoded = pem
            .strip_prefix("-----BEGIN PRIVATE KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"));
        let Some(encoded) = encoded else {
            return Err(if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
                "is encrypted: decrypt it first"
            } else if pem.contains("-----BEGIN RSA PRIVATE KEY-----")
                || pem.contains("-----BEGIN EC PRIVATE KEY-----")
            {
                "is not in PKCS#8: convert it with `openssl pkcs8 -topk8 -nocrypt`"
            } else {
                "is not one PEM block \"PRIVATE KEY\""
            });
        };
        let encoded: Vec<u8> = encoded
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let der = STANDARD
            .decode_to_vec(encoded)
            .map_err(|_| "is not base64 between its lines of dashes")?;
        Self::from_der(&der)
    }

    /// Reads PKCS#8 in DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Problem> {
        let (key_type, inner) = unwrap(der).ok_or("is not PKCS#8")?;
        let key_type = key_type.ok_or("is neither RSA, nor on P-256, nor on Ed25519")?;
        if key_type == KeyType::Rsa {
            check_modulus(inner)?;
        }
        let key = backend::PrivateKey::parse(key_type, der, inner)
            .ok_or("is damaged, or beyond what the cryptographic backend takes")?;
        let key = Self { key, key_type };
        // Whatever a backend looks at only when it signs, it looks at now.
        key.sign(key.usual_algorithm(), b"")
            .ok_or("is damaged, or beyond what the cryptographic backend takes")?;
        Ok(key)
    }

    /// Reads a JWK with its private members (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2).
    pub(crate) fn from_jwk(text: &str) -> Result<FromJwk, Problem> {
        let members = Members::scan(text).map_err(|_| "is not one strict JSON object")?;
        let string = |name| members.get(text, name).and_then(|value| value.as_str());
        let octets = |name| {
            string(name)
                .and_then(|encoded| base64url::decode(encoded.as_bytes()))
                .ok_or("lacks a private member, or has one that is not base64url")
        };
        let curve = string("crv");
        let der = match (string("kty").as_deref(), curve.as_deref()) {
            (Some("RSA"), _) => {
                let mut numbers = vec![unsigned(&[])];
                for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
                    numbers.push(unsigned(&octets(name)?));
                }
                wrap(RSA, &[NULL, 0], &sequence(&numbers))
            }
            (Some("EC"), Some("P-256")) => {
                let point = [vec![0, 4], octets("x")?, octets("y")?].concat();
                // RFC 5915 §3, with the public key, so that one which does not belong to it is noticed.
                let key = sequence(&[
                    unsigned(&[1]),
                    tagged(OCTET_STRING, &octets("d")?),
                    tagged(FIELD_1, &tagged(BIT_STRING, &point)),
                ]);
                wrap(EC, &tagged(OBJECT_IDENTIFIER, P256), &key)
            }
            (Some("OKP"), Some("Ed25519")) => {
                wrap(ED25519, &[], &tagged(OCTET_STRING, &octets("d")?))
            }
            _ => return Err("is neither RSA, nor on P-256, nor on Ed25519"),
        };
        let key_id = match members.get(text, "kid") {
            None => None,
            Some(value) => {
                let key_id = value.as_str().filter(|id| id.len() <= LONGEST_KEY_ID);
                Some(key_id.ok_or("has a \"kid\" that is no string of at most 256 bytes")?)
            }
        };
        let algorithm = match members.get(text, "alg") {
            None => None,
            Some(value) => {
                let algorithm = value.as_str().and_then(|name| name.parse().ok());
                Some(algorithm.ok_or("has an \"alg\" that is unknown")?)
            }
        };
        Ok(FromJwk {
            key: Self::from_der(&der)?,
            key_id: key_id.map(Into::into),
            algorithm,
        })
    }

    /// What is signed with unless it is said otherwise: what the most servers understand of a key of this type.
    pub(crate) fn usual_algorithm(&self) -> Algorithm {
        match self.key_type {
            KeyType::P256 => Algorithm::ES256,
            KeyType::Ed25519 => Algorithm::EdDSA,
            _ => Algorithm::RS256,
        }
    }

    /// Whether it can do `algorithm`.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        algorithm.key_type() == self.key_type
    }

    /// The signature of `message` as JWS has it (RFC 7518 §3); `None` for an algorithm that is not the key's.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        if !self.fits(algorithm) {
            return None;
        }
        self.key.sign(algorithm, message)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?})", self.key_type)
    }
}

/// The type of the key in a PKCS#8 structure, if it is one of ours, and what is inside.
fn unwrap(der: &[u8]) -> Option<(Option<KeyType>, &[u8])> {
    let (body, after) = element(der, SEQUENCE)?;
    let (version, body) = element(body, INTEGER)?;
    let (algorithm, body) = element(body, SEQUENCE)?;
    let (inner, _attributes) = element(body, OCTET_STRING)?;
    let (identifier, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    let key_type = match identifier {
        RSA => Some(KeyType::Rsa),
        EC if element(parameters, OBJECT_IDENTIFIER).is_some_and(|(curve, _)| curve == P256) => {
            Some(KeyType::P256)
        }
        ED25519 => Some(KeyType::Ed25519),
        _ => None,
    };
    (after.is_empty() && matches!(version, [0 | 1])).then_some((key_type, inner))
}

fn wrap(identifier: &[u8], parameters: &[u8], inner: &[u8]) -> Vec<u8> {
    let algorithm = [tagged(OBJECT_IDENTIFIER, identifier), parameters.to_vec()];
    sequence(&[
        unsigned(&[]),
        sequence(&algorithm),
        tagged(OCTET_STRING, inner),
    ])
}

/// RFC 7518 §3.3: at least 2048 bits.
fn check_modulus(rsa: &[u8]) -> Result<(), Problem> {
    let modulus = || {
        let (body, _) = element(rsa, SEQUENCE)?;
        let (_version, body) = element(body, INTEGER)?;
        let (modulus, _) = element(body, INTEGER)?;
        Some(modulus.strip_prefix(&[0]).unwrap_or(modulus))
    };
    let modulus = modulus().ok_or("is not PKCS#8")?;
    let spare = modulus
        .first()
        .map_or(0, |first| first.leading_zeros() as usize);
    if (modulus.len() * 8).saturating_sub(spare) < 2048 {
        return Err("has fewer than 2048 bits");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NumericDate;
    use crate::jose::KeySet;

    /// RFC 8037 §A.1, RFC 7515 §A.3.1: each key with the algorithms it can do.
    const KEYS: [(&str, &[Algorithm]); 2] = [
        (
            r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            &[Algorithm::EdDSA, Algorithm::Ed25519],
        ),
        (
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#,
            &[Algorithm::ES256],
        ),
    ];

    #[test]
    fn what_a_key_signs_verifies_under_its_public_half_and_as_no_other_algorithm() {
        for (jwk, algorithms) in KEYS {
            let key = PrivateKey::from_jwk(jwk).expect("a key").key;
            let public = jwk.replace("\"d\"", "\"ignored\"");
            let set = KeySet::from_json(format!(r#"{{"keys":[{public}]}}"#).as_bytes());
            let set = set.expect("a key set");
            for algorithm in Algorithm::ALL {
                let signature = key.sign(*algorithm, b"message");
                assert_eq!(signature.is_some(), algorithms.contains(algorithm));
                let Some(signature) = signature else {
                    continue;
                };
                let now = NumericDate::from_seconds(0);
                let mut candidates = set.select(None, *algorithm, now).expect("it fits");
                assert!(candidates.any(|key| key.verify(*algorithm, b"message", &signature)));
            }
        }
    }

    #[test]
    fn rfc_8037_appendix_a_4() {
        let [(jwk, _), _] = KEYS;
        let key = PrivateKey::from_jwk(jwk).expect("a key").key;
        let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = key.sign(Algorithm::EdDSA, signed).expect("it can do that");
        assert_eq!(
            base64url::encode(signature),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn a_key_cut_short_anywhere_is_refused_and_debug_shows_none() {
        for (jwk, _) in KEYS {
            let key = PrivateKey::from_jwk(jwk).expect("a key").key;
            let shown = format!("{key:?}");
            assert!(shown.len() < 30, "{shown}");
        }
        let d = base64url::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let der = wrap(ED25519, &[], &tagged(OCTET_STRING, &d.expect("base64url")));
        assert!(PrivateKey::from_der(&der).is_ok());
        for length in 0..der.len() {
            let cut = der.get(..length).unwrap_or_default();
            assert!(PrivateKey::from_der(cut).is_err(), "{length}");
        }
        assert!(PrivateKey::from_der(&[der.as_slice(), &[0]].concat()).is_err());
    }
}
