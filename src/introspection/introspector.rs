//! One issuer that is asked about its tokens: what it said a moment ago, who is asking it now, and whether it may be asked.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::timeout;

use super::answered::Answered;
use super::breaker::Breaker;
use super::call::{CallFailed, Caller, Says};
use super::error::IntrospectionError;
use super::flight::{Begun, Flight, Flying, LONGEST_FLIGHT, Outcome, Waiting};
use super::health::{Failure, IntrospectionHealth};
use super::memory::Memory;
use super::tokens::Tokens;
use crate::credential::is_b64token;
use crate::error::{Unavailable, UnavailableKind, VerifyErrorKind};
use crate::jose::{TokenDigest, TokenHasher};
use crate::observe::{Event, Observers};

/// When it may help to ask again if nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a token waits for its turn to be asked about.
const LONGEST_QUEUE: Duration = Duration::from_secs(1);

/// How many times as many calls as are made at once may be under way or wait: after a start, all tokens are new.
const QUEUE: usize = 16;

/// How long answers last, and how much may happen at once.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) cache_for: Duration,
    pub(super) cache_bytes: u64,
    pub(super) refusals_for: Duration,
    pub(super) most_calls: usize,
    pub(super) longest_token: usize,
}

/// A handle; its clones share everything.
#[derive(Clone)]
pub(crate) struct Introspector(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) caller: Caller,
    pub(super) bounds: Bounds,
    tokens: Tokens,
    hasher: TokenHasher,
    memory: Memory,
    state: Mutex<State>,
    /// For as many calls as may be made at once.
    turns: Semaphore,
    observers: Observers,
    calls: AtomicU64,
}

#[derive(Default)]
struct State {
    flights: HashMap<TokenDigest, Flight>,
    numbers: u64,
    breaker: Breaker,
    last_failure: Option<Failed>,
}

struct Failed {
    error: Arc<dyn Error + Send + Sync>,
    at: Instant,
}

/// What a token is, and so what has to be known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A text that says nothing by itself.
    Opaque,
    /// A JWT that has been verified.
    Jwt,
}

/// What is known of a token, or has to be awaited.
#[derive(Debug)]
pub(crate) enum Asked {
    Answered(Arc<Answered>),
    Refused(VerifyErrorKind),
    Unavailable(Unavailable),
    Wait(Waiting),
}

impl Introspector {
    /// Nothing has been asked yet. No I/O happens, and no runtime is needed.
    pub(super) fn new(
        caller: Caller,
        tokens: Tokens,
        bounds: Bounds,
        observers: Observers,
    ) -> Self {
        Self(Arc::new(Inner {
            caller,
            tokens,
            hasher: TokenHasher::new(),
            memory: Memory::new(&bounds),
            turns: Semaphore::new(bounds.most_calls.min(Semaphore::MAX_PERMITS)),
            bounds,
            state: Mutex::default(),
            observers,
            calls: AtomicU64::new(0),
        }))
    }

    pub(crate) fn tokens(&self) -> Tokens {
        self.0.tokens
    }

    /// What the issuer says of a token that is opaque, if it could be one at all.
    pub(crate) fn ask_about_opaque(&self, token: &str) -> Result<Asked, VerifyErrorKind> {
        let (length, limit) = (token.len(), self.0.bounds.longest_token);
        if length > limit {
            return Err(VerifyErrorKind::TooLong { length, limit });
        }
        if !is_b64token(token.as_bytes()) {
            return Err(VerifyErrorKind::CredentialMalformed);
        }
        Ok(self.ask(token, About::Opaque))
    }

    /// What the issuer says of a JWT that has been verified.
    pub(crate) fn ask_about_jwt(&self, token: &[u8]) -> Asked {
        match str::from_utf8(token) {
            Ok(token) => self.ask(token, About::Jwt),
            Err(_) => Asked::Refused(VerifyErrorKind::NotCompact),
        }
    }

    /// What the issuer says of `token`: what it said a moment ago, or what the one call about it will bring.
    ///
    /// A call begins here, and not at the first poll of what is returned.
    fn ask(&self, token: &str, about: About) -> Asked {
        let inner = &self.0;
        let digest = inner.hasher.digest(token.as_bytes());
        let now = now();
        if let Some(known) = inner.remembered(&digest, now) {
            return known;
        }
        let Ok(runtime) = Handle::try_current() else {
            return Asked::Unavailable(unavailable(RETRY_AFTER, IntrospectionError::NoRuntime));
        };
        let begun = {
            let mut state = inner.state();
            // A call may have ended between the look without the lock and this one.
            if let Some(known) = inner.remembered(&digest, now) {
                return known;
            }
            if let Some(flight) = state.flights.get(&digest)
                && now < flight.overdue
            {
                return Asked::Wait(flight.waiting());
            }
            let most = inner.bounds.most_calls.saturating_mul(QUEUE);
            match state.begin(most, now) {
                Ok(number) => {
                    let (outcome, watched) = watch::channel(None);
                    let overdue = now
                        .checked_add(LONGEST_FLIGHT + Duration::from_secs(1))
                        .unwrap_or(now);
                    let flight = Flight {
                        number,
                        outcome: watched,
                        overdue,
                    };
                    let waiting = flight.waiting();
                    state.flights.insert(digest, flight);
                    let begun = Begun {
                        at: now,
                        date: inner.caller.clock.now(),
                    };
                    let flying = Flying::new(self.clone(), digest, number, begun, outcome);
                    Ok((flying, waiting))
                }
                Err((retry_after, error)) => Err(unavailable(retry_after, error)),
            }
        };
        match begun {
            Ok((flying, waiting)) => {
                inner.calls.fetch_add(1, Ordering::Relaxed);
                // Not under the lock: a runtime that is shutting down drops the task here and now, which takes the lock.
                runtime.spawn(flying.run(token.to_owned(), about));
                Asked::Wait(waiting)
            }
            Err(unavailable) => Asked::Unavailable(unavailable),
        }
    }

