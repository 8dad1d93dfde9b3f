//! Where the issuer is asked about tokens: a URL given in code, or the one that its discovery document names.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{Request, StatusCode};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use crate::discovery::{self, DiscoveryError, Failures};
use crate::fetch::{Fetch, FetchError, FetchErrorKind, FetchLimits, fetch_within};

/// How long a discovered endpoint is used before it is looked up again, and how long one whose look-up then fails.
const LASTING: Duration = Duration::from_secs(24 * 60 * 60);
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// How long at least between two look-ups of one that is known, however much it seems to have moved.
const SOON: Duration = Duration::from_secs(60);

pub(super) enum Endpoint {
    Given(Url),
    Discovered(Discovered),
}

/// Looks the endpoint up when it is first needed, once for all who need it; later by one call alone, while others use the one that is
/// known.
pub(super) struct Discovered {
    pub(super) plain_http: bool,
    /// Whether the endpoint for clients with a certificate is meant.
    pub(super) mutual_tls: bool,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    known: Option<Url>,
    /// Being looked up for the first time.
    first: Arc<OnceCell<Url>>,
    /// When to look it up again.
    due: Option<Instant>,
    /// When that was last begun.
    looked_up: Option<Instant>,
}

/// What a call has to do for the endpoint.
enum Turn {
    Use(Url),
    /// Look it up again.
    Renew(Url),
    /// Look it up, or wait for whoever does.
    First(Arc<OnceCell<Url>>),
}

impl Found {
    fn keep(&mut self, url: Url, lasting: Duration) {
        self.known = Some(url);
        self.due = Instant::now().checked_add(lasting);
    }
}

impl Discovered {
    pub(super) fn new(plain_http: bool, mutual_tls: bool) -> Self {
        Self {
            plain_http,
            mutual_tls,
            found: Mutex::default(),
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> Turn {
        let now = Instant::now();
        let mut found = self.found();
        match found.known.clone() {
            None => Turn::First(Arc::clone(&found.first)),
            Some(url) if found.due.is_some_and(|due| due <= now) => {
                // Nobody else does so, nor again soon if this call is given up.
                found.due = now.checked_add(SOON);
                found.looked_up = Some(now);
                Turn::Renew(url)
            }
            Some(url) => Turn::Use(url),
        }
    }

    /// The endpoint that is known does not seem to be there any more: the next call looks it up again.
    fn doubt(&self) {
        let now = Instant::now();
        let mut found = self.found();
        let soonest = found.looked_up.and_then(|at| at.checked_add(SOON));
        let soonest = soonest.map_or(now, |soonest| soonest.max(now));
        found.due = Some(found.due.map_or(soonest, |due| due.min(soonest)));
    }

    async fn look_up(
        &self,
        issuer: &str,
        fetch: &dyn Fetch,
        limits: FetchLimits,
    ) -> Result<Url, DiscoveryError> {
        let begun = Instant::now();
        let url = self.ask(issuer, fetch, limits).await?;
        let mut found = self.found();
        found.looked_up = Some(begun);
        found.keep(url.clone(), LASTING);
        Ok(url)
    }

    async fn renew(
        &self,
        known: Url,
        issuer: &str,
        fetch: &dyn Fetch,
        limits: FetchLimits,
    ) -> Result<Url, DiscoveryError> {
        let asked = self.ask(issuer, fetch, limits).await;
        let mut found = self.found();
        match asked {
            Ok(url) => {
                found.keep(url.clone(), LASTING);
                Ok(url)
            }
            // What works is given up for nothing less than a document that contradicts it.
            Err(error) if !error.contradicts() => {
                found.keep(known.clone(), AGAIN);
                Ok(known)
            }
            Err(error) => {
                *found = Found::default();
                Err(error)
            }
        }
    }

    async fn ask(
        &self,
        issuer: &str,
        fetch: &dyn Fetch,
        limits: FetchLimits,
    ) -> Result<Url, DiscoveryError> {
        let mut failures = Failures::default();
        for location in discovery::locations(issuer)? {
            let found = match document(&location, fetch, limits).await {
                Ok(document) => discovery::introspection_url(
                    &document,
                    issuer,
                    self.plain_http,
                    self.mutual_tls,
                ),
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
}

impl Endpoint {
    pub(super) async fn url(
        &self,
        issuer: &str,
        fetch: &dyn Fetch,
        limits: FetchLimits,
    ) -> Result<Url, DiscoveryError> {
        let discovered = match self {
            Self::Given(url) => return Ok(url.clone()),
            Self::Discovered(discovered) => discovered,
        };
        match discovered.turn() {
            Turn::Use(url) => Ok(url),
            Turn::Renew(known) => discovered.renew(known, issuer, fetch, limits).await,
            Turn::First(cell) => {
                let look_up = || discovered.look_up(issuer, fetch, limits);
                cell.get_or_try_init(look_up).await.cloned()
            }
        }
    }

    /// It does not seem to be there any more. Where it was given, it stays.
    pub(super) fn doubt(&self) {
        if let Self::Discovered(discovered) = self {
            discovered.doubt();
        }
    }

    /// The URL, as far as it is known without asking.
    pub(super) fn known(&self) -> Option<Url> {
        match self {
            Self::Given(url) => Some(url.clone()),
            Self::Discovered(discovered) => discovered.found().known.clone(),
        }
    }
}

async fn document(
    location: &Url,
    fetch: &dyn Fetch,
    limits: FetchLimits,
) -> Result<Vec<u8>, FetchError> {
    let request = Request::get(location.as_str())
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .body(Vec::new())
        .map_err(|error| FetchError::new(FetchErrorKind::Connect).because(error))?;
    let answer = fetch_within(fetch, request, limits).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        status => Err(FetchError::new(FetchErrorKind::Status(status))),
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(url) => write!(f, "{url}"),
            Self::Discovered(_) => f.write_str("discovered"),
        }
    }
}
