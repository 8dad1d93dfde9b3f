use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, NumericDate, SystemClock};

/// A clock that stands still until it is turned by hand.
///
/// Clones are handles to one clock: give one to the verifier and one to the issuer, keep one to turn.
#[derive(Clone, Debug)]
pub struct TestClock {
    now: Arc<Mutex<NumericDate>>,
}

impl TestClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: NumericDate) -> Self {
        Self {
            now: Arc::new(Mutex::new(now)),
        }
    }

    /// Turns the clock to `now`, forwards or back.
    pub fn set(&self, now: NumericDate) {
        self.turn(|_| now);
    }

    /// Turns the clock forwards.
    pub fn advance(&self, span: Duration) {
        self.turn(|now| now.saturating_add(span));
    }

    /// Turns the clock back, as a host does whose time is corrected; whole seconds.
    pub fn turn_back(&self, span: Duration) {
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        self.turn(|now| NumericDate::from_seconds(now.as_seconds().saturating_sub(seconds)));
    }

    fn turn(&self, hand: impl FnOnce(NumericDate) -> NumericDate) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = hand(*now);
    }
}

impl Default for TestClock {
    /// Stopped at the system's present time.
    fn default() -> Self {
        Self::new(SystemClock.now())
    }
}

impl Clock for TestClock {
    fn now(&self) -> NumericDate {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_handles_show_the_time_that_one_was_turned_to() {
        let clock = TestClock::new(NumericDate::from_seconds(1_000));
        let shown = clock.clone();
        clock.advance(Duration::from_secs(30));
        assert_eq!(shown.now(), NumericDate::from_seconds(1_030));
        clock.turn_back(Duration::from_secs(3_600));
        assert_eq!(shown.now(), NumericDate::from_seconds(-2_570));
        clock.set(NumericDate::from_seconds(5));
        assert_eq!(shown.now(), NumericDate::from_seconds(5));
    }
}
