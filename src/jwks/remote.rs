//! The keys of one issuer, as the rest of the crate sees them.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::driver::Driver;
use super::flight::Turn;
use super::health::{Failure, KeySetHealth};
use super::lifetimes::Lifetimes;
use super::origin::{Origin, Source};
use super::shared::Shared;
use super::snapshot::{Snapshot, Wanted, knows, time_for};
use super::state::{Answer, State};
use super::waiting::{Waiter, Waiting};
use crate::clock::Clock;
use crate::error::{Unavailable, UnavailableKind};
use crate::fetch::Fetch;
use crate::jose::{Algorithm, KeySerial, KeySet};
use crate::observe::Observers;

/// What an issuer's keys need to be looked after.
pub(crate) struct RemoteConfig {
    pub(crate) issuer: Arc<str>,
    pub(crate) source: Source,
    /// Keys to begin with, of unknown age: served as stale keys are, until the issuer answers.
    pub(crate) seed: Option<KeySet>,
    /// Whether a `jwks_uri` may be plain http anywhere.
    pub(crate) allow_plain_http: bool,
    pub(crate) lifetimes: Lifetimes,
    /// Whether a bad signature under a known `kid` may spend budget.
    pub(crate) refresh_on_bad_signature: bool,
    pub(crate) fetch: Arc<dyn Fetch>,
    /// Tells when a key's own time is over.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observers: Observers,
}

/// A handle to an issuer's keys; its clones share them. With the last of them ends the task that downloads.
#[derive(Clone)]
pub(crate) struct RemoteKeys(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    source: Source,
    allow_plain_http: bool,
    refresh_on_bad_signature: bool,
    fetch: Arc<dyn Fetch>,
    task: Mutex<Task>,
}

/// The driver's task: its number, and how to end it.
#[derive(Default)]
struct Task {
    number: u64,
    abort: Option<AbortHandle>,
}

/// What is known about the key that a token needs.
#[derive(Debug)]
pub(crate) enum LookUp {
    /// These keys can judge the token.
    Ready(Arc<KeySet>),
    /// The issuer has no such key.
    Refused,
    /// We cannot tell, and must not find out now.
    Unavailable(Unavailable),
    /// A download is under way that will tell.
    Wait(Waiting),
}

impl RemoteKeys {
    /// Keys that nothing has asked for yet. No I/O happens, and no runtime is needed.
    pub(crate) fn new(config: RemoteConfig) -> Self {
        let now = Shared::now();
        let lifetimes = Arc::new(config.lifetimes);
        // Each step is held to its time; whatever takes a second longer is not being driven any more.
        let longest = lifetimes
            .limits
            .total()
            .saturating_mul(config.source.steps());
        let longest = longest.saturating_add(Duration::from_secs(1));
        let mut state = State::new(Arc::clone(&lifetimes), longest, now);
        if config.seed.is_some() {
            state = state.seeded(now);
        }
        let seed = config.seed.map(|keys| Snapshot {
            keys: Arc::new(keys),
            received: None,
            version: 0,
            served_until: state.served_until().unwrap_or(now),
        });
        Self(Arc::new(Inner {
            shared: Arc::new(Shared::new(
                config.issuer,
                lifetimes,
                state,
                seed,
                config.clock,
                config.observers,
            )),
            source: config.source,
            allow_plain_http: config.allow_plain_http,
            refresh_on_bad_signature: config.refresh_on_bad_signature,
            fetch: config.fetch,
            task: Mutex::default(),
        }))
    }

    /// Looks for the key of `key_id`, or without one for some key that fits `algorithm`.
    ///
    /// Where the keys are known this takes no lock. Where they are not it joins or begins the one download, at this
    /// call and not at the first poll of what it returns.
    pub(crate) fn look_up(&self, key_id: Option<&str>, algorithm: Algorithm) -> LookUp {
        let now = Shared::now();
        let shared = &self.0.shared;
        if let Some(snapshot) = &*shared.snapshot.load()
            && now < snapshot.served_until
            && knows(
                &snapshot.keys,
                key_id,
                algorithm,
                time_for(&snapshot.keys, &*shared.clock),
            )
        {
            if shared.is_undriven(now) {
                self.revive(now);
            }
            return LookUp::Ready(Arc::clone(&snapshot.keys));
        }
        self.want(Turn::First, Wanted::new(key_id, algorithm), now, now)
    }

