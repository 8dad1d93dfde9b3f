//! A JWK as received, and its conversion into a key or a reason why not (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).

use std::borrow::Cow;
use std::sync::Arc;

use super::algorithm::{Algorithm, Algorithms, KeyType};
use super::backend::PublicNumbers;
use super::edwards25519;
use super::header::LONGEST_KEY_ID;
use super::key::VerificationKey;
use super::skipped::SkipReason;
use super::strict_json::{Members, Value};
use super::{base64url, thumbprint};
use crate::clock::NumericDate;

/// The members that only a private key has (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2), and the secret itself (§6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A JWK as received: a JSON object without repeated members.
pub(super) struct Jwk<'t> {
    text: &'t str,
    members: Members,
}

impl<'t> Jwk<'t> {
    /// Reads an element of a set; anything but an object is malformed.
    pub(super) fn read(value: Value<'t>) -> Result<Self, SkipReason> {
        Ok(Self {
            text: value.raw(),
            members: value.members().ok_or(SkipReason::Malformed)?,
        })
    }

    /// Its `kid`, if it has one.
    pub(super) fn key_id(&self) -> Result<Option<Cow<'t, str>>, SkipReason> {
        let key_id = self.string("kid")?;
        match &key_id {
            Some(key_id) if key_id.len() > LONGEST_KEY_ID => Err(SkipReason::Malformed),
            _ => Ok(key_id),
        }
    }

    /// Makes a key of it. Members that nobody here knows are ignored (RFC 7517 §4).
    pub(super) fn to_key(&self) -> Result<VerificationKey, SkipReason> {
        let key_id = self.key_id()?.map(Arc::from);
        let public = self.to_public()?;
        let key = public.parse(key_id, public.algorithms)?;
        if self.members.get(self.text, "revoked").is_some() {
            return Err(SkipReason::Revoked);
        }
        Ok(key.expiring_at(self.expiry()?))
    }

    /// When it stops being a key (OpenID Federation 1.0 §8.7), if it says so.
    fn expiry(&self) -> Result<Option<NumericDate>, SkipReason> {
        let Some(value) = self.members.get(self.text, "exp") else {
            return Ok(None);
        };
        let at = value.as_number().and_then(NumericDate::from_json_number);
        at.map(Some).ok_or(SkipReason::Malformed)
    }

    /// Reads its numbers; no arithmetic is done with them yet.
    fn to_public(&self) -> Result<PublicJwk, SkipReason> {
        match self.string("kty")?.ok_or(SkipReason::Malformed)?.as_ref() {
            "RSA" => self.public_only()?.rsa(),
            "EC" => self.public_only()?.ec(),
            "OKP" => self.public_only()?.okp(),
            "oct" => Err(SkipReason::Symmetric),
            _ => Err(SkipReason::UnknownType),
        }
    }

    fn public_only(&self) -> Result<&Self, SkipReason> {
        let holds = |name: &&str| self.members.get(self.text, name).is_some();
        if PRIVATE.iter().any(holds) {
            return Err(SkipReason::Private);
        }
        Ok(self)
    }

    fn rsa(&self) -> Result<PublicJwk, SkipReason> {
        let algorithms = self.algorithms(KeyType::Rsa)?;
        let (n, e) = (self.octets("n")?, self.octets("e")?);
        let (n, e) = (unsigned(n)?, unsigned(e)?);
        check_rsa(&n, &e)?;
        Ok(PublicJwk {
            algorithms,
            thumbprint: thumbprint::rsa(&n, &e),
            numbers: Numbers::Rsa { n, e },
        })
    }

    fn ec(&self) -> Result<PublicJwk, SkipReason> {
        let name = self.string("crv")?.ok_or(SkipReason::Malformed)?;
        let (curve, length) = match name.as_ref() {
            "P-256" => (KeyType::P256, 32),
            "P-384" => (KeyType::P384, 48),
            "P-521" => (KeyType::P521, 66),
            _ => return Err(SkipReason::UnknownCurve),
        };
        let algorithms = self.algorithms(curve)?;
        let (x, y) = (self.octets("x")?, self.octets("y")?);
        // RFC 7518 §6.2.1.2: leading zeros stay, so that the length is always the curve's.
        if x.len() != length || y.len() != length {
            return Err(SkipReason::Malformed);
        }
        Ok(PublicJwk {
            algorithms,
            thumbprint: thumbprint::ec(&name, &x, &y),
            numbers: Numbers::Ec {
                curve,
                // SEC 1 §2.3.3, uncompressed.
                point: [&[4], x.as_slice(), y.as_slice()].concat(),
            },
        })
    }

    fn okp(&self) -> Result<PublicJwk, SkipReason> {
        let name = self.string("crv")?.ok_or(SkipReason::Malformed)?;
        if name != "Ed25519" {
            return Err(SkipReason::UnknownCurve);
        }
        let algorithms = self.algorithms(KeyType::Ed25519)?;
        let point = self.octets("x")?;
        let point = point.try_into().map_err(|_| SkipReason::Malformed)?;
        Ok(PublicJwk {
            algorithms,
            thumbprint: thumbprint::ed25519(&point),
            numbers: Numbers::Ed25519 { point },
        })
    }

    /// What a key of this type may be used with, after `use`, `key_ops` and `alg` have had their say.
    fn algorithms(&self, key_type: KeyType) -> Result<Algorithms, SkipReason> {
        if self.string("use")?.is_some_and(|usage| usage != "sig") {
            return Err(SkipReason::NotForSignatures);
        }
        self.check_operations()?;
        let Some(name) = self.string("alg")? else {
            return Ok(Algorithms::of(key_type));
        };
        let named: Option<Algorithm> = name.parse().ok();
        match named.filter(|named| named.key_type() == key_type) {
            // RFC 9864 §2.2: two names of one algorithm.
            Some(Algorithm::EdDSA | Algorithm::Ed25519) => Ok(Algorithms::of(key_type)),
            Some(only) => Ok([only].into_iter().collect()),
            None => Err(SkipReason::UnsupportedAlgorithm),
        }
    }

    /// RFC 7517 §4.3: no operation twice; and checking signatures must be among them.
    fn check_operations(&self) -> Result<(), SkipReason> {
        let Some(operations) = self.members.get(self.text, "key_ops") else {
            return Ok(());
        };
        let operations = operations.elements().ok_or(SkipReason::Malformed)?;
        let mut names = operations
            .map(|operation| operation.as_str().ok_or(SkipReason::Malformed))
            .collect::<Result<Vec<_>, _>>()?;
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        if names.len() == count && names.iter().any(|name| name == "verify") {
            Ok(())
        } else {
            Err(SkipReason::NotForSignatures)
        }
    }

    fn string(&self, name: &str) -> Result<Option<Cow<'t, str>>, SkipReason> {
        match self.members.get(self.text, name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(SkipReason::Malformed),
        }
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, SkipReason> {
        self.string(name)?
            .and_then(|encoded| base64url::decode(encoded.as_bytes()))
            .ok_or(SkipReason::Malformed)
    }
}

