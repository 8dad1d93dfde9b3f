//! What an operator may ask about an issuer that is asked about tokens.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How it stands with the introspection of one issuer's tokens, at the moment it was asked for.
#[derive(Clone)]
pub struct IntrospectionHealth {
    pub(super) issuer: Arc<str>,
    pub(super) endpoint: Option<String>,
    pub(super) calls: u64,
    pub(super) in_flight: usize,
    pub(super) failures: u32,
    pub(super) paused_for: Option<Duration>,
    pub(super) last_error: Option<Failure>,
    pub(super) answers: u64,
    pub(super) bytes: u64,
    pub(super) most_bytes: u64,
    pub(super) refusals: u64,
}

/// The last call that failed: why, and how long ago.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: Arc<dyn Error + Send + Sync>,
    pub(super) age: Duration,
}

impl IntrospectionHealth {
    /// The issuer that is asked.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where it is asked; `None` if that has not been discovered yet.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// How many calls began, since the start.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How many are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many calls in a row have failed.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How long the issuer will be left alone, after too many failures; `None` if it may be asked.
    #[must_use]
    pub fn paused_for(&self) -> Option<Duration> {
        self.paused_for
    }

    /// Why the last failed call failed, even if one has succeeded since; `None` if none ever failed.
    #[must_use]
    pub fn last_error(&self) -> Option<&(dyn Error + 'static)> {
        self.last_error.as_ref().map(|failure| &*failure.error as _)
    }

    /// How long ago that was.
    #[must_use]
    pub fn last_error_age(&self) -> Option<Duration> {
        self.last_error.as_ref().map(|failure| failure.age)
    }

    /// How many answers are remembered.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// How many bytes they take, as far as that can be told.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many bytes they may take.
    #[must_use]
    pub fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// How many refusals are remembered.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refusals
    }
}

impl fmt::Debug for IntrospectionHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionHealth")
            .field("issuer", &self.issuer)
            .field("endpoint", &self.endpoint)
            .field("calls", &self.calls)
            .field("in_flight", &self.in_flight)
            .field("failures", &self.failures)
            .field("paused_for", &self.paused_for)
            .field("last_error", &self.last_error().map(ToString::to_string))
            .field("answers", &self.answers)
            .field("bytes", &self.bytes)
            .field("refusals", &self.refusals)
            .finish()
    }
}
