//! Leaves an authorization server alone that fails again and again; decided without I/O.

use std::time::{Duration, Instant};

/// So many failures in a row are no accident.
const FAILURES: u32 = 5;
/// The first pause, which doubles with each that follows, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Counts failures, and pauses after too many; after a pause one call probes, and until it has ended no other begins.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    pauses: u32,
    paused_until: Option<Instant>,
    /// For how long the server wants to be left alone.
    wished_until: Option<Instant>,
    /// The call that probes.
    probe: Option<u64>,
}

impl Breaker {
    /// Whether call `number` may begin; else when it may help to ask again.
    pub(super) fn admit(&mut self, number: u64, now: Instant) -> Result<(), Duration> {
        match self.paused_until {
            None => Ok(()),
            Some(until) if now < until => Err(until.saturating_duration_since(now)),
            Some(_) if self.probe.is_some() => Err(FIRST),
            Some(_) => {
                self.probe = Some(number);
                Ok(())
            }
        }
    }

    /// Whether call `number` is the one that tells whether a pause is over.
    pub(super) fn is_probe(&self, number: u64) -> bool {
        self.probe == Some(number)
    }

    /// The server answered as it should. Where it wants to be left alone for a while, that stands: this call began before.
    pub(super) fn succeed(&mut self, now: Instant) {
        let wished = self.wished_until.filter(|until| now < *until);
        *self = Self {
            paused_until: wished,
            wished_until: wished,
            ..Self::default()
        };
    }

    /// The server is there, but refused what one call asked: strangers could cause that, so it counts for nothing.
    pub(super) fn pass_over(&mut self, number: u64, now: Instant) {
        if self.probe == Some(number) {
            self.succeed(now);
        }
    }

    /// Call `number` failed; `random` is between 0 and 1.
    pub(super) fn fail(&mut self, number: u64, now: Instant, random: f64) {
        let probed = self.probe.take_if(|probe| *probe == number).is_some();
        self.failures = self.failures.saturating_add(1);
        // What began before the pause says nothing about what comes after it.
        if probed || (self.paused_until.is_none() && self.failures >= FAILURES) {
            let pause = FIRST.saturating_mul(1 << self.pauses.min(5)).min(LONGEST);
            self.pauses = self.pauses.saturating_add(1);
            // At least half of it: a pause of nothing would be none.
            let jittered = pause.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
            self.paused_until = now.checked_add(jittered).max(self.wished_until);
        }
    }

    /// Call `number` was answered with the wish to be left alone for `span`, which is granted within bounds.
    pub(super) fn pause(&mut self, number: u64, span: Duration, now: Instant) {
        self.probe.take_if(|probe| *probe == number);
        self.failures = self.failures.saturating_add(1);
        let until = now.checked_add(span.clamp(FIRST, LONGEST));
        self.wished_until = self.wished_until.max(until);
        self.paused_until = self.paused_until.max(until);
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// For how long no call begins.
    pub(super) fn paused_for(&self, now: Instant) -> Option<Duration> {
        let left = self.paused_until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failing(count: u64, now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for number in 0..count {
            breaker.fail(number, now, 1.0);
        }
        breaker
    }

    #[test]
    fn the_fifth_failure_in_a_row_pauses_and_a_success_between_does_not_count() {
        let now = Instant::now();
        let mut breaker = failing(4, now);
        assert_eq!(breaker.admit(9, now), Ok(()));
        breaker.succeed(now);
        for number in 0..4 {
            breaker.fail(number, now, 1.0);
        }
        assert_eq!(breaker.admit(9, now), Ok(()));
        breaker.fail(9, now, 1.0);
        assert_eq!(breaker.admit(10, now), Err(SECOND));
    }

    #[test]
    fn after_a_pause_one_call_probes_and_pauses_double_up_to_thirty_seconds() {
        let mut now = Instant::now();
        let mut breaker = failing(5, now);
        for (number, pause) in [(100, 1), (101, 2), (102, 4), (103, 8), (104, 16), (105, 30)] {
            let pause = SECOND * pause;
            assert_eq!(breaker.paused_for(now), Some(pause), "{number}");
            now += pause;
            assert_eq!(breaker.admit(number, now), Ok(()));
            assert_eq!(breaker.admit(999, now), Err(SECOND), "one at a time");
            breaker.fail(number, now, 1.0);
        }
        assert_eq!(breaker.paused_for(now), Some(SECOND * 30));
        now += SECOND * 30;
        assert_eq!(breaker.admit(200, now), Ok(()));
        breaker.succeed(now);
        assert_eq!(breaker.admit(201, now), Ok(()));
        assert_eq!(breaker.failures(), 0);
    }

    #[test]
    fn calls_that_began_before_a_pause_do_not_prolong_it() {
        let now = Instant::now();
        let mut breaker = failing(5, now);
        for number in 5..50 {
            breaker.fail(number, now, 1.0);
        }
        assert_eq!(breaker.paused_for(now), Some(SECOND));
    }

    #[test]
    fn a_pause_is_at_least_half_of_what_it_may_be() {
        let now = Instant::now();
        let mut breaker = failing(4, now);
        breaker.fail(4, now, 0.0);
        assert_eq!(breaker.paused_for(now), Some(SECOND / 2));
    }

    #[test]
    fn a_wish_to_be_left_alone_is_granted_within_bounds() {
        let now = Instant::now();
        for (wish, granted) in [(0, 1), (7, 7), (30, 30), (86_400, 30)] {
            let mut breaker = Breaker::default();
            breaker.pause(1, SECOND * wish, now);
            assert_eq!(breaker.paused_for(now), Some(SECOND * granted));
        }
    }

    #[test]
    fn a_success_ends_a_pause_but_not_the_wish_to_be_left_alone() {
        let now = Instant::now();
        let mut breaker = failing(5, now);
        breaker.succeed(now);
        assert_eq!(breaker.paused_for(now), None);
        for failures in [0, 5] {
            let mut breaker = failing(failures, now);
            breaker.pause(7, SECOND * 20, now);
            breaker.succeed(now + SECOND);
            breaker.pass_over(8, now + SECOND);
            assert_eq!(breaker.admit(9, now + SECOND), Err(SECOND * 19));
            assert_eq!(breaker.failures(), 0);
            let later = now + SECOND * 20;
            assert_eq!(breaker.admit(10, later), Ok(()));
            breaker.succeed(later);
            assert_eq!(breaker.admit(11, later), Ok(()));
        }
        // Nor does a probe that fails make it shorter.
        let mut breaker = failing(5, now);
        let later = now + SECOND;
        assert_eq!(breaker.admit(7, later), Ok(()));
        breaker.pause(6, SECOND * 20, later);
        breaker.fail(7, later, 0.0);
        assert_eq!(breaker.paused_for(later), Some(SECOND * 20));
    }

    #[test]
    fn what_a_stranger_can_cause_counts_for_nothing_and_ends_a_probe() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for number in 0..100 {
            breaker.pass_over(number, now);
        }
        assert_eq!(breaker.admit(100, now), Ok(()));
        let mut breaker = failing(5, now);
        assert_eq!(breaker.admit(7, now + SECOND), Ok(()));
        breaker.pass_over(7, now + SECOND);
        assert_eq!(breaker.admit(8, now + SECOND), Ok(()));
    }
}
