//! How many downloads requests may still start.

use std::time::{Duration, Instant};

/// A bucket that starts full and gains one token every `refill`, up to `burst`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    burst: u32,
    refill: Duration,
    left: u32,
    /// When the gain of the next token began; of no meaning while full.
    since: Instant,
}

impl Budget {
    pub(super) fn new(burst: u32, refill: Duration, now: Instant) -> Self {
        Self {
            burst,
            // A bucket that fills in no time would be no bound at all.
            refill: refill.max(Duration::from_millis(1)),
            left: burst,
            since: now,
        }
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.gain(now);
        if self.left == self.burst {
            self.since = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Puts back a token that turned out not to be a stranger's to spend.
    pub(super) fn give_back(&mut self) {
        self.left = self.left.saturating_add(1).min(self.burst);
    }

    pub(super) fn left(mut self, now: Instant) -> u32 {
        self.gain(now);
        self.left
    }

    /// How long until there is a token.
    pub(super) fn next(mut self, now: Instant) -> Duration {
        self.gain(now);
        if self.left > 0 {
            return Duration::ZERO;
        }
        self.refill
            .saturating_sub(now.saturating_duration_since(self.since))
    }

    fn gain(&mut self, now: Instant) {
        while self.left < self.burst && now.saturating_duration_since(self.since) >= self.refill {
            self.left = self.left.saturating_add(1);
            self.since = self.since.checked_add(self.refill).unwrap_or(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_at_once_then_one_more_each_thirty_seconds() {
        let start = Instant::now();
        let mut budget = Budget::new(2, Duration::from_secs(30), start);
        for (second, taken) in [
            (0, true),
            (0, true),
            (0, false),
            (29, false),
            (30, true),
            (31, false),
            (59, false),
            (60, true),
            (3600, true),
            (3600, true),
            (3600, false),
            (3629, false),
            (3630, true),
        ] {
            let now = start + Duration::from_secs(second);
            assert_eq!(budget.left(now) > 0, taken, "left at {second}");
            assert_eq!(budget.take(now), taken, "taken at {second}");
        }
        let now = start + Duration::from_secs(3640);
        assert_eq!(budget.next(now), Duration::from_secs(20));
        budget.give_back();
        assert_eq!(budget.left(now), 1);
        assert_eq!(budget.next(now), Duration::ZERO);
    }

    #[test]
    fn giving_back_never_makes_more_than_the_burst() {
        let now = Instant::now();
        let mut budget = Budget::new(2, Duration::from_secs(30), now);
        budget.give_back();
        assert_eq!(budget.left(now), 2);
    }
}
