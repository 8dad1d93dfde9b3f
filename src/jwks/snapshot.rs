//! The keys as they are now, and what may be looked for in them.

use std::sync::Arc;
use std::time::Instant;

use super::origin::Received;
use crate::clock::{Clock, NumericDate};
use crate::error::VerifyErrorKind;
use crate::jose::{Algorithm, KeySet};

/// What a token needs of a key set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// The key of this `kid`.
    Key(Arc<str>),
    /// Some key for this algorithm; the token names none.
    AnyFor(Algorithm),
    /// Another key of this `kid` than the one in the set of this version, under which a signature is bad.
    Other { key_id: Arc<str>, version: u64 },
}

impl Wanted {
    pub(super) fn new(key_id: Option<&str>, algorithm: Algorithm) -> Self {
        key_id.map_or(Self::AnyFor(algorithm), |key_id| Self::Key(key_id.into()))
    }
}

/// One state of an issuer's keys; replaced whole, never changed.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) keys: Arc<KeySet>,
    /// How to ask whether they are still the issuer's: kept here, so that it is only ever asked about these.
    pub(super) received: Option<Arc<Received>>,
    /// Grows by one whenever the keys differ from those before.
    pub(super) version: u64,
    /// When it is too old to be trusted at all.
    pub(super) served_until: Instant,
}

impl Snapshot {
    /// Whether a token that needs `wanted` can be judged by these keys.
    pub(super) fn answers(&self, wanted: &Wanted, now: NumericDate) -> bool {
        match wanted {
            Wanted::Key(key_id) => self.keys.holds(key_id, now),
            Wanted::AnyFor(algorithm) => knows(&self.keys, None, *algorithm, now),
            Wanted::Other { version, .. } => self.version != *version,
        }
    }
}

/// Whether `keys` can say something about a token with this header, be it yes or no.
pub(super) fn knows(
    keys: &KeySet,
    key_id: Option<&str>,
    algorithm: Algorithm,
    now: NumericDate,
) -> bool {
    !matches!(
        keys.select(key_id, algorithm, now),
        Err(VerifyErrorKind::KeyUnknown)
    )
}

/// The time by which `keys` are to be judged; the clock is read only if it matters to one of them.
pub(super) fn time_for(keys: &KeySet, clock: &dyn Clock) -> NumericDate {
    if keys.expires() {
        clock.now()
    } else {
        NumericDate::from_seconds(0)
    }
}
