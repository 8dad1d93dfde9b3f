//! What an operator may ask about an issuer's keys.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::jose::{KeySet, Skipped};

/// The state of one issuer's keys at the moment it was asked for.
#[derive(Clone)]
pub struct KeySetHealth {
    pub(super) issuer: Arc<str>,
    pub(super) keys: Option<Arc<KeySet>>,
    pub(super) age: Option<Duration>,
    pub(super) failures: u32,
    pub(super) last_error: Option<Failure>,
    pub(super) next_refresh: Option<Duration>,
    pub(super) stale_left: Duration,
    pub(super) budget: u32,
}

/// The last download that failed: why, and how long ago.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: Arc<dyn Error + Send + Sync>,
    pub(super) age: Duration,
}

impl KeySetHealth {
    /// The issuer whose keys these are.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether there are keys that may be used now; the condition to be ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.keys.is_some() && !self.stale_left.is_zero()
    }

    /// How many keys can be used.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.keys.as_ref().map_or(0, |keys| keys.len())
    }

    /// The keys that were left out, each with the reason.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        self.keys.as_ref().map_or(&[], |keys| keys.skipped())
    }

    /// How long ago the issuer last confirmed these keys; `None` if it never did.
    #[must_use]
    pub fn last_success(&self) -> Option<Duration> {
        self.age
    }

    /// How many downloads have failed since then.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Why the last failed download failed, even if one has succeeded since; `None` if none ever failed.
    #[must_use]
    pub fn last_error(&self) -> Option<&(dyn Error + 'static)> {
        self.last_error.as_ref().map(|failure| &*failure.error as _)
    }

    /// How long ago that was.
    #[must_use]
    pub fn last_error_age(&self) -> Option<Duration> {
        self.last_error.as_ref().map(|failure| failure.age)
    }

    /// How long until the next download that no request asks for; `None` if nothing has asked for keys yet.
    #[must_use]
    pub fn next_refresh(&self) -> Option<Duration> {
        self.next_refresh
    }

    /// How long known keys will go on being used if no download succeeds any more; zero if there are none.
    #[must_use]
    pub fn stale_left(&self) -> Duration {
        self.stale_left
    }

    /// How many downloads requests may start at this moment.
    #[must_use]
    pub fn budget(&self) -> u32 {
        self.budget
    }
}

impl fmt::Debug for KeySetHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySetHealth")
            .field("issuer", &self.issuer)
            .field("usable", &self.usable())
            .field("skipped", &self.skipped().len())
            .field("last_success", &self.age)
            .field("failures", &self.failures)
            .field("last_error", &self.last_error().map(ToString::to_string))
            .field("next_refresh", &self.next_refresh)
            .field("stale_left", &self.stale_left)
            .field("budget", &self.budget)
            .finish()
    }
}
