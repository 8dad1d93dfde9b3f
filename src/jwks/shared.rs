//! What all handles, all who wait and the driver of one issuer's keys have in common.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};

use super::absent::Absent;
use super::lifetimes::Lifetimes;
use super::origin::Download;
use super::refresh_error::RefreshError;
use super::snapshot::{Snapshot, Wanted, time_for};
use super::state::State;
use crate::clock::Clock;
use crate::error::{Unavailable, UnavailableKind};
use crate::jose::KeySet;
use crate::observe::{Event, Observers};

pub(super) struct Shared {
    pub(super) issuer: Arc<str>,
    pub(super) lifetimes: Arc<Lifetimes>,
    pub(super) snapshot: ArcSwapOption<Snapshot>,
    pub(super) absent: Absent,
    /// Never locked for longer than it takes to decide, and not at all where the snapshot has the answer.
    state: Mutex<State>,
    progress: watch::Sender<Progress>,
    /// Tells the driver to look at the state.
    pub(super) wake: Notify,
    /// The number of the driver that lives; zero if none does.
    pub(super) driver: AtomicU64,
    /// By which second since `begun` a driver that lives has shown itself again.
    driver_due: AtomicU64,
    begun: Instant,
    /// Tells when a key's own time is over.
    pub(super) clock: Arc<dyn Clock>,
    observers: Observers,
}

/// How far the downloads have come, for those who wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// The last flight that ended.
    pub(super) ended: u64,
    /// Whether it failed; once set by a failure and cleared by a success.
    pub(super) failed: bool,
    /// When a step last ended within its time.
    pub(super) answered: Option<Instant>,
    pub(super) last_failure: Option<Failed>,
}

#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) error: Arc<dyn Error + Send + Sync>,
    pub(super) at: Instant,
}

impl Shared {
    pub(super) fn new(
        issuer: Arc<str>,
        lifetimes: Arc<Lifetimes>,
        state: State,
        seed: Option<Snapshot>,
        clock: Arc<dyn Clock>,
        observers: Observers,
    ) -> Self {
        Self {
            issuer,
            absent: Absent::new(lifetimes.absent, lifetimes.absent_most),
            lifetimes,
            snapshot: ArcSwapOption::from(seed.map(Arc::new)),
            state: Mutex::new(state),
            progress: watch::Sender::new(Progress::default()),
            wake: Notify::new(),
            driver: AtomicU64::new(0),
            driver_due: AtomicU64::new(u64::MAX),
            begun: Self::now(),
            clock,
            observers,
        }
    }

    /// The present instant, on a clock that only goes forward and that a test can turn.
    pub(super) fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The snapshot, unless it is too old to be served.
    pub(super) fn served(&self, now: Instant) -> Option<Arc<Snapshot>> {
        self.snapshot
            .load_full()
            .filter(|snapshot| now < snapshot.served_until)
    }

    /// Whether a token that needs `wanted` can be judged by `snapshot` now.
    pub(super) fn answers(&self, snapshot: &Snapshot, wanted: &Wanted) -> bool {
        snapshot.answers(wanted, time_for(&snapshot.keys, &*self.clock))
    }

    pub(super) fn unavailable(&self, state: &State, now: Instant) -> Unavailable {
        let unavailable = Unavailable::new(UnavailableKind::Keys, state.retry_after(now));
        match &self.progress.borrow().last_failure {
            Some(failed) if state.failures() > 0 => unavailable.because(Arc::clone(&failed.error)),
            _ => unavailable,
        }
    }

    /// The driver shows itself, and will again by `due` unless its runtime stands still.
    pub(super) fn expect_driver(&self, due: Option<Instant>) {
        let due = due.map_or(u64::MAX, |due| self.second(due).saturating_add(1));
        self.driver_due.store(due, Ordering::Relaxed);
    }

    /// Whether there is no driver that can be counted on. Cheap: asked by every request.
    pub(super) fn is_undriven(&self, now: Instant) -> bool {
        self.driver.load(Ordering::Acquire) == 0 || self.is_driver_late(now)
    }

    fn is_driver_late(&self, now: Instant) -> bool {
        self.second(now) > self.driver_due.load(Ordering::Relaxed)
    }