/// A public key by its numbers: read, and named by its thumbprint, before anything dear is done with it.
pub(crate) struct PublicJwk {
    algorithms: Algorithms,
    thumbprint: [u8; 32],
    numbers: Numbers,
}

enum Numbers {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: KeyType, point: Vec<u8> },
    Ed25519 { point: [u8; 32] },
}

impl PublicJwk {
    /// Reads a JWK that stands for itself, such as the one in the header of a DPoP proof (RFC 9449 §4.2).
    pub(crate) fn read(value: Value<'_>) -> Result<Self, SkipReason> {
        Jwk::read(value)?.to_public()
    }

    /// By RFC 7638, SHA-256.
    pub(crate) fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// Whether its type, curve, `alg`, `use` and `key_ops` all allow `algorithm`.
    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(algorithm)
    }

    /// A key for `algorithm` alone, whichever others it could do.
    pub(crate) fn to_key_for(&self, algorithm: Algorithm) -> Result<VerificationKey, SkipReason> {
        if !self.allows(algorithm) {
            return Err(SkipReason::UnsupportedAlgorithm);
        }
        self.parse(None, [algorithm].into_iter().collect())
    }

    fn parse(
        &self,
        key_id: Option<Arc<str>>,
        algorithms: Algorithms,
    ) -> Result<VerificationKey, SkipReason> {
        let numbers = match &self.numbers {
            Numbers::Rsa { n, e } => PublicNumbers::Rsa { n, e },
            Numbers::Ec { curve, point } => PublicNumbers::Ec {
                curve: *curve,
                point,
            },
            Numbers::Ed25519 { point } => {
                edwards25519::check(point)?;
                PublicNumbers::Ed25519 { point }
            }
        };
        let thumbprint = self.thumbprint;
        Ok(VerificationKey::public(
            key_id, algorithms, numbers, thumbprint,
        )?)
    }
}

/// A big-endian number without leading zeros, and not zero.
///
/// RFC 7518 §2 has no zero in front either, but encoders that think in signed numbers write one; it changes nothing.
fn unsigned(mut octets: Vec<u8>) -> Result<Vec<u8>, SkipReason> {
    if octets.first() == Some(&0) {
        octets.remove(0);
    }
    match octets.first() {
        None | Some(0) => Err(SkipReason::Malformed),
        Some(_) => Ok(octets),
    }
}

/// RFC 7518 §3.3 for the lower bound; the upper ones keep a hostile key from costing much.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), SkipReason> {
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let spare = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (n.len() * 8).saturating_sub(spare);
    let sound_modulus = (2048..=8192).contains(&bits) && odd(n);
    let sound_exponent = e.len() <= 4 && odd(e) && e != [1];
    if sound_modulus && sound_exponent {
        Ok(())
    } else {
        Err(SkipReason::Weak)
    }
}

#[cfg(test)]
mod tests;