    /// To be told to operators.
    pub(crate) fn health(&self) -> IntrospectionHealth {
        let inner = &self.0;
        inner.memory.tidy();
        let now = now();
        let mut state = inner.state();
        state.give_up_overdue(now);
        IntrospectionHealth {
            issuer: inner.caller.policy.shared_issuer(),
            endpoint: inner.caller.endpoint.known().map(Into::into),
            calls: inner.calls.load(Ordering::Relaxed),
            in_flight: state.flights.len(),
            failures: state.breaker.failures(),
            paused_for: state.breaker.paused_for(now),
            last_error: state.last_failure.as_ref().map(|failed| Failure {
                error: Arc::clone(&failed.error),
                age: now.saturating_duration_since(failed.at),
            }),
            answers: inner.memory.answers.entry_count(),
            bytes: inner.memory.answers.weighted_size(),
            most_bytes: inner.bounds.cache_bytes,
            refusals: inner.memory.refusals.entry_count(),
        }
    }
}

impl Inner {
    /// The turn of call `number`, for as long as it is held. Others wait for theirs, but for the one call that tells whether a
    /// pause is over.
    pub(super) async fn turn(
        &self,
        number: u64,
    ) -> Result<Option<SemaphorePermit<'_>>, CallFailed> {
        if self.state().breaker.is_probe(number) {
            return Ok(None);
        }
        let turn = timeout(LONGEST_QUEUE, self.turns.acquire()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(CallFailed::before(IntrospectionError::TooMany));
        };
        if self.state().breaker.paused_for(now()).is_some() {
            return Err(CallFailed::before(IntrospectionError::Paused));
        }
        Ok(Some(turn))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, digest: &TokenDigest, now: Instant) -> Option<Asked> {
        let Caller { policy, clock, .. } = &self.caller;
        self.memory.find(digest, policy, &**clock, now)
    }

    /// Takes in what call `number`, which began at `begun`, has brought; what those who wait are told.
    pub(super) fn conclude(
        &self,
        digest: TokenDigest,
        number: u64,
        begun: Begun,
        result: Result<Outcome, CallFailed>,
    ) -> Outcome {
        let failed = match result {
            Ok(outcome) => {
                // Before the call is forgotten, so that whoever finds none under way finds what it has brought.
                // One that was given up must not take the place of what has been learnt since.
                if self.state().has(&digest, number) {
                    self.memory.keep(digest, &outcome, &self.bounds, begun.at);
                }
                let mut state = self.state();
                state.breaker.succeed(now());
                state.forget(&digest, number);
                drop(state);
                self.observers.tell(&Event::Introspected {
                    issuer: self.caller.issuer(),
                    active: matches!(outcome, Outcome::Answered(_)),
                });
                return outcome;
            }
            Err(failed) => failed,
        };
        let error: Arc<dyn Error + Send + Sync> = Arc::new(failed.error);
        let now = now();
        let paused = {
            let mut state = self.state();
            match failed.says {
                Says::Failing => state.breaker.fail(number, now, fastrand::f64()),
                Says::Works => state.breaker.pass_over(number, now),
                Says::LeaveAlone(span) => state.breaker.pause(number, span, now),
            }
            state.last_failure = Some(Failed {
                error: Arc::clone(&error),
                at: now,
            });
            state.forget(&digest, number);
            state.breaker.paused_for(now)
        };
        self.observers.tell(&Event::IntrospectionFailed {
            issuer: self.caller.issuer(),
            error: &*error,
            paused: paused.is_some(),
        });
        let retry_after = paused.unwrap_or(RETRY_AFTER);
        let unavailable = Unavailable::new(UnavailableKind::Introspection, retry_after);
        Outcome::Unavailable(unavailable.because(error))
    }
}

impl State {
    /// The number of a call that may begin now; else why none may, and when it may help to ask again.
    fn begin(&mut self, most: usize, now: Instant) -> Result<u64, (Duration, IntrospectionError)> {
        self.give_up_overdue(now);
        if self.flights.len() >= most {
            return Err((RETRY_AFTER, IntrospectionError::TooMany));
        }
        self.numbers = self.numbers.wrapping_add(1);
        let admitted = self.breaker.admit(self.numbers, now);
        admitted.map_err(|pause| (pause, IntrospectionError::Paused))?;
        Ok(self.numbers)
    }

    /// Gives up calls that have taken longer than they can: the runtime that drives them stands still.
    fn give_up_overdue(&mut self, now: Instant) {
        let breaker = &mut self.breaker;
        self.flights.retain(|_, flight| {
            let overdue = flight.overdue <= now;
            if overdue {
                breaker.fail(flight.number, now, fastrand::f64());
            }
            !overdue
        });
    }

    fn forget(&mut self, digest: &TokenDigest, number: u64) {
        if self.has(digest, number) {
            self.flights.remove(digest);
        }
    }

    /// Whether this is the call about the token that is under way.
    fn has(&self, digest: &TokenDigest, number: u64) -> bool {
        let found = self.flights.get(digest);
        found.is_some_and(|flight| flight.number == number)
    }
}

fn unavailable(retry_after: Duration, error: IntrospectionError) -> Unavailable {
    Unavailable::new(UnavailableKind::Introspection, retry_after).because(Arc::new(error))
}

/// The present instant, on a clock that only goes forward and that a test can turn.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector")
            .field("caller", &self.0.caller)
            .field("tokens", &self.0.tokens)
            .finish_non_exhaustive()
    }
}
