//! An issuer's keys at one moment: immutable, and asked by `kid` and algorithm.

use std::fmt;
use std::slice;
use std::sync::Arc;

use crate::clock::NumericDate;
use crate::error::{ConfigError, ConfigErrorKind, VerifyErrorKind};

use super::algorithm::{Algorithm, KeyType};
use super::header::LONGEST_KEY_ID;
use super::jwk::Jwk;
use super::key::{KeySerial, VerificationKey};
use super::key_set_error::{KeySetError, KeySetErrorKind};
use super::skipped::Skipped;
use super::strict_json::{JsonError, Members, Value};

/// The longest document read, in bytes.
const LONGEST_DOCUMENT: usize = 512 * 1024;
/// The most keys a set may have, usable or not.
const MOST_KEYS: usize = 100;
/// The most keys tried for one token.
const MOST_CANDIDATES: usize = 4;

/// The keys of one issuer, each parsed and ready: either public keys from a JWKS (RFC 7517 §5), or one HMAC secret.
///
/// A set never changes. A refreshed set replaces it whole, so that a withdrawn key is gone.
pub struct KeySet {
    /// By `kid`, keys without one first; within one `kid` in the document's order.
    keys: Vec<Arc<VerificationKey>>,
    skipped: Vec<Skipped>,
    /// Whether a key has a time of its own to end.
    expires: bool,
}

impl KeySet {
    /// Reads a JWKS document of at most 512 KiB and 100 keys.
    ///
    /// A key that cannot be used safely is left out and reported by [`skipped`](Self::skipped); the others live.
    /// A key that is there twice, `kid` and all, is kept once.
    ///
    /// # Errors
    /// [`KeySetErrorKind::TooLong`] or [`TooManyKeys`](KeySetErrorKind::TooManyKeys) beyond those bounds,
    /// [`Json`](KeySetErrorKind::Json) if the document is not a JSON object,
    /// [`NotKeySet`](KeySetErrorKind::NotKeySet) if it has no array `keys`,
    /// and [`NoUsableKey`](KeySetErrorKind::NoUsableKey) if no key is left.
    pub fn from_json(document: &[u8]) -> Result<Self, KeySetError> {
        Self::from_json_with(document, None)
    }

    /// Like `from_json`, and shares with `previous` the keys that are the same: they are parsed and warm.
    pub(crate) fn from_json_with(
        document: &[u8],
        previous: Option<&Self>,
    ) -> Result<Self, KeySetError> {
        if document.len() > LONGEST_DOCUMENT {
            return Err(KeySetError::new(KeySetErrorKind::TooLong {
                length: document.len(),
                limit: LONGEST_DOCUMENT,
            }));
        }
        let text = str::from_utf8(document).map_err(|_| KeySetError::json(JsonError::Syntax))?;
        let members = Members::scan_outermost(text).map_err(KeySetError::json)?;
        let elements = members
            .get(text, "keys")
            .and_then(Value::elements)
            .ok_or(KeySetError::new(KeySetErrorKind::NotKeySet))?;
        if elements.clone().take(MOST_KEYS + 1).count() > MOST_KEYS {
            return Err(KeySetError::new(KeySetErrorKind::TooManyKeys {
                limit: MOST_KEYS,
            }));
        }
        let mut set = Self {
            keys: Vec::new(),
            skipped: Vec::new(),
            expires: false,
        };
        for element in elements {
            match Jwk::read(element) {
                Ok(jwk) => match jwk.to_key() {
                    Ok(key) => set.add(key, previous),
                    Err(reason) => {
                        let key_id = jwk.key_id().ok().flatten();
                        set.skipped.push(Skipped::new(key_id.as_deref(), reason));
                    }
                },
                Err(reason) => set.skipped.push(Skipped::new(None, reason)),
            }
        }
        if set.keys.is_empty() {
            return Err(KeySetError::new(KeySetErrorKind::NoUsableKey {
                skipped: set.skipped.len(),
            }));
        }
        set.keys
            .sort_by(|one, other| one.key_id().cmp(&other.key_id()));
        set.expires = set.keys.iter().any(|key| key.expires());
        set.keys.shrink_to_fit();
        set.skipped.shrink_to_fit();
        Ok(set)
    }

    fn add(&mut self, key: VerificationKey, previous: Option<&Self>) {
        if self.keys.iter().any(|known| known.same(&key)) {
            return;
        }
        let known = previous.and_then(|previous| previous.find(&key));
        self.keys
            .push(known.cloned().unwrap_or_else(|| Arc::new(key)));
    }

