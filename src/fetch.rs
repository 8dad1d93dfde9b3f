//! One bounded HTTP request: how documents come from an issuer.
//!
//! [`Fetch`] is the way out for those who want their own HTTP client, a proxy, a private certificate authority, or no
//! network at all in a test. Closures implement it:
//!
//! ```
//! use tower_bearer::fetch::{Fetch, FetchError, FetchErrorKind, FetchLimits};
//!
//! fn takes(_: impl Fetch) {}
//!
//! takes(|request: http::Request<Vec<u8>>, _limits: FetchLimits| async move {
//!     match request.uri().path() {
//!         "/jwks" => Ok(http::Response::new(br#"{"keys": []}"#.to_vec())),
//!         _ => Err(FetchError::new(FetchErrorKind::Connect)),
//!     }
//! });
//! ```
//!
//! An implementation must not follow redirects and must not decompress: a redirect hands the trust in one origin to
//! another, and a compressed body has no size until it is too late. It should observe the [`FetchLimits`] while it
//! reads; they are enforced around it as well, so that one which does not costs memory and nothing else.

#[cfg(feature = "reqwest")]
mod client;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::time::timeout;

#[cfg(feature = "reqwest")]
pub(crate) use client::{HttpClient, Tls};

/// What [`Fetch::fetch`] returns.
pub type FetchFuture =
    Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, FetchError>> + Send + 'static>>;

/// Sends one request and reads its answer whole, within limits.
pub trait Fetch: Send + Sync + 'static {
    /// Begins `request`. Any answer is a success here, whatever its status; redirects are answers too.
    fn fetch(&self, request: Request<Vec<u8>>, limits: FetchLimits) -> FetchFuture;
}

impl<F, A> Fetch for F
where
    F: Fn(Request<Vec<u8>>, FetchLimits) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response<Vec<u8>>, FetchError>> + Send + 'static,
{
    fn fetch(&self, request: Request<Vec<u8>>, limits: FetchLimits) -> FetchFuture {
        Box::pin(self(request, limits))
    }
}

/// How long one request may take and how much of its answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    connect: Duration,
    total: Duration,
    bytes: usize,
}

impl FetchLimits {
    /// The time to establish a connection: 2 s, since one that takes longer seldom comes.
    #[must_use]
    pub fn connect(&self) -> Duration {
        self.connect
    }

    /// The time from the beginning to the last byte: 5 s, as long as a request to us waits for one step of a download.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.total
    }

    /// The most bytes of a body: 512 KiB, some hundred keys with their certificates.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// These limits with another time to connect.
    #[must_use]
    pub fn with_connect(mut self, connect: Duration) -> Self {
        self.connect = connect;
        self
    }

    /// These limits with another total time.
    #[must_use]
    pub fn with_total(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }

    /// These limits with another size of body.
    #[must_use]
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            total: Duration::from_secs(5),
            bytes: 512 * 1024,
        }
    }
}

/// Why a request brought no answer that can be used.
#[derive(Clone, Debug)]
pub struct FetchError {
    kind: FetchErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// No connection: refused, not resolved, no trusted certificate.
    Connect,
    /// It took longer than it may.
    Timeout,
    /// The body is larger than it may be.
    TooLarge {
        /// The most bytes that are read.
        limit: usize,
    },
    /// An answer with a status that carries no document; redirects are among them.
    Status(StatusCode),
    /// The connection broke, or did not carry HTTP.
    Transport,
}

impl FetchError {
    /// An error of this kind; for one's own [`Fetch`].
    #[must_use]
    pub fn new(kind: FetchErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// This error with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// How far the request came.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FetchErrorKind::Connect => f.write_str("no connection to the issuer"),
            FetchErrorKind::Timeout => f.write_str("no answer in time"),
            FetchErrorKind::TooLarge { limit } => {
                write!(f, "answer of more than {limit} bytes")
            }
            FetchErrorKind::Status(status) => {
                write!(f, "answer with status {} instead of 200", status.as_u16())
            }
            FetchErrorKind::Transport => f.write_str("connection broke before the answer was read"),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Fetches within limits, however little the implementation cares for them.
pub(crate) async fn fetch_within(
    fetch: &dyn Fetch,
    request: Request<Vec<u8>>,
    limits: FetchLimits,
) -> Result<Response<Vec<u8>>, FetchError> {
    let response = timeout(limits.total, fetch.fetch(request, limits))
        .await
        .map_err(|elapsed| FetchError::new(FetchErrorKind::Timeout).because(elapsed))??;
    if response.body().len() > limits.bytes {
        let limit = limits.bytes;
        return Err(FetchError::new(FetchErrorKind::TooLarge { limit }));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use super::*;

    fn request() -> Request<Vec<u8>> {
        Request::get("https://id.example/jwks")
            .body(Vec::new())
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_careless_fetch_is_held_to_time_and_size() {
        let limits = FetchLimits::default().with_bytes(8);
        let slow = |_: Request<Vec<u8>>, limits: FetchLimits| async move {
            tokio::time::sleep(limits.total() + Duration::from_millis(1)).await;
            Ok(Response::new(Vec::new()))
        };
        let error = fetch_within(&slow, request(), limits).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Timeout);

        for (length, fits) in [(0, true), (8, true), (9, false)] {
            let sized = move |_: Request<Vec<u8>>, _: FetchLimits| async move {
                Ok(Response::new(vec![b' '; length]))
            };
            let kind = fetch_within(&sized, request(), limits)
                .await
                .map_err(|error| error.kind());
            match kind {
                Ok(response) => assert!(fits && response.body().len() == length),
                Err(kind) => {
                    assert!(!fits);
                    assert_eq!(kind, FetchErrorKind::TooLarge { limit: 8 });
                }
            }
        }
    }
}
