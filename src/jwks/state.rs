//! What to do about an issuer's keys, decided without I/O: each method is one event and returns what is to be done.
//!
//! The time and the random number are arguments. At most one download ("flight") is under way; flights are numbered, so
//! that the result of one that was given up changes nothing.
//!
//! | event | method | what is to be done |
//! |---|---|---|
//! | a token needs a key that the snapshot lacks | [`State::want`] | wait for the flight, refuse, or say that we cannot tell |
//! | the program asks for keys ahead of any token | [`State::start`] | let the driver look |
//! | the driver has nothing to do | [`State::next`] | download, or sleep until |
//! | the request for the key set itself leaves | [`State::ask`] | nothing; who comes later may need another flight |
//! | a flight brought a key set, or word that it is unchanged | [`State::succeed`] | replace the snapshot, remember absences |
//! | a request found its key after a flight | [`State::found`] | nothing; budget may be given back |
//! | a flight failed, or its driver is gone | [`State::fail`] | tell those who wait |

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::flight::{Cause, Flight, Stage, Ticket, Turn};
use super::lifetimes::Lifetimes;
use super::snapshot::Wanted;

#[derive(Debug)]
pub(super) struct State {
    lifetimes: Arc<Lifetimes>,
    /// The longest that a flight can take if its driver is alive.
    longest_flight: Duration,
    budget: Budget,
    flight: Option<Flight>,
    flights: u64,
    /// The flight that was paid for and, as far as the state knows, found nothing.
    owed: Option<u64>,
    /// Failures since the last success.
    failures: u32,
    last_success: Option<Instant>,
    served_until: Option<Instant>,
    next_refresh: Option<Instant>,
}

/// What a request is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Wait(Ticket),
    /// The newest set does not hold the key, as far as we may look.
    Refuse,
    /// We cannot tell, and may not look.
    Unavailable,
}

/// What the driver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Download { flight: u64, cause: Cause },
    Sleep { until: Option<Instant> },
}

/// What a success changes outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Renewal {
    /// Until when the snapshot may be served if nothing succeeds any more.
    pub(super) served_until: Instant,
    /// What was looked for and is not there.
    pub(super) absent: Vec<Wanted>,
}

impl State {
    /// A state without keys; nothing is due until somebody asks.
    pub(super) fn new(lifetimes: Arc<Lifetimes>, longest_flight: Duration, now: Instant) -> Self {
        Self {
            budget: Budget::new(lifetimes.burst, lifetimes.refill, now),
            lifetimes,
            longest_flight,
            flight: None,
            flights: 0,
            owed: None,
            failures: 0,
            last_success: None,
            served_until: None,
            next_refresh: None,
        }
    }

    /// A state with keys of unknown age: served as stale ones are, and refreshed at once.
    pub(super) fn seeded(mut self, now: Instant) -> Self {
        self.served_until = later(now, self.lifetimes.stale);
        self.next_refresh = Some(now);
        self
    }

    pub(super) fn want(&mut self, wanted: &Wanted, turn: Turn, now: Instant) -> Answer {
        let most = self.lifetimes.absent_most;
        if let Some(flight) = &mut self.flight {
            return Answer::Wait(flight.join(wanted, turn, most));
        }
        if self.budget.take(now) {
            let flight = self.begin(Cause::Request, now);
            return Answer::Wait(flight.join(wanted, turn, most));
        }
        let last_succeeded = self.last_success.is_some() && self.failures == 0;
        if last_succeeded && self.serves(now) {
            Answer::Refuse
        } else {
            Answer::Unavailable
        }
    }

