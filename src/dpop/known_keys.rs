//! Keys whose proofs have verified before.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::thumbprint::Thumbprint;
use crate::jose::{Algorithm, VerificationKey};

/// How many keys are kept; each takes about 1 KiB.
const MOST: usize = 4096;

/// Keys that were parsed and checked before, by their thumbprints.
///
/// A client makes all its proofs with one key. To check that its point is on the curve, and to make it ready, costs a sixth of an
/// Ed25519 signature's check. A thumbprint is a digest of all that a key is, so none is ever taken for another; whatever else a proof
/// says of its key (`alg`, `use`) is read anew from each.
pub(super) struct KnownKeys {
    keys: Cache<Thumbprint, Arc<VerificationKey>>,
}

impl KnownKeys {
    pub(super) fn new() -> Self {
        Self {
            keys: Cache::new(MOST),
        }
    }

    /// A key that is ready for this algorithm.
    pub(super) fn find(
        &self,
        name: &Thumbprint,
        algorithm: Algorithm,
    ) -> Option<Arc<VerificationKey>> {
        self.keys.get(name).filter(|key| key.fits(algorithm))
    }

    /// Keeps a key of which a signature has verified: what a stranger makes up gets nothing in.
    pub(super) fn keep(&self, name: Thumbprint, key: Arc<VerificationKey>) {
        self.keys.insert(name, key);
    }
}

impl fmt::Debug for KnownKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownKeys")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}
