//! Revocations of one process.

use std::fmt;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use super::check::{RevocationCheck, Standing, StoreState};
use super::facts::TokenFacts;
use super::local_copy::{LONGEST_TOKEN_LIFE, LocalCopy, MAX_ENTRIES};
use super::revocation::Revocation;
use super::store::{RevocationStore, StoreFuture};
use crate::clock::{Clock, SystemClock};

/// Revocations that are kept in this process, and end with it; cheap to clone, all clones are one store.
///
/// For one machine, and for tests. Where there are several, each must be told of every revocation: use the store of the feature `redis`.
/// The same goes for one whose tokens outlive it: after a restart it knows of nothing.
///
/// An entry takes some 60 bytes, and the store 2 MiB to begin with. A request looks at it without allocating, and without a lock
/// unless the token seems to be there. One revocation is taken in at a time.
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::revocation::{InMemoryRevocations, RevocationStore};
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let revocations = InMemoryRevocations::new();
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
///     .revocations(revocations.clone())
///     .build()?;
/// // Whoever administers accounts keeps the other handle.
/// revocations.log_out_everywhere("https://id.example.com", "alice").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct InMemoryRevocations {
    shared: Arc<Shared>,
}

struct Shared {
    copy: LocalCopy,
    clock: Arc<dyn Clock>,
}

impl InMemoryRevocations {
    /// A store of nothing, with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::with(MAX_ENTRIES, LONGEST_TOKEN_LIFE, Arc::new(SystemClock))
    }

    fn with(max_entries: u64, longest_token_life: Duration, clock: Arc<dyn Clock>) -> Self {
        let copy = LocalCopy::new(max_entries, longest_token_life);
        Self {
            shared: Arc::new(Shared { copy, clock }),
        }
    }

    /// Holds at most `most` revocations; default 1 000 000, which take some 60 MiB.
    ///
    /// When it is full, those whose time is over make room; beyond that [`revoke`](RevocationStore::revoke) fails, and nothing is
    /// forgotten.
    ///
    /// # Panics
    ///
    /// If it is in use already: this begins a store of nothing.
    #[must_use]
    pub fn max_entries(self, most: u64) -> Self {
        let Shared { copy, clock } = self.unused();
        Self::with(most, copy.longest_token_life(), clock)
    }

    /// How long the tokens of all issuers live at most; default 7 days.
    ///
    /// All that is revoked up to an instant is remembered for so long, and ten minutes more. So a token that was issued longer ago counts
    /// as revoked, whatever its `exp`; and one without `iat`, whose age nobody knows, if it is to live longer than that from now.
    ///
    /// # Panics
    ///
    /// If it is in use already: this begins a store of nothing.
    #[must_use]
    pub fn longest_token_life(self, longest: Duration) -> Self {
        let Shared { copy, clock } = self.unused();
        Self::with(copy.most(), longest, clock)
    }

    /// Takes the time from `clock` instead of the operating system: the one that the authenticator is given.
    ///
    /// # Panics
    ///
    /// If it is in use already: this begins a store of nothing.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        let Shared { copy, .. } = self.unused();
        Self::with(copy.most(), copy.longest_token_life(), Arc::new(clock))
    }

    fn unused(self) -> Shared {
        let unused = Arc::into_inner(self.shared).filter(|shared| shared.copy.len() == 0);
        unused.expect("a store of revocations is set up before it is cloned or written to")
    }
}

impl Default for InMemoryRevocations {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationCheck for InMemoryRevocations {
    fn standing(&self, token: &TokenFacts<'_>) -> Standing {
        if self.shared.copy.is_revoked(token) {
            Standing::Revoked
        } else {
            Standing::Good
        }
    }

    fn state(&self) -> StoreState {
        StoreState {
            entries: Some(self.shared.copy.len()),
            ..StoreState::default()
        }
    }
}

impl RevocationStore for InMemoryRevocations {
    /// Done when this returns: there is nothing to be awaited.
    fn revoke(&self, revocation: Revocation) -> StoreFuture<()> {
        let Shared { copy, clock } = &*self.shared;
        let now = clock.now();
        let entry = revocation.entry(now, copy.longest_token_life());
        let taken_in = copy.insert(revocation.fingerprint(), entry, now);
        Box::pin(future::ready(taken_in.map(drop)))
    }

    fn size(&self) -> StoreFuture<u64> {
        let Shared { copy, clock } = &*self.shared;
        copy.sweep(clock.now());
        Box::pin(future::ready(Ok(copy.len())))
    }
}

impl fmt::Debug for InMemoryRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InMemoryRevocations")
            .field(&self.shared.copy)
            .finish()
    }
}
