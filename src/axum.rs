//! Extractors for axum.
//!
//! `Verified<C>` gives a handler the verified token. `Option<Verified<C>>` is for handlers that also serve where a token may be
//! missing; behind a layer that demands one it is always there.
//!
//! A handler without [`AuthenticateLayer`](crate::AuthenticateLayer) around it is a mistake in the service: both
//! extractors then answer 500 and say so, and never let a request pass. So is a layer whose claims type is another
//! than the handler's.
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

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{Response as HttpResponse, StatusCode};

use crate::error::{AuthorizationError, LayerMissing, Rejection};
use crate::response::forbidden_challenge;
use crate::verified::Verified;

impl<S, C> FromRequestParts<S> for Verified<C>
where
    S: Send + Sync,
    C: Send + Sync + 'static,
{
    type Rejection = LayerMissing;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(LayerMissing::looking_for::<Self>)
    }
}

impl<S, C> OptionalFromRequestParts<S> for Verified<C>
where
    S: Send + Sync,
    C: Send + Sync + 'static,
{
    type Rejection = LayerMissing;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        <Self as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map(Some)
    }
}

impl IntoResponse for LayerMissing {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

impl IntoResponse for AuthorizationError {
    /// 403 with the challenge of RFC 6750 §3.1.
    fn into_response(self) -> Response {
        let mut response = HttpResponse::new(Body::empty());
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, forbidden_challenge(&self));
        response.extensions_mut().insert(Rejection::from(self));
        response
    }
}
