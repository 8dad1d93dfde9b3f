//! Extractors for axum.
//!
//! | extractor | what a handler gets | otherwise |
//! |---|---|---|
//! | `Verified<C>` | the verified token | 401, where the layer let the request through without one |
//! | `Option<Verified<C>>` | the verified token, if there is one | |
//! | [`Authorized<R>`] | the verified token, if it satisfies the requirement of `R` | 403, or 401 where a login helps |
//! | `Option<Extension<LetThrough>>` | why there is no token | |
//!
//! A handler may return [`AuthorizationError`] as its error. A requirement for a whole route is a
//! [layer](crate::require). All are answered in the words of the [`AuthenticateLayer`](crate::AuthenticateLayer) outside.
//!
//! A handler without such a layer around it is a mistake in the service: every extractor then answers 500, with the reason in
//! the response's extensions as [`LayerMissing`], and never lets a request pass. So is a layer whose claims type is another than
//! the handler's.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_bearer::{AuthenticateLayer, Authenticator, Verified};
//!
//! async fn me(token: Verified) -> String {
//!     format!("hello {}", token.subject().unwrap_or("nobody"))
//! }
//!
//! let auth = Authenticator::builder("https://id.example.com", "https://api.example.com").build()?;
//! let app: Router = Router::new().route("/me", get(me)).layer(AuthenticateLayer::new(auth));
//! # Ok::<(), tower_bearer::ConfigError>(())
//! ```

use std::fmt;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::authorization::Requirement;
use crate::error::{AuthorizationError, Denied, LayerMissing};
use crate::let_through::{verified, verified_if_any};
use crate::middleware::response::refuse;
use crate::middleware::wire::Wire;
use crate::verified::Verified;

impl<S, C> FromRequestParts<S> for Verified<C>
where
    S: Send + Sync,
    C: Send + Sync + 'static,
{
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        verified(&parts.extensions).cloned()
    }
}

impl<S, C> OptionalFromRequestParts<S> for Verified<C>
where
    S: Send + Sync,
    C: Send + Sync + 'static,
{
    type Rejection = LayerMissing;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        verified_if_any(&parts.extensions).map(Option::<&Self>::cloned)
    }
}

/// A requirement that has a name, for [`Authorized`].
pub trait Requires: 'static {
    /// The claims type of the layer.
    type Claims: Send + Sync + 'static;

    /// What a token must grant. Asked for with every request, so keep it in a static: see [`Authorized`].
    fn requirement() -> &'static Requirement<Self::Claims>;
}

/// Extracts a verified token that satisfies the requirement of `R`.
///
/// ```
/// use std::sync::LazyLock;
///
/// use tower_bearer::axum::{Authorized, Requires};
/// use tower_bearer::{Claims, Requirement};
///
/// struct Admin;
///
/// impl Requires for Admin {
///     type Claims = Claims;
///
///     fn requirement() -> &'static Requirement {
///         static ADMIN: LazyLock<Requirement> = LazyLock::new(|| Requirement::scopes("admin"));
///         &ADMIN
///     }
/// }
///
/// async fn dismiss(Authorized(token): Authorized<Admin>) -> String {
///     format!("dismissed by {}", token.subject().unwrap_or("nobody"))
/// }
/// ```
pub struct Authorized<R: Requires>(pub Verified<R::Claims>);

impl<R: Requires> Clone for Authorized<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: Requires> fmt::Debug for Authorized<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorized").field(&self.0).finish()
    }
}

impl<S, R> FromRequestParts<S> for Authorized<R>
where
    S: Send + Sync,
    R: Requires,
{
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let verified = verified(&parts.extensions)?;
        R::requirement().check(verified)?;
        Ok(Self(verified.clone()))
    }
}

impl IntoResponse for Denied {
    /// The answer of the table in [`middleware`](crate::middleware).
    fn into_response(self) -> Response {
        refuse(self, Wire::Http)
    }
}

impl IntoResponse for LayerMissing {
    /// 500 with an empty body: a stranger is told nothing of a mistake in the service.
    fn into_response(self) -> Response {
        refuse(Denied::LayerMissing(self), Wire::Http)
    }
}

impl IntoResponse for AuthorizationError {
    /// 403 with the challenge of RFC 6750 §3.1, or 401 with that of RFC 9470 §3.
    fn into_response(self) -> Response {
        refuse(self.into(), Wire::Http)
    }
}
