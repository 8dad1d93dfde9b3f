//! Where an issuer's key set comes from, and one download of it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::flight::Cause;
use super::freshness::stated_freshness;
use super::lifetimes::Lifetimes;
use super::refresh_error::RefreshError;
use super::snapshot::Snapshot;
use crate::discovery::{self, DiscoveryError, Failures};
use crate::fetch::{Fetch, FetchError, FetchErrorKind, FetchLimits, fetch_within};
use crate::jose::KeySet;

/// After so many failures in a row a discovered `jwks_uri` is looked up again: the issuer may have moved its keys.
const FAILURES_BEFORE_DISCOVERY: u32 = 2;

/// No ETag in use is nearly as long as this; a longer one is not kept.
const LONGEST_ETAG: usize = 1024;

/// Where to look for an issuer's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// At the `jwks_uri` of the issuer's discovery document.
    Discovery,
    /// At these URLs: the first is the one meant, the others are for when it fails.
    Urls(Vec<Url>),
}

impl Source {
    /// How many requests one download makes at most.
    pub(super) fn steps(&self) -> u32 {
        match self {
            Self::Discovery => 3,
            // The first that was slow may be asked once more.
            Self::Urls(urls) => {
                u32::try_from(urls.len()).map_or(u32::MAX, |count| count.saturating_add(1))
            }
        }
    }
}

/// What a download brought.
#[derive(Debug)]
pub(super) struct Download {
    /// The set, or `None` if it is the one before, confirmed.
    pub(super) keys: Option<KeySet>,
    /// How long the issuer says it is fresh.
    pub(super) stated: Option<Duration>,
    /// How to ask for this set's confirmation.
    pub(super) received: Option<Arc<Received>>,
}

/// Is told how far a download has come.
pub(super) trait Steps: Sync {
    /// A request for the key set leaves now.
    fn key_set_asked(&self);
    /// A step ended within its time, for good or bad.
    fn answered(&self);
}

/// An issuer's key set at its origin, with what is known from downloads before.
pub(super) struct Origin {
    issuer: Arc<str>,
    source: Source,
    plain_http: bool,
    lifetimes: Arc<Lifetimes>,
    fetch: Arc<dyn Fetch>,
    located: Option<Located>,
    /// Which URL of several worked last.
    working: usize,
}

/// A `jwks_uri` from the issuer's discovery document.
struct Located {
    url: Url,
    /// When to look it up again; `None` is never.
    due: Option<Instant>,
    failures: u32,
}

/// What an issuer said of a set: where it came from and how to name it.
#[derive(Debug)]
pub(super) struct Received {
    url: Url,
    etag: HeaderValue,
    stated: Option<Duration>,
}

impl Origin {
    pub(super) fn new(
        issuer: Arc<str>,
        source: Source,
        plain_http: bool,
        lifetimes: Arc<Lifetimes>,
        fetch: Arc<dyn Fetch>,
    ) -> Self {
        Self {
            issuer,
            source,
            plain_http,
            lifetimes,
            fetch,
            located: None,
            working: 0,
        }
    }

    /// Downloads the key set once; `previous` is what is in use, whose identical keys are not parsed again.
    pub(super) async fn download(
        &mut self,
        cause: Cause,
        previous: Option<&Snapshot>,
        steps: &dyn Steps,
    ) -> Result<Download, RefreshError> {
        let limits = self.lifetimes.limits;
        let Source::Urls(urls) = &self.source else {
            let url = self.locate(cause, steps).await?;
            let result = self.key_set(&url, previous, limits, steps).await;
            if let Some(located) = &mut self.located {
                located.failures = match result {
                    Ok(_) => 0,
                    Err(_) => located.failures.saturating_add(1),
                };
            }
            return result;
        };

        // The schedule has time to see whether the first is back; a request has not.
        let first = if cause == Cause::Request {
            self.working
        } else {
            0
        };
        let mut order: VecDeque<_> = urls.iter().cloned().enumerate().collect();
        order.rotate_left(first.min(order.len()));
        // One that hangs leaves time for the next. If none of those helps, the first that was slow has all the time.
        let brief = self.brief();
        let last = order.len().saturating_sub(1);
        let limits_at = |place| if place < last { brief } else { limits };
        let mut order: VecDeque<_> = order
            .into_iter()
            .enumerate()
            .map(|(place, (number, url))| (number, url, limits_at(place)))
            .collect();
        let mut was_slow = false;
        let mut failure = RefreshError::NoUrl;
        while let Some((number, url, within)) = order.pop_front() {
            let result = self.key_set(&url, previous, within, steps).await;
            let is_slow = matches!(&result, Err(RefreshError::Fetch(error)) if error.kind() == FetchErrorKind::Timeout);
            if is_slow && within != limits && !was_slow {
                was_slow = true;
                order.push_back((number, url, limits));
            }
            match result {
                Ok(download) => {
                    self.working = number;
                    return Ok(download);
                }
                // What is wrong with the one that is meant to work explains more than what is wrong with the others.
                Err(error) if number == 0 || matches!(failure, RefreshError::NoUrl) => {
                    failure = error
                }
                Err(_) => {}
            }
        }
        Err(failure)
    }

