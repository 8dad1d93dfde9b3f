//! Where an issuer's key set comes from, and one download of it.

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
use crate::discovery::{self, DiscoveryError};
use crate::fetch::{Fetch, FetchError, FetchErrorKind, fetch_within};
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
            Self::Urls(urls) => u32::try_from(urls.len()).unwrap_or(u32::MAX),
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
    received: Option<Received>,
}

/// A `jwks_uri` from the issuer's discovery document.
struct Located {
    url: Url,
    at: Instant,
    failures: u32,
}

/// The set that the present snapshot was made from.
struct Received {
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
            received: None,
        }
    }

    /// Downloads the key set once; `previous` is the set in use, whose identical keys are not parsed again.
    pub(super) async fn download(
        &mut self,
        cause: Cause,
        previous: Option<&KeySet>,
        steps: &dyn Steps,
    ) -> Result<Download, RefreshError> {
        let Source::Urls(urls) = &self.source else {
            let url = self.locate(steps).await?;
            let result = self.key_set(&url, previous, steps).await;
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
        let count = urls.len();
        let mut order: Vec<_> = urls.iter().cloned().enumerate().collect();
        order.rotate_left(first.min(count));
        let mut failure = RefreshError::NoUrl;
        for (number, url) in order {
            match self.key_set(&url, previous, steps).await {
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

    /// The `jwks_uri`, from memory where that is recent and works.
    async fn locate(&mut self, steps: &dyn Steps) -> Result<Url, RefreshError> {
        if let Some(located) = &self.located {
            let recent = located.at.elapsed() < self.lifetimes.discovery;
            if recent && located.failures < FAILURES_BEFORE_DISCOVERY {
                return Ok(located.url.clone());
            }
        }
        match self.discover(steps).await {
            Ok(url) => {
                self.located = Some(Located {
                    url: url.clone(),
                    at: Instant::now(),
                    failures: 0,
                });
                Ok(url)
            }
            // No document at all says nothing against the place that an earlier one named.
            Err(DiscoveryError::Fetch(error)) => match &self.located {
                Some(located) => Ok(located.url.clone()),
                None => Err(RefreshError::Discovery(DiscoveryError::Fetch(error))),
            },
            Err(error) => Err(RefreshError::Discovery(error)),
        }
    }

    async fn discover(&self, steps: &dyn Steps) -> Result<Url, DiscoveryError> {
        let mut failure: Option<DiscoveryError> = None;
        for location in discovery::locations(&self.issuer)? {
            let found = match self.get(&location, None, steps).await {
                Ok(answer) => discovery::key_set_url(answer.body(), &self.issuer, self.plain_http),
                Err(error) => Err(DiscoveryError::Fetch(error)),
            };
            let error = match found {
                Ok(url) => return Ok(url),
                Err(error) => error,
            };
            let hope = error.leaves_hope();
            if failure.as_ref().is_none_or(DiscoveryError::is_absence) {
                failure = Some(error);
            }
            if !hope {
                break;
            }
        }
        Err(failure.unwrap_or(DiscoveryError::NoUrl))
    }

    async fn key_set(
        &mut self,
        url: &Url,
        previous: Option<&KeySet>,
        steps: &dyn Steps,
    ) -> Result<Download, RefreshError> {
        steps.key_set_asked();
        let received = self
            .received
            .as_ref()
            .filter(|received| received.url == *url);
        let validator = received
            .filter(|_| previous.is_some())
            .map(|received| &received.etag);
        let answer = self
            .get(url, validator, steps)
            .await
            .map_err(RefreshError::Fetch)?;

        let stated = stated_freshness(answer.headers());
        if answer.status() == StatusCode::NOT_MODIFIED {
            // RFC 9111 §4.3.4: what it does not say anew stays as it was said.
            let stated = stated.or_else(|| received.and_then(|received| received.stated));
            return Ok(Download { keys: None, stated });
        }
        let keys = KeySet::from_json_with(answer.body(), previous).map_err(RefreshError::KeySet)?;
        let etag = answer
            .headers()
            .get(ETAG)
            .filter(|etag| etag.len() <= LONGEST_ETAG);
        self.received = etag.map(|etag| Received {
            url: url.clone(),
            etag: etag.clone(),
            stated,
        });
        Ok(Download {
            keys: Some(keys),
            stated,
        })
    }

    /// One step: the answer is 200, or 304 if `validator` was sent.
    async fn get(
        &self,
        url: &Url,
        validator: Option<&HeaderValue>,
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

        let result = fetch_within(&*self.fetch, request, self.lifetimes.limits).await;
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