    /// Begins a flight unless one was tried before: from then on the schedule rules.
    pub(super) fn start(&mut self, now: Instant) {
        if self.flights == 0 {
            self.begin(Cause::Program, now);
        }
    }

    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.flight.is_none() && self.next_refresh.is_some_and(|at| at <= now) {
            self.begin(Cause::Schedule, now);
        }
        match &mut self.flight {
            Some(flight) if flight.stage == Stage::Due => {
                flight.stage = Stage::Begun;
                Next::Download {
                    flight: flight.number,
                    cause: flight.cause,
                }
            }
            Some(_) => Next::Sleep { until: None },
            None => Next::Sleep {
                until: self.next_refresh,
            },
        }
    }

    pub(super) fn ask(&mut self, number: u64) {
        if let Some(flight) = self
            .flight
            .as_mut()
            .filter(|flight| flight.number == number)
        {
            flight.stage = Stage::Asked;
        }
    }

    /// `stated` is what the issuer said of freshness, and `holds` tells whether the new set answers a want.
    ///
    /// `None` if that flight had been given up; then nothing changes.
    pub(super) fn succeed(
        &mut self,
        number: u64,
        stated: Option<Duration>,
        holds: impl Fn(&Wanted) -> bool,
        now: Instant,
        random: f64,
    ) -> Option<Renewal> {
        let flight = self.flight.take_if(|flight| flight.number == number)?;
        let (found, missing): (Vec<_>, Vec<_>) = flight
            .waiting
            .into_iter()
            .partition(|(wanted, _)| holds(wanted));
        self.owed = (flight.cause == Cause::Request).then_some(number);
        if !found.is_empty() {
            self.found(number);
        }

        let bounds = &self.lifetimes;
        let fresh = stated.unwrap_or(bounds.fresh_unstated);
        let fresh = fresh.min(bounds.fresh_most).max(bounds.fresh_least);
        let jitter = bounds.jitter * (2.0 * random - 1.0);
        let ahead = fresh.mul_f64((bounds.refresh_ahead * (1.0 + jitter)).clamp(0.0, 1.0));
        let served_until = later(now, fresh.saturating_add(bounds.stale)).unwrap_or(now);

        self.failures = 0;
        self.last_success = Some(now);
        self.served_until = Some(served_until);
        self.next_refresh = later(now, ahead);
        let settled = missing.into_iter().filter(|(_, settles)| *settles);
        Some(Renewal {
            served_until,
            absent: settled.map(|(wanted, _)| wanted).collect(),
        })
    }

    /// Who waited for that flight found its key: what was paid for it is given back, once.
    ///
    /// Those who wait say so themselves, since only so many are counted.
    pub(super) fn found(&mut self, number: u64) {
        if self.owed.take_if(|owed| *owed == number).is_some() {
            self.budget.give_back();
        }
    }

    /// Whether that flight was still the one under way; if not, nothing changes.
    pub(super) fn fail(&mut self, number: u64, now: Instant, random: f64) -> bool {
        if self
            .flight
            .take_if(|flight| flight.number == number)
            .is_none()
        {
            return false;
        }
        let doublings = self.failures.min(31);
        self.failures = self.failures.saturating_add(1);
        let pause = self.lifetimes.backoff_first.saturating_mul(1 << doublings);
        let pause = pause
            .min(self.lifetimes.backoff_most)
            .mul_f64(random.clamp(0.0, 1.0));
        self.next_refresh = later(now, pause);
        true
    }

    pub(super) fn longest_flight(&self) -> Duration {
        self.longest_flight
    }

    /// The flight under way, if any.
    pub(super) fn flight(&self) -> Option<u64> {
        self.flight.as_ref().map(|flight| flight.number)
    }

    /// The flight under way if it takes longer than it can: whoever drove it does so no more.
    pub(super) fn overdue(&self, now: Instant) -> Option<u64> {
        let flight = self
            .flight
            .as_ref()
            .filter(|flight| flight.overdue <= now)?;
        Some(flight.number)
    }

    /// When a driver that lives has looked here again; `None` is never.
    pub(super) fn driver_due(&self) -> Option<Instant> {
        match &self.flight {
            Some(flight) => Some(flight.overdue),
            None => later(self.next_refresh?, self.longest_flight),
        }
    }

    /// When it may help to ask again.
    pub(super) fn retry_after(&self, now: Instant) -> Duration {
        if self.flight.is_some() {
            return Duration::ZERO;
        }
        let budget = self.budget.next(now);
        self.next_refresh
            .map_or(budget, |at| budget.min(at.saturating_duration_since(now)))
    }

    pub(super) fn serves(&self, now: Instant) -> bool {
        self.served_until.is_some_and(|until| now < until)
    }

    pub(super) fn served_until(&self) -> Option<Instant> {
        self.served_until
    }

    pub(super) fn last_success(&self) -> Option<Instant> {
        self.last_success
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn next_refresh(&self) -> Option<Instant> {
        self.next_refresh
    }

    pub(super) fn budget_left(&self, now: Instant) -> u32 {
        self.budget.left(now)
    }

    fn begin(&mut self, cause: Cause, now: Instant) -> &mut Flight {
        self.flights = self.flights.saturating_add(1);
        let overdue = later(now, self.longest_flight).unwrap_or(now);
        self.flight
            .insert(Flight::new(self.flights, cause, overdue))
    }
}

/// `None` is a time that never comes.
fn later(now: Instant, span: Duration) -> Option<Instant> {
    now.checked_add(span)
}
