//! Waiting for a download that others share.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::watch;
use tokio::time::timeout_at;

use super::flight::{Ticket, Turn};
use super::remote::{LookUp, RemoteKeys};
use super::shared::{Progress, Shared};
use super::snapshot::Wanted;
use crate::error::{Rejection, VerifyErrorKind};
use crate::jose::KeySet;

type Outcome = Result<Arc<KeySet>, Rejection>;

/// Yields the keys that can judge the token, or why there are none. To drop it changes nothing for anybody else.
pub(crate) struct Waiting(Pin<Box<dyn Future<Output = Outcome> + Send>>);

impl From<Waiter> for Waiting {
    fn from(waiter: Waiter) -> Self {
        Self(Box::pin(waiter.outcome()))
    }
}

impl Future for Waiting {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

/// A request that waits for a flight.
pub(super) struct Waiter {
    pub(super) keys: RemoteKeys,
    pub(super) wanted: Wanted,
    pub(super) ticket: Ticket,
    pub(super) progress: watch::Receiver<Progress>,
    /// When it began to wait for this flight.
    pub(super) begun: Instant,
    /// When it came.
    pub(super) arrived: Instant,
}

impl Waiter {
    async fn outcome(mut self) -> Outcome {
        let Some(progress) = self.end_of_flight().await else {
            return self.unavailable();
        };
        let now = Shared::now();
        let shared = self.keys.shared();
        let served = shared.served(now);
        if let Some(snapshot) = served
            .as_ref()
            .filter(|snapshot| shared.answers(snapshot, &self.wanted))
        {
            shared.state().found(self.ticket.flight);
            return Ok(Arc::clone(&snapshot.keys));
        }
        if progress.failed {
            return self.unavailable();
        }
        let refusal = match (&self.wanted, served) {
            // The same key as before: the signature is as bad as it was.
            (Wanted::Other { .. }, Some(snapshot)) => Ok(Arc::clone(&snapshot.keys)),
            _ => Err(VerifyErrorKind::KeyUnknown.into()),
        };
        if self.ticket.settles || progress.ended > self.ticket.flight {
            return refusal;
        }
        // The key may have been published while the set was on its way. One more flight will tell.
        match self.keys.want(Turn::Second, self.wanted, now, self.arrived) {
            LookUp::Ready(keys) => Ok(keys),
            LookUp::Refused => refusal,
            LookUp::Unavailable(unavailable) => Err(unavailable.into()),
            LookUp::Wait(waiting) => waiting.await,
        }
    }

    /// How the flight ended; `None` if that took too long.
    ///
    /// The time begins anew with each step that the issuer answered, so that one that is slow with every answer fails
    /// nobody; one that leaves a step unanswered is not waited for beyond that. Nor is any beyond a bound for the whole.
    async fn end_of_flight(&mut self) -> Option<Progress> {
        let lifetimes = &self.keys.shared().lifetimes;
        let wait = lifetimes.wait;
        let at_most = self.arrived.checked_add(lifetimes.wait_most)?;
        loop {
            let progress = self.progress.borrow_and_update().clone();
            if progress.ended >= self.ticket.flight {
                return Some(progress);
            }
            let from = progress
                .answered
                .map_or(self.begun, |at| at.max(self.begun));
            let deadline = from.checked_add(wait)?.min(at_most);
            let changed = timeout_at(deadline.into(), self.progress.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return None;
            }
        }
    }

    fn unavailable(&self) -> Outcome {
        let shared = self.keys.shared();
        let unavailable = shared.unavailable(&shared.state(), Shared::now());
        Err(unavailable.into())
    }
}
