//! The state machine on a clock turned by hand.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use super::*;

const HOUR: u64 = 3600;

/// A state and the clock that drives it.
struct Turned {
    state: State,
    start: Instant,
}

impl Turned {
    fn new() -> Self {
        let start = Instant::now();
        let state = State::new(Arc::default(), Duration::from_secs(16), start);
        Self { state, start }
    }

    /// A state whose first download, at second 0, brought a set that is fresh for ten minutes.
    fn with_keys() -> Self {
        let mut turned = Self::new();
        turned.state.start(turned.start);
        let flight = turned.fly(0);
        turned.succeed(flight, 0, &[]).unwrap();
        turned
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    fn want(&mut self, key_id: &str, second: u64) -> Answer {
        let now = self.at(second);
        self.state.want(&key(key_id), Turn::First, now)
    }

    /// The flight that the driver is told to begin.
    fn fly(&mut self, second: u64) -> u64 {
        match self.state.next(self.at(second)) {
            Next::Download { flight, .. } => flight,
            sleep @ Next::Sleep { .. } => panic!("nothing to do at {second}: {sleep:?}"),
        }
    }

    fn succeed(&mut self, flight: u64, second: u64, held: &[&str]) -> Option<Renewal> {
        let now = self.at(second);
        let holds = |wanted: &Wanted| held.iter().any(|held| key(held) == *wanted);
        self.state.succeed(flight, None, holds, now, 0.5)
    }

    fn fail(&mut self, flight: u64, second: u64) {
        assert!(self.state.fail(flight, self.at(second), 1.0));
    }

    /// Seconds until the driver wakes by itself.
    fn sleeps(&mut self, second: u64) -> Option<Duration> {
        match self.state.next(self.at(second)) {
            Next::Sleep { until } => until.map(|until| until - self.at(second)),
            download @ Next::Download { .. } => panic!("not idle at {second}: {download:?}"),
        }
    }
}

fn key(key_id: &str) -> Wanted {
    Wanted::Key(key_id.into())
}

fn wait(flight: u64, settles: bool) -> Answer {
    Answer::Wait(Ticket { flight, settles })
}

#[test]
fn nothing_is_due_until_somebody_asks() {
    let mut turned = Turned::new();
    assert_eq!(turned.sleeps(0), None);
    assert_eq!(turned.sleeps(HOUR), None);
    assert!(!turned.state.serves(turned.start));
}

#[test]
fn all_who_come_before_the_end_share_one_flight() {
    let mut turned = Turned::new();
    assert_eq!(turned.want("a", 0), wait(1, true));
    assert_eq!(turned.want("b", 0), wait(1, true));
    assert_eq!(turned.fly(0), 1);
    assert_eq!(turned.want("c", 1), wait(1, true));
    turned.state.ask(1);
    assert_eq!(turned.want("d", 2), wait(1, false));
    assert_eq!(turned.sleeps(2), None);
    assert_eq!(turned.state.budget_left(turned.at(2)), 1);

    let mut renewal = turned.succeed(1, 3, &["a"]).unwrap();
    renewal.absent.sort_by_key(|wanted| format!("{wanted:?}"));
    assert_eq!(
        renewal.absent,
        [key("b"), key("c")],
        "and not d, who came too late to know"
    );
    assert_eq!(renewal.served_until, turned.at(3 + 600 + 24 * HOUR));
}

#[test]
fn a_second_turn_settles_whenever_the_keys_were_asked_for() {
    let mut turned = Turned::with_keys();
    turned.want("a", 1);
    let flight = turned.fly(1);
    turned.state.ask(flight);
    let now = turned.at(1);
    let answer = turned.state.want(&key("b"), Turn::Second, now);
    assert_eq!(answer, wait(flight, true));
}

#[test]
fn the_budget_is_spent_by_what_finds_nothing_and_given_back_by_what_finds() {
    // (what the set holds, or None for a failure; tokens left of two)
    for (held, left) in [(None, 1), (Some(&[][..]), 1), (Some(&["a"][..]), 2)] {
        let mut turned = Turned::with_keys();
        turned.want("a", 1);
        let flight = turned.fly(1);
        match held {
            Some(held) => assert!(turned.succeed(flight, 2, held).is_some()),
            None => turned.fail(flight, 2),
        }
        assert_eq!(turned.state.budget_left(turned.at(2)), left, "{held:?}");
    }
}

#[test]
fn what_the_schedule_or_the_program_began_costs_no_request_anything() {
    let mut turned = Turned::with_keys();
    let flight = turned.fly(480);
    assert_eq!(turned.want("a", 480), wait(flight, true));
    turned.succeed(flight, 481, &[]).unwrap();
    assert_eq!(turned.state.budget_left(turned.at(481)), 2);
}

#[test]
fn without_budget_the_last_refresh_decides_between_no_and_cannot_tell() {
    let mut turned = Turned::with_keys();
    for second in [1, 2] {
        turned.want("a", second);
        let flight = turned.fly(second);
        turned.succeed(flight, second, &[]).unwrap();
    }
    assert_eq!(turned.want("a", 3), Answer::Refuse);

    let mut turned = Turned::with_keys();
    for second in [1, 2] {
        turned.want("a", second);
        let flight = turned.fly(second);
        turned.fail(flight, second);
    }
    assert_eq!(turned.want("a", 3), Answer::Unavailable);
    // The schedule tries again two seconds after the second failure, at second 4.
    assert_eq!(
        turned.state.retry_after(turned.at(3)),
        Duration::from_secs(1)
    );

    let mut turned = Turned::new();
    for second in [1, 2] {
        turned.want("a", second);
        let flight = turned.fly(second);
        turned.fail(flight, second);
    }
    assert_eq!(turned.want("a", 3), Answer::Unavailable);
}

#[test]
fn freshness_is_held_within_its_bounds() {
    // (what the issuer said, when the next refresh is due with the random number in the middle, kept until)
    for (stated, refresh, fresh) in [
        (None, 480, 600),
        (Some(0), 48, 60),
        (Some(59), 48, 60),
        (Some(1000), 800, 1000),
        (Some(24 * HOUR), 69_120, 24 * HOUR),
        (Some(u64::MAX), 69_120, 24 * HOUR),
    ] {
        let mut turned = Turned::new();
        turned.state.start(turned.start);
        let flight = turned.fly(0);
        let stated = stated.map(Duration::from_secs);
        let renewal = turned
            .state
            .succeed(flight, stated, |_| false, turned.start, 0.5);
        assert_eq!(
            renewal.unwrap().served_until,
            turned.at(fresh + 24 * HOUR),
            "{stated:?}"
        );
        assert_eq!(
            turned.sleeps(0),
            Some(Duration::from_secs(refresh)),
            "{stated:?}"
        );
    }
}

#[test]
fn refreshes_are_jittered_by_a_tenth_to_either_side() {
    for (random, refresh) in [(0.0, 432.0), (0.25, 456.0), (0.5, 480.0), (1.0, 528.0)] {
        let mut turned = Turned::new();
        turned.state.start(turned.start);
        let flight = turned.fly(0);
        turned
            .state
            .succeed(flight, None, |_| false, turned.start, random)
            .unwrap();
        let due = turned.sleeps(0).unwrap().as_secs_f64();
        assert!((due - refresh).abs() < 0.001, "{random}: {due}");
    }
}

#[test]
fn pauses_after_failures_double_up_to_five_minutes_and_a_success_resets_them() {
    let mut turned = Turned::with_keys();
    let mut second = 480;
    for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        let flight = turned.fly(second);
        turned.fail(flight, second);
        assert_eq!(turned.sleeps(second), Some(Duration::from_secs(pause)));
        second += pause;
    }
    let flight = turned.fly(second);
    turned.succeed(flight, second, &[]).unwrap();
    assert_eq!(turned.sleeps(second), Some(Duration::from_secs(480)));
    let flight = turned.fly(second + 480);
    assert!(turned.state.fail(flight, turned.at(second + 480), 0.25));
    assert_eq!(
        turned.sleeps(second + 480),
        Some(Duration::from_millis(250)),
        "full jitter"
    );
}

