//! Revocations that all instances of a service share through Redis.

mod asking;
mod follower;
mod reconciliation;
mod shared;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::pipe;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use self::asking::{Token, ask};
use self::reconciliation::{count, written};
use self::shared::Shared;
use super::{
    Entry, LONGEST_TOKEN_LIFE, LocalCopy, MAX_ENTRIES, Revocation, RevocationCheck,
    RevocationError, RevocationErrorKind, RevocationStore, Standing, StoreFuture, StoreState,
    TokenFacts,
};
use crate::clock::{Clock, SystemClock};
use crate::redis::{Failure, FailureKind, Redis};

/// Revocations that all instances of a service share through [`Redis`]; cheap to clone, all clones are one store.
///
/// Each instance keeps a copy of all of them, by default. Redis tells it of new ones, so that a request asks nobody.
///
/// # How late a revocation is seen
///
/// By the instance that wrote it: at once, from before [`revoke`](RevocationStore::revoke) has returned. By the others: when Redis has
/// told them, which takes as long as the network. Three times a second each instance has Redis prove that it has missed nothing, and
/// within **one second** of the last proof the copy counts as unknown: [`OnUnknown`](super::OnUnknown). So a revocation is seen within a
/// second, or nothing is accepted. After every interruption the copy is compared with all that Redis holds, and only then counts again;
/// what Redis has lost meanwhile is written back.
///
/// # What is refused, and what is unknown
///
/// 1. A token that the copy holds for revoked is refused, with or without Redis.
/// 2. Any other is accepted only while the copy is current. The first requests wait for the first comparison, at most 400 ms.
/// 3. What stands under one of our keys and is no revocation of ours counts as one for ever. More than `max_entries` make all unknown.
/// 4. A [`revoke`](RevocationStore::revoke) that fails may still have reached this instance, which goes on trying to tell the others.
///
/// # What it costs
///
/// Some 70 bytes for each revocation, in each instance, and eight more while comparing; in Redis some 170. To compare, Redis is asked to go
/// through all keys of its database: one that holds little else is faster. A hundred thousand take less than a second, a million several
/// seconds, for which nothing is known. Redis keeps each entry for twenty minutes longer than
/// needed, since clocks may differ by ten, and some policies accept a token for ten minutes after its `exp`. Clocks that differ by more
/// can let an instance that starts anew miss the end of a revocation.
///
/// All instances are to be told the same `longest_token_life`.
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::redis::Redis;
/// use tower_bearer::revocation::{RedisRevocations, RevocationStore};
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let revocations = RedisRevocations::new(Redis::single("rediss://cache.internal")?);
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
///     .revocations(revocations.clone())
///     .build()?;
/// // Any instance may say so, and all will refuse.
/// revocations.log_out_everywhere("https://id.example.com", "alice").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisRevocations(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    task: Mutex<Option<AbortHandle>>,
}

/// A task that was not seen for so long is not being run any more.
const SILENT: Duration = Duration::from_secs(3);

impl RedisRevocations {
    /// A store in `redis`. Nothing is connected before the first request, or the first revocation, and no runtime is needed before.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        let copy = LocalCopy::new(MAX_ENTRIES, LONGEST_TOKEN_LIFE);
        Self::with(Shared::new(redis, copy, true, Arc::new(SystemClock)))
    }

    fn with(shared: Shared) -> Self {
        Self(Arc::new(Inner {
            shared: Arc::new(shared),
            task: Mutex::default(),
        }))
    }

    /// Keeps at most `most` revocations in the copy; default 1 000 000, which take some 70 MiB.
    ///
    /// Where Redis holds more, nothing can be told: none is left out.
    ///
    /// # Panics
    ///
    /// If it is in use already: this begins a store anew.
    #[must_use]
    pub fn max_entries(self, most: u64) -> Self {
        self.anew(|old| {
            let copy = LocalCopy::new(most, old.copy.longest_token_life());
            Shared::new(old.redis, copy, old.keeps_copy, old.clock)
        })
    }

    /// How long the tokens of all issuers live at most; default 7 days. See
    /// [`InMemoryRevocations`](super::InMemoryRevocations::longest_token_life).
    ///
    /// # Panics
    ///
    /// If it is in use already: this begins a store anew.
    #[must_use]
    pub fn longest_token_life(self, longest: Duration) -> Self {
        self.anew(|old| {
            let copy = LocalCopy::new(old.copy.most(), longest);
            Shared::new(old.redis, copy, old.keeps_copy, old.clock)
        })
    }

    /// Takes the time from `clock` instead of the operating system: the one that the authenticator is given.
    ///
    /// # Panics
    ///
    /// If it is in use already: this begins a store anew.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.anew(|old| Shared::new(old.redis, old.copy, old.keeps_copy, Arc::new(clock)))
    }

    /// Keeps no copy: each request asks Redis, in one round trip.
    ///
    /// For services with few requests, or more revocations than memory. A revocation is seen by the next request; each waits for Redis,
    /// at most for its `answer_timeout`, and what it answers is believed only while the connection is proven. Nothing is remembered here:
    /// what Redis loses is written back by instances that keep a copy, if there are any.
    ///
    /// # Panics
    ///
    /// If it is in use already: this begins a store anew.
    #[must_use]
    pub fn without_local_copy(self) -> Self {
        self.anew(|old| Shared::new(old.redis, old.copy, false, old.clock))
    }

    fn anew(self, change: impl FnOnce(Shared) -> Shared) -> Self {
        let unused = Arc::into_inner(self.0).and_then(Inner::unused);
        let unused = unused.expect("a store of revocations is set up before it is cloned or used");
        Self::with(change(unused))
    }

    /// Waits until all that Redis holds is known here, at most for `within`: before a service takes its first request.
    ///
    /// # Errors
    ///
    /// Why it is not known. The attempts go on in the background.
    pub async fn warm(&self, within: Duration) -> Result<(), RevocationError> {
        self.follow()?;
        self.0.shared.warm(within).await
    }

    /// Sees to it that the task runs: there may be none yet, or its runtime may be gone or stand still.
    ///
    /// # Errors
    ///
    /// If there is no runtime to run it on, nor to wait in.
    fn follow(&self) -> Result<(), RevocationError> {
        let shared = &self.0.shared;
        let runtime = Handle::try_current()
            .map_err(|error| Failure::because(FailureKind::NoRuntime, error))?;
        let mut task = self.0.task();
        let runs = task.as_ref().is_some_and(|task| !task.is_finished());
        if runs && shared.silence() < SILENT {
            return Ok(());
        }
        shared.is_alive();
        let new = runtime.spawn(follower::follow(Arc::clone(shared)));
        if let Some(old) = task.replace(new.abort_handle()) {
            old.abort();
        }
        Ok(())
    }

    fn standing_by_copy(&self, token: &TokenFacts<'_>) -> Standing {
        let shared = &self.0.shared;
        let current = shared.is_current();
        // After that look: what is not found now was not there when all was known.
        if shared.is_revoked(token) {
            return Standing::Revoked;
        }
        if current {
            return Standing::Good;
        }
        if let Err(error) = self.follow() {
            return Standing::Unknown(error);
        }
        match shared.why_unknown() {
            Some(error) => Standing::Unknown(error),
            None => {
                let (shared, token) = (Arc::clone(shared), Token::of(token));
                Standing::asks(async move {
                    match shared.link().await {
                        Err(error) => Standing::Unknown(error),
                        Ok(_) if shared.is_revoked(&token.facts()) => Standing::Revoked,
                        Ok(_) => Standing::Good,
                    }
                })
            }
        }
    }

    fn standing_by_asking(&self, token: &TokenFacts<'_>) -> Standing {
        let shared = &self.0.shared;
        if token.is_beyond_memory(shared.copy.longest_token_life()) {
            return Standing::Revoked;
        }
        if let Err(error) = self.follow() {
            return Standing::Unknown(error);
        }
        let (shared, token) = (Arc::clone(shared), Token::of(token));
        Standing::asks(async move {
            let asked = ask(&shared, &token).await;
            asked.unwrap_or_else(Standing::Unknown)
        })
    }
}

