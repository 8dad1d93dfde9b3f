//! The task that downloads: it does what the state says, and sleeps otherwise.

use std::future::pending;
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::flight::Cause;
use super::origin::{Origin, Steps};
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
            let next = self.shared.state().next(Shared::now());
            match next {
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

    async fn download(&self, origin: &mut Origin, flight: u64, cause: Cause) {
        let shared = &*self.shared;
        let previous = shared.snapshot.load_full();
        let previous = previous.as_ref().map(|previous| &*previous.keys);
        let result = origin
            .download(cause, previous, &FlightSteps { shared, flight })
            .await;
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
