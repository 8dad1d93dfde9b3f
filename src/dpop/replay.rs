//! What remembers the proofs that were used.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::thumbprint::Thumbprint;
use crate::clock::NumericDate;
use crate::jose::sha256;

/// Remembers each proof for as long as it could be used again (RFC 9449 §11.1): [`InMemoryReplays`](super::InMemoryReplays), or one
/// of your own that several servers share.
///
/// It is told of proofs only that are good in every other point, the signature included. It must remember one until
/// [`ends_at`](ProofUse::ends_at); a store that cannot promise that answers [`Replay::Unknown`], and must not forget another to make
/// room: a proof that was forgotten works again, for whoever has seen it. Of many that record one proof at once, exactly one may
/// be told [`Replay::Fresh`].
///
/// It must not block: what has to be waited for goes into [`Replay::asks`], and is waited for at most 450 ms.
///
/// ```
/// use tower_bearer::dpop::{ProofUse, Replay, ReplayError, ReplayStore};
///
/// /// A database that all servers share.
/// #[derive(Clone)]
/// struct Shared;
///
/// impl Shared {
///     async fn insert_new(&self, id: [u8; 16], until: i64) -> Result<bool, std::io::Error> {
///         # Ok(true)
///     }
/// }
///
/// impl ReplayStore for Shared {
///     fn record(&self, used: &ProofUse) -> Replay {
///         let (this, id, until) = (self.clone(), *used.id(), used.ends_at().as_seconds() + 1);
///         Replay::asks(async move {
///             match this.insert_new(id, until).await {
///                 Ok(true) => Replay::Fresh,
///                 Ok(false) => Replay::Replayed,
///                 Err(error) => Replay::Unknown(ReplayError::new(error)),
///             }
///         })
///     }
/// }
/// ```
pub trait ReplayStore: Send + Sync + 'static {
    /// Records the use of a proof, and tells whether it is the first.
    fn record(&self, used: &ProofUse) -> Replay;

    /// How many proofs are remembered here, if that is known.
    fn remembered(&self) -> Option<u64> {
        None
    }
}

impl<S: ReplayStore + ?Sized> ReplayStore for Arc<S> {
    fn record(&self, used: &ProofUse) -> Replay {
        (**self).record(used)
    }

    fn remembered(&self) -> Option<u64> {
        (**self).remembered()
    }
}

/// One use of one proof. Nothing in it can be read back into what a client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProofUse {
    key: Thumbprint,
    id: [u8; 16],
    at: NumericDate,
    ends_at: NumericDate,
}

impl ProofUse {
    /// A use at `at` of a proof by `key` that is accepted until `ends_at`: for tests of a store of your own.
    #[must_use]
    pub fn new(key: Thumbprint, id: [u8; 16], at: NumericDate, ends_at: NumericDate) -> Self {
        Self {
            key,
            id,
            at,
            ends_at,
        }
    }

    /// The use of the proof that a client calls `jti`, for the request to `target`, in its one spelling.
    pub(super) fn of(
        key: Thumbprint,
        target: &str,
        jti: &str,
        at: NumericDate,
        ends_at: NumericDate,
    ) -> Self {
        // A length between the two, so that no octet of one is ever taken for one of the other.
        let length = (target.len() as u64).to_be_bytes();
        let named = [
            key.as_octets(),
            &length[..],
            target.as_bytes(),
            jti.as_bytes(),
        ]
        .concat();
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = sha256(&named);
        Self::new(key, id, at, ends_at)
    }

    /// The key that made it: what a store is divided by, so that no client can fill the share of another.
    #[must_use]
    pub fn key(&self) -> &Thumbprint {
        &self.key
    }

    /// A digest of the key, the request's URI and `jti`: what must not come twice.
    #[must_use]
    pub fn id(&self) -> &[u8; 16] {
        &self.id
    }

    /// When it was used: now.
    #[must_use]
    pub fn at(&self) -> NumericDate {
        self.at
    }

    /// The last instant at which it would be accepted.
    #[must_use]
    pub fn ends_at(&self) -> NumericDate {
        self.ends_at
    }
}

/// What [`Replay::Asks`] holds.
pub type ReplayFuture = Pin<Box<dyn Future<Output = Replay> + Send>>;

/// Whether a proof was used before.
#[must_use]
pub enum Replay {
    /// It was not, and is remembered from now on.
    Fresh,
    /// It was: 401.
    Replayed,
    /// Its key has made as many as one key may: 401.
    TooMany,
    /// That cannot be told, or cannot be remembered: 503.
    Unknown(ReplayError),
    /// Somebody else has to be asked.
    Asks(ReplayFuture),
}

impl Replay {
    /// What `answer` yields, within 450 ms; else it is [`Unknown`](Self::Unknown).
    pub fn asks(answer: impl Future<Output = Self> + Send + 'static) -> Self {
        Self::Asks(Box::pin(answer))
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => f.write_str("Fresh"),
            Self::Replayed => f.write_str("Replayed"),
            Self::TooMany => f.write_str("TooMany"),
            Self::Unknown(error) => f.debug_tuple("Unknown").field(error).finish(),
            Self::Asks(_) => f.write_str("Asks"),
        }
    }
}

/// A store cannot tell whether a proof was used before, or cannot remember it.
#[derive(Clone, Debug)]
pub struct ReplayError {
    kind: ReplayErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplayErrorKind {
    /// It cannot be reached, or has failed.
    Unreachable,
    /// It has not answered in time.
    TimedOut,
    /// It holds so much that there is no room for this key's proofs. None is forgotten to make some.
    Full,
    /// The clock was turned back: what was forgotten as over may not be.
    ClockTurnedBack,
}

impl ReplayError {
    /// For a store of your own that cannot be reached or has failed, for this reason.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: ReplayErrorKind::Unreachable,
            source: Some(Arc::from(source.into())),
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> ReplayErrorKind {
        self.kind
    }
}

impl From<ReplayErrorKind> for ReplayError {
    fn from(kind: ReplayErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ReplayErrorKind::Unreachable => "what remembers used proofs cannot be reached",
            ReplayErrorKind::TimedOut => "what remembers used proofs has not answered in time",
            ReplayErrorKind::Full => "no more used proofs can be remembered",
            ReplayErrorKind::ClockTurnedBack => "the clock was turned back",
        })
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_named_by_key_target_and_id_and_no_two_run_together() {
        let (one, other) = (Thumbprint::from([1; 32]), Thumbprint::from([2; 32]));
        let now = NumericDate::from_seconds(0);
        let id = |key, target, jti| *ProofUse::of(key, target, jti, now, now).id();
        let mut ids = vec![
            id(one, "https://h/a", "b"),
            id(other, "https://h/a", "b"),
            id(one, "https://h/", "ab"),
            id(one, "https://h/ab", ""),
            id(one, "", "https://h/ab"),
            id(one, "https://h/a", "B"),
        ];
        assert_eq!(ids.first(), Some(&id(one, "https://h/a", "b")));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 6);
    }
}