    fn second(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.begun).as_secs()
    }

    /// Gives up a driver that has not done what was due: its runtime stands still, and its flight with it.
    pub(super) fn give_up_late_driver(&self, now: Instant) {
        let state = self.state();
        let overdue = state.overdue(now);
        if overdue.is_some() || self.is_driver_late(now) {
            // Under the lock: whoever begins the next flight must see that nobody drives it.
            self.driver.store(0, Ordering::Release);
            self.expect_driver(None);
        }
        if let Some(flight) = overdue {
            self.fail_in(state, flight, RefreshError::Abandoned);
        }
    }

    /// A step of the download ended within its time: those who wait may wait for another.
    pub(super) fn answered(&self) {
        self.progress
            .send_modify(|progress| progress.answered = Some(Self::now()));
    }

    /// Takes in what flight `number` brought.
    pub(super) fn conclude(&self, number: u64, result: Result<Download, RefreshError>) {
        match result {
            Ok(download) => self.succeed(number, download),
            Err(error) => self.fail(number, error),
        }
    }

    fn succeed(&self, number: u64, download: Download) {
        let now = Self::now();
        let previous = self.snapshot.load_full();
        let changed = match (&previous, &download.keys) {
            (Some(previous), Some(keys)) => !previous.keys.same_keys(keys),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let (keys, received) = match (download.keys, &previous) {
            (Some(keys), _) => (Arc::new(keys), download.received),
            (None, Some(previous)) => (Arc::clone(&previous.keys), download.received),
            // "Unchanged" is only asked for, and so only believed, when there is a set.
            (None, None) => return self.fail(number, RefreshError::Abandoned),
        };
        let version = previous.as_ref().map_or(0, |previous| previous.version);
        let mut snapshot = Snapshot {
            keys: Arc::clone(&keys),
            received,
            version: version.saturating_add(changed.into()),
            served_until: now,
        };

        let time = time_for(&keys, &*self.clock);

        // Replaced under the lock, so that a request that finds no flight under way also finds what the last one brought.
        {
            let mut state = self.state();
            let holds = |wanted: &_| snapshot.answers(wanted, time);
            let random = fastrand::f64();
            let Some(renewal) = state.succeed(number, download.stated, holds, now, random) else {
                return;
            };
            snapshot.served_until = renewal.served_until;
            for wanted in &renewal.absent {
                self.absent.remember(wanted, now);
            }
            self.snapshot.store(Some(Arc::new(snapshot)));
            self.progress.send_modify(|progress| {
                progress.ended = number;
                progress.failed = false;
            });
        }
        self.absent.tidy();
        self.report(&keys, changed);
    }

    pub(super) fn fail(&self, number: u64, error: RefreshError) {
        self.fail_in(self.state(), number, error);
    }

    /// Fails flight `number`, if it is still the one under way, and only then lets go of `state`.
    fn fail_in(&self, mut state: MutexGuard<'_, State>, number: u64, error: RefreshError) {
        let now = Self::now();
        let error: Arc<dyn Error + Send + Sync> = Arc::new(error);
        let serving = {
            if !state.fail(number, now, fastrand::f64()) {
                return;
            }
            self.progress.send_modify(|progress| {
                progress.ended = number;
                progress.failed = true;
                let error = Arc::clone(&error);
                progress.last_failure = Some(Failed { error, at: now });
            });
            state.serves(now)
        };
        drop(state);
        // Whichever driver there is now has slept for the sake of this flight, and has the next one to plan.
        self.wake.notify_one();
        self.observers.tell(&Event::RefreshFailed {
            issuer: &self.issuer,
            error: &*error,
            serving,
        });
    }

    fn report(&self, keys: &KeySet, changed: bool) {
        let issuer = &*self.issuer;
        self.observers.tell(&Event::KeysRefreshed {
            issuer,
            usable: keys.len(),
            skipped: keys.skipped().len(),
            changed,
        });
        if changed {
            for skipped in keys.skipped() {
                let reason = skipped.reason().code();
                self.observers.tell(&Event::KeySkipped { issuer, reason });
            }
        }
    }

    /// The driver of that number is gone; whatever it was doing will not be done.
    pub(super) fn driver_gone(&self, number: u64) {
        let state = self.state();
        let was_current = self
            .driver
            .compare_exchange(number, 0, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        let flight = state.flight();
        if let Some(flight) = flight.filter(|_| was_current) {
            self.fail_in(state, flight, RefreshError::Abandoned);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