    /// One shared secret without a `kid`, for tokens that name none.
    ///
    /// Whoever can check such tokens can make them too: prefer public keys.
    ///
    /// # Errors
    /// [`ConfigErrorKind::Keys`] if the algorithm is not HMAC or the secret is shorter than its hash: 32, 48 or 64
    /// bytes for [`HS256`](Algorithm::HS256), [`HS384`](Algorithm::HS384) or [`HS512`](Algorithm::HS512) (RFC 7518 §3.2).
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        Self::secret(algorithm, None, secret)
    }

    /// One shared secret, for tokens whose `kid` is `key_id` and for those that name none.
    ///
    /// # Errors
    /// As [`hmac`](Self::hmac), and if `key_id` is longer than 256 bytes.
    pub fn hmac_with_key_id(
        algorithm: Algorithm,
        key_id: &str,
        secret: &[u8],
    ) -> Result<Self, ConfigError> {
        Self::secret(algorithm, Some(key_id), secret)
    }

    fn secret(
        algorithm: Algorithm,
        key_id: Option<&str>,
        secret: &[u8],
    ) -> Result<Self, ConfigError> {
        let wrong = |detail: String| ConfigError::new(ConfigErrorKind::Keys, detail);
        let KeyType::Secret(shortest) = algorithm.key_type() else {
            return Err(wrong(format!(
                "a shared secret cannot be used with {algorithm}"
            )));
        };
        if key_id.is_some_and(|key_id| key_id.len() > LONGEST_KEY_ID) {
            return Err(wrong(format!(
                "key id of a shared secret is longer than {LONGEST_KEY_ID} bytes"
            )));
        }
        let too_short = || {
            wrong(format!(
                "secret for {algorithm} has {} bytes and needs at least {shortest}",
                secret.len()
            ))
        };
        let key = VerificationKey::secret(key_id.map(Arc::from), algorithm, secret)
            .ok_or_else(too_short)?;
        Ok(Self {
            keys: vec![Arc::new(key)],
            skipped: Vec::new(),
            expires: false,
        })
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used; never true of a set that could be made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys of the document that are not used.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    pub(crate) fn keys(&self) -> &[Arc<VerificationKey>] {
        &self.keys
    }

    /// Whether a key can be used with `algorithm`.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.fits(algorithm))
    }

    /// Whether the key is a shared secret.
    pub(crate) fn is_hmac(&self) -> bool {
        self.keys.iter().any(|key| key.is_secret())
    }

    /// Whether it takes the time to tell which of the keys can be used.
    pub(crate) fn expires(&self) -> bool {
        self.expires
    }

    /// Whether a key of this `kid` can be used.
    pub(crate) fn holds(&self, key_id: &str, now: NumericDate) -> bool {
        in_force(self.named(Some(key_id)), now)
    }

    /// The keys to try for a token, never none: at most four of its `kid`, or the only one that fits if it names none.
    ///
    /// A key whose time is over counts as one that is not there.
    pub(crate) fn select(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        now: NumericDate,
    ) -> Result<Candidates<'_>, VerifyErrorKind> {
        let candidates = |keys| Candidates::new(keys, algorithm, now);
        let usable = |key: &Arc<VerificationKey>| key.fits(algorithm) && key.is_in_force(now);
        if let Some(key_id) = key_id {
            return match self.named(Some(key_id)) {
                keys if keys.iter().any(usable) => Ok(candidates(keys)),
                keys if in_force(keys, now) => Err(VerifyErrorKind::KeyMismatch),
                // A miss is a miss: no other key is tried in its place.
                _ => Err(VerifyErrorKind::KeyUnknown),
            };
        }
        let mut fitting = self.keys.chunks(1).filter(|key| key.iter().any(usable));
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(VerifyErrorKind::KeyUnknown),
            (Some(only), None) => Ok(candidates(only)),
            (Some(_), Some(_)) => Err(VerifyErrorKind::KeyAmbiguous),
        }
    }

    /// Whether `key` is among those to try for a token.
    pub(crate) fn offers(
        &self,
        key: KeySerial,
        key_id: Option<&str>,
        algorithm: Algorithm,
        now: NumericDate,
    ) -> bool {
        let candidates = self.select(key_id, algorithm, now);
        candidates.is_ok_and(|mut keys| keys.any(|each| each.serial() == key))
    }

    /// Whether both hold the same keys for the same use, in whatever order.
    pub(crate) fn same_keys(&self, other: &Self) -> bool {
        // Neither holds a key twice, so that equal numbers make the inclusion an equality.
        self.keys.len() == other.keys.len() && self.keys.iter().all(|key| other.find(key).is_some())
    }

    fn find(&self, key: &VerificationKey) -> Option<&Arc<VerificationKey>> {
        self.named(name(key)).iter().find(|known| known.same(key))
    }

    /// All keys of this `kid`, or all without one.
    fn named(&self, key_id: Option<&str>) -> &[Arc<VerificationKey>] {
        let start = self.keys.partition_point(|key| name(key) < key_id);
        let from = self.keys.get(start..).unwrap_or_default();
        // Hardly ever more than one: to step over them costs less than to search for their end.
        let end = from.iter().take_while(|key| name(key) == key_id).count();
        from.get(..end).unwrap_or_default()
    }
}

fn name(key: &VerificationKey) -> Option<&str> {
    key.key_id().map(AsRef::as_ref)
}

fn in_force(keys: &[Arc<VerificationKey>], now: NumericDate) -> bool {
    keys.iter().any(|key| key.is_in_force(now))
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("usable", &self.keys.len())
            .field("skipped", &self.skipped.len())
            .finish()
    }
}

/// The keys to try for one token.
#[derive(Clone)]
pub(crate) struct Candidates<'k> {
    keys: slice::Iter<'k, Arc<VerificationKey>>,
    algorithm: Algorithm,
    now: NumericDate,
    left: usize,
}

impl<'k> Candidates<'k> {
    fn new(keys: &'k [Arc<VerificationKey>], algorithm: Algorithm, now: NumericDate) -> Self {
        Self {
            keys: keys.iter(),
            algorithm,
            now,
            left: MOST_CANDIDATES,
        }
    }
}

impl<'k> Iterator for Candidates<'k> {
    type Item = &'k Arc<VerificationKey>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (algorithm, now) = (self.algorithm, self.now);
        self.keys
            .find(|key| key.fits(algorithm) && key.is_in_force(now))
    }
}

#[cfg(test)]
mod tests;
