//! Tokens verified before, so that one that comes again costs next to nothing.
//!
//! # A token is taken from here if
//!
//! 1. it is the same, byte for byte: entries are found by a digest of the whole token;
//! 2. the policy that it was held against is still the one of its issuer;
//! 3. its time is now: `exp`, `nbf` and `iat` are checked at every request, so that a clock that jumps is followed;
//! 4. the key that verified it is in the issuer's current key set, and in force.
//!
//! Else it is verified as if it had never been seen. Only what was verified gets in; a refusal is never remembered. Entries hold
//! the claims, which handlers are given anyway, and no token: whoever reads them has no credential to show.
//!
//! Each authenticator has a cache of its own, so that what one accepts says nothing about another. It is bounded by
//! bytes. What is used again stays, and a stream of tokens that come once passes by.
//!
//! CVE-2026-107719 and CVE-2026-35039 are what comes of caches that leave out one of these.

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};

use crate::jose::{TokenDigest, TokenHasher};
use crate::verified::Verified;

mod counter;

use counter::Counter;

/// About what a token with a dozen claims takes; the cache works with any size, and best with one like this.
const USUAL_WEIGHT: u64 = 1024;

/// What an entry takes beside the claims: its slot, with the digest, and its place in the index.
const SLOT: u64 = 96;

/// The tokens that one authenticator has verified.
pub(crate) struct TokenCache<C> {
    hasher: TokenHasher,
    entries: Cache<Key, Verified<C>, ByBytes, BuildHasherDefault<FirstOctets>, Evictions>,
    evictions: Arc<AtomicU64>,
    hits: Counter,
    misses: Counter,
}

/// The digest of one token, made once for look-up and insertion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(TokenDigest);

/// A key that owned anything could own the token.
const _: () = {
    const fn owns_nothing<T: Copy>() {}
    owns_nothing::<Key>();
    assert!(size_of::<Key>() == size_of::<TokenDigest>());
};

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl<C> TokenCache<C> {
    /// A cache of at most `bytes`; `None` if that is nothing.
    pub(crate) fn new(bytes: u64) -> Option<Self> {
        let evictions = Arc::new(AtomicU64::new(0));
        let items = usize::try_from(bytes / USUAL_WEIGHT).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items.max(1))
            .weight_capacity(bytes)
            .build()
            .ok()
            .filter(|_| bytes > 0)?;
        Some(Self {
            hasher: TokenHasher::new(),
            entries: Cache::with_options(
                options,
                ByBytes,
                BuildHasherDefault::default(),
                Evictions(Arc::clone(&evictions)),
            ),
            evictions,
            hits: Counter::default(),
            misses: Counter::default(),
        })
    }

    pub(crate) fn key(&self, token: &[u8]) -> Key {
        Key(self.hasher.digest(token))
    }

    /// What was verified under `key`, if `still_holds` says so of it.
    pub(crate) fn find(
        &self,
        key: &Key,
        still_holds: impl FnOnce(&Verified<C>) -> bool,
    ) -> Option<Verified<C>> {
        let Some(verified) = self.entries.get(key) else {
            self.misses.add();
            return None;
        };
        if still_holds(&verified) {
            self.hits.add();
            return Some(verified);
        }
        self.misses.add();
        self.entries.remove(key);
        None
    }

    pub(crate) fn insert(&self, key: Key, verified: Verified<C>) {
        // Many may have verified the same at once, while they waited for its key.
        if !self.entries.contains_key(&key) {
            self.entries.insert(key, verified);
        }
    }

    pub(crate) fn health(&self) -> TokenCacheHealth {
        TokenCacheHealth {
            entries: self.entries.len() as u64,
            bytes: self.entries.weight(),
            most_bytes: self.entries.capacity(),
            hits: self.hits.sum(),
            misses: self.misses.sum(),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }
}

impl<C> fmt::Debug for TokenCache<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// What an operator may ask about the verified-token cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct TokenCacheHealth {
    /// How many tokens are held.
    pub entries: u64,
    /// How many bytes they take, as far as that can be told.
    pub bytes: u64,
    /// How many bytes they may take.
    pub most_bytes: u64,
    /// How many tokens were found here, since the start.
    pub hits: u64,
    /// How many that look like a token were not, or did not hold any more.
    pub misses: u64,
    /// How many had to make room, or were too large to find any.
    pub evictions: u64,
}

#[derive(Clone)]
struct ByBytes;

impl<C> Weighter<Key, Verified<C>> for ByBytes {
    fn weight(&self, _: &Key, verified: &Verified<C>) -> u64 {
        SLOT + verified.weight()
    }
}

/// Counts what had to make room, and keeps it until the cache is no longer locked: dropping claims of a type of the service's own
/// runs code of the service.
#[derive(Clone)]
struct Evictions(Arc<AtomicU64>);

impl<C> Lifecycle<Key, Verified<C>> for Evictions {
    type RequestState = Vec<Verified<C>>;

    fn begin_request(&self) -> Self::RequestState {
        Vec::new()
    }

    fn on_evict(&self, evicted: &mut Self::RequestState, _: Key, verified: Verified<C>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        evicted.push(verified);
    }
}

/// A digest is as good as random: its first octets need no hashing.
#[derive(Default)]
struct FirstOctets(u64);

impl Hasher for FirstOctets {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        if let Some(first) = octets.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }
}