    /// Whether `key` still is what verifies a token of this `kid` and algorithm. Takes no lock and starts no download.
    pub(crate) fn still_has(
        &self,
        key: KeySerial,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> bool {
        let now = Shared::now();
        let shared = &self.0.shared;
        let snapshot = shared.snapshot.load();
        let Some(snapshot) = &*snapshot else {
            return false;
        };
        if now >= snapshot.served_until {
            return false;
        }
        if shared.is_undriven(now) {
            self.revive(now);
        }
        let time = time_for(&snapshot.keys, &*shared.clock);
        snapshot.keys.offers(key, key_id, algorithm, time)
    }

    /// A signature was bad under the known key of `key_id`: perhaps the issuer has replaced it under the same name.
    ///
    /// `None` if that is not to be looked into, or not now.
    pub(crate) fn suspect(&self, key_id: &str) -> Option<Waiting> {
        if !self.0.refresh_on_bad_signature {
            return None;
        }
        let now = Shared::now();
        let version = self.0.shared.served(now)?.version;
        let key_id = key_id.into();
        match self.want(Turn::First, Wanted::Other { key_id, version }, now, now) {
            LookUp::Wait(waiting) => Some(waiting),
            _ => None,
        }
    }

    /// Waits until there are keys, at most for `within`; downloads go on in the background either way.
    pub(crate) async fn warm(&self, within: Duration) -> Result<(), Unavailable> {
        let shared = &self.0.shared;
        if Handle::try_current().is_err() {
            return Err(Unavailable::new(UnavailableKind::Keys, Duration::ZERO));
        }
        let mut progress = shared.progress();
        self.start();
        let warmed = async {
            while !self.serves(Shared::now()) {
                // The sender lives in `self`.
                if progress.changed().await.is_err() {
                    return;
                }
            }
        };
        match timeout(within, warmed).await {
            Ok(()) => Ok(()),
            Err(_) => Err(shared.unavailable(&shared.state(), Shared::now())),
        }
    }

    /// Begins to download in the background. Outside a runtime nothing happens until the first look-up within one.
    pub(crate) fn start(&self) {
        if Handle::try_current().is_ok() {
            let now = Shared::now();
            self.0.shared.state().start(now);
            self.0.shared.give_up_late_driver(now);
            self.drive();
        }
    }

    /// Whether both ask the same places for their keys.
    pub(crate) fn same_source(&self, other: &Self) -> bool {
        self.0.source == other.0.source
            && self.0.allow_plain_http == other.0.allow_plain_http
            && self.0.refresh_on_bad_signature == other.0.refresh_on_bad_signature
    }

    /// Whether there are keys that may be served.
    ///
    /// To ask keeps them looked after: an instance that is not ready gets no requests which could do that.
    pub(crate) fn is_ready(&self) -> bool {
        self.start();
        self.serves(Shared::now())
    }

    fn serves(&self, now: Instant) -> bool {
        self.0.shared.served(now).is_some()
    }

    /// To ask keeps the keys looked after, as [`is_ready`](Self::is_ready) does.
    pub(crate) fn health(&self) -> KeySetHealth {
        self.start();
        let shared = &self.0.shared;
        let now = Shared::now();
        let since = |at: Instant| now.saturating_duration_since(at);
        let until = |at: Instant| at.saturating_duration_since(now);
        let state = shared.state();
        let last_error = shared
            .progress()
            .borrow()
            .last_failure
            .as_ref()
            .map(|failed| Failure {
                error: Arc::clone(&failed.error),
                age: since(failed.at),
            });
        KeySetHealth {
            issuer: Arc::clone(&shared.issuer),
            keys: shared
                .snapshot
                .load()
                .as_ref()
                .map(|snapshot| Arc::clone(&snapshot.keys)),
            age: state.last_success().map(since),
            failures: state.failures(),
            last_error,
            next_refresh: state.next_refresh().map(until),
            stale_left: state.served_until().map_or(Duration::ZERO, until),
            budget: state.budget_left(now),
        }
    }

    /// Asks the state for `wanted`, which the snapshot did not have a moment ago; the request came at `arrived`.
    pub(super) fn want(
        &self,
        turn: Turn,
        wanted: Wanted,
        now: Instant,
        arrived: Instant,
    ) -> LookUp {
        let shared = &self.0.shared;
        if shared.absent.holds(&wanted, now) && self.serves(now) {
            return LookUp::Refused;
        }
        if Handle::try_current().is_err() {
            // Nowhere to download; the budget is for downloads.
            return LookUp::Unavailable(Unavailable::new(UnavailableKind::Keys, Duration::ZERO));
        }
        shared.give_up_late_driver(now);
        let progress = shared.progress();
        let answer = {
            let mut state = shared.state();
            // A flight may have ended between the look without the lock and this one.
            if let Some(snapshot) = shared.served(now)
                && shared.answers(&snapshot, &wanted)
            {
                return LookUp::Ready(Arc::clone(&snapshot.keys));
            }
            match state.want(&wanted, turn, now) {
                Answer::Wait(ticket) => Ok(ticket),
                Answer::Refuse => Err(LookUp::Refused),
                Answer::Unavailable => Err(LookUp::Unavailable(shared.unavailable(&state, now))),
            }
        };
        match answer {
            Ok(ticket) => {
                self.drive();
                let waiter = Waiter {
                    keys: self.clone(),
                    wanted,
                    ticket,
                    progress,
                    begun: now,
                    arrived,
                };
                LookUp::Wait(waiter.into())
            }
            Err(answer) => {
                if shared.is_undriven(now) {
                    self.revive(now);
                }
                answer
            }
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Sees to it that refreshes go on although the runtime of the driver is gone or stands still.
    #[cold]
    fn revive(&self, now: Instant) {
        if Handle::try_current().is_ok() {
            self.0.shared.give_up_late_driver(now);
            self.drive();
        }
    }

    /// Wakes the driver, or makes one on the current runtime.
    fn drive(&self) {
        let shared = &self.0.shared;
        if shared.driver.load(Ordering::Acquire) == 0
            && let Ok(runtime) = Handle::try_current()
            && let Some(number) = self.next_driver()
        {
            // Not under the lock: a runtime that is shutting down drops the driver here and now, which tells observers.
            let driver = Driver::new(Arc::clone(shared), number);
            let abort = runtime.spawn(driver.run(self.0.origin())).abort_handle();
            let mut task = self.task();
            if task.number == number {
                task.abort = Some(abort);
            } else {
                drop(task);
                abort.abort();
            }
        }
        shared.wake.notify_one();
    }

    /// The number of the driver to make, if there is none; the one before is ended.
    fn next_driver(&self) -> Option<u64> {
        let shared = &self.0.shared;
        let mut task = self.task();
        if shared.driver.load(Ordering::Acquire) != 0 {
            return None;
        }
        task.number = task.number.saturating_add(1);
        let (number, before) = (task.number, task.abort.take());
        shared.expect_driver(Shared::now().checked_add(shared.state().longest_flight()));
        shared.driver.store(number, Ordering::Release);
        drop(task);
        if let Some(before) = before {
            before.abort();
        }
        Some(number)
    }

    fn task(&self) -> MutexGuard<'_, Task> {
        self.0.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn origin(&self) -> Origin {
        Origin::new(
            Arc::clone(&self.shared.issuer),
            self.source.clone(),
            self.allow_plain_http,
            Arc::clone(&self.shared.lifetimes),
            Arc::clone(&self.fetch),
        )
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Nobody is left to be told that the driver is gone.
        self.shared.driver.store(0, Ordering::Release);
        if let Some(abort) = task.abort.take() {
            abort.abort();
        }
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteKeys")
            .field(&self.0.shared.issuer)
            .finish()
    }
}
