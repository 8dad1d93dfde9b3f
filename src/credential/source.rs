//! Further places that tokens are read from.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use http::{HeaderMap, Uri};

use crate::error::VerifyErrorKind;

/// A place that tokens are read from, beside the `Authorization` header.
///
/// One method has to be written. What it finds must be a b64token, as in the header (RFC 6750 §2.1); else the request is
/// answered 400. So is one that shows credentials at two places.
///
/// ```
/// use std::borrow::Cow;
///
/// use http::{HeaderMap, Uri};
/// use tower_bearer::Authenticator;
/// use tower_bearer::credential::{TokenSource, TokenSourceError};
///
/// /// The header in which Google's Identity-Aware Proxy sends its token.
/// struct IapAssertion;
///
/// impl TokenSource for IapAssertion {
///     fn token<'r>(&self, headers: &'r HeaderMap, _: &'r Uri) -> Result<Option<Cow<'r, str>>, TokenSourceError> {
///         let mut values = headers.get_all("x-goog-iap-jwt-assertion").iter();
///         let (first, second) = (values.next(), values.next());
///         if second.is_some() {
///             return Err(TokenSourceError::Repeated);
///         }
///         let token = first.map(|value| value.to_str().map_err(|_| TokenSourceError::Malformed)).transpose()?;
///         Ok(token.map(Cow::Borrowed))
///     }
/// }
///
/// let auth = Authenticator::builder("https://cloud.google.com/iap", "/projects/1/global/backendServices/2")
///     .token_source(IapAssertion)
///     .build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// The token at this place, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`TokenSourceError`] if what stands there is no token, or more than one: the request is answered 400.
    fn token<'r>(
        &self,
        headers: &'r HeaderMap,
        uri: &'r Uri,
    ) -> Result<Option<Cow<'r, str>>, TokenSourceError>;

    /// Takes the token out of a request: for services that do not want it passed on, and for hooks, which never see one.
    ///
    /// Does nothing unless it is written: then [`strip_credential`](crate::AuthenticateLayer::strip_credential) passes a token
    /// found here on to the inner service.
    fn remove(&self, headers: &mut HeaderMap, uri: &mut Uri) {
        let _ = (headers, uri);
    }
}

/// Why what stands at a place is not one token; answered 400 `invalid_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenSourceError {
    /// It has not the form of a token.
    Malformed,
    /// There is more than one.
    Repeated,
}

impl fmt::Display for TokenSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a token",
            Self::Repeated => "more than one token",
        })
    }
}

impl Error for TokenSourceError {}

impl From<TokenSourceError> for VerifyErrorKind {
    fn from(error: TokenSourceError) -> Self {
        match error {
            TokenSourceError::Malformed => Self::CredentialMalformed,
            TokenSourceError::Repeated => Self::CredentialRepeated,
        }
    }
}
