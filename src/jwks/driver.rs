//! The task that downloads: it does what the state says, and sleeps otherwise.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use super::flight::Cause;
use super::origin::{Origin, Steps};
use super::refresh_error::RefreshError;
use super::shared::Shared;
use super::state::Next;

/// Downloads for as long as it lives. Dropped with its task, however that ends, it says so to those who wait.
pub(super) struct Driver {
    shared: Arc<Shared>,
    number: u64,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self { shared, number }
    }

    pub(super) async fn run(self, mut origin: Origin) {
        loop {
            match self.next() {
                Next::Download { flight, cause } => self.download(&mut origin, flight, cause).await,
                Next::Sleep { until } => {
                    let due = async {
                        match until {
                            Some(until) => sleep_until(Instant::from_std(until)).await,
                            None => pending().await,
                        }
                    };
                    tokio::select! {
                        () = self.shared.wake.notified() => {}
                        () = due => {}
                    }
                }
            }
        }
    }

    fn next(&self) -> Next {
        let mut state = self.shared.state();
        let next = state.next(Shared::now());
        self.shared.expect_driver(state.driver_due());
        next
    }

    async fn download(&self, origin: &mut Origin, flight: u64, cause: Cause) {
        let shared = &*self.shared;
        let previous = shared.snapshot.load_full();
        let steps = FlightSteps { shared, flight };
        let download = origin.download(cause, previous.as_deref(), &steps);
        let result = contain(download)
            .await
            .unwrap_or(Err(RefreshError::Panicked));
        shared.conclude(flight, result);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.driver_gone(self.number);
    }
}

struct FlightSteps<'s> {
    shared: &'s Shared,
    flight: u64,
}

impl Steps for FlightSteps<'_> {
    fn key_set_asked(&self) {
        self.shared.state().ask(self.flight);
    }

    fn answered(&self) {
        self.shared.answered();
    }
}

/// What `future` comes to, or `None` if it panics: a `Fetch` that does so once must not end the refreshing for good.
async fn contain<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // A future that panicked is not polled again, and the origin it borrows is whole after each of its steps.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}