impl Inner {
    fn unused(self) -> Option<Shared> {
        // What a drop has to end does not run yet, or this is not the last handle.
        let shared = Arc::clone(&self.shared);
        drop(self);
        Arc::into_inner(shared).filter(|shared| shared.copy.len() == 0)
    }

    fn task(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = self.task().take() {
            task.abort();
        }
        self.shared.is_left();
    }
}

impl RevocationCheck for RedisRevocations {
    fn standing(&self, token: &TokenFacts<'_>) -> Standing {
        if self.0.shared.keeps_copy {
            self.standing_by_copy(token)
        } else {
            self.standing_by_asking(token)
        }
    }

    fn state(&self) -> StoreState {
        let shared = &self.0.shared;
        StoreState {
            entries: shared.keeps_copy.then(|| shared.copy.len()),
            connected: Some(shared.is_current()),
            last_synced_age: shared.age(),
        }
    }
}

impl RevocationStore for RedisRevocations {
    /// Done when Redis has it, or else an error within a second. With a copy it holds here from this call on; the others are told when
    /// what is returned is awaited.
    fn revoke(&self, revocation: Revocation) -> StoreFuture<()> {
        let store = self.clone();
        let shared = &self.0.shared;
        let now = shared.now();
        let entry = revocation.entry(now, shared.copy.longest_token_life());
        // Here at once, whatever becomes of it elsewhere.
        let here = if shared.keeps_copy {
            let here = shared.copy.insert(revocation.fingerprint(), entry, now);
            here.map(drop)
        } else {
            Ok(())
        };
        Box::pin(async move {
            here?;
            store.follow()?;
            let shared = &store.0.shared;
            let told = tell(shared, revocation, entry).await;
            if told.is_err() {
                shared.doubt.notify_one();
                shared.prove.notify_one();
            }
            told
        })
    }

    /// With a copy, what it holds; without one, Redis is asked to go through its keys.
    fn size(&self) -> StoreFuture<u64> {
        let store = self.clone();
        Box::pin(async move {
            store.follow()?;
            let shared = &store.0.shared;
            let master = shared.link_again().await?;
            if shared.keeps_copy {
                shared.copy.sweep(shared.now());
                Ok(shared.copy.len())
            } else {
                count(shared, master.connection()).await
            }
        })
    }
}

/// Writes one revocation, and has Redis tell it to all others.
async fn tell(
    shared: &Shared,
    revocation: Revocation,
    entry: Entry,
) -> Result<(), RevocationError> {
    let master = shared.link_again().await?;
    let entries = [(revocation.fingerprint(), entry)];
    let mut commands = pipe();
    commands.add_command(shared.wire.write(&entries, shared.now()));
    let answers = master.ask(&commands).await?;
    if written(&answers.values, 1)? {
        Ok(())
    } else {
        // All count it as revoked, for what stands there cannot be read; but not all may have noticed.
        Err(RevocationErrorKind::Malformed.into())
    }
}

impl fmt::Debug for RedisRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.0.shared;
        f.debug_struct("RedisRevocations")
            .field("redis", &shared.redis)
            .field("keeps_copy", &shared.keeps_copy)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