#[test]
fn stale_keys_are_served_for_a_day_and_no_longer() {
    let turned = Turned::with_keys();
    let end = 600 + 24 * HOUR;
    for (second, serves) in [(0, true), (600, true), (end - 1, true), (end, false)] {
        assert_eq!(turned.state.serves(turned.at(second)), serves, "{second}");
    }
    let start = Instant::now();
    let seeded = State::new(Arc::default(), Duration::ZERO, start).seeded(start);
    assert!(seeded.serves(start + Duration::from_secs(24 * HOUR - 1)));
    assert!(!seeded.serves(start + Duration::from_secs(24 * HOUR)));
}

#[test]
fn a_seed_is_refreshed_at_once_and_is_no_proof_of_absence() {
    let start = Instant::now();
    let state = State::new(Arc::default(), Duration::from_secs(16), start).seeded(start);
    let mut turned = Turned { state, start };
    assert_eq!(turned.fly(0), 1);
    turned.fail(1, 0);
    for second in [0, 0] {
        assert!(matches!(turned.want("a", second), Answer::Wait(_)));
        let flight = turned.fly(second);
        turned.fail(flight, second);
    }
    assert_eq!(turned.want("a", 0), Answer::Unavailable);
}

#[test]
fn a_flight_that_was_given_up_changes_nothing_when_it_comes_home() {
    let mut turned = Turned::new();
    turned.want("a", 0);
    let first = turned.fly(0);
    assert_eq!(turned.state.overdue(turned.at(15)), None);
    assert_eq!(turned.state.overdue(turned.at(16)), Some(first));
    turned.fail(first, 16);
    turned.want("a", 16);
    let second = turned.fly(16);
    assert_eq!(turned.succeed(first, 17, &["a"]), None);
    assert!(!turned.state.fail(first, turned.at(17), 1.0));
    assert_eq!(turned.state.flight(), Some(second));
    assert!(turned.succeed(second, 17, &["a"]).is_some());
}

