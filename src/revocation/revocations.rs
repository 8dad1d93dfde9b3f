//! The revocations of one authenticator: asking its store, and what becomes of a request if that cannot tell.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::check::{AskFuture, RevocationCheck, Standing, StoreState};
use super::error::{RevocationError, RevocationErrorKind};
use super::facts::TokenFacts;
use super::health::RevocationsHealth;
use super::last_told::LastTold;
use super::on_unknown::OnUnknown;
use crate::clock::Clock;
use crate::error::{Rejection, Unavailable, UnavailableKind, VerifyErrorKind};
use crate::observe::{Event, Observers};

/// How long an answer is waited for. With what else a request takes it is answered within half a second.
const LONGEST_ANSWER: Duration = Duration::from_millis(450);

/// How often in a row who was asked may ask in turn: one that answers at once, and never says anything, could not be interrupted.
const MOST_TURNS: usize = 16;

/// When to ask again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Revocations {
    check: Arc<dyn RevocationCheck>,
    on_unknown: OnUnknown,
    clock: Arc<dyn Clock>,
    observers: Observers,
    last_told: LastTold,
    unknown: AtomicU64,
    allowed: AtomicU64,
}

/// Whether a token may pass, or what has to be awaited for that.
pub(crate) enum Ruling {
    Now(Result<(), Rejection>),
    Asks(AskFuture),
}

impl Revocations {
    pub(crate) fn new(
        check: Arc<dyn RevocationCheck>,
        on_unknown: OnUnknown,
        clock: Arc<dyn Clock>,
        observers: Observers,
    ) -> Self {
        Self {
            check,
            on_unknown,
            clock,
            observers,
            last_told: LastTold::never(),
            unknown: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
        }
    }

    /// Asks the store. A token without facts, that nobody could have revoked, is not known to be good.
    pub(crate) fn ask(&self, token: Option<TokenFacts<'_>>) -> Ruling {
        let Some(token) = token else {
            return Ruling::Now(self.cannot_tell(&RevocationErrorKind::Unnamed.into()));
        };
        let asked = catch_unwind(AssertUnwindSafe(|| self.check.standing(&token)));
        match asked.unwrap_or_else(|_| panicked()) {
            Standing::Asks(answer) => Ruling::Asks(answer),
            told => Ruling::Now(self.rule(told)),
        }
    }

    /// Whether a token may pass of which the store has to ask.
    pub(crate) async fn settle(&self, answer: AskFuture) -> Result<(), Rejection> {
        let told = timeout(LONGEST_ANSWER, told(answer)).await;
        self.rule(told.unwrap_or_else(|_| Standing::Unknown(RevocationErrorKind::TimedOut.into())))
    }

    fn rule(&self, standing: Standing) -> Result<(), Rejection> {
        match standing {
            Standing::Good => {
                self.has_told();
                Ok(())
            }
            // Told from memory alone, perhaps: who sends a revoked token again and again must not draw out what `AllowFor` allows.
            Standing::Revoked => Err(VerifyErrorKind::Revoked.into()),
            Standing::Unknown(error) => self.cannot_tell(&error),
            // Whatever is asked has been awaited, as far as that has an end: see `told`.
            Standing::Asks(_) => self.cannot_tell(&RevocationErrorKind::Malformed.into()),
        }
    }

    fn has_told(&self) {
        // Nobody asks for it otherwise, and a clock costs more than a look at the store.
        if let OnUnknown::AllowFor(_) = self.on_unknown {
            self.last_told.is(self.clock.now());
        }
    }

    fn cannot_tell(&self, error: &RevocationError) -> Result<(), Rejection> {
        let allowed = match self.on_unknown {
            OnUnknown::Refuse => false,
            OnUnknown::AllowFor(span) => self.last_told.was_within(span, self.clock.now()),
        };
        self.unknown.fetch_add(1, Ordering::Relaxed);
        self.allowed
            .fetch_add(u64::from(allowed), Ordering::Relaxed);
        self.observers
            .tell(&Event::RevocationUnknown { error, allowed });
        if allowed {
            return Ok(());
        }
        let unavailable = Unavailable::new(UnavailableKind::Revocations, RETRY_AFTER);
        Err(unavailable.because(Arc::new(error.clone())).into())
    }

    pub(crate) fn health(&self) -> RevocationsHealth {
        let state = catch_unwind(AssertUnwindSafe(|| self.check.state()));
        let StoreState {
            entries,
            connected,
            last_synced_age,
        } = state.unwrap_or_default();
        RevocationsHealth {
            entries,
            connected,
            last_synced_age,
            unknown: self.unknown.load(Ordering::Relaxed),
            allowed: self.allowed.load(Ordering::Relaxed),
        }
    }
}

fn panicked() -> Standing {
    Standing::Unknown(RevocationErrorKind::Panicked.into())
}

/// What is answered in the end, a panic included: whoever is asked must not decide by failing.
async fn told(mut answer: AskFuture) -> Standing {
    for _ in 0..MOST_TURNS {
        let told = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx)));
            polled.unwrap_or_else(|_| Poll::Ready(panicked()))
        });
        match told.await {
            Standing::Asks(further) => answer = further,
            told => return told,
        }
    }
    Standing::Asks(answer)
}