    /// The `jwks_uri`: from memory while that works, and looked up again on the schedule.
    ///
    /// What was once discovered is given up for nothing less than a document that contradicts it: a discovery that is down,
    /// hangs or shows a page of its own must not keep an issuer's new keys from us.
    async fn locate(&mut self, cause: Cause, steps: &dyn Steps) -> Result<Url, RefreshError> {
        // A request leaves that to the schedule, unless requests keep the schedule from its turn.
        let patience = match cause {
            Cause::Request => self.lifetimes.discovery,
            Cause::Schedule | Cause::Program => Duration::ZERO,
        };
        let mut limits = self.lifetimes.limits;
        if let Some(located) = &self.located {
            let fails = located.failures >= FAILURES_BEFORE_DISCOVERY;
            let due = located.due.and_then(|due| due.checked_add(patience));
            if !fails && due.is_none_or(|due| Instant::now() < due) {
                return Ok(located.url.clone());
            }
            if !fails || cause == Cause::Request {
                limits = self.brief();
            }
        }
        let found = self.discover(limits, steps).await;
        let now = Instant::now();
        match (found, &mut self.located) {
            (Ok(url), located) => {
                *located = Some(Located {
                    url: url.clone(),
                    due: now.checked_add(self.lifetimes.discovery),
                    failures: 0,
                });
                Ok(url)
            }
            (Err(error), Some(located)) if !error.contradicts() => {
                located.due = now.checked_add(self.lifetimes.discovery_again);
                Ok(located.url.clone())
            }
            (Err(error), located) => {
                *located = None;
                Err(RefreshError::Discovery(error))
            }
        }
    }

    /// The limits of a request to a place that another stands in for.
    fn brief(&self) -> FetchLimits {
        let limits = self.lifetimes.limits;
        limits.with_total(limits.total().min(self.lifetimes.brief))
    }

    async fn discover(
        &self,
        limits: FetchLimits,
        steps: &dyn Steps,
    ) -> Result<Url, DiscoveryError> {
        let mut failures = Failures::default();
        for location in discovery::locations(&self.issuer)? {
            let found = match self.get(&location, None, limits, steps).await {
                Ok(answer) => discovery::key_set_url(answer.body(), &self.issuer, self.plain_http),
                Err(error) => Err(DiscoveryError::Fetch(error)),
            };
            let error = match found {
                Ok(url) => return Ok(url),
                Err(error) => error,
            };
            if !failures.note(error) {
                break;
            }
        }
        Err(failures.explained())
    }

    async fn key_set(
        &self,
        url: &Url,
        previous: Option<&Snapshot>,
        limits: FetchLimits,
        steps: &dyn Steps,
    ) -> Result<Download, RefreshError> {
        steps.key_set_asked();
        let received = previous
            .and_then(|previous| previous.received.as_ref())
            .filter(|received| received.url == *url);
        let validator = received.map(|received| &received.etag);
        let answer = self
            .get(url, validator, limits, steps)
            .await
            .map_err(RefreshError::Fetch)?;

        let stated = stated_freshness(answer.headers());
        if answer.status() == StatusCode::NOT_MODIFIED {
            // RFC 9111 §4.3.4: what it does not say anew stays as it was said.
            let stated = stated.or_else(|| received.and_then(|received| received.stated));
            return Ok(Download {
                keys: None,
                stated,
                received: received.cloned(),
            });
        }
        let known = previous.map(|previous| &*previous.keys);
        let keys = KeySet::from_json_with(answer.body(), known).map_err(RefreshError::KeySet)?;
        let etag = answer
            .headers()
            .get(ETAG)
            .filter(|etag| etag.len() <= LONGEST_ETAG);
        let received = etag.map(|etag| Received {
            url: url.clone(),
            etag: etag.clone(),
            stated,
        });
        Ok(Download {
            keys: Some(keys),
            stated,
            received: received.map(Arc::new),
        })
    }

    /// One step: the answer is 200, or 304 if `validator` was sent.
    async fn get(
        &self,
        url: &Url,
        validator: Option<&HeaderValue>,
        limits: FetchLimits,
        steps: &dyn Steps,
    ) -> Result<Response<Vec<u8>>, FetchError> {
        let mut request = Request::get(url.as_str())
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(ACCEPT_ENCODING, "identity");
        if let Some(etag) = validator {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let request = request
            .body(Vec::new())
            .map_err(|error| FetchError::new(FetchErrorKind::Connect).because(error))?;

        let result = fetch_within(&*self.fetch, request, limits).await;
        if !matches!(&result, Err(error) if error.kind() == FetchErrorKind::Timeout) {
            steps.answered();
        }
        let answer = result?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_MODIFIED if validator.is_some() => Ok(answer),
            status => Err(FetchError::new(FetchErrorKind::Status(status))),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("issuer", &self.issuer)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
