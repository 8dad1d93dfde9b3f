//! When the store could last tell.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::NumericDate;

/// Kept by two clocks, so that neither a wall clock that is turned back nor a machine that slept makes a span longer than it is.
///
/// Written at most once a second: a line of memory that all threads write to costs more than the check itself.
pub(super) struct LastTold {
    /// Seconds since the epoch; [`NEVER`] before the first time.
    wall: AtomicI64,
    begun: Instant,
    /// Milliseconds since `begun`.
    elapsed: AtomicU64,
}

const NEVER: i64 = i64::MIN;

impl LastTold {
    pub(super) fn never() -> Self {
        Self {
            wall: AtomicI64::new(NEVER),
            begun: Instant::now(),
            elapsed: AtomicU64::new(0),
        }
    }

    pub(super) fn is(&self, now: NumericDate) {
        let seconds = now.as_seconds();
        if self.wall.load(Ordering::Relaxed) != seconds {
            // Whoever sees only one of the two sees a span that is too long.
            self.elapsed.store(self.elapsed(), Ordering::Relaxed);
            self.wall.store(seconds, Ordering::Relaxed);
        }
    }

    pub(super) fn was_within(&self, span: Duration, now: NumericDate) -> bool {
        let wall = self.wall.load(Ordering::Relaxed);
        let then = NumericDate::from_seconds(wall);
        // Another thread may have written since this one looked at the clock.
        let steady = self
            .elapsed()
            .saturating_sub(self.elapsed.load(Ordering::Relaxed));
        wall != NEVER
            // A clock that was turned back does not tell how long it is.
            && then <= now
            && now.saturating_since(then) <= span
            && Duration::from_millis(steady) <= span
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> NumericDate {
        NumericDate::from_seconds(seconds)
    }

    #[test]
    fn a_span_is_counted_from_the_last_time() {
        let told = LastTold::never();
        let span = Duration::from_secs(60);
        assert!(!told.was_within(Duration::MAX, at(0)));
        told.is(at(100));
        assert!(told.was_within(span, at(160)));
        assert!(!told.was_within(span, at(161)));
        told.is(at(101));
        assert!(told.was_within(span, at(161)));
    }

    /// What another thread had written since the clock was looked at was subtracted, and panicked.
    #[test]
    fn what_is_told_while_another_asks_is_no_span_at_all() {
        let told = LastTold::never();
        told.is(at(1));
        told.elapsed.store(u64::MAX, Ordering::Relaxed);
        for _ in 0..1_000_000 {
            assert!(told.was_within(Duration::ZERO, at(1)));
        }
    }

    #[test]
    fn a_clock_that_is_turned_back_makes_no_span_longer() {
        let told = LastTold::never();
        told.is(at(100));
        assert!(!told.was_within(Duration::MAX, at(99)));
        told.is(at(99));
        assert!(told.was_within(Duration::ZERO, at(99)));
    }
}