#[test]
fn those_who_wait_are_remembered_within_bounds() {
    let mut turned = Turned::with_keys();
    for number in 0..5000 {
        turned.want(&number.to_string(), 1);
    }
    let flight = turned.fly(1);
    assert_eq!(turned.succeed(flight, 1, &[]).unwrap().absent.len(), 1024);
}

#[test]
fn the_program_may_start_once_and_then_the_schedule_rules() {
    let mut turned = Turned::new();
    turned.state.start(turned.start);
    let flight = turned.fly(0);
    turned.fail(flight, 0);
    turned.state.start(turned.start);
    assert_eq!(turned.sleeps(0), Some(Duration::from_secs(1)));
}

#[test]
fn who_waited_uncounted_and_found_its_key_gives_back_once_and_for_its_own_flight() {
    let mut turned = Turned::with_keys();
    turned.want("a", 1);
    let flight = turned.fly(1);
    turned.succeed(flight, 2, &[]).unwrap();
    let left = |turned: &Turned| turned.state.budget_left(turned.at(2));
    assert_eq!(left(&turned), 1);
    turned.state.found(flight - 1);
    assert_eq!(left(&turned), 1);
    turned.state.found(flight);
    assert_eq!(left(&turned), 2);
    turned.want("b", 2);
    turned.state.found(flight);
    assert_eq!(left(&turned), 1);
}

#[test]
fn a_driver_that_lives_looks_again_after_its_longest_flight_at_most() {
    let mut turned = Turned::new();
    assert_eq!(turned.state.driver_due(), None);
    turned.want("a", 1);
    assert_eq!(turned.state.driver_due(), Some(turned.at(1 + 16)));
    let flight = turned.fly(1);
    turned.succeed(flight, 2, &["a"]).unwrap();
    assert_eq!(turned.state.driver_due(), Some(turned.at(2 + 480 + 16)));
}
