//! One call on its way, and those who wait for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};

use super::answer::{Answer, JwtAnswer, read, read_about_jwt};
use super::answered::{Answered, Opaque, Until};
use super::call::CallFailed;
use super::error::IntrospectionError;
use super::introspector::{About, Inner, Introspector};
use crate::claims::Claims;
use crate::clock::NumericDate;
use crate::error::{Rejection, Unavailable, UnavailableKind, VerifyErrorKind};
use crate::jose::TokenDigest;

/// How long a call may take with all that belongs to it: at first its endpoint is looked up, or keys are fetched.
pub(super) const LONGEST_FLIGHT: Duration = Duration::from_secs(10);

/// When a call began, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) at: Instant,
    pub(super) date: NumericDate,
}

/// What became of a call.
#[derive(Clone)]
pub(super) enum Outcome {
    Answered(Arc<Answered>),
    Refused(VerifyErrorKind),
    Unavailable(Unavailable),
}

/// A call under way, as those see it who may join.
pub(super) struct Flight {
    pub(super) number: u64,
    pub(super) outcome: watch::Receiver<Option<Outcome>>,
    /// When it has taken longer than it can.
    pub(super) overdue: Instant,
}

impl Flight {
    pub(super) fn waiting(&self) -> Waiting {
        let (mut outcome, overdue) = (self.outcome.clone(), self.overdue);
        Waiting(Box::pin(async move {
            let ended = outcome.wait_for(Option::is_some);
            let ended = match timeout_at(overdue.into(), ended).await {
                Ok(Ok(outcome)) => outcome.clone(),
                Ok(Err(_)) | Err(_) => None,
            };
            match ended {
                Some(Outcome::Answered(answered)) => Ok(answered),
                Some(Outcome::Refused(kind)) => Err(kind.into()),
                Some(Outcome::Unavailable(unavailable)) => Err(unavailable.into()),
                None => {
                    let unavailable =
                        Unavailable::new(UnavailableKind::Introspection, Duration::ZERO);
                    let error = Arc::new(IntrospectionError::Abandoned);
                    Err(unavailable.because(error).into())
                }
            }
        }))
    }
}

/// Yields what the issuer says. To drop it changes nothing for anybody else, nor for the call.
pub(crate) struct Waiting(Pin<Box<dyn Future<Output = Result<Arc<Answered>, Rejection>> + Send>>);

impl Future for Waiting {
    type Output = Result<Arc<Answered>, Rejection>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

/// The call itself. Dropped with its task, however that ends, it says so to those who wait.
pub(super) struct Flying {
    introspector: Introspector,
    digest: TokenDigest,
    number: u64,
    begun: Begun,
    outcome: watch::Sender<Option<Outcome>>,
    landed: bool,
}

impl Flying {
    pub(super) fn new(
        introspector: Introspector,
        digest: TokenDigest,
        number: u64,
        begun: Begun,
        outcome: watch::Sender<Option<Outcome>>,
    ) -> Self {
        Self {
            introspector,
            digest,
            number,
            begun,
            outcome,
            landed: false,
        }
    }

    pub(super) async fn run(mut self, token: String, about: About) {
        let inner = &*self.introspector.0;
        let call = async {
            let _turn = inner.turn(self.number).await?;
            inner.caller.call(&token).await
        };
        let result = match timeout(LONGEST_FLIGHT, call).await {
            Ok(Ok(text)) => inner.judge(&text, about, self.begun).map_err(Into::into),
            Ok(Err(failed)) => Err(failed),
            Err(_) => Err(IntrospectionError::Late.into()),
        };
        self.land(result);
    }

    fn land(&mut self, result: Result<Outcome, CallFailed>) {
        self.landed = true;
        let inner = &self.introspector.0;
        let outcome = inner.conclude(self.digest, self.number, self.begun, result);
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Flying {
    fn drop(&mut self) {
        if !self.landed {
            self.land(Err(IntrospectionError::Abandoned.into()));
        }
    }
}

impl Inner {
    /// Holds an answer against the policy.
    fn judge(&self, text: &str, about: About, begun: Begun) -> Result<Outcome, IntrospectionError> {
        let now = self.caller.clock.now();
        Ok(match about {
            About::Opaque => match read(text, self.caller.issuer())? {
                Answer::Active(claims) => self.judge_claims(claims, begun, now),
                Answer::Inactive => Outcome::Refused(VerifyErrorKind::Inactive),
                Answer::Unacceptable(kind) => Outcome::Refused(kind),
            },
            About::Jwt => match read_about_jwt(text, &self.caller.policy, now)? {
                JwtAnswer::Active {
                    until: Some(at), ..
                } if self.remaining(at, now).is_zero() => {
                    Outcome::Refused(VerifyErrorKind::Expired { at, now })
                }
                JwtAnswer::Active {
                    until,
                    binding,
                    named,
                } => {
                    let remaining = until.map_or(Duration::MAX, |at| self.remaining(at, now));
                    let until = self.until(begun, remaining, now);
                    Outcome::Answered(Arc::new(Answered::of_jwt(until, binding, named)))
                }
                JwtAnswer::Inactive => Outcome::Refused(VerifyErrorKind::Inactive),
                JwtAnswer::Unacceptable(kind) => Outcome::Refused(kind),
            },
        })
    }

    fn judge_claims(&self, claims: Claims, begun: Begun, now: NumericDate) -> Outcome {
        match self.caller.policy.check_introspected(&claims, now) {
            Ok(grant) => {
                let remaining = self.remaining(claims.expires_at(), now);
                let opaque = Opaque { claims, grant };
                let until = self.until(begun, remaining, now);
                Outcome::Answered(Arc::new(Answered::of_opaque(until, opaque)))
            }
            Err(kind) => Outcome::Refused(kind),
        }
    }

    /// How long a token that expires at `at` may still be accepted.
    fn remaining(&self, at: NumericDate, now: NumericDate) -> Duration {
        at.saturating_add(self.caller.policy.leeway())
            .saturating_since(now)
    }

    /// Until when an answer is believed: its age counts from when it was asked for, since nobody knows when it was written.
    fn until(&self, begun: Begun, remaining: Duration, date: NumericDate) -> Until {
        let now = super::introspector::now();
        let cache_for = self.bounds.cache_for;
        let by_age = begun.at.checked_add(cache_for).unwrap_or(now);
        let until = now
            .checked_add(remaining)
            .map_or(by_age, |by_expiry| by_age.min(by_expiry));
        let by_age = begun.date.saturating_add(cache_for);
        (until, by_age.min(date.saturating_add(remaining)))
    }
}
