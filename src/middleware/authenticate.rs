//! The layer that lets only requests with a good token through.

use std::fmt;
use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use super::ResponseFuture;
use crate::authenticator::{Authenticator, Decision};
use crate::claims::Claims;

/// Lets only requests with a good token through to the service it wraps.
///
/// An accepted request carries [`Verified<C>`](crate::Verified) in its extensions. A refused one is answered by the
/// table of [this module](super), with an empty body. Works around any `Service<Request<B>>` whose response
/// body has a `Default`: axum routers, tonic servers, rmcp, plain hyper services.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::{Request, Response, StatusCode};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// use tower_bearer::testing::TestIssuer;
/// use tower_bearer::{AuthenticateLayer, Authenticator, Verified};
///
/// let issuer = TestIssuer::new("https://id.example.com");
/// let auth = Authenticator::builder(issuer.url(), "orders").fetch(issuer.fetch()).build()?;
/// let service = ServiceBuilder::new().layer(AuthenticateLayer::new(auth)).service(service_fn(
///     |request: Request<String>| async move {
///         let token = request.extensions().get::<Verified>().ok_or("no layer")?;
///         Ok::<_, &str>(Response::new(token.subject().unwrap_or_default().to_owned()))
///     },
/// ));
///
/// let token = issuer.token().subject("alice").audience("orders").sign();
/// let request = Request::builder().header("authorization", format!("Bearer {token}")).body(String::new())?;
/// assert_eq!(service.clone().oneshot(request).await?.body(), "alice");
///
/// let refused = service.oneshot(Request::new(String::new())).await?;
/// assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"orders\"");
/// # Ok(())
/// # }
/// ```
pub struct AuthenticateLayer<C = Claims> {
    authenticator: Authenticator<C>,
}

impl<C> AuthenticateLayer<C> {
    /// Wraps services so that `authenticator` decides on every request.
    pub fn new(authenticator: Authenticator<C>) -> Self {
        Self { authenticator }
    }
}

impl<S, C> Layer<S> for AuthenticateLayer<C> {
    type Service = Authenticate<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            inner,
            authenticator: self.authenticator.clone(),
        }
    }
}

impl<C> Clone for AuthenticateLayer<C> {
    fn clone(&self) -> Self {
        Self::new(self.authenticator.clone())
    }
}

impl<C> fmt::Debug for AuthenticateLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateLayer")
            .field("authenticator", &self.authenticator)
            .finish()
    }
}

/// The service that [`AuthenticateLayer`] makes.
pub struct Authenticate<S, C = Claims> {
    inner: S,
    authenticator: Authenticator<C>,
}

impl<S, C, RequestBody, ResponseBody> Service<Request<RequestBody>> for Authenticate<S, C>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone,
    C: DeserializeOwned + Send + Sync + 'static,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, C, RequestBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        match self.authenticator.decide(request.headers(), request.uri()) {
            Decision::Now(Ok(verified)) => {
                ResponseFuture::accepted(&mut self.inner, request, verified)
            }
            Decision::Now(Err(rejection)) => {
                // What the inner service reserved when it was polled ready is given back: this request will not use it.
                let clone = self.inner.clone();
                self.inner = clone;
                ResponseFuture::refused(self.authenticator.answers().respond(rejection))
            }
            Decision::Later(decision) => {
                // The service that was polled ready goes with the request; a clone of it has to become ready anew.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(self.authenticator.clone(), decision, ready, request)
            }
        }
    }
}

impl<S: Clone, C> Clone for Authenticate<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            authenticator: self.authenticator.clone(),
        }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Authenticate<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("inner", &self.inner)
            .field("authenticator", &self.authenticator)
            .finish()
    }
}
