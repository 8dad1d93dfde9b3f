//! Every number in the life of a key set, with its default.

use std::time::Duration;

use crate::fetch::FetchLimits;

/// How long things last and how often they may happen.
#[derive(Clone, Debug)]
pub(crate) struct Lifetimes {
    /// The least time a set counts as fresh, whatever its issuer says: an issuer cannot make us ask without pause.
    pub(crate) fresh_least: Duration,
    /// The longest time a set counts as fresh: a removed key is noticed within a day.
    pub(crate) fresh_most: Duration,
    /// How long a set is fresh when its issuer does not say.
    pub(crate) fresh_unstated: Duration,
    /// The part of its freshness after which a set is refreshed.
    pub(crate) refresh_ahead: f64,
    /// How far that moment is moved at random, to either side, as a part of itself: many issuers do not keep step.
    pub(crate) jitter: f64,
    /// How long after its freshness a set is still served while refreshes fail.
    pub(crate) stale: Duration,
    /// How long a request waits for one step of a download.
    pub(crate) wait: Duration,
    /// How long a request waits at most, however many steps are answered meanwhile.
    pub(crate) wait_most: Duration,
    /// The most downloads that requests may start at once.
    pub(crate) burst: u32,
    /// The time after which requests may start one more.
    pub(crate) refill: Duration,
    /// How long a key found absent is taken to be so.
    pub(crate) absent: Duration,
    /// How many absent keys are remembered.
    pub(crate) absent_most: u32,
    /// The pause after a first failure; doubles with each further one. What is waited is a random part of it.
    pub(crate) backoff_first: Duration,
    /// The longest pause after a failure.
    pub(crate) backoff_most: Duration,
    /// How long a discovered `jwks_uri` is used before it is looked up again.
    pub(crate) discovery: Duration,
    /// How long after a look-up that failed a `jwks_uri` that works is looked up again.
    pub(crate) discovery_again: Duration,
    /// The time of one request to a place that another can stand in for: what is left of `wait` is for the other.
    pub(crate) brief: Duration,
    /// The bounds of one request to the issuer.
    pub(crate) limits: FetchLimits,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            fresh_least: MINUTE,
            fresh_most: DAY,
            fresh_unstated: MINUTE.saturating_mul(10),
            refresh_ahead: 0.8,
            jitter: 0.1,
            stale: DAY,
            wait: Duration::from_secs(5),
            wait_most: Duration::from_secs(10),
            burst: 2,
            refill: Duration::from_secs(30),
            absent: Duration::from_secs(30),
            absent_most: 1024,
            backoff_first: Duration::from_secs(1),
            backoff_most: MINUTE.saturating_mul(5),
            discovery: DAY,
            discovery_again: MINUTE.saturating_mul(60),
            brief: Duration::from_secs(2),
            limits: FetchLimits::default(),
        }
    }
}
