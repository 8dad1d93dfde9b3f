//! Issuers that are known only at run time.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::trusted_issuer::TrustedIssuer;

/// What [`IssuerResolver::resolve`] returns.
pub type ResolveFuture =
    Pin<Box<dyn Future<Output = Result<Option<TrustedIssuer>, ResolveError>> + Send>>;

/// Tells whether an issuer that was not given in code is trusted, and on what terms.
///
/// Closures implement it:
///
/// ```
/// use tower_bearer::{Authenticator, TrustedIssuer};
///
/// let auth = Authenticator::builder("https://id.example.com", "orders").resolver(|issuer: String| async move {
///     // Usually a look-up in a table of tenants.
///     let known = issuer == "https://id.example.com/tenants/acme";
///     Ok(known.then(|| TrustedIssuer::new(issuer, "orders")))
/// });
/// # auth.build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
///
/// For tenants whose issuers follow one pattern there is [`IssuerTemplate`](super::IssuerTemplate).
pub trait IssuerResolver: Send + Sync + 'static {
    /// Looks `issuer` up; `None` if it is not trusted.
    ///
    /// `issuer` is what an unverified token says: a URL, at most 512 bytes long, and a stranger's words otherwise.
    /// Compare it with what is known; never fetch it, and never put it into a query unescaped. The answer has to be for
    /// exactly this issuer; one for another is taken as a refusal. It is kept for ten minutes, a refusal for thirty
    /// seconds, at most 1 024 of these.
    ///
    /// Strangers can make up issuers as fast as they can send requests, and each one is asked for: answer from memory, or
    /// with a look-up that bears that. At most 64 answers are awaited at once, each for at most five seconds.
    ///
    /// An `Err`, like an answer that is late or one too many, says that it cannot be told: the request is answered 503,
    /// unless the issuer was trusted within the last day.
    fn resolve(&self, issuer: &str) -> ResolveFuture;
}

impl<F, A> IssuerResolver for F
where
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<TrustedIssuer>, ResolveError>> + Send + 'static,
{
    fn resolve(&self, issuer: &str) -> ResolveFuture {
        Box::pin(self(issuer.to_owned()))
    }
}

/// It cannot be told whether an issuer is trusted.
#[derive(Clone, Debug)]
pub struct ResolveError(Arc<dyn Error + Send + Sync>);

impl ResolveError {
    /// For this reason.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot tell whether the issuer is trusted")
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
